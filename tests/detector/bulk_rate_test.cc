#include <gtest/gtest.h>

#include "tests/detector/portrait_maker.h"

namespace stillwatch::detector {
namespace {

TEST(BulkRateTest, FindsHundredsOfSingleRequestsADay) {
  Behaviour harvester = Harvester();
  harvester.active_day_count = 1;
  const Finding finding = Evaluate(kBulkRate, harvester);
  EXPECT_GT(finding.log_odds, 0.5);
  EXPECT_GT(finding.value, finding.population);
}

TEST(BulkRateTest, WorksBeforeAPopulationIsKnown) {
  EXPECT_GT(Evaluate(kBulkRate, Harvester(), PriorBaseline()).log_odds, 1);
  EXPECT_EQ(Evaluate(kBulkRate, {.event_count = 20}, PriorBaseline()).log_odds, 0);
}

TEST(BulkRateTest, NeverDecidesAlone) {
  Behaviour batch_job = Application();
  batch_job.event_count = 20'000;
  EXPECT_LT(Evaluate(kBulkRate, batch_job).log_odds, kReviewEvidence);
}

TEST(BulkRateTest, IsSilentAboutConversationsAgentsAndMonitors) {
  Behaviour talker;
  talker.event_count = 5000;
  EXPECT_EQ(Evaluate(kBulkRate, talker).log_odds, 0);
  Behaviour agent = talker;
  agent.has_tools = true;
  EXPECT_EQ(Evaluate(kBulkRate, agent).log_odds, 0);
  Behaviour monitor = Application();
  monitor.event_count = 2000;
  monitor.distinct_prompt_count = 1;
  EXPECT_LT(Evaluate(kBulkRate, monitor).log_odds, 0.1);
}

}  // namespace
}  // namespace stillwatch::detector
