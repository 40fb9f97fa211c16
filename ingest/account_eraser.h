// Removes every trace of an account from the store.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>

#include "detector/scoring_engine.h"
#include "ingest/pipeline.h"
#include "proto/result.h"
#include "storage/erasure.h"
#include "storage/key_value_store.h"

namespace stillwatch::ingest {

struct ErasureReport {
  uint64_t event_count = 0;
  uint64_t rewritten_block_count = 0;
  uint64_t damaged_block_count = 0;  // Could not be searched.
  uint64_t deleted_report_count = 0;
};

// Erases accounts, one at a time, while ingest goes on. The steps, each of which may be the last before a crash:
// 1. A record of the erasure is committed in the order of the log, together with the deletion of profile and label.
//    From then on every reader of the log takes the account's earlier events for erased.
// 2. The engine forgets the account, and a checkpoint without it marks the record as applied.
// 3. Blocks that hold the account are written anew, a few at a time in the pipeline's order. Of its events the times
//    stay, without anything else, because the watermark followed them.
// 4. Files with old versions of what changed are compacted.
// 5. Derived data elsewhere is removed (`erase_reports`).
// 6. The record itself is deleted and purged, with all logs that named it.
// Resume takes up at 3 whatever a crash left; the start of the engine has done 2 by then.
// The ids of the erased events are known to the duplicate check until the next start; after it, an erased event that is
// sent again counts as one of a new account.
// Threading: safe from any thread; a second erasure waits for the first, and for a Retention that runs.
// Ownership: all that it is given must outlive it.
// Limits: memory for kBlocksPerStep blocks. Step 4 rewrites every file of the store, which takes as long as copying it
// and as much free room as its largest table; a reader with an old snapshot (an audit) holds it up.
class AccountEraser {
 public:
  static constexpr size_t kBlocksPerStep = 32;
  // Removes what names the account outside the tables and returns how many reports that were.
  using EraseReports = std::function<Result<uint64_t>(const std::string& account_id, const std::stop_token& stop)>;

  // `upkeep` is held while blocks are rewritten or deleted, by whoever does that.
  AccountEraser(storage::KeyValueStore& store, Pipeline& pipeline, detector::ScoringEngine& engine, std::mutex& upkeep,
                EraseReports erase_reports);

  // Returns when nothing is left. An account that is not known is searched for nevertheless. Errors: kCancelled or
  // kUnavailable when the daemon stops, those of the store; the erasure stays recorded then and is resumed.
  Result<ErasureReport> Erase(const std::string& account_id, const std::stop_token& stop);
  // Finishes the erasures that an earlier life of the daemon began.
  Status Resume(const std::stop_token& stop);

 private:
  Result<ErasureReport> Finish(const storage::Erasure& erasure, const std::stop_token& stop);
  Status RewriteBlocks(const storage::Erasure& erasure, const std::stop_token& stop, ErasureReport& report);
  Status DeleteRecord(const std::string& account_id, const std::stop_token& stop);
  Status FinishPurge(const std::stop_token& stop);

  storage::KeyValueStore& store_;
  Pipeline& pipeline_;
  detector::ScoringEngine& engine_;
  std::mutex& upkeep_;
  const EraseReports erase_reports_;
};

}  // namespace stillwatch::ingest
