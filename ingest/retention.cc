#include "ingest/retention.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <string>
#include <utility>

#include "detector/checkpoint.h"
#include "ingest/pending_write.h"
#include "proto/limits.h"
#include "storage/block_scan.h"
#include "storage/event_id_index.h"
#include "storage/expiry.h"

namespace stillwatch::ingest {
namespace {

using storage::Table;

// Blocks of one commit: some milliseconds of the committer.
constexpr size_t kBlocksPerStep = 256;
// Between two looks at the oldest block, which cost one read each.
constexpr auto kPause = std::chrono::seconds(1);

}  // namespace

Retention::Retention(storage::KeyValueStore& store, Pipeline& pipeline, const detector::ScoringEngine& engine,
                     std::mutex& upkeep, uint32_t days)
    : store_(store),
      pipeline_(pipeline),
      engine_(engine),
      upkeep_(upkeep),
      kept_nano_(int64_t{days} * kNanosecondsPerDay),
      thread_([this](const std::stop_token& stop) { RunThread(stop); }) {}

void Retention::RunThread(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  while (!stop.stop_requested()) {
    const Result<uint64_t> deleted = RunOnce(stop);
    if (!deleted.ok() && !stop.stop_requested()) spdlog::warn("retention: {}", deleted.status().message());
    std::unique_lock lock(mutex);
    never.wait_for(lock, stop, kPause, [] { return false; });
  }
}

// Looks at the first block that can be read.
bool Retention::HasExpired(int64_t horizon_unix_nano) const {
  bool has_expired = false;
  const Status status = storage::ScanBlocks(
      *store_.TakeSnapshot(), 0,
      [&](std::string_view key, std::string_view block) {
        const std::optional<storage::BlockSummary> summary = storage::ReadBlockSummary(key, block);
        has_expired = summary && summary->max_time_unix_nano < horizon_unix_nano;
        return !summary;
      },
      [](uint64_t) {});
  return status.ok() && has_expired;
}

Result<uint64_t> Retention::RunOnce(const std::stop_token& stop) {
  const int64_t horizon = engine_.counters().newest_event_unix_nano - kept_nano_;
  if (horizon < next_horizon_unix_nano_ || !HasExpired(horizon)) return uint64_t{0};
  const std::lock_guard lock(upkeep_);
  next_horizon_unix_nano_ = horizon + kNanosecondsPerHour;
  return DeleteBlocks(horizon, stop);
}

Result<uint64_t> Retention::DeleteBlocks(int64_t horizon_unix_nano, const std::stop_token& stop) {
  // A checkpoint of now needs next to nothing of the log.
  STILLWATCH_RETURN_IF_ERROR(WriteAndWait(
      pipeline_, [](uint64_t, storage::WriteGroup&) {}, [] {}, Pipeline::AfterApply::kCheckpoint, stop));
  const Result<uint64_t> end = detector::ReplayStart(*store_.TakeSnapshot());
  if (!end.ok()) return end.status();
  uint64_t block_count = 0;
  uint64_t first_kept = 0;
  storage::ExpiryStep step;
  do {
    storage::WriteGroup group;
    Result<storage::ExpiryStep> next =
        storage::ExpireBlocks(*store_.TakeSnapshot(), horizon_unix_nano, end.value(), kBlocksPerStep, group);
    if (!next.ok()) return next.status();
    step = *next;
    if (step.block_count == 0) break;
    storage::DeleteEventIdsBefore(storage::EventDayOf(horizon_unix_nano), group);
    STILLWATCH_RETURN_IF_ERROR(detector::DeletePromises(*store_.TakeSnapshot(), step.first_kept_sequence, group));
    STILLWATCH_RETURN_IF_ERROR(WriteAndWait(pipeline_, std::move(group), stop));
    block_count += step.block_count;
    first_kept = step.first_kept_sequence;
  } while (!step.is_done);
  if (block_count == 0) return block_count;
  spdlog::info("retention: deleted {} blocks; the log begins at event {}", block_count, first_kept);
  for (const storage::KeyRange& range : {storage::KeyRange{Table::kBlocks, "", storage::BlockKey(first_kept)},
                                         storage::EventIdsBefore(storage::EventDayOf(horizon_unix_nano))}) {
    const Status dropped = store_.DropDeleted(range);
    // A reader may hold them still; then the next run, or RocksDB itself, gives the room back.
    if (!dropped.ok() && dropped.code() != Code::kUnavailable) return dropped;
  }
  return block_count;
}

}  // namespace stillwatch::ingest
