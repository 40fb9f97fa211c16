#include "ingest/account_eraser.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <utility>
#include <vector>

#include "ingest/pending_write.h"
#include "storage/record_store.h"

namespace stillwatch::ingest {
namespace {

using storage::Table;

// Stands while a deleted record of an erasure may still be in the files. It names nobody.
constexpr char kPurgeKey[] = "purge";
// Wait for readers between two tries to compact.
constexpr auto kRetryTime = std::chrono::milliseconds(200);

// Returns false if `stop` was requested meanwhile.
bool WaitFor(std::chrono::milliseconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

// Tries until no reader is in the way.
Status Retry(const std::stop_token& stop, const std::function<Status()>& attempt) {
  while (true) {
    const Status status = attempt();
    if (status.code() != Code::kUnavailable) return status;
    if (!WaitFor(kRetryTime, stop)) return {Code::kCancelled, "the daemon is stopping"};
  }
}

// All of it: old versions are wherever an erasure wrote something anew, in this life of the daemon or the one before.
std::vector<storage::KeyRange> AllRanges() {
  std::vector<storage::KeyRange> ranges;
  for (size_t table = 0; table < storage::kTableCount; ++table) ranges.push_back({static_cast<Table>(table), "", ""});
  return ranges;
}

}  // namespace

AccountEraser::AccountEraser(storage::KeyValueStore& store, Pipeline& pipeline, detector::ScoringEngine& engine,
                             std::mutex& upkeep, EraseReports erase_reports)
    : store_(store), pipeline_(pipeline), engine_(engine), upkeep_(upkeep), erase_reports_(std::move(erase_reports)) {}

Result<ErasureReport> AccountEraser::Erase(const std::string& account_id, const std::stop_token& stop) {
  const std::lock_guard lock(upkeep_);
  const auto erasure = std::make_shared<storage::Erasure>();
  const auto forgotten = std::make_shared<Status>();
  erasure->account_id = account_id;
  const auto fill = [erasure](uint64_t next_sequence, storage::WriteGroup& records) {
    erasure->end_sequence = next_sequence;
    storage::PutErasure(*erasure, records);
    records.Delete(Table::kProfiles, erasure->account_id);
    records.Delete(Table::kLabels, erasure->account_id);
  };
  const auto apply = [this, erasure, forgotten] { *forgotten = engine_.Forget(*erasure, *store_.TakeSnapshot()); };
  STILLWATCH_RETURN_IF_ERROR(WriteAndWait(pipeline_, fill, apply, Pipeline::AfterApply::kCheckpoint, stop));
  STILLWATCH_RETURN_IF_ERROR(*forgotten);
  return Finish(*erasure, stop);
}

Status AccountEraser::Resume(const std::stop_token& stop) {
  const std::lock_guard lock(upkeep_);
  const Result<std::vector<storage::Erasure>> erasures = storage::ReadErasures(*store_.TakeSnapshot());
  if (!erasures.ok()) return erasures.status();
  for (const storage::Erasure& erasure : erasures.value()) {
    const Result<ErasureReport> report = Finish(erasure, stop);
    if (!report.ok()) return report.status();
  }
  const Result<std::optional<std::string>> purge = store_.Get(Table::kMeta, kPurgeKey);
  if (!purge.ok()) return purge.status();
  return purge.value().has_value() ? FinishPurge(stop) : Status();
}

Result<ErasureReport> AccountEraser::Finish(const storage::Erasure& erasure, const std::stop_token& stop) {
  ErasureReport report;
  STILLWATCH_RETURN_IF_ERROR(RewriteBlocks(erasure, stop, report));
  // Audits that began before the account was forgotten hold a snapshot until their reports are written.
  STILLWATCH_RETURN_IF_ERROR(Retry(stop, [this] { return store_.Compact(AllRanges()); }));
  const Result<uint64_t> reports = erase_reports_(erasure.account_id, stop);
  if (!reports.ok()) return reports.status();
  report.deleted_report_count = reports.value();
  STILLWATCH_RETURN_IF_ERROR(DeleteRecord(erasure.account_id, stop));
  spdlog::info(
      "erased an account: {} events, {} blocks written anew, {} damaged blocks not searched, {} reports deleted",
      report.event_count, report.rewritten_block_count, report.damaged_block_count, report.deleted_report_count);
  return report;
}

Status AccountEraser::RewriteBlocks(const storage::Erasure& erasure, const std::stop_token& stop,
                                    ErasureReport& report) {
  storage::EraseStep step;
  while (!step.is_done) {
    storage::WriteGroup blocks;
    Result<storage::EraseStep> next =
        storage::EraseFromBlocks(*store_.TakeSnapshot(), erasure, step.next_sequence, kBlocksPerStep, blocks);
    if (next.status().code() == Code::kUnavailable && WaitFor(kRetryTime, stop)) continue;
    if (!next.ok()) return next.status();
    step = *next;
    report.event_count += step.events.size();
    report.rewritten_block_count += step.block_count;
    report.damaged_block_count += step.damaged_block_count;
    if (stop.stop_requested()) return {Code::kCancelled, "the daemon is stopping"};
    if (blocks.empty()) continue;
    const auto shared = std::make_shared<storage::WriteGroup>(std::move(blocks));
    const auto erased = std::make_shared<std::vector<storage::ErasedEvent>>(std::move(step.events));
    const auto fill = [this, shared, erased](uint64_t, storage::WriteGroup& records) {
      records = std::move(*shared);
      pipeline_.ForgetIds(*erased, records);
    };
    STILLWATCH_RETURN_IF_ERROR(WriteAndWait(pipeline_, fill, [] {}, Pipeline::AfterApply::kNothing, stop));
  }
  return {};
}

Status AccountEraser::DeleteRecord(const std::string& account_id, const std::stop_token& stop) {
  storage::WriteGroup records;
  storage::DeleteErasure(account_id, records);
  records.Put(Table::kMeta, kPurgeKey, "");
  STILLWATCH_RETURN_IF_ERROR(WriteAndWait(pipeline_, std::move(records), stop));
  return FinishPurge(stop);
}

Status AccountEraser::FinishPurge(const std::stop_token& stop) {
  STILLWATCH_RETURN_IF_ERROR(Retry(stop, [this] { return store_.Purge({{Table::kMeta, "", ""}}); }));
  storage::WriteGroup records;
  records.Delete(Table::kMeta, kPurgeKey);
  return WriteAndWait(pipeline_, std::move(records), stop);
}

}  // namespace stillwatch::ingest
