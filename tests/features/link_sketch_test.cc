#include "features/link_sketch.h"

#include <gtest/gtest.h>

namespace stillwatch::features {
namespace {

constexpr int64_t kDay = kNanosecondsPerDay;
constexpr int64_t kStart = 20'000 * kDay;

Observation At(int64_t time_unix_nano, uint32_t message_count = 1) {
  Observation event;
  event.time_unix_nano = time_unix_nano;
  event.message_count = message_count;
  event.knows_message_count = true;
  return event;
}

TEST(LinkSketchTest, CountsBeginningsByBinAndNoFollowUps) {
  LinkSketch sketch;
  sketch.Update(At(kStart));
  sketch.Update(At(kStart + 1, 3));
  sketch.Update(At(kStart + 2));
  sketch.Update(At(kStart + LinkSketch::kBinNano));
  const int64_t bin = LinkSketch::BinOf(kStart);
  EXPECT_EQ(sketch.starts(bin), 2);
  EXPECT_EQ(sketch.starts(bin + 1), 1);
  EXPECT_EQ(sketch.starts(bin + 2), 0);
  EXPECT_EQ(sketch.starts(bin - 1), 0);
}

TEST(LinkSketchTest, ForgetsBinsAfterTwoWeeks) {
  LinkSketch sketch;
  for (int day = 0; day < 20; ++day) sketch.Update(At(kStart + day * kDay));
  int sum = 0;
  for (int64_t bin = LinkSketch::BinOf(kStart); bin <= sketch.newest_bin(); ++bin) sum += sketch.starts(bin);
  EXPECT_EQ(sum, 14);
  sketch.Update(At(kStart + 400 * kDay));
  EXPECT_EQ(sketch.starts(LinkSketch::BinOf(kStart + 19 * kDay)), 0);
  EXPECT_EQ(sketch.starts(LinkSketch::BinOf(kStart + 400 * kDay)), 1);
}

TEST(LinkSketchTest, ALateBeginningIsCountedWhereItBelongs) {
  LinkSketch sketch;
  sketch.Update(At(kStart + 3 * kDay));
  sketch.Update(At(kStart + 2 * kDay));
  sketch.Update(At(kStart - 30 * kDay));
  EXPECT_EQ(sketch.starts(LinkSketch::BinOf(kStart + 2 * kDay)), 1);
  EXPECT_EQ(sketch.starts(LinkSketch::BinOf(kStart + 3 * kDay)), 1);
}

TEST(LinkSketchTest, ABinHoldsAtMost255) {
  LinkSketch sketch;
  for (int i = 0; i < 1000; ++i) sketch.Update(At(kStart));
  EXPECT_EQ(sketch.starts(LinkSketch::BinOf(kStart)), 255);
}

TEST(LinkSketchTest, KeepsTheClientsThatAreUsedMost) {
  LinkSketch sketch;
  sketch.Update(At(kStart));
  EXPECT_EQ(sketch.clients().MaxCount(), 0U) << "it is not known";
  for (const uint64_t client : {7, 7, 7, 8, 9, 7}) {
    Observation event = At(kStart);
    event.client_hash = client;
    sketch.Update(event);
  }
  EXPECT_EQ(sketch.clients().MaxCount(), 4U);
  EXPECT_EQ(sketch.clients().entries()[0].hash, 7U);
}

TEST(LinkSketchTest, GivesTheBinsBeforeAMomentNewestFirst) {
  LinkSketch sketch;
  for (int64_t i = 0; i < 200; ++i) {
    for (int64_t j = 0; j <= i % 5; ++j) sketch.Update(At(kStart + i * LinkSketch::kBinNano));
  }
  const int64_t newest = sketch.newest_bin();
  for (const int64_t end : {newest + 1, newest - 3, newest + 7, newest + 400, newest - 400}) {
    const auto starts = sketch.StartsBefore(end);
    for (int64_t i = 0; i < LinkSketch::kBinCount; ++i) {
      ASSERT_EQ(starts[static_cast<size_t>(i)], sketch.starts(end - 1 - i)) << "end " << end << ", bin " << i;
    }
  }
}

TEST(LinkSketchTest, KeepsTheOrderOfTheNewestBeginnings) {
  LinkSketch sketch;
  std::vector<int64_t> expected;
  for (int64_t i = 0; i < 200; ++i) {
    sketch.Update(At(kStart + i * i * kNanosecondsPerMinute));
    if (i >= 200 - static_cast<int64_t>(LinkSketch::kStartCountMax)) {
      expected.push_back((kStart + i * i * kNanosecondsPerMinute) / LinkSketch::kTickNano);
    }
  }
  sketch.Update(At(kStart + kDay));  // Late.
  EXPECT_EQ(sketch.RecentStarts(), expected);
  EXPECT_EQ(sketch.newest_start_tick(), expected.back());
}

TEST(LinkSketchTest, ALongSilenceMakesTheOrderStartAnew) {
  LinkSketch sketch;
  for (int i = 0; i < 5; ++i) sketch.Update(At(kStart + i * kDay));
  sketch.Update(At(kStart + 40 * kDay));
  EXPECT_EQ(sketch.RecentStarts().size(), 1U);
}

TEST(BottomKTest, TwoStreamsMeetInWhatTheyShare) {
  BottomK<16> ours, theirs;
  constexpr uint64_t kMix = 0x9E3779B97F4A7C15;
  for (uint64_t i = 1; i <= 1000; ++i) ours.Add(i * kMix);
  for (uint64_t i = 1; i <= 1000; ++i) theirs.Add((1001 - i) * kMix);
  EXPECT_TRUE(std::equal(ours.hashes().begin(), ours.hashes().end(), theirs.hashes().begin(), theirs.hashes().end()));
  EXPECT_EQ(ours.hashes().size(), 16U);
  EXPECT_TRUE(std::is_sorted(ours.hashes().begin(), ours.hashes().end()));
}

TEST(BottomKTest, MergingIsTheSampleOfTheJoinedStream) {
  BottomK<8> left, right, both;
  for (uint64_t i = 1; i <= 40; ++i) {
    (i % 2 == 0 ? left : right).Add(i * 0x9E3779B97F4A7C15);
    both.Add(i * 0x9E3779B97F4A7C15);
  }
  left.Merge(right);
  left.Add(0);
  EXPECT_TRUE(std::equal(left.hashes().begin(), left.hashes().end(), both.hashes().begin(), both.hashes().end()));
}

}  // namespace
}  // namespace stillwatch::features
