#include "query/score_conversion.h"

#include <algorithm>
#include <array>
#include <string>

#include "detector/detector.h"
#include "detector/fusion.h"

namespace stillwatch::query {
namespace {

using detector::AllDetectors;
using detector::Family;
using detector::kDetectorCount;

static_assert(static_cast<int>(Verdict::kClear) == v1::VERDICT_CLEAR);
static_assert(static_cast<int>(Verdict::kReview) == v1::VERDICT_REVIEW);
static_assert(static_cast<int>(Verdict::kAct) == v1::VERDICT_ACT);
static_assert(static_cast<int>(Label::kUnlabelled) == v1::LABEL_UNLABELLED);
static_assert(static_cast<int>(Label::kConfirmed) == v1::LABEL_CONFIRMED);
static_assert(static_cast<int>(Label::kBenign) == v1::LABEL_BENIGN);
static_assert(static_cast<int>(Family::kNone) == v1::EVIDENCE_FAMILY_UNSPECIFIED);
static_assert(static_cast<int>(Family::kContent) == v1::EVIDENCE_FAMILY_CONTENT);
static_assert(static_cast<int>(Family::kTiming) == v1::EVIDENCE_FAMILY_TIMING);
static_assert(static_cast<int>(Family::kVolume) == v1::EVIDENCE_FAMILY_VOLUME);
static_assert(static_cast<int>(Family::kParameters) == v1::EVIDENCE_FAMILY_PARAMETERS);
static_assert(static_cast<int>(Family::kInfrastructure) == v1::EVIDENCE_FAMILY_INFRASTRUCTURE);
static_assert(static_cast<int>(Family::kLifecycle) == v1::EVIDENCE_FAMILY_LIFECYCLE);

v1::EvidenceFamily ToProto(Family family) { return static_cast<v1::EvidenceFamily>(family); }

void FillBaseTerm(v1::RiskTerm& out) {
  const double prior = detector::RiskOf(detector::kBaseLogOdds, Label::kUnlabelled);
  out.set_detector("base");
  out.set_log_odds(detector::kBaseLogOdds);
  out.set_value(prior);
  out.set_population_value(prior);
  out.set_summary("before any evidence, 1 account in 1,000 is taken to harvest the model");
}

void FillLabelTerm(Label label, v1::RiskTerm& out) {
  out.set_detector("label");
  out.set_log_odds(detector::LabelLogOdds(label));
  out.set_summary(label == Label::kConfirmed ? "an analyst confirmed that it harvests the model"
                                             : "an analyst found it benign");
}

}  // namespace

AccountDescription::AccountDescription(const detector::AccountDetail& account, const detector::Baseline& baseline)
    : account_(account),
      peers_(baseline.groups[account.assessment.peer_group]),
      everyone_(baseline.everyone),
      features_(features::ExtractFeatures(account.live.portrait)) {}

void AccountDescription::FillScore(v1::AccountScore& out) const {
  const detector::Score& score = account_.live.score;
  out.set_account_id(account_.account_id);
  out.set_organization_id(account_.organization_id);
  out.set_cluster_id(detector::CampaignId(account_.live.membership.campaign));
  out.set_risk(detector::RiskOf(score.log_odds, account_.label));
  out.set_verdict(query::ToProto(score.verdict));
  out.set_label(query::ToProto(account_.label));
  out.set_event_count(account_.live.portrait.event_count());
  out.set_first_review_time_unix_nano(static_cast<uint64_t>(score.first_review_time_unix_nano));
  out.set_first_act_time_unix_nano(static_cast<uint64_t>(score.first_act_time_unix_nano));
  out.set_events_at_first_review(score.events_at_first_review);
  out.set_events_at_first_act(score.events_at_first_act);

  const auto& findings = account_.assessment.findings;
  std::array<size_t, kDetectorCount> order;
  for (size_t i = 0; i < kDetectorCount; ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return findings[a].log_odds > findings[b].log_odds; });
  for (const size_t i : order) {
    if (findings[i].log_odds < kEvidenceLogOddsMin) break;
    v1::Evidence& evidence = *out.add_evidence();
    evidence.set_detector(std::string(AllDetectors()[i]->name));
    evidence.set_family(ToProto(AllDetectors()[i]->family));
    evidence.set_strength(findings[i].log_odds);
    evidence.set_summary(AllDetectors()[i]->summarize(View(), findings[i]));
  }
}

void AccountDescription::FillTerms(google::protobuf::RepeatedPtrField<v1::RiskTerm>& out) const {
  FillBaseTerm(*out.Add());
  for (size_t i = 0; i < kDetectorCount; ++i) {
    const detector::Finding& finding = account_.assessment.findings[i];
    v1::RiskTerm& term = *out.Add();
    term.set_detector(std::string(AllDetectors()[i]->name));
    term.set_family(ToProto(AllDetectors()[i]->family));
    term.set_log_odds(finding.log_odds);
    term.set_value(finding.value);
    term.set_population_value(finding.population);
    term.set_summary(finding.log_odds > 0 ? AllDetectors()[i]->summarize(View(), finding) : "nothing found");
  }
  if (account_.label != Label::kUnlabelled) FillLabelTerm(account_.label, *out.Add());
}

void AccountDescription::FillFeatures(google::protobuf::RepeatedPtrField<v1::Feature>& out) const {
  for (size_t i = 0; i < features::kFeatureCount; ++i) {
    v1::Feature& feature = *out.Add();
    feature.set_name(std::string(features::FeatureName(static_cast<features::Feature>(i))));
    feature.set_value(static_cast<double>(features_[i]));
    feature.set_peer_median(static_cast<double>(peers_.scale.median[i]));
    feature.set_peer_spread(static_cast<double>(peers_.scale.spread[i]));
  }
}

void AccountDescription::FillTimeline(google::protobuf::RepeatedPtrField<v1::VerdictChange>& out) const {
  for (const VerdictChange& change : account_.timeline) FillChange(change, *out.Add());
}

void FillProfile(const AccountProfile& profile, v1::AccountProfile& out) {
  out.set_account_id(profile.account_id);
  out.set_organization_id(profile.organization_id);
  out.set_created_time_unix_nano(static_cast<uint64_t>(profile.created_time_unix_nano));
  out.set_plan(profile.plan);
  out.set_payment_fingerprint(profile.payment_fingerprint);
  out.set_email_domain(profile.email_domain);
  out.set_signup_address(profile.signup_address);
  out.set_country(profile.country);
  out.set_suspended_time_unix_nano(static_cast<uint64_t>(profile.suspended_time_unix_nano));
}

void FillChange(const VerdictChange& change, v1::VerdictChange& out) {
  out.set_account_id(change.account_id);
  out.set_from_verdict(ToProto(change.from));
  out.set_to_verdict(ToProto(change.to));
  out.set_time_unix_nano(static_cast<uint64_t>(change.time_unix_nano));
  out.set_risk(change.risk);
  out.set_event_count(change.event_count);
}

}  // namespace stillwatch::query
