// Keeps the event log from growing for ever.
#pragma once

#include <cstdint>
#include <mutex>
#include <stop_token>
#include <thread>

#include "detector/scoring_engine.h"
#include "ingest/pipeline.h"
#include "proto/result.h"
#include "storage/key_value_store.h"

namespace stillwatch::ingest {

// Deletes blocks of events that are older than a number of days, on a thread of its own. Age is event time: that of the
// block's newest event against that of the log's newest, never the wall clock; so an import of old logs into an empty
// store keeps its last days. Blocks go from the beginning of the log (storage/expiry.h), as whole blocks, after a
// checkpoint that no longer needs them; portraits and scores stay as they are. Readers with a snapshot, audits above
// all, go on seeing what they saw; the room on disk comes back when they end.
// What follows from it: an audit sees the remaining days only; so does a replay of the whole log, which a damaged
// checkpoint or a new version of it asks for. An event that is older than the log and is sent again counts again, once
// the daemon was started anew: its id went with its block.
// Threading: Stop from any thread. Ownership: the destructor stops and waits; all that it is given must outlive it.
class Retention {
 public:
  // `days` at least 1. `upkeep` is held while blocks are rewritten or deleted, by whoever does that.
  Retention(storage::KeyValueStore& store, Pipeline& pipeline, const detector::ScoringEngine& engine,
            std::mutex& upkeep, uint32_t days);
  // Ends the thread soon; does not wait.
  void Stop() { thread_.request_stop(); }

 private:
  Result<uint64_t> RunOnce(const std::stop_token& stop);
  void RunThread(const std::stop_token& stop);
  bool HasExpired(int64_t horizon_unix_nano) const;
  Result<uint64_t> DeleteBlocks(int64_t horizon_unix_nano, const std::stop_token& stop);

  storage::KeyValueStore& store_;
  Pipeline& pipeline_;
  const detector::ScoringEngine& engine_;
  std::mutex& upkeep_;
  const int64_t kept_nano_;
  // Runs are an hour of event time apart, so that they pay for the checkpoint that each makes. The thread's own.
  int64_t next_horizon_unix_nano_ = 1;
  std::jthread thread_;  // Last, so that it ends before what it uses.
};

}  // namespace stillwatch::ingest
