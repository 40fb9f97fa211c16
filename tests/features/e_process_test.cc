#include "features/e_process.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace stillwatch::features {
namespace {

// Events until the e-process, fed with events that are marked with probability `share`, reaches 1 / alpha.
int RunLength(uint64_t seed, double null_share, double share, double alpha, int length_max) {
  const LikelihoodRatios ratios = LikelihoodRatios::ForNull(null_share);
  std::mt19937_64 random(seed);
  std::bernoulli_distribution is_marked(share);
  EProcess process;
  for (int count = 1; count <= length_max; ++count) {
    process.Update(is_marked(random), ratios);
    if (process.LogValue() >= -std::log(alpha)) return count;
  }
  return length_max + 1;
}

double MedianRunLength(double null_share, double share, double alpha) {
  std::vector<int> lengths;
  for (uint64_t seed = 0; seed < 301; ++seed) lengths.push_back(RunLength(seed, null_share, share, alpha, 20'000));
  std::nth_element(lengths.begin(), lengths.begin() + 150, lengths.end());
  return lengths[150];
}

class EProcessNullTest : public ::testing::TestWithParam<double> {};

TEST_P(EProcessNullTest, AverageRunLengthIsAtLeastOneOverAlpha) {
  constexpr double kAlpha = 0.01;
  double sum = 0;
  for (uint64_t seed = 0; seed < 400; ++seed) sum += RunLength(seed, GetParam(), GetParam(), kAlpha, 5000);
  EXPECT_GE(sum / 400, 1 / kAlpha);
}

TEST_P(EProcessNullTest, RunsOfAThousandRarelyExceedTheLevel) {
  // Each of the 1,000 events starts a test of level alpha of its own, so at most 1,000 · alpha of the runs may alarm.
  constexpr double kAlpha = 1e-4;
  constexpr int kRuns = 1000;
  int alarms = 0;
  for (uint64_t seed = 0; seed < kRuns; ++seed) alarms += RunLength(seed, GetParam(), GetParam(), kAlpha, 1000) <= 1000;
  EXPECT_LE(alarms, kRuns * 1000 * kAlpha);
}

TEST_P(EProcessNullTest, SharesBelowTheNullAlarmLess) {
  constexpr double kAlpha = 1e-4;
  int at_null = 0;
  int below = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    at_null += RunLength(seed, GetParam(), GetParam(), kAlpha, 3000) <= 3000;
    below += RunLength(seed, GetParam(), GetParam() / 3, kAlpha, 3000) <= 3000;
  }
  EXPECT_LE(below, at_null);
}

INSTANTIATE_TEST_SUITE_P(EProcess, EProcessNullTest, ::testing::Values(0.005, 0.02, 0.1, 0.2));

TEST(EProcessTest, AlarmsAfterTensOfEventsOfAHarvester) {
  constexpr double kAlpha = 1e-6;
  const double heavy = MedianRunLength(0.005, 0.3, kAlpha);
  const double medium = MedianRunLength(0.005, 0.1, kAlpha);
  const double light = MedianRunLength(0.005, 0.05, kAlpha);
  RecordProperty("median_events_at_30_percent", static_cast<int>(heavy));
  RecordProperty("median_events_at_10_percent", static_cast<int>(medium));
  RecordProperty("median_events_at_5_percent", static_cast<int>(light));
  // What the information in the stream allows is 14, 66 and 194; the mixture costs a little.
  EXPECT_LE(heavy, 25);
  EXPECT_LE(medium, 100);
  EXPECT_LE(light, 290);
  EXPECT_LT(heavy, medium);
  EXPECT_LT(medium, light);
}

TEST(EProcessTest, StartsAtOneAndForgivesTheInnocentPast) {
  const LikelihoodRatios ratios = LikelihoodRatios::ForNull(0.02);
  EProcess fresh;
  EXPECT_NEAR(fresh.LogValue(), 0, 1e-6);
  EProcess old;
  for (int i = 0; i < 10'000; ++i) old.Update(false, ratios);
  for (int i = 0; i < 5; ++i) {
    fresh.Update(true, ratios);
    old.Update(true, ratios);
  }
  EXPECT_NEAR(fresh.LogValue(), old.LogValue(), 1e-4);
}

TEST(EProcessTest, MarkedEventsRaiseAndUnmarkedOnesLower) {
  for (const double null_share : {0.001, 0.02, 0.1, 0.2, 0.3, 0.5}) {
    const LikelihoodRatios ratios = LikelihoodRatios::ForNull(null_share);
    for (size_t i = 0; i < kAlternativeCount; ++i) {
      EXPECT_GT(ratios.if_marked[i], 0) << null_share;
      EXPECT_LT(ratios.if_unmarked[i], 0) << null_share;
      // Under the null the likelihood ratio has mean 1.
      const double mean = null_share * std::exp(static_cast<double>(ratios.if_marked[i])) +
                          (1 - null_share) * std::exp(static_cast<double>(ratios.if_unmarked[i]));
      EXPECT_NEAR(mean, 1, 1e-5) << null_share;
    }
  }
}

TEST(EProcessTest, BoundIsNeverBelowTheValue) {
  const LikelihoodRatios ratios = LikelihoodRatios::ForNull(0.05);
  std::mt19937_64 random(5);
  EProcess process;
  for (int i = 0; i < 2000; ++i) {
    process.Update(random() % 7 == 0, ratios);
    ASSERT_GE(static_cast<double>(process.LogBound()), process.LogValue() - 1e-6);
  }
}

TEST(EProcessTest, ValuesStayFiniteForMillionsOfEvents) {
  const LikelihoodRatios ratios = LikelihoodRatios::ForNull(0.02);
  EProcess process;
  for (int i = 0; i < 2'000'000; ++i) process.Update(true, ratios);
  EXPECT_TRUE(std::isfinite(process.LogValue()));
  EXPECT_GT(process.LogValue(), 1e6);
}

TEST(EProcessTest, MergingTakesTheMeanOfTheEvidence) {
  const LikelihoodRatios ratios = LikelihoodRatios::ForNull(0.02);
  EProcess left, right;
  for (int i = 0; i < 10; ++i) left.Update(true, ratios);
  for (int i = 0; i < 8; ++i) right.Update(true, ratios);
  EProcess merged = left;
  merged.Merge(right, 0.25);
  EXPECT_NEAR(std::exp(merged.LogValue()), 0.75 * std::exp(left.LogValue()) + 0.25 * std::exp(right.LogValue()),
              1e-4 * std::exp(left.LogValue()));
}

// The product of the two would be far above: each restarts at 1, so that together they are no e-value.
TEST(EProcessTest, MergingManyInnocentAccountsMakesNoEvidence) {
  const LikelihoodRatios ratios = LikelihoodRatios::ForNull(0.02);
  std::mt19937_64 random(7);
  std::bernoulli_distribution marked(0.02);
  double sum = 0;
  constexpr int kGroups = 50;
  for (int group = 0; group < kGroups; ++group) {
    EProcess merged;
    for (int account = 0; account < 40; ++account) {
      EProcess process;
      for (int i = 0; i < 100; ++i) process.Update(marked(random), ratios);
      if (account == 0) merged = process;
      if (account > 0) merged.Merge(process, 1.0 / (account + 1));
    }
    sum += merged.LogValue() > std::log(1000.0);
  }
  EXPECT_LE(sum, 3) << "of 50 groups";
}

}  // namespace
}  // namespace stillwatch::features
