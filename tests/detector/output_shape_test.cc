#include <gtest/gtest.h>

#include "tests/detector/portrait_maker.h"

namespace stillwatch::detector {
namespace {

TEST(OutputShapeTest, FindsShortSingleRequestsWithLongAnswers) {
  const Finding finding = Evaluate(kOutputShape, Harvester());
  EXPECT_GT(finding.log_odds, 1);
  EXPECT_GT(finding.value, finding.population);
}

TEST(OutputShapeTest, NeverDecidesAlone) {
  Behaviour harvester = Harvester();
  harvester.event_count = 20'000;
  harvester.output_tokens = 100'000;
  EXPECT_LT(Evaluate(kOutputShape, harvester).log_odds, kReviewEvidence);
}

TEST(OutputShapeTest, IsSilentAboutApplicationsConversationsAndBeginners) {
  EXPECT_EQ(Evaluate(kOutputShape, Application()).log_odds, 0);
  Behaviour writer;
  writer.output_tokens = 3000;
  EXPECT_EQ(Evaluate(kOutputShape, writer).log_odds, 0);
  Behaviour beginner = Harvester();
  beginner.event_count = 10;
  EXPECT_EQ(Evaluate(kOutputShape, beginner).log_odds, 0);
}

TEST(OutputShapeTest, GreedyEvaluationsCountLess) {
  Behaviour harness = Harvester();
  harness.temperature = 0;
  EXPECT_LT(Evaluate(kOutputShape, harness).log_odds, Evaluate(kOutputShape, Harvester()).log_odds / 2);
}

}  // namespace
}  // namespace stillwatch::detector
