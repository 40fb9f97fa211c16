#include "detector/fusion.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <set>
#include <string>

#include "tests/detector/portrait_maker.h"

namespace stillwatch::detector {
namespace {

Baseline Thresholds(double review, double act) {
  Baseline baseline = HonestBaseline();
  baseline.review_log_odds = review;
  baseline.act_log_odds = act;
  return baseline;
}

int LoudFamilies(const Assessment& assessment) {
  std::array<double, kFamilyCount> sums{};
  for (size_t i = 0; i < kDetectorCount; ++i) {
    sums[static_cast<size_t>(AllDetectors()[i]->family)] += assessment.findings[i].log_odds;
  }
  int count = 0;
  for (const double sum : sums) count += sum >= kFamilyLogOddsMin;
  return count;
}

class FusionTest : public ::testing::TestWithParam<Behaviour> {};

TEST_P(FusionTest, TermsAddUpToTheLogOdds) {
  const features::Portrait portrait = MakePortrait(GetParam());
  for (const Label label : {Label::kUnlabelled, Label::kConfirmed, Label::kBenign}) {
    const Assessment assessment = Assess(portrait, HonestBaseline(), label);
    double sum = kBaseLogOdds + LabelLogOdds(label);
    for (const Finding& finding : assessment.findings) {
      EXPECT_GE(finding.log_odds, 0);
      sum += finding.log_odds;
    }
    EXPECT_NEAR(assessment.log_odds, sum, 1e-9);
  }
}

TEST_P(FusionTest, LabelsDecide) {
  const features::Portrait portrait = MakePortrait(GetParam());
  EXPECT_EQ(Assess(portrait, HonestBaseline(), Label::kBenign).verdict, Verdict::kClear);
  const Assessment confirmed = Assess(portrait, HonestBaseline(), Label::kConfirmed);
  EXPECT_EQ(confirmed.verdict, Verdict::kAct);
  EXPECT_GT(RiskOf(confirmed.log_odds, Label::kConfirmed), 0.999);
}

TEST_P(FusionTest, ThresholdsDecideTheVerdict) {
  const features::Portrait portrait = MakePortrait(GetParam());
  const Assessment assessment = Assess(portrait, HonestBaseline(), Label::kUnlabelled);
  const double log_odds = assessment.log_odds;
  const auto verdict = [&](double review, double act) {
    return Assess(portrait, Thresholds(review, act), Label::kUnlabelled).verdict;
  };
  EXPECT_EQ(verdict(log_odds + 0.1, log_odds + 1), Verdict::kClear);
  EXPECT_EQ(verdict(log_odds, log_odds + 1), Verdict::kReview);
  EXPECT_EQ(verdict(log_odds - 1, log_odds), LoudFamilies(assessment) >= 2 ? Verdict::kAct : Verdict::kReview);
}

Behaviour OnlyContent() {
  Behaviour behaviour;
  behaviour.marker_share = 0.9;
  return behaviour;
}
Behaviour LogitThief() { return {.event_count = 5000, .distinct_prompt_count = 4, .logit_bias_size_count = 40}; }

std::string NameOf(const ::testing::TestParamInfo<Behaviour>& test) {
  return std::array{"person", "application", "harvester", "content", "logit"}[test.index];
}

INSTANTIATE_TEST_SUITE_P(Fusion, FusionTest,
                         ::testing::Values(Behaviour(), Application(), Harvester(), OnlyContent(), LogitThief()),
                         NameOf);

TEST(FusionTest, OneFamilyNeverSufficesForAct) {
  const Assessment content = Assess(MakePortrait(OnlyContent()), Thresholds(-100, -100), Label::kUnlabelled);
  ASSERT_EQ(LoudFamilies(content), 1);
  EXPECT_EQ(content.verdict, Verdict::kReview);
}

TEST(FusionTest, WhoMayBeInAGroupByChanceIsReviewedOnly) {
  Membership membership{.campaign = 1, .member_count = 8};
  for (CampaignEvidence& evidence : membership.terms) evidence.log_odds = 8;
  const features::Portrait person = MakePortrait(Behaviour());
  const auto verdict = [&membership](const features::Portrait& portrait, float share) {
    membership.share = share;
    return Assess(portrait, HonestBaseline(), Label::kUnlabelled, membership).verdict;
  };
  EXPECT_EQ(verdict(person, 0.75F), Verdict::kReview);
  EXPECT_EQ(verdict(person, 0.95F), Verdict::kAct);
  const Assessment assessment = Assess(person, HonestBaseline(), Label::kUnlabelled, membership);
  EXPECT_NEAR(ProbabilityOfOwnDoing(assessment, membership), 0.95, 0.01);
  EXPECT_EQ(ProbabilityOfOwnDoing(assessment, kNoMembership), 1);
  Behaviour harvester = Harvester();  // Acted upon without any group.
  harvester.age_days = 8;
  harvester.active_day_count = 1;
  EXPECT_EQ(verdict(MakePortrait(harvester), 0.75F), Verdict::kAct);
}

TEST(FusionTest, AHarvesterIsActedUponAndHonestAccountsAreClear) {
  Behaviour harvester = Harvester();
  harvester.age_days = 8;
  harvester.active_day_count = 1;
  EXPECT_EQ(Assess(MakePortrait(harvester), HonestBaseline(), Label::kUnlabelled).verdict, Verdict::kAct);
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Behaviour person, application = Application();
    person.seed = application.seed = seed;
    EXPECT_EQ(Assess(MakePortrait(person), HonestBaseline(), Label::kUnlabelled).verdict, Verdict::kClear);
    EXPECT_EQ(Assess(MakePortrait(application), HonestBaseline(), Label::kUnlabelled).verdict, Verdict::kClear);
  }
}

TEST(FusionTest, HonestLookAlikesAreNotActedUpon) {
  Behaviour harness = Application();  // An evaluation: chain-of-thought, greedy, few tokens out.
  harness.marker_share = 0.9;
  Behaviour judge = Application();
  judge.marker = features::Marker::kRubricGrading;
  judge.marker_share = 1;
  Behaviour monitor = Application();
  monitor.distinct_prompt_count = 1;
  monitor.temperature = 1;
  Behaviour batch_job = Application();
  batch_job.events_per_minute = 100;
  for (const Behaviour& honest : {harness, judge, monitor, batch_job}) {
    EXPECT_NE(Assess(MakePortrait(honest), HonestBaseline(), Label::kUnlabelled).verdict, Verdict::kAct);
  }
}

TEST(FusionTest, RiskRisesWithTheLogOdds) {
  EXPECT_NEAR(RiskOf(0, Label::kUnlabelled), 0.5, 1e-12);
  EXPECT_NEAR(RiskOf(kBaseLogOdds, Label::kUnlabelled), 0.001, 1e-6);
  double before = -1;
  for (double log_odds = -50; log_odds <= 50; log_odds += 0.5) {
    const double risk = RiskOf(log_odds, Label::kUnlabelled);
    EXPECT_GE(risk, before);
    EXPECT_TRUE(risk >= 0 && risk <= 1);
    before = risk;
  }
  EXPECT_EQ(RiskOf(100, Label::kBenign), 0);
}

TEST(FusionTest, AnEmptyAccountIsClearAtTheBase) {
  for (const Baseline& baseline : {PriorBaseline(), HonestBaseline()}) {
    const Assessment assessment = Assess(features::Portrait(), baseline, Label::kUnlabelled);
    EXPECT_EQ(assessment.verdict, Verdict::kClear);
    EXPECT_NEAR(assessment.log_odds, kBaseLogOdds, 1e-9);
  }
}

TEST(FusionTest, DetectorsHaveNamesOfTheirOwnAndAFamily) {
  std::set<std::string_view> names;
  for (const Detector* detector : AllDetectors()) {
    names.insert(detector->name);
    EXPECT_NE(detector->family, Family::kNone);
    EXPECT_FALSE(FamilyName(detector->family).empty());
  }
  EXPECT_EQ(names.size(), kDetectorCount);
}

TEST(SaturateTest, KeepsTheOrderAndTheLimit) {
  double before = -1;
  for (double value = -5; value < 200; value += 0.5) {
    const double bent = Saturate(value, 3);
    EXPECT_GE(bent, before < 0 ? 0 : before);
    EXPECT_LE(bent, 3);
    before = bent;
  }
  EXPECT_EQ(Saturate(-1, 3), 0);
  EXPECT_NEAR(Saturate(0.01, 3), 0.01, 1e-4);
}

}  // namespace
}  // namespace stillwatch::detector
