// Audits that were made: their summaries in the store, their reports as files.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "detector/audit.h"
#include "ingest/pipeline.h"
#include "proto/result.h"
#include "storage/key_value_store.h"

namespace stillwatch::query {

// Audits that are kept: more than a year of daily ones. Beyond them the oldest are deleted.
inline constexpr size_t kAuditCountMax = 400;

// True for what NewAuditId makes: YYYYMMDDTHHMMSSZ-NNNN. Whatever else a caller sends never becomes a path.
bool IsAuditId(std::string_view text);

// The value of table kAudits; its key is the audit's id. The grammar is in storage/FORMAT.md.
std::string EncodeAuditSummary(const detector::AuditSummary& summary);
std::optional<detector::AuditSummary> DecodeAuditSummary(std::string_view audit_id, std::string_view value);

// Keeps the summaries and reports of audits. A report is written aside, synced and renamed, and only then is its
// summary stored: an audit that is listed has its files. Threading: Keep and NewAuditId by one thread at a time; all
// others from any thread. Ownership: store and pipeline must outlive it.
class AuditArchive {
 public:
  // Deletes reports without a summary, which audits that were cut off have left in `directory`. The directory is made
  // when it is needed.
  AuditArchive(const storage::KeyValueStore& store, ingest::Pipeline& pipeline, std::filesystem::path directory,
               size_t audit_count_max = kAuditCountMax);

  // Errors: those of the store; kResourceExhausted once there were 9,999 audits within one second.
  Result<std::string> NewAuditId(int64_t start_time_unix_nano) const;

  // Writes the report of `outcome`, whose summary has its id, and stores the summary. Returns when both are on disk.
  // Errors: those of the files; kCancelled if `stop` was requested, kUnavailable if the pipeline drained, before that.
  Status Keep(const detector::AuditOutcome& outcome, std::string_view software_version, const std::stop_token& stop);

  // Deletes the audits whose reports name the account, and returns their number. Errors: as Keep.
  Result<uint64_t> DeleteNaming(std::string_view account_id, const std::stop_token& stop) const;

  // Newest first. A summary that cannot be read is left out. Errors: those of the store.
  Result<std::vector<detector::AuditSummary>> List() const;
  // Errors: kInvalidArgument if it is no id; kNotFound; kDataLoss if the summary cannot be read.
  Result<detector::AuditSummary> Get(std::string_view audit_id) const;
  // Opens one of detector::kAuditReportFiles of an audit. Errors: kInvalidArgument, kNotFound.
  Result<std::ifstream> OpenFile(std::string_view audit_id, std::string_view name) const;

 private:
  bool IsLeftOver(const std::filesystem::path& path) const;
  Status WriteReport(const detector::AuditOutcome& outcome, std::string_view software_version) const;
  Status Write(storage::WriteGroup records, const std::stop_token& stop) const;

  const storage::KeyValueStore& store_;
  ingest::Pipeline& pipeline_;
  const std::filesystem::path directory_;
  const size_t audit_count_max_;
};

}  // namespace stillwatch::query
