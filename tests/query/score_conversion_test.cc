#include "query/score_conversion.h"

#include <gtest/gtest.h>

#include <numeric>

#include "detector/detector.h"
#include "detector/fusion.h"

namespace stillwatch::query {
namespace {

using detector::kDetectorCount;

// An account in which detector i found `log_odds[i]`, for as many as are given, and the others nothing.
detector::AccountDetail MakeAccount(std::initializer_list<double> log_odds, Label label = Label::kUnlabelled) {
  detector::AccountDetail account;
  account.account_id = "account-1";
  account.organization_id = "org-1";
  account.label = label;
  account.assessment.peer_group = 4;
  double sum = detector::kBaseLogOdds;
  size_t i = 0;
  for (const double value : log_odds) {
    account.assessment.findings[i++] = {.log_odds = value, .value = 10 + value, .population = 20 + value};
    sum += value;
  }
  sum += detector::LabelLogOdds(label);
  account.assessment.log_odds = sum;
  account.live.score.log_odds = sum;
  return account;
}

v1::AccountScore ScoreOf(const detector::AccountDetail& account) {
  const detector::Baseline baseline = detector::PriorBaseline();
  v1::AccountScore score;
  AccountDescription(account, baseline).FillScore(score);
  return score;
}

google::protobuf::RepeatedPtrField<v1::RiskTerm> TermsOf(const detector::AccountDetail& account) {
  const detector::Baseline baseline = detector::PriorBaseline();
  google::protobuf::RepeatedPtrField<v1::RiskTerm> terms;
  AccountDescription(account, baseline).FillTerms(terms);
  return terms;
}

TEST(ScoreConversionTest, EvidenceIsWhatWasFoundStrongestFirst) {
  const v1::AccountScore score = ScoreOf(MakeAccount({2, 0.0999, 3, 0.1, 2}));
  ASSERT_EQ(score.evidence_size(), 4);
  const size_t order[] = {2, 0, 4, 3};
  const double strengths[] = {3, 2, 2, 0.1};
  for (int i = 0; i < 4; ++i) {
    const detector::Detector& detector = *detector::AllDetectors()[order[i]];
    EXPECT_EQ(score.evidence(i).detector(), detector.name);
    EXPECT_EQ(static_cast<int>(score.evidence(i).family()), static_cast<int>(detector.family));
    EXPECT_EQ(score.evidence(i).strength(), strengths[i]);
    EXPECT_NE(score.evidence(i).summary(), "");
  }
}

TEST(ScoreConversionTest, LabelAddsNoEvidence) {
  for (const Label label : {Label::kConfirmed, Label::kBenign}) {
    const v1::AccountScore score = ScoreOf(MakeAccount({0, 1}, label));
    EXPECT_EQ(score.evidence_size(), 1);
    EXPECT_EQ(score.label(), ToProto(label));
  }
}

TEST(ScoreConversionTest, ScoreHoldsWhatTheEngineKeeps) {
  detector::AccountDetail account = MakeAccount({1});
  account.live.score.verdict = Verdict::kAct;
  account.live.score.first_review_time_unix_nano = 1;
  account.live.score.first_act_time_unix_nano = 2;
  account.live.score.events_at_first_review = 3;
  account.live.score.events_at_first_act = 4;
  const v1::AccountScore score = ScoreOf(account);
  EXPECT_EQ(score.account_id(), "account-1");
  EXPECT_EQ(score.organization_id(), "org-1");
  EXPECT_EQ(score.cluster_id(), "");
  EXPECT_EQ(score.verdict(), v1::VERDICT_ACT);
  EXPECT_EQ(score.first_review_time_unix_nano(), 1u);
  EXPECT_EQ(score.first_act_time_unix_nano(), 2u);
  EXPECT_EQ(score.events_at_first_review(), 3u);
  EXPECT_EQ(score.events_at_first_act(), 4u);
  EXPECT_EQ(score.risk(), detector::RiskOf(account.assessment.log_odds, Label::kUnlabelled));
}

TEST(ScoreConversionTest, TermsListEveryDetectorAndAddUp) {
  for (const Label label : {Label::kUnlabelled, Label::kConfirmed, Label::kBenign}) {
    const detector::AccountDetail account = MakeAccount({0.05, 0, 4.25, 1e-7}, label);
    const auto terms = TermsOf(account);
    ASSERT_EQ(terms.size(), static_cast<int>(1 + kDetectorCount + (label == Label::kUnlabelled ? 0 : 1)));
    for (size_t i = 0; i < kDetectorCount; ++i) {
      const v1::RiskTerm& term = terms.Get(static_cast<int>(1 + i));
      EXPECT_EQ(term.detector(), detector::AllDetectors()[i]->name);
      EXPECT_EQ(term.value(), account.assessment.findings[i].value);
      EXPECT_EQ(term.population_value(), account.assessment.findings[i].population);
    }
    const double sum = std::accumulate(terms.begin(), terms.end(), 0.0,
                                       [](double left, const v1::RiskTerm& term) { return left + term.log_odds(); });
    EXPECT_NEAR(sum, account.assessment.log_odds, 1e-9);
  }
}

TEST(ScoreConversionTest, FeaturesStandBesideThoseOfThePeers) {
  const detector::AccountDetail account = MakeAccount({});
  detector::Baseline baseline = detector::PriorBaseline();
  auto& scale = baseline.groups[account.assessment.peer_group].scale;
  for (size_t i = 0; i < features::kFeatureCount; ++i) {
    scale.median[i] = static_cast<float>(i);
    scale.spread[i] = static_cast<float>(i) / 2;
  }
  google::protobuf::RepeatedPtrField<v1::Feature> features;
  AccountDescription(account, baseline).FillFeatures(features);
  ASSERT_EQ(features.size(), static_cast<int>(features::kFeatureCount));
  const features::FeatureRow row = features::ExtractFeatures(account.live.portrait);
  for (int i = 0; i < features.size(); ++i) {
    EXPECT_EQ(features.Get(i).name(), features::FeatureName(static_cast<features::Feature>(i)));
    EXPECT_EQ(features.Get(i).value(), static_cast<double>(row[static_cast<size_t>(i)]));
    EXPECT_EQ(features.Get(i).peer_median(), i);
    EXPECT_EQ(features.Get(i).peer_spread(), i / 2.0);
  }
}

}  // namespace
}  // namespace stillwatch::query
