#include "enforcement/webhook_message.h"

#include <string_view>

#include "enforcement/policy.h"
#include "features/portrait.h"
#include "proto/json_writer.h"
#include "proto/name_hash.h"
#include "query/score_conversion.h"

namespace stillwatch::enforcement {
namespace {

using features::Counter;
using features::Portrait;

std::string HexOf(uint64_t number) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text(16, '0');
  for (size_t i = 0; i < text.size(); ++i) text[text.size() - 1 - i] = kDigits[(number >> (4 * i)) & 15];
  return text;
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

std::string_view LabelName(Label label) {
  return label == Label::kBenign ? "benign" : label == Label::kConfirmed ? "confirmed" : "unlabelled";
}

void WriteCount(JsonWriter& json, std::string_view name, double value) {
  json.Name(name).Count(static_cast<uint64_t>(value + 0.5));
}

template <typename Histogram>
void WriteTokens(JsonWriter& json, std::string_view name, const Histogram& tokens, double total) {
  json.Name(name).BeginObject();
  WriteCount(json, "total", total);
  for (const auto& [quantile, share] : {std::pair("p50", 0.5), {"p90", 0.9}, {"p99", 0.99}}) {
    json.Name(quantile).Number(tokens.Quantile(share));
  }
  json.EndObject();
}

void WriteVolume(JsonWriter& json, const Portrait& portrait) {
  json.Name("volume").BeginObject();
  json.Name("event_count").Count(portrait.event_count());
  json.Name("first_event_time_unix_nano").Time(portrait.first_time_unix_nano());
  json.Name("last_event_time_unix_nano").Time(portrait.last_time_unix_nano());
  json.Name("active_day_count").Count(static_cast<uint64_t>(portrait.ActiveDayCount()));
  json.Name("peak_per_minute").Count(portrait.PeakPerMinute());
  json.Name("peak_per_hour").Count(portrait.PeakPerHour());
  WriteTokens(json, "input_tokens", portrait.input_tokens(), portrait.total(Counter::kInputToken));
  WriteTokens(json, "output_tokens", portrait.output_tokens(), portrait.total(Counter::kOutputToken));
  json.EndObject();
}

// What the account's inputs are like, and how its peers' are.
void WriteInputDistribution(JsonWriter& json, const Portrait& portrait, const query::AccountDescription& description) {
  json.Name("input_distribution").BeginObject();
  WriteCount(json, "event_with_text_count", portrait.total(Counter::kText));
  WriteCount(json, "distinct_prompt_count", portrait.DistinctPrompts());
  WriteCount(json, "distinct_template_count", portrait.DistinctTemplates());
  WriteCount(json, "distinct_system_prompt_count", portrait.DistinctSystems());
  json.Name("top_head_count").Count(portrait.TopHeadCount());
  json.Name("prompt_cohesion").Number(portrait.PromptCohesion());
  google::protobuf::RepeatedPtrField<v1::Feature> features;
  description.FillFeatures(features);
  json.Name("features").BeginList();
  for (const v1::Feature& feature : features) {
    json.BeginObject().Name("name").Text(feature.name()).Name("value").Number(feature.value());
    json.Name("peer_median").Number(feature.peer_median()).Name("peer_spread").Number(feature.peer_spread());
    json.EndObject();
  }
  json.EndList().EndObject();
}

void WriteEvidence(JsonWriter& json, const v1::AccountScore& score) {
  json.Name("evidence").BeginList();
  for (const v1::Evidence& evidence : score.evidence()) {
    json.BeginObject().Name("detector").Text(evidence.detector()).Name("family").Text(FamilyName(evidence.family()));
    json.Name("strength").Number(evidence.strength()).Name("summary").Text(evidence.summary()).EndObject();
  }
  json.EndList();
}

void WriteAccount(JsonWriter& json, const AccountEvidence& evidence) {
  if (!evidence.account) return;
  const query::AccountDescription description(*evidence.account, evidence.baseline);
  v1::AccountScore score;
  description.FillScore(score);
  json.Name("organization_id").Text(score.organization_id());
  json.Name("label").Text(LabelName(evidence.account->label));
  json.Name("cluster_id").Text(score.cluster_id());
  WriteEvidence(json, score);
  WriteVolume(json, evidence.account->live.portrait);
  WriteInputDistribution(json, evidence.account->live.portrait, description);
}

JsonWriter BeginMessage(const WebhookMessage& message, std::string_view type) {
  JsonWriter json;
  json.BeginObject().Name("type").Text(type).Name("id").Text(message.id);
  json.Name("data").BeginObject().Name("account_id").Text(message.account_id);
  return json;
}

}  // namespace

WebhookMessage MakeVerdictMessage(const VerdictChange& change, int64_t told_unix_nano,
                                  const AccountEvidence& evidence) {
  const std::string identity = change.account_id + '\n' + std::to_string(change.time_unix_nano) + '\n' +
                               std::string(NameOf(change.from)) + '\n' + std::string(NameOf(change.to)) + '\n' +
                               std::to_string(told_unix_nano);
  WebhookMessage message{"verdict_" + HexOf(HashName(identity)), change.account_id, ""};
  JsonWriter json = BeginMessage(message, "verdict.changed");
  json.Name("from_verdict").Text(NameOf(change.from)).Name("to_verdict").Text(NameOf(change.to));
  json.Name("time_unix_nano").Time(change.time_unix_nano).Name("risk").Number(change.risk);
  json.Name("event_count").Count(change.event_count);
  WriteAccount(json, evidence);
  json.EndObject().EndObject();
  message.body = json.Take();
  return message;
}

WebhookMessage MakeDecisionMessage(const DecisionEntry& entry, const Decision& decision,
                                   const AccountEvidence& evidence) {
  const bool has_begun = entry.ruling == Ruling::kRefuse;
  const std::string identity = entry.account_id + '\n' + std::to_string(entry.time_unix_nano);
  WebhookMessage message{"decision_" + HexOf(HashName(identity)), entry.account_id, ""};
  JsonWriter json = BeginMessage(message, has_begun ? "decision.began" : "decision.ended");
  json.Name("decision_id").Count(decision.id).Name("mode").Text(NameOf(entry.mode));
  json.Name("origin").Text(entry.origin == DecisionOrigin::kAnalyst ? "analyst" : "verdict");
  json.Name("verdict").Text(NameOf(entry.verdict)).Name("note").Text(entry.note);
  json.Name("time_unix_nano").Time(entry.time_unix_nano);
  json.Name("begin_time_unix_nano").Time(decision.begin_unix_nano);
  json.Name("end_time_unix_nano").Time(has_begun ? decision.end_unix_nano : entry.time_unix_nano);
  WriteAccount(json, evidence);
  json.EndObject().EndObject();
  message.body = json.Take();
  return message;
}

}  // namespace stillwatch::enforcement
