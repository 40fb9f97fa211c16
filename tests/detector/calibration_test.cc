#include "detector/calibration.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "detector/detector.h"

namespace stillwatch::detector {
namespace {

constexpr size_t kDetector = 0;
double Limit() { return AllDetectors()[kDetector]->limit; }

// Accounts of which `loud_share` have a finding at the limit of one detector.
std::vector<SampledEvidence> Loud(size_t count, double loud_share, Label label = Label::kUnlabelled) {
  std::vector<SampledEvidence> sample(count);
  const auto loud = static_cast<size_t>(loud_share * static_cast<double>(count));
  for (size_t i = 0; i < count; ++i) {
    sample[i].label = i < loud ? label : Label::kUnlabelled;
    if (i < loud) sample[i].log_odds[kDetector] = Limit();
  }
  return sample;
}

Baseline Calibrated(const std::vector<SampledEvidence>& sample) {
  Baseline baseline = PriorBaseline();
  Calibrate(sample, baseline);
  return baseline;
}

// Accounts whose evidence comes from all detectors alike, exponential with the given mean.
std::vector<SampledEvidence> Exponential(size_t count, double mean) {
  std::mt19937_64 random(2);
  std::exponential_distribution<double> draw(1 / mean);
  std::vector<SampledEvidence> sample(count);
  for (SampledEvidence& account : sample) account.log_odds.fill(draw(random) / kDetectorCount);
  return sample;
}

TEST(CalibrateTest, AQuietPopulationKeepsShippedWeightsAndTheBudgetsOwnThresholds) {
  const Baseline baseline = Calibrated(std::vector<SampledEvidence>(1000));
  EXPECT_EQ(baseline.weights, ShippedWeights());
  EXPECT_NEAR(baseline.review_log_odds, 0, 0.01);
  EXPECT_NEAR(baseline.act_log_odds, std::log(kReviewBudget / kActBudget), 0.01);
}

TEST(CalibrateTest, ATooSmallSampleKeepsWhatIsShipped) {
  const Baseline baseline = Calibrated(Loud(kPeersForBaseline - 1, 1));
  EXPECT_EQ(baseline.weights, ShippedWeights());
  EXPECT_EQ(baseline.review_log_odds, PriorBaseline().review_log_odds);
}

TEST(CalibrateTest, WhatManyAccountsShowIsWorthLess) {
  double before = 2;
  for (const double share : {0.0, 0.1, 0.2, 0.4}) {
    const double weight = Calibrated(Loud(1000, share)).weights[kDetector];
    EXPECT_LT(weight, before) << share;
    before = weight;
  }
  // A finding that a fifth of the accounts have is worth at most a likelihood ratio of a little over 5.
  EXPECT_LT(Calibrated(Loud(1000, 0.2)).weights[kDetector] * Limit(), std::log(1 / 0.15));
}

TEST(CalibrateTest, AFewPercentOfThievesMoveNothing) {
  const Baseline baseline = Calibrated(Loud(1000, kThiefShareMax));
  EXPECT_EQ(baseline.weights, ShippedWeights());
  EXPECT_NEAR(baseline.review_log_odds, 0, 0.01);
}

TEST(CalibrateTest, AFloodOfThievesNeitherSilencesADetectorNorMovesTheThresholdsOutOfReach) {
  std::vector<SampledEvidence> flood(1000);
  for (SampledEvidence& account : flood) {
    for (size_t i = 0; i < kDetectorCount; ++i) account.log_odds[i] = AllDetectors()[i]->limit;
  }
  const Baseline baseline = Calibrated(flood);
  for (const double weight : baseline.weights) EXPECT_GT(weight, 0.1);
  EXPECT_LE(baseline.review_log_odds, PriorBaseline().review_log_odds + 3);
  EXPECT_LE(baseline.act_log_odds, PriorBaseline().act_log_odds + 3);
}

TEST(CalibrateTest, NeverGoesBelowTheBudgets) {
  for (const size_t count : {0, 10, 100, 5000}) {
    for (const double mean : {1e-9, 0.1, 1.0, 5.0}) {
      const Baseline baseline = Calibrated(Exponential(count, mean));
      EXPECT_GE(baseline.review_log_odds, kBaseLogOdds - std::log(kReviewBudget) - 1e-9);
      EXPECT_GE(baseline.act_log_odds, kBaseLogOdds - std::log(kActBudget) - 1e-9);
      EXPECT_GT(baseline.act_log_odds, baseline.review_log_odds);
    }
  }
}

TEST(CalibrateTest, BenignLabelsAreFalsePositivesThatRaiseTheThresholds) {
  std::vector<SampledEvidence> sample(1000);
  for (size_t i = 0; i < 20; ++i) sample[i].log_odds.fill(0.9);
  EXPECT_NEAR(Calibrated(sample).review_log_odds, 0, 0.01);  // They could be thieves.
  for (size_t i = 0; i < 20; ++i) sample[i].log_odds[4] = 8;
  for (size_t i = 0; i < 20; ++i) sample[i].label = Label::kBenign;
  EXPECT_GT(Calibrated(sample).review_log_odds, 0.5);
}

TEST(CalibrateTest, ConfirmedAccountsHaveNoSay) {
  const Baseline baseline = Calibrated(Loud(1000, 0.4, Label::kConfirmed));
  EXPECT_EQ(baseline.weights, ShippedWeights());
}

TEST(CalibrateTest, DoesNotDependOnTheOrderOfTheSample) {
  std::vector<SampledEvidence> sample = Exponential(500, 3);
  const Baseline forwards = Calibrated(sample);
  std::reverse(sample.begin(), sample.end());
  const Baseline backwards = Calibrated(sample);
  EXPECT_EQ(forwards.weights, backwards.weights);
  EXPECT_EQ(forwards.review_log_odds, backwards.review_log_odds);
}

}  // namespace
}  // namespace stillwatch::detector
