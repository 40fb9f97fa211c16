#include <gtest/gtest.h>

#include <cmath>

#include "tests/detector/portrait_maker.h"

namespace stillwatch::detector {
namespace {

Behaviour Thief(int event_count) {
  return {.event_count = event_count, .distinct_prompt_count = 4, .is_single_turn = true, .logit_bias_size_count = 40};
}

TEST(LogitTheftTest, ReachesTheReviewBudgetAround64Requests) {
  EXPECT_LT(Evaluate(kLogitTheft, Thief(40)).log_odds, kReviewEvidence);
  EXPECT_GE(Evaluate(kLogitTheft, Thief(80)).log_odds, kReviewEvidence - 0.1);
}

TEST(LogitTheftTest, NearlyReachesTheBudgetOfActBy256Requests) {
  const double act = -std::log(kActBudget);
  EXPECT_GT(Evaluate(kLogitTheft, Thief(270)).log_odds, 0.9 * act);
  EXPECT_LE(Evaluate(kLogitTheft, Thief(100'000)).log_odds, 1.2 * act);
}

TEST(LogitTheftTest, NeedsNoText) {
  Behaviour thief = Thief(300);
  thief.has_text = false;
  thief.logit_bias_size_count = 300;
  thief.input_tokens = 2;
  EXPECT_GT(Evaluate(kLogitTheft, thief).log_odds, 3);
}

TEST(LogitTheftTest, IsSilentAboutClassifiers) {
  Behaviour classifier = Thief(2000);
  classifier.distinct_prompt_count = 0;
  classifier.logit_bias_size_count = 1;
  EXPECT_LT(Evaluate(kLogitTheft, classifier).log_odds, 1);
}

TEST(LogitTheftTest, OneSizeOfBiasCountsLess) {
  Behaviour one_size = Thief(300);
  one_size.logit_bias_size_count = 1;
  EXPECT_LT(Evaluate(kLogitTheft, one_size).log_odds, Evaluate(kLogitTheft, Thief(300)).log_odds);
}

// An evaluation that asks the same prompts every night.
TEST(LogitTheftTest, OneSizeOfBiasIsNoReviewHoweverOften) {
  Behaviour evaluation = Thief(100'000);
  evaluation.logit_bias_size_count = 1;
  EXPECT_LT(Evaluate(kLogitTheft, evaluation).log_odds, 0.6 * kReviewEvidence);
}

TEST(LogitTheftTest, IsSilentAboutEveryoneElse) {
  EXPECT_EQ(Evaluate(kLogitTheft, Behaviour()).log_odds, 0);
  EXPECT_EQ(Evaluate(kLogitTheft, Application()).log_odds, 0);
  EXPECT_EQ(Evaluate(kLogitTheft, Harvester()).log_odds, 0);
}

}  // namespace
}  // namespace stillwatch::detector
