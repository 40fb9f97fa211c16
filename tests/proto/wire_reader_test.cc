#include "proto/wire_reader.h"

#include <gtest/gtest.h>

#include <string>

namespace stillwatch {
namespace {

using namespace std::string_view_literals;

TEST(WireReaderTest, ReadsVarintsOfAnyLength) {
  const auto read = [](std::string_view bytes) {
    WireReader reader(bytes);
    uint64_t value = 0;
    EXPECT_TRUE(reader.ReadVarint(value));
    EXPECT_TRUE(reader.empty());
    return value;
  };
  EXPECT_EQ(read("\x00"sv), 0U);
  EXPECT_EQ(read("\x7F"sv), 127U);
  EXPECT_EQ(read("\xAC\x02"sv), 300U);
  EXPECT_EQ(read("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"sv), UINT64_MAX);
}

TEST(WireReaderTest, RefusesWhatIsCutShortOrTooLong) {
  const auto reads_varint = [](std::string_view bytes) {
    uint64_t value = 0;
    return WireReader(bytes).ReadVarint(value);
  };
  EXPECT_FALSE(reads_varint(""sv));
  EXPECT_FALSE(reads_varint("\x80"sv));
  EXPECT_FALSE(reads_varint(std::string(11, '\x80')));
  uint64_t value = 0;
  std::string_view bytes;
  EXPECT_FALSE(WireReader("1234567").ReadFixed64(value));
  EXPECT_FALSE(WireReader("\x05only").ReadBytes(bytes));
  EXPECT_FALSE(WireReader("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01").ReadBytes(bytes));
}

TEST(WireReaderTest, RefusesTagsThatAreNone) {
  const auto reads_tag = [](std::string_view bytes) {
    uint32_t field = 0;
    WireType type{};
    return WireReader(bytes).ReadTag(field, type);
  };
  EXPECT_TRUE(reads_tag("\x08"));
  EXPECT_FALSE(reads_tag("\x00"sv)) << "field 0";
  EXPECT_FALSE(reads_tag("\x0E")) << "wire type 6";
  EXPECT_FALSE(reads_tag("\x80\x80\x80\x80\x10")) << "more than 32 bits";
}

bool Skips(std::string_view bytes) {
  WireReader reader(bytes);
  uint32_t field = 0;
  WireType type{};
  return reader.ReadTag(field, type) && reader.Skip(field, type) && reader.empty();
}

TEST(WireReaderTest, SkipsEveryWireType) {
  EXPECT_TRUE(Skips("\x08\x81\x01"));
  EXPECT_TRUE(Skips("\x09"
                    "12345678"));
  EXPECT_TRUE(Skips("\x0A\x02"
                    "ab"));
  EXPECT_TRUE(Skips("\x0D"
                    "1234"));
  EXPECT_TRUE(Skips("\x0B\x10\x01\x0C")) << "a group";
  EXPECT_FALSE(Skips("\x0B\x10\x01\x14")) << "a group that another one ends";
  EXPECT_FALSE(Skips("\x0C")) << "the end of a group that never began";
}

TEST(WireReaderTest, DeepGroupsAreRefusedWithoutDeepRecursion) {
  const auto nested = [](size_t depth) { return std::string(depth, '\x0B') + std::string(depth, '\x0C'); };
  EXPECT_TRUE(Skips(nested(100)));
  EXPECT_FALSE(Skips(nested(101)));
  EXPECT_FALSE(Skips(nested(1'000'000)));
}

}  // namespace
}  // namespace stillwatch
