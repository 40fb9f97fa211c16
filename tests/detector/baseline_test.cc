#include "detector/baseline.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "detector/calibration.h"

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
  EXPECT_EQ(prior.weights, ShippedWeights());
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

}  // namespace
}  // namespace stillwatch::detector
