#include "detector/baseline.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <vector>

#include "detector/fusion.h"

namespace stillwatch::detector {
namespace {

using features::Feature;

constexpr size_t kMarkerFeature = static_cast<size_t>(Feature::kReasoningElicitationShare);

// Rows of accounts with text; `thief_share` of them have a marker in 80 % of their events, the others in 1 to 3 %.
features::FeatureMatrix Population(size_t count, double thief_share) {
  std::mt19937_64 random(1);
  features::FeatureMatrix matrix(count);
  for (size_t row = 0; row < count; ++row) {
    features::FeatureRow features{};
    for (float& value : features) value = static_cast<float>(random() % 1000) / 1000;
    features[static_cast<size_t>(Feature::kTextShare)] = 1;
    const bool is_thief = static_cast<double>(row) < thief_share * static_cast<double>(count);
    features[kMarkerFeature] = is_thief ? 0.8F : 0.01F + 0.02F * static_cast<float>(random() % 100) / 100;
    matrix.SetRow(row, features);
  }
  return matrix;
}

TEST(BaselineTest, PriorKnowsNoPeers) {
  const Baseline prior = PriorBaseline();
  for (const PeerBaseline& peers : prior.groups) {
    EXPECT_EQ(peers.account_count, 0U);
    for (const float share : peers.marker_null_share) EXPECT_GT(share, 0);
    EXPECT_EQ(peers.scale.spread, features::FeatureRow{});
  }
  EXPECT_GT(prior.act_log_odds, prior.review_log_odds);
}

TEST(BaselineTest, SmallGroupsTakeTheWholePopulation) {
  const features::FeatureMatrix matrix = Population(200, 0);
  std::vector<uint8_t> groups(200, 1);
  for (size_t i = 0; i < kPeersForBaseline - 1; ++i) groups[i] = 2;
  const Baseline baseline = ComputeBaseline(7, matrix, groups);
  EXPECT_EQ(baseline.time_unix_nano, 7);
  EXPECT_EQ(baseline.groups[1].account_count, 200 - (kPeersForBaseline - 1));
  EXPECT_EQ(baseline.groups[2].account_count, 200U);
  EXPECT_EQ(baseline.groups[5].account_count, 200U);
  groups[kPeersForBaseline - 1] = 2;
  EXPECT_EQ(ComputeBaseline(7, matrix, groups).groups[2].account_count, kPeersForBaseline);
}

TEST(BaselineTest, ASmallPopulationTakesThePriors) {
  for (const size_t count : {size_t{0}, size_t{1}, kPeersForBaseline - 1}) {
    const std::vector<uint8_t> groups(count, 0);
    const Baseline baseline = ComputeBaseline(7, Population(count, 0), groups);
    EXPECT_EQ(baseline.groups[0].account_count, 0U) << count;
    EXPECT_EQ(baseline.groups[0].marker_null_share, PriorBaseline().groups[0].marker_null_share);
  }
}

TEST(BaselineTest, AQuarterOfThievesDoesNotDragTheNull) {
  const std::vector<uint8_t> groups(400, 0);
  const float honest = ComputeBaseline(7, Population(400, 0), groups).groups[0].marker_null_share[0];
  const float with_thieves = ComputeBaseline(7, Population(400, 0.25), groups).groups[0].marker_null_share[0];
  EXPECT_LT(with_thieves, 1.6F * honest);
  EXPECT_LT(with_thieves, 0.1F);
}

TEST(BaselineTest, NullSharesStayWhereTheTestCanWork) {
  const std::vector<uint8_t> groups(400, 0);
  for (const double thieves : {0.0, 0.25, 0.6, 1.0}) {
    const PeerBaseline peers = ComputeBaseline(7, Population(400, thieves), groups).groups[0];
    for (size_t marker = 0; marker < features::kMarkerCount; ++marker) {
      EXPECT_GT(peers.marker_null_share[marker], 0.001F);
      EXPECT_LE(peers.marker_null_share[marker], 0.5F);
      EXPECT_GT(peers.marker_ratios[marker].if_marked[0], 0);
    }
  }
}

TEST(BaselineTest, AccountsWithoutTextHaveNoSayInTheNull) {
  features::FeatureMatrix matrix = Population(400, 0);
  for (size_t row = 0; row < 300; ++row) matrix.SetRow(row, features::FeatureRow{});
  const std::vector<uint8_t> groups(400, 0);
  const float among_texts = ComputeBaseline(7, Population(400, 0), groups).groups[0].marker_null_share[0];
  EXPECT_NEAR(ComputeBaseline(7, matrix, groups).groups[0].marker_null_share[0], among_texts, 0.02F);
}

std::vector<double> Evidence(size_t count, double mean) {
  std::mt19937_64 random(2);
  std::exponential_distribution<double> draw(1 / mean);
  std::vector<double> evidence(count);
  for (double& value : evidence) value = draw(random);
  return evidence;
}

TEST(CalibrateThresholdsTest, NeverGoesBelowTheBudgets) {
  const Baseline prior = PriorBaseline();
  for (const size_t count : {0, 10, 100, 5000}) {
    for (const double mean : {1e-9, 0.1, 1.0, 5.0}) {
      Baseline baseline = prior;
      CalibrateThresholds(Evidence(count, mean), baseline);
      EXPECT_GE(baseline.review_log_odds, kBaseLogOdds - std::log(kReviewBudget) - 1e-9);
      EXPECT_GE(baseline.act_log_odds, kBaseLogOdds - std::log(kActBudget) - 1e-9);
      EXPECT_GT(baseline.act_log_odds, baseline.review_log_odds);
    }
  }
}

TEST(CalibrateThresholdsTest, QuietPopulationsKeepTheBudgetsOwnThresholds) {
  Baseline baseline = PriorBaseline();
  CalibrateThresholds(std::vector<double>(1000, 0.0), baseline);
  EXPECT_NEAR(baseline.review_log_odds, 0, 0.01);
}

TEST(CalibrateThresholdsTest, KeepsTheBudgetOfALoudPopulation) {
  // With a heavier honest tail the threshold must rise until the budget holds.
  const std::vector<double> evidence = Evidence(200'000, 1.2);
  Baseline baseline = PriorBaseline();
  CalibrateThresholds(evidence, baseline);
  size_t reviewed = 0;
  for (const double value : evidence) reviewed += kBaseLogOdds + value >= baseline.review_log_odds;
  EXPECT_LE(static_cast<double>(reviewed), 1.3 * kReviewBudget * static_cast<double>(evidence.size()));
}

TEST(CalibrateThresholdsTest, AFloodOfThievesDoesNotMoveItOutOfReach) {
  for (const size_t thief_count : {240, 500, 900, 1000}) {
    std::vector<double> evidence = Evidence(1000, 0.5);
    std::fill_n(evidence.begin(), thief_count, 12.0);
    Baseline flooded = PriorBaseline();
    CalibrateThresholds(evidence, flooded);
    EXPECT_LE(flooded.review_log_odds, PriorBaseline().review_log_odds + 3) << thief_count;
    EXPECT_LE(flooded.act_log_odds, PriorBaseline().act_log_odds + 3) << thief_count;
  }
}

}  // namespace
}  // namespace stillwatch::detector
