#include <gtest/gtest.h>

#include "tests/detector/portrait_maker.h"

namespace stillwatch::detector {
namespace {

TEST(RepeatedSamplingTest, FindsManyPromptsSampledAgain) {
  const Finding finding = Evaluate(kRepeatedSampling, Harvester());
  EXPECT_GT(finding.log_odds, 0.7);
  EXPECT_NEAR(finding.value, 0.4, 0.1);
}

TEST(RepeatedSamplingTest, NeverDecidesAlone) {
  Behaviour harvester = Harvester();
  harvester.event_count = 20'000;
  harvester.repeated_prompt_share = 0.5;
  EXPECT_LT(Evaluate(kRepeatedSampling, harvester).log_odds, kReviewEvidence / 2);
}

TEST(RepeatedSamplingTest, IsSilentAboutMonitors) {
  Behaviour monitor = Application();
  monitor.temperature = 1;
  monitor.distinct_prompt_count = 1;
  monitor.event_count = 5000;
  EXPECT_EQ(Evaluate(kRepeatedSampling, monitor).log_odds, 0);
}

TEST(RepeatedSamplingTest, IsSilentAboutRetries) {
  Behaviour retrying;
  retrying.repeated_prompt_share = 0.05;
  EXPECT_EQ(Evaluate(kRepeatedSampling, retrying).log_odds, 0);
}

TEST(RepeatedSamplingTest, IsSilentAtTemperatureZero) {
  Behaviour greedy = Harvester();
  greedy.temperature = 0;
  EXPECT_EQ(Evaluate(kRepeatedSampling, greedy).log_odds, 0);
}

TEST(RepeatedSamplingTest, IsSilentWithoutText) {
  Behaviour silent = Harvester();
  silent.has_text = false;
  EXPECT_EQ(Evaluate(kRepeatedSampling, silent).log_odds, 0);
}

TEST(RepeatedSamplingTest, GrowsWithTheNumberOfPrompts) {
  Behaviour harvester = Harvester();
  double before = 0;
  for (const int count : {20, 60, 120, 600}) {
    harvester.event_count = count;
    const double log_odds = Evaluate(kRepeatedSampling, harvester).log_odds;
    EXPECT_GE(log_odds, before) << count;
    before = log_odds;
  }
}

}  // namespace
}  // namespace stillwatch::detector
