#include "query/audit_archive.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <system_error>
#include <tuple>
#include <utility>

#include "detector/audit_report.h"
#include "detector/markup_writer.h"
#include "ingest/pending_write.h"
#include "proto/json_writer.h"
#include "proto/limits.h"
#include "storage/byte_codec.h"

namespace stillwatch::query {
namespace {

constexpr uint8_t kVersion = 1;
constexpr char kPartialSuffix[] = ".partial";
constexpr int kCounterMax = 9999;

Status FileError(const std::filesystem::path& path, int error) {
  return {error == ENOSPC ? Code::kResourceExhausted : Code::kUnavailable,
          "cannot write " + path.string() + ": " + std::strerror(error)};
}

// Makes a file's bytes, or a directory's names, durable.
Status Sync(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return FileError(path, errno);
  const int error = ::fsync(file) == 0 ? 0 : errno;
  ::close(file);
  return error == 0 ? Status() : FileError(path, error);
}

// True for bytes that a longer name could go on with.
bool IsNameByte(char byte) {
  constexpr std::string_view kMarks = "-_.:@";
  return std::isalnum(static_cast<unsigned char>(byte)) != 0 || kMarks.find(byte) != std::string_view::npos;
}

// Says whether `text` holds the name, and not merely a longer one that begins or ends like it.
bool Names(std::string_view text, std::string_view name) {
  for (size_t at = text.find(name); at != std::string_view::npos; at = text.find(name, at + 1)) {
    const size_t end = at + name.size();
    if ((at == 0 || !IsNameByte(text[at - 1])) && (end == text.size() || !IsNameByte(text[end]))) return true;
  }
  return false;
}

// Says whether a file of a report names the account, as JSON or as HTML writes it.
bool ReportNames(const std::filesystem::path& directory, std::string_view account_id) {
  std::string quoted = JsonWriter().Text(account_id).Take();
  const std::string json = quoted.substr(1, quoted.size() - 2);
  const std::string html = detector::MarkupWriter().Text(account_id).Take();
  for (const std::string_view file_name : detector::kAuditReportFiles) {
    std::ifstream file(directory / file_name, std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    if (Names(text, account_id) || Names(text, json) || Names(text, html)) return true;
  }
  return false;
}

}  // namespace

bool IsAuditId(std::string_view text) {
  constexpr std::string_view kPattern = "00000000T000000Z-0000";
  return text.size() == kPattern.size() &&
         std::equal(text.begin(), text.end(), kPattern.begin(),
                    [](char c, char expected) { return expected == '0' ? c >= '0' && c <= '9' : c == expected; });
}

std::string EncodeAuditSummary(const detector::AuditSummary& summary) {
  std::string value(1, static_cast<char>(kVersion));
  storage::AppendFixed(value, summary.start_time_unix_nano);
  storage::AppendFixed(value, summary.range.from_time_unix_nano);
  storage::AppendFixed(value, summary.range.to_time_unix_nano);
  for (const uint64_t count : {summary.duration_ms, summary.event_count, summary.account_count, summary.review_count,
                               summary.act_count, summary.differing_count, summary.damaged_block_count}) {
    storage::AppendVarint(value, count);
  }
  return value;
}

std::optional<detector::AuditSummary> DecodeAuditSummary(std::string_view audit_id, std::string_view value) {
  detector::AuditSummary summary;
  summary.audit_id = audit_id;
  storage::ByteReader reader(value);
  uint8_t version = 0;
  if (!reader.ReadFixed(version) || version != kVersion || !reader.ReadFixed(summary.start_time_unix_nano) ||
      !reader.ReadFixed(summary.range.from_time_unix_nano) || !reader.ReadFixed(summary.range.to_time_unix_nano) ||
      !reader.ReadVarint(summary.duration_ms) || !reader.ReadVarint(summary.event_count) ||
      !reader.ReadVarint(summary.account_count) || !reader.ReadVarint(summary.review_count) ||
      !reader.ReadVarint(summary.act_count) || !reader.ReadVarint(summary.differing_count) ||
      !reader.ReadVarint(summary.damaged_block_count) || !reader.empty()) {
    return std::nullopt;
  }
  return summary;
}

AuditArchive::AuditArchive(const storage::KeyValueStore& store, ingest::Pipeline& pipeline,
                           std::filesystem::path directory, size_t audit_count_max)
    : store_(store), pipeline_(pipeline), directory_(std::move(directory)), audit_count_max_(audit_count_max) {
  std::error_code error;
  std::vector<std::filesystem::path> unknown;
  for (std::filesystem::directory_iterator entry(directory_, error), end; !error && entry != end;
       entry.increment(error)) {
    if (IsLeftOver(entry->path())) unknown.push_back(entry->path());
  }
  for (const std::filesystem::path& path : unknown) std::filesystem::remove_all(path, error);
}

bool AuditArchive::IsLeftOver(const std::filesystem::path& path) const {
  if (path.extension() == kPartialSuffix) return true;
  const std::string name = path.filename().string();
  if (!IsAuditId(name)) return false;
  Result<std::optional<std::string>> summary = store_.Get(storage::Table::kAudits, name);
  return summary.ok() && !summary->has_value();
}

Result<std::string> AuditArchive::NewAuditId(int64_t start_time_unix_nano) const {
  const std::chrono::sys_seconds time{std::chrono::seconds(start_time_unix_nano / kNanosecondsPerSecond)};
  const auto midnight = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(midnight);
  const std::chrono::hh_mm_ss clock(time - midnight);
  for (int counter = 1; counter <= kCounterMax; ++counter) {
    std::array<char, 64> text;
    std::snprintf(text.data(), text.size(), "%04d%02u%02uT%02d%02d%02dZ-%04d", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                  static_cast<int>(clock.seconds().count()), counter);
    Result<std::optional<std::string>> known = store_.Get(storage::Table::kAudits, text.data());
    if (!known.ok()) return known.status();
    std::error_code error;
    if (!known->has_value() && !std::filesystem::exists(directory_ / text.data(), error)) {
      return std::string(text.data());
    }
  }
  return {Code::kResourceExhausted, "too many audits in one second"};
}

Status AuditArchive::WriteReport(const detector::AuditOutcome& outcome, std::string_view software_version) const {
  const std::filesystem::path partial = directory_ / (outcome.summary.audit_id + kPartialSuffix);
  std::error_code error;
  std::filesystem::create_directories(partial, error);
  if (error) return FileError(partial, error.value());
  STILLWATCH_RETURN_IF_ERROR(detector::WriteAuditReport(partial, outcome, software_version));
  for (const std::string_view name : detector::kAuditReportFiles) STILLWATCH_RETURN_IF_ERROR(Sync(partial / name));
  STILLWATCH_RETURN_IF_ERROR(Sync(partial));
  std::filesystem::rename(partial, directory_ / outcome.summary.audit_id, error);
  if (error) return FileError(partial, error.value());
  return Sync(directory_);
}

Status AuditArchive::Write(storage::WriteGroup records, const std::stop_token& stop) const {
  return ingest::WriteAndWait(pipeline_, std::move(records), stop);
}

Status AuditArchive::Keep(const detector::AuditOutcome& outcome, std::string_view software_version,
                          const std::stop_token& stop) {
  std::error_code ignored;
  if (const Status status = WriteReport(outcome, software_version); !status.ok()) {
    std::filesystem::remove_all(directory_ / (outcome.summary.audit_id + kPartialSuffix), ignored);
    return status;
  }
  Result<std::vector<detector::AuditSummary>> kept = List();
  if (!kept.ok()) return kept.status();
  storage::WriteGroup records;
  records.Put(storage::Table::kAudits, outcome.summary.audit_id, EncodeAuditSummary(outcome.summary));
  // With the new one they are one more.
  const size_t kept_count = std::min(kept->size(), audit_count_max_ - 1);
  kept->erase(kept->begin(), kept->begin() + static_cast<ptrdiff_t>(kept_count));
  for (const detector::AuditSummary& old : *kept) records.Delete(storage::Table::kAudits, old.audit_id);
  STILLWATCH_RETURN_IF_ERROR(Write(std::move(records), stop));
  for (const detector::AuditSummary& old : *kept) std::filesystem::remove_all(directory_ / old.audit_id, ignored);
  return {};
}

Result<uint64_t> AuditArchive::DeleteNaming(std::string_view account_id, const std::stop_token& stop) const {
  std::vector<std::filesystem::path> named;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory_, error)) {
    if (entry.is_directory(error) && ReportNames(entry.path(), account_id)) named.push_back(entry.path());
  }
  if (named.empty()) return uint64_t{0};
  storage::WriteGroup records;
  for (const auto& path : named) records.Delete(storage::Table::kAudits, path.filename().string());
  STILLWATCH_RETURN_IF_ERROR(Write(std::move(records), stop));
  for (const auto& path : named) {
    std::filesystem::remove_all(path, error);
    if (error) return FileError(path, error.value());
  }
  STILLWATCH_RETURN_IF_ERROR(Sync(directory_));
  return static_cast<uint64_t>(named.size());
}

Result<std::vector<detector::AuditSummary>> AuditArchive::List() const {
  std::vector<detector::AuditSummary> audits;
  STILLWATCH_RETURN_IF_ERROR(store_.TakeSnapshot()->Scan(
      storage::Table::kAudits, "", "", [&audits](std::string_view audit_id, std::string_view value) {
        std::optional<detector::AuditSummary> summary = DecodeAuditSummary(audit_id, value);
        if (IsAuditId(audit_id) && summary) audits.push_back(*std::move(summary));
        return true;
      }));
  std::sort(audits.begin(), audits.end(), [](const detector::AuditSummary& a, const detector::AuditSummary& b) {
    return std::tie(b.start_time_unix_nano, b.audit_id) < std::tie(a.start_time_unix_nano, a.audit_id);
  });
  return audits;
}

Result<detector::AuditSummary> AuditArchive::Get(std::string_view audit_id) const {
  if (!IsAuditId(audit_id)) return {Code::kInvalidArgument, "audit_id: expected YYYYMMDDTHHMMSSZ-NNNN"};
  Result<std::optional<std::string>> value = store_.Get(storage::Table::kAudits, audit_id);
  if (!value.ok()) return value.status();
  if (!value->has_value()) return {Code::kNotFound, "there is no audit " + std::string(audit_id)};
  std::optional<detector::AuditSummary> summary = DecodeAuditSummary(audit_id, **value);
  if (!summary) return {Code::kDataLoss, "the summary of audit " + std::string(audit_id) + " cannot be read"};
  return *std::move(summary);
}

Result<std::ifstream> AuditArchive::OpenFile(std::string_view audit_id, std::string_view name) const {
  const auto& names = detector::kAuditReportFiles;
  if (!IsAuditId(audit_id) || std::find(names.begin(), names.end(), name) == names.end()) {
    return {Code::kInvalidArgument, "not a file of an audit"};
  }
  std::ifstream file(directory_ / audit_id / name, std::ios::binary);
  if (!file) return {Code::kNotFound, "the report of audit " + std::string(audit_id) + " is gone"};
  return file;
}

}  // namespace stillwatch::query
