#include "query/audit_archive.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <system_error>
#include <tuple>
#include <utility>

#include "detector/audit_report.h"
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

// Tells one thread what became of a write. A pipeline that drains drops what it has not begun, callbacks and all.
class PendingWrite {
 public:
  class Callback {
   public:
    explicit Callback(std::shared_ptr<PendingWrite> write) : write_(std::move(write)) {}
    Callback(const Callback&) = delete;
    Callback& operator=(const Callback&) = delete;
    ~Callback() { write_->Settle({Code::kUnavailable, "the daemon is stopping"}); }
    void Done() { write_->Settle(Status()); }

   private:
    const std::shared_ptr<PendingWrite> write_;
  };

  Status Wait(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    const bool is_settled = settled_.wait(lock, stop, [this] { return status_.has_value(); });
    return is_settled ? *status_ : Status(Code::kCancelled, "the daemon is stopping");
  }

 private:
  void Settle(Status status) {
    const std::lock_guard lock(mutex_);
    if (!status_) status_ = std::move(status);
    settled_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable_any settled_;
  std::optional<Status> status_;
};

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
  const auto pending = std::make_shared<PendingWrite>();
  auto callback = std::make_shared<PendingWrite::Callback>(pending);
  pipeline_.Write(
      std::move(records), [] {}, [callback = std::move(callback)] { callback->Done(); });
  return pending->Wait(stop);
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
