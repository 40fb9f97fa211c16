#include "enforcement/policy.h"

#include <gtest/gtest.h>

namespace stillwatch::enforcement {
namespace {

constexpr int64_t kNow = 1000;

detector::Standing StandingOf(Verdict verdict, Label label = Label::kUnlabelled) { return {verdict, label, 0}; }

DecisionEntry ByAnalyst(Ruling ruling, int64_t end) {
  DecisionEntry entry;
  entry.origin = DecisionOrigin::kAnalyst;
  entry.ruling = ruling;
  entry.end_unix_nano = end;
  return entry;
}

Ruling Rule(const detector::Standing& standing, const std::optional<DecisionEntry>& by_analyst = {},
            const PolicyOptions& options = {}) {
  return RuleOn(options, standing, by_analyst, kNow);
}

TEST(PolicyTest, TheVerdictDecides) {
  EXPECT_EQ(Rule(StandingOf(Verdict::kAct)), Ruling::kRefuse);
  EXPECT_EQ(Rule(StandingOf(Verdict::kReview)), Ruling::kAllow);
  EXPECT_EQ(Rule(StandingOf(Verdict::kClear)), Ruling::kAllow);
}

TEST(PolicyTest, ALowerVerdictIsEnforcedIfToldSo) {
  PolicyOptions options;
  options.min_verdict = Verdict::kReview;
  EXPECT_EQ(Rule(StandingOf(Verdict::kReview), {}, options), Ruling::kRefuse);
  EXPECT_EQ(Rule(StandingOf(Verdict::kClear), {}, options), Ruling::kAllow);
}

TEST(PolicyTest, AnAnalystsDecisionHoldsUntilItsEnd) {
  EXPECT_EQ(Rule(StandingOf(Verdict::kClear), ByAnalyst(Ruling::kRefuse, kNow + 1)), Ruling::kRefuse);
  EXPECT_EQ(Rule(StandingOf(Verdict::kClear), ByAnalyst(Ruling::kRefuse, kNow)), Ruling::kAllow);
  EXPECT_EQ(Rule(StandingOf(Verdict::kAct), ByAnalyst(Ruling::kAllow, kNow + 1)), Ruling::kAllow);
  EXPECT_EQ(Rule(StandingOf(Verdict::kAct), ByAnalyst(Ruling::kAllow, kNow)), Ruling::kRefuse);
  EXPECT_EQ(Rule(StandingOf(Verdict::kAct), ByAnalyst(Ruling::kAutomatic, kNow + 1)), Ruling::kRefuse);
}

TEST(PolicyTest, TheAllowListWins) {
  EXPECT_EQ(Rule(StandingOf(Verdict::kAct, Label::kBenign)), Ruling::kAllow);
  EXPECT_EQ(Rule(StandingOf(Verdict::kClear, Label::kBenign), ByAnalyst(Ruling::kRefuse, kNow + 1)), Ruling::kAllow);
}

TEST(PolicyTest, OffDecidesNothing) {
  PolicyOptions options;
  options.mode = EnforcementMode::kOff;
  EXPECT_EQ(Rule(StandingOf(Verdict::kAct), ByAnalyst(Ruling::kRefuse, kNow + 1), options), Ruling::kAllow);
}

TEST(PolicyTest, TheModeSaysHowFarARulingReaches) {
  EXPECT_EQ(PermissionUnder(EnforcementMode::kOn, Ruling::kRefuse), Permission::kRefused);
  EXPECT_EQ(PermissionUnder(EnforcementMode::kShadow, Ruling::kRefuse), Permission::kAllowedInShadow);
  EXPECT_EQ(PermissionUnder(EnforcementMode::kOff, Ruling::kRefuse), Permission::kAllowed);
  EXPECT_EQ(PermissionUnder(EnforcementMode::kOn, Ruling::kAllow), Permission::kAllowed);
}

TEST(PolicyTest, WhoDecidedIsTold) {
  EXPECT_EQ(OriginOf(StandingOf(Verdict::kAct), {}, kNow), DecisionOrigin::kVerdict);
  EXPECT_EQ(OriginOf(StandingOf(Verdict::kAct), ByAnalyst(Ruling::kRefuse, kNow + 1), kNow), DecisionOrigin::kAnalyst);
  EXPECT_EQ(OriginOf(StandingOf(Verdict::kAct), ByAnalyst(Ruling::kRefuse, kNow), kNow), DecisionOrigin::kVerdict);
  EXPECT_EQ(OriginOf(StandingOf(Verdict::kClear, Label::kBenign), {}, kNow), DecisionOrigin::kAnalyst);
}

}  // namespace
}  // namespace stillwatch::enforcement
