#include <gtest/gtest.h>

#include "tests/detector/portrait_maker.h"

namespace stillwatch::detector {
namespace {

// An account of a pool: 26 single requests a day, round the clock.
Behaviour PoolMember() {
  return {.event_count = 260, .active_day_count = 10, .is_single_turn = true, .hours_a_day = 24};
}

TEST(IsolatedRequestsTest, FindsSingleRequestsFarApartAroundTheClock) {
  const Finding finding = Evaluate(kIsolatedRequests, PoolMember());
  EXPECT_GT(finding.log_odds, 1);
  EXPECT_GT(finding.value, finding.population);
}

TEST(IsolatedRequestsTest, NeedsNoText) {
  Behaviour member = PoolMember();
  member.has_text = false;
  EXPECT_GT(Evaluate(kIsolatedRequests, member).log_odds, 1);
}

TEST(IsolatedRequestsTest, NeverDecidesAlone) {
  Behaviour member = PoolMember();
  member.event_count = 26 * 60;
  member.active_day_count = 60;
  EXPECT_LT(Evaluate(kIsolatedRequests, member).log_odds, kReviewEvidence / 2);
}

TEST(IsolatedRequestsTest, IsSilentAboutMonitors) {
  Behaviour monitor = PoolMember();
  monitor.distinct_prompt_count = 2;
  EXPECT_EQ(Evaluate(kIsolatedRequests, monitor).log_odds, 0);
}

TEST(IsolatedRequestsTest, IsSilentAboutWorkingHoursSittingsAndConversations) {
  Behaviour office = PoolMember();
  office.hours_a_day = 8;
  EXPECT_EQ(Evaluate(kIsolatedRequests, office).log_odds, 0);
  Behaviour sittings = PoolMember();
  sittings.events_per_minute = 10;
  EXPECT_EQ(Evaluate(kIsolatedRequests, sittings).log_odds, 0);
  Behaviour conversation = PoolMember();
  conversation.is_single_turn = false;
  EXPECT_EQ(Evaluate(kIsolatedRequests, conversation).log_odds, 0);
}

TEST(IsolatedRequestsTest, WaitsForEnoughEvents) {
  Behaviour beginner = PoolMember();
  beginner.event_count = 26;
  beginner.active_day_count = 1;
  EXPECT_EQ(Evaluate(kIsolatedRequests, beginner).log_odds, 0);
}

}  // namespace
}  // namespace stillwatch::detector
