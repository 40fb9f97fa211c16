#include "detector/audit_report.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <vector>

#include "proto/json_writer.h"

namespace stillwatch::detector {
namespace {

// As in `stillwatch suspects`: evidence below this, a likelihood ratio of 1.1, is not worth an analyst's line.
constexpr double kEvidenceLogOddsMin = 0.1;

// The pieces of evidence, strongest first.
void WriteEvidence(const AuditedAccount& account, JsonWriter& json) {
  std::vector<const AuditTerm*> evidence;
  for (const AuditTerm& term : account.terms) {
    if (term.family != Family::kNone && term.finding.log_odds >= kEvidenceLogOddsMin) evidence.push_back(&term);
  }
  std::stable_sort(evidence.begin(), evidence.end(),
                   [](const AuditTerm* a, const AuditTerm* b) { return a->finding.log_odds > b->finding.log_odds; });
  json.Name("evidence").BeginList();
  for (const AuditTerm* term : evidence) {
    json.BeginObject().Name("detector").Text(term->detector).Name("family").Text(FamilyName(term->family));
    json.Name("strength").Number(term->finding.log_odds).Name("summary").Text(term->summary).EndObject();
  }
  json.EndList();
}

// Keeps the reason of the first failure: later ones only follow from it.
class ReportFile {
 public:
  explicit ReportFile(const std::filesystem::path& path) : path_(path), file_(path, std::ios::binary) { Note(); }

  void Write(std::string_view text) {
    file_.write(text.data(), static_cast<std::streamsize>(text.size()));
    Note();
  }
  Status Close() {
    file_.close();
    Note();
    if (errno_ == 0) return {};
    return {errno_ == ENOSPC ? Code::kResourceExhausted : Code::kUnavailable,
            "cannot write " + path_.string() + ": " + std::strerror(errno_)};
  }

 private:
  void Note() {
    if (!file_ && errno_ == 0) errno_ = errno == 0 ? EIO : errno;
  }

  const std::filesystem::path path_;
  std::ofstream file_;
  int errno_ = 0;
};

Status WriteFile(const std::filesystem::path& path, std::string_view text) {
  ReportFile file(path);
  file.Write(text);
  return file.Close();
}

}  // namespace

std::string_view VerdictName(Verdict verdict) {
  return verdict == Verdict::kAct ? "act" : verdict == Verdict::kReview ? "review" : "clear";
}

std::string_view LabelName(Label label) {
  return label == Label::kConfirmed ? "confirmed" : label == Label::kBenign ? "benign" : "unlabelled";
}

std::string AuditSummaryJson(const AuditOutcome& outcome, std::string_view software_version) {
  const AuditSummary& summary = outcome.summary;
  JsonWriter json;
  json.BeginObject().Name("audit_id").Text(summary.audit_id);
  json.Name("software_version").Text(software_version);
  json.Name("start_time_unix_nano").Time(summary.start_time_unix_nano);
  json.Name("duration_ms").Count(summary.duration_ms);
  json.Name("from_time_unix_nano").Time(summary.range.from_time_unix_nano);
  json.Name("to_time_unix_nano").Time(summary.range.to_time_unix_nano);
  json.Name("event_count").Count(summary.event_count);
  json.Name("account_count").Count(summary.account_count);
  json.Name("review_count").Count(summary.review_count);
  json.Name("act_count").Count(summary.act_count);
  json.Name("differing_count").Count(summary.differing_count);
  json.Name("damaged_block_count").Count(summary.damaged_block_count);
  json.Name("snapshot_event_count").Count(outcome.snapshot_event_count);
  json.Name("first_event_time_unix_nano").Time(outcome.first_event_time_unix_nano);
  json.Name("last_event_time_unix_nano").Time(outcome.last_event_time_unix_nano);
  json.Name("review_log_odds").Number(outcome.review_log_odds);
  json.Name("act_log_odds").Number(outcome.act_log_odds);
  return json.EndObject().Take() + '\n';
}

std::string AuditedAccountJson(const AuditedAccount& account) {
  JsonWriter json;
  json.BeginObject().Name("account_id").Text(account.account_id);
  json.Name("risk").Number(account.risk);
  json.Name("verdict").Text(VerdictName(account.verdict));
  WriteEvidence(account, json);
  json.Name("cluster_id").Text(CampaignId(account.campaign));
  json.Name("event_count").Count(account.event_count);
  json.Name("first_review_time_unix_nano").Time(account.first_review_time_unix_nano);
  json.Name("first_act_time_unix_nano").Time(account.first_act_time_unix_nano);
  json.Name("events_at_first_review").Count(account.events_at_first_review);
  json.Name("events_at_first_act").Count(account.events_at_first_act);
  json.Name("label").Text(LabelName(account.label));
  json.Name("live_risk").Number(account.live_risk);
  json.Name("live_verdict").Text(VerdictName(account.live_verdict));
  return json.EndObject().Take() + '\n';
}

Status WriteAuditReport(const std::filesystem::path& directory, const AuditOutcome& outcome,
                        std::string_view software_version) {
  STILLWATCH_RETURN_IF_ERROR(WriteFile(directory / "summary.json", AuditSummaryJson(outcome, software_version)));
  STILLWATCH_RETURN_IF_ERROR(WriteFile(directory / "report.html", AuditPage(outcome, software_version)));
  ReportFile suspects(directory / "suspects.jsonl");
  for (const AuditedAccount& account : outcome.accounts) suspects.Write(AuditedAccountJson(account));
  return suspects.Close();
}

}  // namespace stillwatch::detector
