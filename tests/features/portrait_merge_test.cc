#include <gtest/gtest.h>

#include <cmath>

#include "features/portrait.h"
#include "tests/features/portrait_builder.h"

namespace stillwatch::features {
namespace {

const MarkerRatios kRatios = SomeRatios();

// Depend on what one account did just before, so they are not those of the whole stream.
bool DependsOnOrder(Counter counter) {
  return counter == Counter::kOverlap || counter == Counter::kUnread || counter == Counter::kRepeat;
}

// The portrait of a stream, and the merged portraits of its parts.
struct Parted {
  Portrait whole;
  Portrait merged;
};

Parted Part(uint64_t seed, size_t part_count) {
  Parted out;
  std::vector<Portrait> parts(part_count);
  std::mt19937_64 random(seed);
  for (const Observation& event : RandomStream(seed, 4000)) {
    out.whole.Update(event, kRatios);
    parts[random() % part_count].Update(event, kRatios);
  }
  for (const Portrait& part : parts) out.merged.Merge(part);
  return out;
}

class PortraitMergeTest : public ::testing::TestWithParam<size_t> {};

TEST_P(PortraitMergeTest, CountersAddUp) {
  const auto [whole, merged] = Part(GetParam(), GetParam());
  for (size_t i = 0; i < kCounterCount; ++i) {
    const auto counter = static_cast<Counter>(i);
    if (DependsOnOrder(counter)) continue;
    EXPECT_EQ(merged.total(counter), whole.total(counter)) << i;
    for (const HalfLife half_life : {HalfLife::kHour, HalfLife::kDay, HalfLife::kFortnight}) {
      const double expected = whole.decayed(counter, half_life, whole.last_time_unix_nano());
      EXPECT_NEAR(merged.decayed(counter, half_life, whole.last_time_unix_nano()), expected, 1e-3 * (1 + expected));
    }
  }
  EXPECT_EQ(merged.event_count(), 4000U);
  EXPECT_EQ(merged.first_time_unix_nano(), whole.first_time_unix_nano());
  EXPECT_EQ(merged.last_time_unix_nano(), whole.last_time_unix_nano());
}

TEST_P(PortraitMergeTest, SketchesAreThoseOfTheUnion) {
  const auto [whole, merged] = Part(GetParam() + 100, GetParam());
  EXPECT_EQ(merged.DistinctPrompts(), whole.DistinctPrompts());
  EXPECT_EQ(merged.DistinctTemplates(), whole.DistinctTemplates());
  EXPECT_EQ(merged.DistinctSystems(), whole.DistinctSystems());
  EXPECT_EQ(merged.DistinctConversations(), whole.DistinctConversations());
  EXPECT_EQ(merged.DistinctEndUsers(), whole.DistinctEndUsers());
  EXPECT_EQ(merged.DistinctAddresses(), whole.DistinctAddresses());
  EXPECT_EQ(merged.DistinctClientBundles(), whole.DistinctClientBundles());
  EXPECT_EQ(merged.DistinctLogitPrompts(), whole.DistinctLogitPrompts());
  EXPECT_EQ(merged.DistinctLogitBiasSizes(), whole.DistinctLogitBiasSizes());
  EXPECT_EQ(merged.TopHeadCount(), whole.TopHeadCount());
}

TEST_P(PortraitMergeTest, HistogramsAndHoursAreThoseOfTheWhole) {
  const auto [whole, merged] = Part(GetParam() + 200, GetParam());
  for (int percent = 0; percent <= 100; percent += 5) {
    EXPECT_EQ(merged.input_tokens().Quantile(percent / 100.0), whole.input_tokens().Quantile(percent / 100.0));
    EXPECT_EQ(merged.output_tokens().Quantile(percent / 100.0), whole.output_tokens().Quantile(percent / 100.0));
  }
  EXPECT_EQ(merged.HourEntropy(), whole.HourEntropy());
  EXPECT_EQ(merged.ActiveDayCount(), whole.ActiveDayCount());
}

INSTANTIATE_TEST_SUITE_P(PortraitMerge, PortraitMergeTest, ::testing::Values(1, 2, 3, 10, 100));

TEST(PortraitMergeTest, DaysBeforeTheOthersFirstDayAreCounted) {
  Portrait early, late;
  for (const int day : {0, 1, 40}) early.Update(EventAt(kStart + day * kNanosecondsPerDay), kRatios);
  for (const int day : {40, 41, 90}) late.Update(EventAt(kStart + day * kNanosecondsPerDay), kRatios);
  Portrait merged = early;
  merged.Merge(late);
  EXPECT_EQ(merged.ActiveDayCount(), 5);  // The 90th day gathers in the last bit.
  late.Merge(early);
  EXPECT_EQ(late.ActiveDayCount(), 5);
}

TEST(PortraitMergeTest, PeaksOfTheSameMinuteAddUpAndOthersDoNot) {
  Portrait left, same, other;
  for (int i = 0; i < 5; ++i) left.Update(EventAt(kStart + i), kRatios);
  for (int i = 0; i < 4; ++i) same.Update(EventAt(kStart + 100 + i), kRatios);
  for (int i = 0; i < 4; ++i) other.Update(EventAt(kStart + kNanosecondsPerMinute + i), kRatios);
  Portrait merged = left;
  merged.Merge(same);
  EXPECT_EQ(merged.PeakPerMinute(), 9U);
  left.Merge(other);
  EXPECT_EQ(left.PeakPerMinute(), 5U);
}

TEST(PortraitMergeTest, EmptyPortraitsChangeNothing) {
  Portrait portrait;
  for (const Observation& event : RandomStream(1, 100)) portrait.Update(event, kRatios);
  Portrait merged = portrait;
  merged.Merge(Portrait());
  EXPECT_EQ(merged.event_count(), 100U);
  EXPECT_EQ(merged.first_time_unix_nano(), portrait.first_time_unix_nano());
  Portrait from_empty;
  from_empty.Merge(portrait);
  EXPECT_EQ(from_empty.DistinctPrompts(), portrait.DistinctPrompts());
}

TEST(PortraitMergeTest, EvidenceOfMarkersIsTheMeanWeightedByEvents) {
  Portrait left, right;
  for (int i = 0; i < 10; ++i) {
    Observation event = EventAt(kStart + i * kNanosecondsPerMinute, 1 + static_cast<uint64_t>(i));
    event.markers = 1;
    left.Update(event, kRatios);
    right.Update(event, kRatios);
  }
  const double alone = left.e_process(Marker::kReasoningElicitation).LogValue();
  left.Merge(right);
  EXPECT_NEAR(left.e_process(Marker::kReasoningElicitation).LogValue(), alone, 1e-4);
  Portrait innocent;
  for (int i = 0; i < 60; ++i) innocent.Update(EventAt(kStart + i * kNanosecondsPerMinute, 100), kRatios);
  left.Merge(innocent);
  EXPECT_NEAR(left.e_process(Marker::kReasoningElicitation).LogValue(), alone - std::log(4.0), 0.01);
}

}  // namespace
}  // namespace stillwatch::features
