#include <gtest/gtest.h>

#include "tests/detector/portrait_maker.h"

namespace stillwatch::detector {
namespace {

Behaviour Aged(double age_days) {
  Behaviour behaviour = Harvester();
  behaviour.age_days = age_days;
  return behaviour;
}

TEST(YoungAccountTest, CountsLessTheOlderTheAccount) {
  EXPECT_GT(Evaluate(kYoungAccount, Aged(8)).log_odds, 2);
  double before = 100;
  for (const double age_days : {8, 20, 30, 40}) {
    const double log_odds = Evaluate(kYoungAccount, Aged(age_days)).log_odds;
    EXPECT_LT(log_odds, before) << age_days;
    before = log_odds;
  }
  EXPECT_EQ(Evaluate(kYoungAccount, Aged(60)).log_odds, 0);
}

TEST(YoungAccountTest, AnUnknownAgeIsHeldAgainstNobody) { EXPECT_EQ(Evaluate(kYoungAccount, Harvester()).log_odds, 0); }

TEST(YoungAccountTest, IsSilentAboutNewPeopleInConversationAndFirstTrials) {
  Behaviour person;
  person.age_days = 6;
  EXPECT_EQ(Evaluate(kYoungAccount, person).log_odds, 0);
  Behaviour trial = Application();
  trial.age_days = 6;
  trial.event_count = 10;
  EXPECT_EQ(Evaluate(kYoungAccount, trial).log_odds, 0);
}

TEST(YoungAccountTest, NeverDecidesAlone) { EXPECT_LT(Evaluate(kYoungAccount, Aged(5)).log_odds, kReviewEvidence / 2); }

}  // namespace
}  // namespace stillwatch::detector
