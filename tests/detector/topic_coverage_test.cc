#include <gtest/gtest.h>

#include "tests/detector/portrait_maker.h"

namespace stillwatch::detector {
namespace {

Behaviour Sweep() {
  Behaviour sweep = Harvester();
  sweep.sketch = Behaviour::Sketch::kUnrelated;
  return sweep;
}

TEST(TopicCoverageTest, FindsSingleRequestsThatHaveNothingInCommon) {
  const Finding finding = Evaluate(kTopicCoverage, Sweep());
  EXPECT_GT(finding.log_odds, 0.8);
  EXPECT_LT(finding.value, 0.05);
}

TEST(TopicCoverageTest, IsSilentAboutApplicationsAndConversations) {
  Behaviour application = Sweep();
  application.sketch = Behaviour::Sketch::kAlike;
  EXPECT_EQ(Evaluate(kTopicCoverage, application).log_odds, 0);
  Behaviour person;
  person.sketch = Behaviour::Sketch::kUnrelated;
  EXPECT_EQ(Evaluate(kTopicCoverage, person).log_odds, 0);
}

TEST(TopicCoverageTest, IsSilentWithoutSketches) {
  EXPECT_EQ(Evaluate(kTopicCoverage, Harvester()).log_odds, 0);
  Behaviour silent = Sweep();
  silent.has_text = false;
  EXPECT_EQ(Evaluate(kTopicCoverage, silent).log_odds, 0);
}

TEST(TopicCoverageTest, NeverDecidesAlone) {
  EXPECT_LT(Evaluate(kTopicCoverage, Sweep()).log_odds, kReviewEvidence / 2);
}

}  // namespace
}  // namespace stillwatch::detector
