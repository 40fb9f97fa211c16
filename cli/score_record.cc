#include "cli/score_record.h"

#include <string>
#include <vector>

namespace stillwatch::cli {
namespace {

Style VerdictStyle(v1::Verdict verdict) {
  switch (verdict) {
    case v1::VERDICT_ACT:
      return Style::kRed;
    case v1::VERDICT_REVIEW:
      return Style::kYellow;
    default:
      return Style::kPlain;
  }
}

Record EvidenceRecord(const v1::Evidence& evidence) {
  return Record()
      .Text("detector", evidence.detector())
      .Text("family", FamilyName(evidence.family()))
      .Number("strength", evidence.strength())
      .Text("summary", evidence.summary());
}

Record ProfileRecord(const v1::AccountProfile& profile) {
  return Record()
      .Text("account_id", profile.account_id())
      .Text("organization_id", profile.organization_id())
      .Time("created_time_unix_nano", profile.created_time_unix_nano())
      .Text("plan", profile.plan())
      .Text("payment_fingerprint", profile.payment_fingerprint())
      .Text("email_domain", profile.email_domain())
      .Text("signup_address", profile.signup_address())
      .Text("country", profile.country())
      .Time("suspended_time_unix_nano", profile.suspended_time_unix_nano());
}

Record FeatureRecord(const v1::Feature& feature) {
  return Record()
      .Text("name", feature.name())
      .Number("value", feature.value())
      .Number("peer_median", feature.peer_median())
      .Number("peer_spread", feature.peer_spread());
}

Record TermRecord(const v1::RiskTerm& term) {
  return Record()
      .Text("detector", term.detector())
      .Text("family", FamilyName(term.family()))
      .Number("log_odds", term.log_odds())
      .Number("value", term.value())
      .Number("population_value", term.population_value())
      .Text("summary", term.summary());
}

template <typename Messages, typename ToRecord>
std::vector<Record> Records(const Messages& messages, ToRecord to_record) {
  std::vector<Record> records;
  for (const auto& message : messages) records.push_back(to_record(message));
  return records;
}

}  // namespace

std::string_view VerdictName(v1::Verdict verdict) {
  switch (verdict) {
    case v1::VERDICT_ACT:
      return "act";
    case v1::VERDICT_REVIEW:
      return "review";
    default:
      return "clear";
  }
}

std::string_view LabelName(v1::Label label) {
  switch (label) {
    case v1::LABEL_CONFIRMED:
      return "confirmed";
    case v1::LABEL_BENIGN:
      return "benign";
    default:
      return "unlabelled";
  }
}

std::string_view FamilyName(v1::EvidenceFamily family) {
  switch (family) {
    case v1::EVIDENCE_FAMILY_CONTENT:
      return "content";
    case v1::EVIDENCE_FAMILY_TIMING:
      return "timing";
    case v1::EVIDENCE_FAMILY_VOLUME:
      return "volume";
    case v1::EVIDENCE_FAMILY_PARAMETERS:
      return "parameters";
    case v1::EVIDENCE_FAMILY_INFRASTRUCTURE:
      return "infrastructure";
    case v1::EVIDENCE_FAMILY_LIFECYCLE:
      return "lifecycle";
    default:
      return "";
  }
}

std::vector<Record> EvidenceRecords(const google::protobuf::RepeatedPtrField<v1::Evidence>& evidence) {
  return Records(evidence, EvidenceRecord);
}

Record ScoreRecord(const v1::AccountScore& score) {
  return Record()
      .Text("account_id", score.account_id())
      .Number("risk", score.risk())
      .Text("verdict", VerdictName(score.verdict()))
      .List("evidence", EvidenceRecords(score.evidence()))
      .Text("cluster_id", score.cluster_id())
      .Count("event_count", score.event_count())
      .Time("first_review_time_unix_nano", score.first_review_time_unix_nano())
      .Time("first_act_time_unix_nano", score.first_act_time_unix_nano())
      .Count("events_at_first_review", score.events_at_first_review())
      .Count("events_at_first_act", score.events_at_first_act())
      .Text("label", LabelName(score.label()));
}

Record ChangeRecord(const v1::VerdictChange& change) {
  return Record()
      .Text("account_id", change.account_id())
      .Text("from_verdict", VerdictName(change.from_verdict()))
      .Text("to_verdict", VerdictName(change.to_verdict()))
      .Time("time_unix_nano", change.time_unix_nano())
      .Number("risk", change.risk())
      .Count("event_count", change.event_count());
}

Record LabelRecord(const v1::LabelEntry& entry) {
  return Record()
      .Text("account_id", entry.account_id())
      .Text("label", LabelName(entry.label()))
      .Text("note", entry.note())
      .Time("time_unix_nano", entry.time_unix_nano());
}

Record AccountRecord(const v1::GetAccountResponse& account) {
  return ScoreRecord(account.score())
      .Text("organization_id", account.score().organization_id())
      .Text("peer_group", account.peer_group())
      .Time("first_event_time_unix_nano", account.first_event_time_unix_nano())
      .Time("last_event_time_unix_nano", account.last_event_time_unix_nano())
      .Object("profile", ProfileRecord(account.profile()))
      .List("features", Records(account.features(), FeatureRecord))
      .List("timeline", Records(account.timeline(), ChangeRecord));
}

Record ExplanationRecord(const v1::ExplainAccountResponse& explanation) {
  return ScoreRecord(explanation.score())
      .List("terms", Records(explanation.terms(), TermRecord))
      .Number("log_odds", explanation.log_odds())
      .Number("review_log_odds", explanation.review_log_odds())
      .Number("act_log_odds", explanation.act_log_odds())
      .Count("evidence_family_count", explanation.evidence_family_count())
      .Number("own_doing", explanation.own_doing())
      .Number("act_own_doing", explanation.act_own_doing());
}

Cell VerdictCell(v1::Verdict verdict) { return Cell(std::string(VerdictName(verdict)), VerdictStyle(verdict)); }

Cell LabelCell(v1::Label label) {
  if (label == v1::LABEL_CONFIRMED) return Cell("confirmed", Style::kRed);
  if (label == v1::LABEL_BENIGN) return Cell("benign", Style::kGreen);
  return Cell("-", Style::kDim);
}

Cell RiskCell(double risk, v1::Verdict verdict) {
  return Cell(Bar(risk, 10) + " " + FormatFixed(risk, 4), VerdictStyle(verdict));
}

}  // namespace stillwatch::cli
