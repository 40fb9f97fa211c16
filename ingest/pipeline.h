// From decoded batches to durable, counted, scored events: one way for every listener.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "detector/scoring_engine.h"
#include "ingest/background_task.h"
#include "ingest/duplicate_filter.h"
#include "ingest/state_reader.h"
#include "proto/result.h"
#include "proto/usage_batch.h"
#include "storage/event_log.h"
#include "storage/key_value_store.h"

namespace stillwatch::ingest {

struct PipelineOptions {
  // A checkpoint is made whenever this many events were counted since the last one, and so many for each account that
  // it writes, or when memory is full of what no checkpoint holds. A restart replays at most these.
  uint64_t checkpoint_event_count = 2'000'000;
  uint64_t checkpoint_events_per_account = 4;
  // Committed batches that may wait for the engine. When they are that many, the committer waits, and with it the
  // senders.
  size_t apply_queue_batches_max = 256;
  // Batches that one group commit takes at most, so that the first of them is not kept waiting by the last.
  size_t group_batches_max = 256;
  // Wait between two tries of a failed commit.
  int64_t retry_nano = 200'000'000;
  // How long a group waits for more before it is committed: fewer fsyncs, later acknowledgements. What comes while a
  // commit is under way is a group anyhow, so this pays only where an fsync wears or costs something.
  int64_t commit_delay_nano = 0;
  DuplicateFilter::Options duplicates = {};
};

// A batch on its way, decoded and validated.
struct SubmittedBatch {
  std::shared_ptr<UsageBatch> events;
  detector::ObservedBatch observed;  // Of the same rows.
  std::optional<int64_t> complete_through_unix_nano;
  // Called once, on the committer's thread, when the batch is on disk. Must not block.
  std::function<void(uint32_t accepted_count, uint32_t duplicate_count)> on_durable;
  // Instead of on_durable, for who wants to know which rows were accepted; ascending. The others were duplicates.
  std::function<void(std::span<const uint32_t> accepted_rows)> on_rows_durable;
};

struct PipelineCounters {
  uint64_t stored_event_count = 0;  // Of all time.
  uint64_t accepted_event_count = 0;
  uint64_t duplicate_event_count = 0;
  uint64_t commit_count = 0;
  uint64_t failed_commit_count = 0;
  uint64_t commit_queue_batches = 0;
  uint64_t apply_queue_batches = 0;
};

// Carries batches through duplicate check, group commit and engine, in the order of their submission.
// Threads of its own: the committer takes all that waits, drops duplicates, writes one group with one fsync, tells the
// senders, shows the events to readers and has the applier advance the engine; checkpoints, and ids of events for the
// duplicate check, are written beside both. A
// failed commit is tried again until it works: meanwhile nothing is acknowledged and senders are slowed, but nothing is
// lost and queries go on. Threading: every method from any thread. Ownership: store and engine must outlive it. Limits:
// the submitters bound what is in flight (ingest/usage_stream.h); the apply queue is bounded as the options say.
class Pipeline {
 public:
  // Restores the engine from the store and starts. Errors: those of the store.
  static Result<std::unique_ptr<Pipeline>> Start(storage::KeyValueStore& store, detector::ScoringEngine& engine,
                                                 const PipelineOptions& options);
  // Drains.
  ~Pipeline();

  // Never blocks. After Drain the batch is dropped without a call of on_durable.
  void Submit(SubmittedBatch batch);
  // Makes `records` durable, in order with the batches, then calls `apply` on the applier's thread and, after that,
  // `on_applied`. Never blocks. What changes verdicts asks for a checkpoint, so that a replay, which knows the records
  // but not their place in the log, does not go back behind them.
  enum class AfterApply : uint8_t { kNothing, kCheckpoint };
  void Write(storage::WriteGroup records, std::function<void()> apply, std::function<void()> on_applied,
             AfterApply after_apply = AfterApply::kNothing);

  // The same for records that depend on their place in the log: `fill` is called once, on the committer's thread, with
  // the sequence of the event that comes next.
  using Fill = std::function<void(uint64_t next_sequence, storage::WriteGroup& records)>;
  void Write(Fill fill, std::function<void()> apply, std::function<void()> on_applied, AfterApply after_apply);

  // Adds to `records` what makes the store forget the ids of events that leave the log with them. For a Fill only.
  void ForgetIds(std::span<const storage::ErasedEvent> events, storage::WriteGroup& records);

  // Returns when the engine has settled and applied all that was durable before the call. Readers of one account need
  // not wait for it: they find what was acknowledged.
  void WaitUntilApplied();
  // Finishes what was submitted, makes a checkpoint, and stops. Call it when no more will be submitted. If the disk
  // fails meanwhile, what is not durable yet is given up without an acknowledgement; has_given_up() tells.
  void Drain();

  bool has_given_up() const { return has_given_up_ || states_->has_given_up(); }

  PipelineCounters counters() const;
  // Events of the log that are on disk.
  uint64_t stored_event_count() const { return stored_event_count_; }

 private:
  struct CommitItem;
  struct ApplyItem;
  struct Outcome;
  class BlockGatherer;

  Pipeline(storage::KeyValueStore& store, detector::ScoringEngine& engine, const PipelineOptions& options,
           storage::EventLog log, DuplicateFilter duplicates, std::shared_ptr<StateReader> states);
  void RunCommitter();
  // `owes_checkpoint`: the engine holds what no checkpoint does.
  void RunApplier(uint64_t next_sequence, bool owes_checkpoint);
  std::vector<CommitItem> TakeGroup();
  void CommitGroup(std::vector<CommitItem> items);
  using Commit = Status (storage::KeyValueStore::*)(const storage::WriteGroup& group);
  bool CommitUntilDurable(const storage::WriteGroup& group, Commit commit = &storage::KeyValueStore::Commit);
  bool CommitBulkUntilDurable(const storage::WriteGroup& group);
  template <typename Read>
  void ReadForDuplicates(const Read& read);
  void SaveIdsIfMany();
  void FinishIdSave();
  std::vector<uint32_t> DropDuplicates(SubmittedBatch& batch);
  static void Tell(const SubmittedBatch& batch, const Outcome& outcome);
  static void StageBatch(SubmittedBatch& batch, BlockGatherer& blocks, storage::WriteGroup& group);
  void Arrive(std::span<CommitItem> items, std::span<ApplyItem> apply_items);
  void PushApply(std::vector<ApplyItem> items);
  std::deque<ApplyItem> TakeApply();
  void Apply(std::deque<ApplyItem>& items);
  enum class Saving : uint8_t { kBeside, kFinished };
  bool IsCheckpointDue(uint64_t event_count) const;
  void SaveCheckpoint(uint64_t next_sequence, Saving saving);
  void ConfirmCheckpoint();

  storage::KeyValueStore& store_;
  detector::ScoringEngine& engine_;
  const PipelineOptions options_;
  storage::EventLog log_;       // Committer's.
  DuplicateFilter duplicates_;  // Committer's.

  mutable std::mutex commit_mutex_;
  std::condition_variable commit_ready_;
  std::deque<CommitItem> commit_queue_;
  bool is_draining_ = false;
  std::atomic<bool> has_given_up_{false};  // A commit failed while draining.

  mutable std::mutex apply_mutex_;
  std::condition_variable apply_ready_;
  std::condition_variable apply_done_;
  std::deque<ApplyItem> apply_queue_;
  uint64_t pushed_item_count_ = 0;
  uint64_t applied_item_count_ = 0;
  bool is_committer_done_ = false;

  std::atomic<uint64_t> stored_event_count_{0};
  std::atomic<uint64_t> accepted_event_count_{0};
  std::atomic<uint64_t> duplicate_event_count_{0};
  std::atomic<uint64_t> commit_count_{0};
  std::atomic<uint64_t> failed_commit_count_{0};

  const std::shared_ptr<StateReader> states_;
  bool is_checkpoint_unconfirmed_ = false;  // Applier's.
  std::mutex bulk_mutex_;                   // Held while a large group is committed.
  bool are_ids_saved_ = false;              // By the newest save, once it is done.
  BackgroundTask checkpoints_{"checkpoints"};  // Applier's.
  BackgroundTask id_saves_{"event ids"};       // Committer's.
  std::once_flag drained_;
  std::thread committer_;
  std::thread applier_;
};

}  // namespace stillwatch::ingest
