#include "gateways/followed_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace stillwatch::gateways {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int64_t kLong = 2 * FollowedFile::kQuietNano;

class FollowedFileTest : public ::testing::Test {
 protected:
  FollowedFileTest() {
    std::string name = (std::filesystem::temp_directory_path() / "followed-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    path_ = folder_ / "access.log";
  }
  ~FollowedFileTest() override { std::filesystem::remove_all(folder_); }

  void Append(const std::string& text) const { std::ofstream(path_, std::ios::app) << text; }
  void Rotate() const {
    std::filesystem::remove(folder_ / "access.log.2");
    if (exists(folder_ / "access.log.1")) std::filesystem::rename(folder_ / "access.log.1", folder_ / "access.log.2");
    std::filesystem::rename(path_, folder_ / "access.log.1");
  }
  FollowedFile Open(const std::string& saved = "") const { return FollowedFile::Open(path_.string(), saved).value(); }

  // All that can be read now.
  static std::vector<std::string> ReadAll(FollowedFile& file, int64_t now = 0) {
    std::vector<std::string> out;
    do {
      for (const FollowedLine& line : file.Read(now)) out.emplace_back(line.text);
    } while (file.has_more());
    return out;
  }

  std::filesystem::path folder_;
  std::filesystem::path path_;
};

TEST_F(FollowedFileTest, LinesAreReadOnceWhenTheyAreWhole) {
  FollowedFile file = Open();
  EXPECT_THAT(ReadAll(file), IsEmpty());
  EXPECT_FALSE(file.problem().empty());
  Append("one\ntwo\r\n\nthr");
  EXPECT_THAT(ReadAll(file), ElementsAre("one", "two"));
  EXPECT_TRUE(file.problem().empty());
  Append("ee\n");
  EXPECT_THAT(ReadAll(file), ElementsAre("three"));
  EXPECT_THAT(ReadAll(file), IsEmpty());
}

TEST_F(FollowedFileTest, APlaceIsTheSameForWhoeverReadsIt) {
  Append("one\ntwo\nthree\n");
  FollowedFile first = Open();
  std::set<std::pair<uint64_t, uint64_t>> places;
  for (const FollowedLine& line : first.Read(0)) places.emplace(line.inode, line.offset);
  FollowedFile second = Open();
  for (const FollowedLine& line : second.Read(0)) EXPECT_TRUE(places.contains({line.inode, line.offset}));
  EXPECT_THAT(places, SizeIs(3));
}

TEST_F(FollowedFileTest, ARenamedFileIsReadOnWhileItsServerStillWrites) {
  Append("one\n");
  FollowedFile file = Open();
  EXPECT_THAT(ReadAll(file), ElementsAre("one"));
  std::ofstream server(path_, std::ios::app);
  Rotate();
  Append("three\n");
  EXPECT_THAT(ReadAll(file), ElementsAre("three"));
  server << "two\nlast, without its end" << std::flush;
  EXPECT_THAT(ReadAll(file), ElementsAre("two"));
  // What stands without an end is a line when nobody can be writing any more.
  EXPECT_THAT(ReadAll(file, kLong), ElementsAre("last, without its end"));
  EXPECT_EQ(file.counters().rotation_count, 1U);
  EXPECT_EQ(file.counters().lost_byte_count, 0U);
}

TEST_F(FollowedFileTest, ARenamedFileThatIsQuietIsGivenUp) {
  FollowedFile file = Open();
  for (int i = 0; i < 50; ++i) {
    Append("line " + std::to_string(i) + "\n");
    EXPECT_THAT(ReadAll(file, i * kLong), ElementsAre("line " + std::to_string(i)));
    EXPECT_THAT(ReadAll(file, i * kLong + kLong / 2 + 1), IsEmpty());
    Rotate();
  }
  EXPECT_EQ(file.counters().lost_byte_count, 0U);
  EXPECT_THAT(file.Position(), SizeIs(testing::Le(1U + 3 * 32)));
}

TEST_F(FollowedFileTest, ATruncatedFileIsReadFromItsNewBeginning) {
  Append("one\ntwo\n");
  FollowedFile file = Open();
  EXPECT_THAT(ReadAll(file), ElementsAre("one", "two"));
  std::filesystem::copy_file(path_, folder_ / "access.log.1");
  std::filesystem::resize_file(path_, 0);
  Append("three\n");
  EXPECT_THAT(ReadAll(file), ElementsAre("three"));
  // Grown beyond where it was read to before anybody looked.
  std::filesystem::resize_file(path_, 0);
  Append("four\nfive\nsix\nseven\n");
  EXPECT_THAT(ReadAll(file), ElementsAre("four", "five", "six", "seven"));
  EXPECT_EQ(file.counters().truncation_count, 2U);
}

TEST_F(FollowedFileTest, WhatWasTruncatedAwayUnreadIsCounted) {
  Append("one\nhalf a l");
  FollowedFile file = Open();
  EXPECT_THAT(ReadAll(file), ElementsAre("one"));
  std::filesystem::resize_file(path_, 0);
  Append("x\n");
  EXPECT_THAT(ReadAll(file), ElementsAre("x"));
  EXPECT_EQ(file.counters().lost_byte_count, 8U);
}

TEST_F(FollowedFileTest, ARestartGoesOnWhereThePositionStands) {
  Append("one\ntwo\n");
  FollowedFile first = Open();
  EXPECT_THAT(ReadAll(first), ElementsAre("one", "two"));
  const std::string position = first.Position();
  Append("three\n");
  FollowedFile second = Open(position);
  EXPECT_THAT(ReadAll(second), ElementsAre("three"));
}

TEST_F(FollowedFileTest, ARotationDuringARestartLosesNothing) {
  Append("one\n");
  FollowedFile first = Open();
  EXPECT_THAT(ReadAll(first), ElementsAre("one"));
  const std::string position = first.Position();
  Append("two\n");
  Rotate();
  Append("three\n");
  FollowedFile second = Open(position);
  EXPECT_THAT(ReadAll(second), ElementsAre("two", "three"));
  EXPECT_EQ(second.counters().missing_file_count, 0U);
}

TEST_F(FollowedFileTest, ATruncationDuringARestartBeginsAnew) {
  Append("one\ntwo\n");
  FollowedFile first = Open();
  EXPECT_THAT(ReadAll(first), SizeIs(2));
  const std::string position = first.Position();
  std::filesystem::resize_file(path_, 0);
  Append("three\nfour\nfive\n");
  FollowedFile second = Open(position);
  EXPECT_THAT(ReadAll(second), ElementsAre("three", "four", "five"));
  EXPECT_EQ(second.counters().missing_file_count, 1U);
}

TEST_F(FollowedFileTest, LinesBeyondTheLimitArePassedOver) {
  Append("one\n" + std::string(3 * FollowedFile::kLineBytesMax, 'x') + "\ntwo\n");
  FollowedFile file = Open();
  EXPECT_THAT(ReadAll(file), ElementsAre("one", "two"));
  EXPECT_EQ(file.counters().too_long_line_count, 1U);
}

TEST_F(FollowedFileTest, ManyReadsReadAll) {
  size_t count = 0;
  for (size_t bytes = 0; bytes < 5 * FollowedFile::kReadBytesMax / 2; ++count) {
    const std::string line = "line " + std::to_string(count) + std::string(1000, '.') + "\n";
    Append(line);
    bytes += line.size();
  }
  FollowedFile file = Open();
  EXPECT_THAT(ReadAll(file), SizeIs(count));
}

TEST_F(FollowedFileTest, APositionOfAnotherMakeIsAnError) {
  EXPECT_EQ(FollowedFile::Open(path_.string(), "\x02").status().code(), Code::kDataLoss);
  EXPECT_EQ(FollowedFile::Open(path_.string(), "\x01half").status().code(), Code::kDataLoss);
}

}  // namespace
}  // namespace stillwatch::gateways
