#include "cli/import_report.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "cli/table.h"
#include "cli/time_argument.h"

namespace stillwatch::cli {
namespace {

// REJECT_REASON_TOO_LONG as too_long.
std::string ReasonName(v1::RejectReason reason) {
  constexpr std::string_view kPrefix = "REJECT_REASON_";
  std::string name = v1::RejectReason_Name(reason);
  if (name.empty()) return "reason_" + std::to_string(static_cast<int>(reason));  // Of a newer daemon.
  name.erase(0, std::min(kPrefix.size(), name.size()));
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  return name;
}

}  // namespace

double ImportSummary::events_per_second() const {
  return seconds > 0 ? static_cast<double>(accepted + duplicate + rejected) / seconds : 0;
}

Record SummaryRecord(const ImportSummary& summary) {
  Record reasons;
  for (const auto& [reason, count] : summary.rejected_by_reason) reasons.Count(reason, count);
  return Record()
      .Count("accepted", summary.accepted)
      .Count("duplicate", summary.duplicate)
      .Count("rejected", summary.rejected)
      .Object("rejected_by_reason", reasons)
      .Count("unknown_fields", summary.unknown_fields)
      .Number("seconds", summary.seconds)
      .Number("events_per_second", summary.events_per_second());
}

void PrintSummary(std::ostream& out, std::string_view noun, const ImportSummary& summary) {
  out << "accepted        " << FormatCount(summary.accepted) << '\n'
      << "duplicate       " << FormatCount(summary.duplicate) << '\n'
      << "rejected        " << FormatCount(summary.rejected) << '\n';
  for (const auto& [reason, count] : summary.rejected_by_reason) {
    out << "  " << reason << ": " << FormatCount(count) << '\n';
  }
  if (summary.unknown_fields > 0) out << "unknown fields  " << FormatCount(summary.unknown_fields) << '\n';
  out << "took            " << FormatDuration(summary.seconds) << ", " << FormatFixed(summary.events_per_second(), 0)
      << ' ' << noun << "/s\n"
      << std::flush;
}

void ImportReport::RejectLine(const EventOrigin& origin, const std::string& reason, std::string_view message) {
  const std::lock_guard lock(mutex_);
  RejectLocked(&origin, reason, message);
}

void ImportReport::RejectLocked(const EventOrigin* origin, const std::string& reason, std::string_view message) {
  ++summary_.rejected_by_reason[reason];
  if (++summary_.rejected > kNamedLinesMax) return;
  const std::string place =
      origin == nullptr ? "" : paths_[origin->file_index] + ":" + std::to_string(origin->line_number) + ": ";
  status_line_.Write(Printable(place + std::string(message)));
}

void ImportReport::Acknowledge(const BatchOutcome& outcome,
                               const google::protobuf::RepeatedPtrField<v1::RejectedEvent>& rejected) {
  const std::lock_guard lock(mutex_);
  summary_.accepted += outcome.accepted_count;
  summary_.duplicate += outcome.duplicate_count;
  std::vector<bool> is_rejected(outcome.origins.size());
  for (const v1::RejectedEvent& event : rejected) {
    const bool is_known = event.index() < outcome.origins.size();
    if (is_known) is_rejected[event.index()] = true;
    RejectLocked(is_known ? &outcome.origins[event.index()] : nullptr, ReasonName(event.reason()), event.message());
  }
  for (size_t index = 0; index < outcome.origins.size(); ++index) {
    if (!is_rejected[index]) {
      newest_time_unix_nano_ = std::max(newest_time_unix_nano_, outcome.origins[index].time_unix_nano);
    }
  }
}

void ImportReport::AddUnknownFields(uint64_t count) {
  const std::lock_guard lock(mutex_);
  summary_.unknown_fields += count;
}

uint64_t ImportReport::newest_time_unix_nano() {
  const std::lock_guard lock(mutex_);
  return newest_time_unix_nano_;
}

ImportSummary ImportReport::Summary() {
  const std::lock_guard lock(mutex_);
  return summary_;
}

void ImportReport::Finish() {
  const ImportSummary summary = Summary();
  if (summary.rejected > kNamedLinesMax) {
    status_line_.Write("and " + FormatCount(summary.rejected - kNamedLinesMax) + " more bad lines");
  }
}

}  // namespace stillwatch::cli
