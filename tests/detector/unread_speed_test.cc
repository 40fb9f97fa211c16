#include <gtest/gtest.h>

#include "tests/detector/portrait_maker.h"

namespace stillwatch::detector {
namespace {

TEST(UnreadSpeedTest, FindsAnswersThatNobodyCouldRead) {
  const Finding finding = Evaluate(kUnreadSpeed, Harvester());
  EXPECT_GT(finding.log_odds, 0.4);
  EXPECT_GT(finding.value, finding.population);
}

TEST(UnreadSpeedTest, GreedyProcessingCountsLess) {
  Behaviour greedy = Harvester();
  greedy.temperature = 0;
  EXPECT_LT(Evaluate(kUnreadSpeed, greedy).log_odds, Evaluate(kUnreadSpeed, Harvester()).log_odds / 2);
}

TEST(UnreadSpeedTest, IsSilentAboutReadersAndAgents) {
  Behaviour reader;
  reader.output_tokens = 300;
  EXPECT_EQ(Evaluate(kUnreadSpeed, reader).log_odds, 0);
  Behaviour agent = Harvester();
  agent.is_single_turn = false;
  agent.has_tools = true;
  EXPECT_EQ(Evaluate(kUnreadSpeed, agent).log_odds, 0);
}

}  // namespace
}  // namespace stillwatch::detector
