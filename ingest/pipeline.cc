#include "ingest/pipeline.h"

#include <pthread.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <span>
#include <utility>

#include "ingest/background_thread.h"

namespace stillwatch::ingest {
namespace {

// How many events the look-ups of the duplicate check run ahead: enough to hide a memory access.
constexpr size_t kPrefetchDistance = 8;

// Keeps the rows of `batch` named by `rows`, in both of its forms.
void KeepRows(std::span<const uint32_t> rows, SubmittedBatch& batch) {
  if (rows.size() == batch.events->size()) return;
  batch.events->KeepRows(rows);
  const auto keep = [&rows](auto& values) {
    for (size_t i = 0; i < rows.size(); ++i) values[i] = values[rows[i]];
    values.resize(rows.size());
  };
  keep(batch.observed.observations);
  keep(batch.observed.account_ids);
  keep(batch.observed.organization_ids);
  keep(batch.observed.account_hashes);
}

}  // namespace

// A batch of events, or records with what follows them.
struct Pipeline::CommitItem {
  std::optional<SubmittedBatch> batch;
  storage::WriteGroup records;
  std::function<void()> apply;
  std::function<void()> on_applied;
  AfterApply after_apply = AfterApply::kNothing;
  Fill fill;  // Adds to the records, if there is one.
};

// What the engine has to do, in order of the log.
struct Pipeline::ApplyItem {
  std::optional<detector::EventTime> event_time;  // Behind the events, which arrived already.
  uint64_t next_sequence = 0;                     // Of the log, after this item.
  std::function<void()> apply;
  std::function<void()> on_applied;
  AfterApply after_apply = AfterApply::kNothing;
};

Result<std::unique_ptr<Pipeline>> Pipeline::Start(storage::KeyValueStore& store, detector::ScoringEngine& engine,
                                                  const PipelineOptions& options) {
  Result<storage::EventLog> log = storage::EventLog::Open(store);
  if (!log.ok()) return log.status();
  const auto states = std::make_shared<StateReader>(store, options.retry_nano);
  engine.SetStateLoader([states](std::string_view key) { return states->Read(key); });
  const Result<uint64_t> replayed = engine.Restore(*store.TakeSnapshot());
  if (!replayed.ok()) return replayed.status();
  spdlog::info("restored {} accounts, {} events stored, {} replayed", engine.counters().account_count,
               log->next_sequence(), replayed.value());
  DuplicateFilter duplicates(store, log->next_sequence(), engine.counters().newest_event_unix_nano, options.duplicates);
  std::unique_ptr<Pipeline> pipeline(
      new Pipeline(store, engine, options, std::move(log).value(), std::move(duplicates), states));
  // Whoever goes on with an erasure must find it applied. Otherwise nobody waits for the checkpoint.
  const bool has_saved = engine.has_unsaved_erasures();
  if (has_saved) pipeline->SaveCheckpoint(pipeline->log_.next_sequence(), Saving::kFinished);
  const bool owes_checkpoint = !has_saved && replayed.value() > 0;
  // Asked before the committer starts, which raises it.
  const uint64_t first_sequence = pipeline->stored_event_count();
  pipeline->committer_ = std::thread([raw = pipeline.get()] { raw->RunCommitter(); });
  pipeline->applier_ = std::thread([raw = pipeline.get(), first_sequence, owes_checkpoint] {
    raw->RunApplier(first_sequence, owes_checkpoint);
  });
  return pipeline;
}

Pipeline::Pipeline(storage::KeyValueStore& store, detector::ScoringEngine& engine, const PipelineOptions& options,
                   storage::EventLog log, DuplicateFilter duplicates, std::shared_ptr<StateReader> states)
    : store_(store),
      engine_(engine),
      options_(options),
      log_(std::move(log)),
      duplicates_(std::move(duplicates)),
      states_(std::move(states)) {
  stored_event_count_ = log_.next_sequence();
}

Pipeline::~Pipeline() { Drain(); }

void Pipeline::Submit(SubmittedBatch batch) {
  CommitItem item;
  item.batch = std::move(batch);
  const std::lock_guard lock(commit_mutex_);
  if (is_draining_) return;
  commit_queue_.push_back(std::move(item));
  commit_ready_.notify_one();
}

void Pipeline::Write(storage::WriteGroup records, std::function<void()> apply, std::function<void()> on_applied,
                     AfterApply after_apply) {
  const std::lock_guard lock(commit_mutex_);
  if (is_draining_) return;
  commit_queue_.push_back({std::nullopt, std::move(records), std::move(apply), std::move(on_applied), after_apply, {}});
  commit_ready_.notify_one();
}

void Pipeline::Write(Fill fill, std::function<void()> apply, std::function<void()> on_applied, AfterApply after_apply) {
  const std::lock_guard lock(commit_mutex_);
  if (is_draining_) return;
  commit_queue_.push_back({std::nullopt, {}, std::move(apply), std::move(on_applied), after_apply, std::move(fill)});
  commit_ready_.notify_one();
}

std::vector<Pipeline::CommitItem> Pipeline::TakeGroup() {
  std::unique_lock lock(commit_mutex_);
  commit_ready_.wait(lock, [this] { return !commit_queue_.empty() || is_draining_; });
  if (options_.commit_delay_nano > 0) {
    commit_ready_.wait_for(lock, std::chrono::nanoseconds(options_.commit_delay_nano),
                           [this] { return commit_queue_.size() >= options_.group_batches_max || is_draining_; });
  }
  const size_t count = std::min(commit_queue_.size(), options_.group_batches_max);
  const auto end = commit_queue_.begin() + static_cast<ptrdiff_t>(count);
  std::vector<CommitItem> items(std::make_move_iterator(commit_queue_.begin()), std::make_move_iterator(end));
  commit_queue_.erase(commit_queue_.begin(), end);
  return items;
}

void Pipeline::RunCommitter() {
  pthread_setname_np(pthread_self(), "committer");
  GiveWay();
  ReadForDuplicates([this] { return duplicates_.Load(); });  // Readers need not wait for it.
  while (true) {
    std::vector<CommitItem> items = TakeGroup();
    if (items.empty()) break;  // Draining, and nothing is left.
    CommitGroup(std::move(items));
  }
  id_saves_.WaitUntilDone();
  const std::lock_guard lock(apply_mutex_);
  is_committer_done_ = true;
  apply_ready_.notify_one();
}

// Tries until the group is on disk. Only while draining it gives up, since whoever stops the daemon does not want to
// wait for a disk; what was not acknowledged stays with its sender. The log is ahead of the disk then, so nothing may
// follow.
bool Pipeline::CommitUntilDurable(const storage::WriteGroup& group, Commit commit) {
  if (group.empty()) return true;
  for (bool has_failed = false;; has_failed = true) {
    if (has_given_up()) return false;
    const Status status = (store_.*commit)(group);
    if (status.ok()) break;
    ++failed_commit_count_;
    spdlog::error("commit failed, senders wait: {}", status.message());
    std::unique_lock lock(commit_mutex_);
    if (has_failed && is_draining_) {
      has_given_up_ = true;
    } else {
      commit_ready_.wait_for(lock, std::chrono::nanoseconds(options_.retry_nano), [this] { return is_draining_; });
    }
  }
  ++commit_count_;
  return true;
}

// RocksDB takes one large group at a time.
bool Pipeline::CommitBulkUntilDurable(const storage::WriteGroup& group) {
  const std::lock_guard lock(bulk_mutex_);
  return CommitUntilDurable(group, &storage::KeyValueStore::CommitBulk);
}

// Collects the events of a group into blocks: large batches make their own, small ones share.
class Pipeline::BlockGatherer {
 public:
  BlockGatherer(storage::EventLog& log, storage::WriteGroup& group) : log_(log), group_(group) {}

  void Add(const std::shared_ptr<UsageBatch>& batch) {
    constexpr size_t kOwnBlockRows = 512;
    if (batch->size() >= kOwnBlockRows) {
      Flush();
      log_.Append(*batch, group_);
      return;
    }
    for (size_t row = 0; row < batch->size(); ++row) gathered_.AppendRow(*batch, row);
  }
  void Flush() {
    if (gathered_.size() > 0) log_.Append(gathered_, group_);
    gathered_ = UsageBatch();
  }
  // Of the next event that is added.
  uint64_t next_sequence() const { return log_.next_sequence() + gathered_.size(); }

 private:
  storage::EventLog& log_;
  storage::WriteGroup& group_;
  UsageBatch gathered_;
};

// Calls read() until it returns no error.
template <typename Read>
void Pipeline::ReadForDuplicates(const Read& read) {
  for (Status status = read(); !status.ok(); status = read()) {
    spdlog::error("cannot look for duplicates, senders wait: {}", status.message());
    std::this_thread::sleep_for(std::chrono::nanoseconds(options_.retry_nano));
  }
}

// Drops the events of a batch that are on disk already, or earlier in this group, and returns the rows that stayed.
std::vector<uint32_t> Pipeline::DropDuplicates(SubmittedBatch& batch) {
  const UsageBatch& events = *batch.events;
  const size_t count = events.size();
  std::vector<storage::EventIdHash> ids(count);
  for (size_t row = 0; row < count; ++row) ids[row] = storage::HashEventId(events.text(row, TextField::kEventId));
  std::vector<uint32_t> fresh;
  fresh.reserve(count);
  for (uint32_t row = 0; row < count; ++row) {
    if (row + kPrefetchDistance < count) duplicates_.Prefetch(ids[row + kPrefetchDistance]);
    ReadForDuplicates([&] {
      STILLWATCH_RETURN_IF_ERROR(duplicates_.Prepare(events.time_unix_nano(row)));
      const Result<bool> is_fresh = duplicates_.Insert(ids[row]);
      if (is_fresh.ok() && is_fresh.value()) fresh.push_back(row);
      return is_fresh.status();
    });
  }
  KeepRows(fresh, batch);
  return fresh;
}

void Pipeline::StageBatch(SubmittedBatch& batch, BlockGatherer& blocks, storage::WriteGroup& group) {
  batch.observed.first_sequence = blocks.next_sequence();
  batch.observed.complete_through_unix_nano = batch.complete_through_unix_nano;
  blocks.Add(batch.events);
  if (batch.complete_through_unix_nano) {
    blocks.Flush();  // So that the promise stands between two blocks, where a replay finds it.
    detector::SavePromise(blocks.next_sequence(), *batch.complete_through_unix_nano, group);
  }
}

// What became of a batch.
struct Pipeline::Outcome {
  std::vector<uint32_t> accepted_rows;
  uint32_t duplicate_count = 0;
};

void Pipeline::Tell(const SubmittedBatch& batch, const Outcome& outcome) {
  if (batch.on_rows_durable) batch.on_rows_durable(outcome.accepted_rows);
  if (batch.on_durable) {
    batch.on_durable(static_cast<uint32_t>(outcome.accepted_rows.size()), outcome.duplicate_count);
  }
}

void Pipeline::CommitGroup(std::vector<CommitItem> items) {
  storage::WriteGroup group;
  BlockGatherer blocks(log_, group);
  std::vector<Outcome> outcomes(items.size());
  std::vector<ApplyItem> apply_items;
  apply_items.reserve(items.size());
  for (size_t i = 0; i < items.size(); ++i) {
    CommitItem& item = items[i];
    ApplyItem staged;
    if (item.batch) {
      const size_t row_count = item.batch->events->size();
      outcomes[i].accepted_rows = DropDuplicates(*item.batch);
      outcomes[i].duplicate_count = static_cast<uint32_t>(row_count - outcomes[i].accepted_rows.size());
      StageBatch(*item.batch, blocks, group);
    }
    if (item.fill) item.fill(blocks.next_sequence(), item.records);
    group.Append(std::move(item.records));
    staged.next_sequence = blocks.next_sequence();
    staged.apply = std::move(item.apply);
    staged.on_applied = std::move(item.on_applied);
    staged.after_apply = item.after_apply;
    apply_items.push_back(std::move(staged));
  }
  blocks.Flush();
  if (!CommitUntilDurable(group)) return;
  stored_event_count_ = log_.next_sequence();
  for (const Outcome& outcome : outcomes) {
    accepted_event_count_ += outcome.accepted_rows.size();
    duplicate_event_count_ += outcome.duplicate_count;
  }
  // First to the engine, then to the sender: who was acknowledged finds its events in every answer.
  Arrive(items, apply_items);
  PushApply(std::move(apply_items));
  SaveIdsIfMany();
  for (size_t i = 0; i < items.size(); ++i) {
    if (items[i].batch) Tell(*items[i].batch, outcomes[i]);
  }
}

// All ids are of events that are durable now.
void Pipeline::SaveIdsIfMany() {
  if (duplicates_.is_saving() && id_saves_.IsIdle()) FinishIdSave();
  if (!duplicates_.WantsSave()) return;
  id_saves_.Run([this, save = duplicates_.BeginSave(log_.next_sequence())] {
    const Status saved =
        SaveIds(*save, store_, [this](const storage::WriteGroup& group) { return CommitBulkUntilDurable(group); });
    if (!saved.ok()) spdlog::warn("ids of events stay in memory, and are saved with the next: {}", saved.message());
    are_ids_saved_ = saved.ok();
  });
}

void Pipeline::FinishIdSave() {
  id_saves_.WaitUntilDone();
  duplicates_.FinishSave(are_ids_saved_);
}

void Pipeline::ForgetIds(std::span<const storage::ErasedEvent> events, storage::WriteGroup& records) {
  if (duplicates_.is_saving()) FinishIdSave();
  ReadForDuplicates([&] { return duplicates_.Forget(events, records); });
}

// Shows the events to readers. Batches with no records between them go together.
void Pipeline::Arrive(std::span<CommitItem> items, std::span<ApplyItem> apply_items) {
  std::vector<detector::ObservedBatch> batches;
  for (size_t i = 0; i < items.size(); ++i) {
    const std::optional<SubmittedBatch>& batch = items[i].batch;
    const bool has_news =
        batch && (!batch->observed.observations.empty() || batch->complete_through_unix_nano.has_value());
    if (has_news) batches.push_back(std::move(items[i].batch->observed));
    const bool is_last = i + 1 == items.size() || apply_items[i + 1].apply != nullptr;
    if (!is_last || batches.empty()) continue;
    apply_items[i].event_time = engine_.Arrive(batches);
    batches.clear();
  }
}

void Pipeline::PushApply(std::vector<ApplyItem> items) {
  std::unique_lock lock(apply_mutex_);
  apply_done_.wait(lock, [this] { return apply_queue_.size() < options_.apply_queue_batches_max; });
  pushed_item_count_ += items.size();
  for (ApplyItem& item : items) apply_queue_.push_back(std::move(item));
  apply_ready_.notify_one();
}

std::deque<Pipeline::ApplyItem> Pipeline::TakeApply() {
  std::unique_lock lock(apply_mutex_);
  apply_ready_.wait(lock, [this] { return !apply_queue_.empty() || is_committer_done_; });
  return std::exchange(apply_queue_, {});
}

void Pipeline::Apply(std::deque<ApplyItem>& items) {
  std::optional<detector::EventTime> event_time;
  const auto advance = [&] {
    if (event_time) engine_.AdvanceTo(*event_time);
    event_time.reset();
  };
  for (ApplyItem& item : items) {
    if (item.apply) {
      advance();  // Records count from here on, not for events before them.
      // What takes something out of the last checkpoint must find it there.
      if (item.after_apply == AfterApply::kCheckpoint) checkpoints_.WaitUntilDone();
      item.apply();
    }
    if (item.event_time) event_time = item.event_time;
  }
  advance();
}

void Pipeline::RunApplier(uint64_t next_sequence, bool owes_checkpoint) {
  pthread_setname_np(pthread_self(), "applier");
  GiveWay();
  if (owes_checkpoint) SaveCheckpoint(next_sequence, Saving::kBeside);
  uint64_t saved_sequence = next_sequence;
  while (true) {
    std::deque<ApplyItem> items = TakeApply();
    if (items.empty()) break;
    next_sequence = items.back().next_sequence;
    Apply(items);
    const bool is_asked = std::any_of(
        items.begin(), items.end(), [](const ApplyItem& item) { return item.after_apply == AfterApply::kCheckpoint; });
    ConfirmCheckpoint();
    if (is_asked || IsCheckpointDue(next_sequence - saved_sequence)) {
      SaveCheckpoint(next_sequence, is_asked ? Saving::kFinished : Saving::kBeside);
      saved_sequence = next_sequence;
    }
    {
      const std::lock_guard lock(apply_mutex_);
      applied_item_count_ += items.size();
    }
    apply_done_.notify_all();
    for (const ApplyItem& item : items) {
      if (item.on_applied) item.on_applied();
    }
  }
  SaveCheckpoint(next_sequence, Saving::kFinished);
}

bool Pipeline::IsCheckpointDue(uint64_t event_count) const {
  if (engine_.WantsSave()) return true;
  if (event_count < options_.checkpoint_event_count) return false;
  return event_count >= options_.checkpoint_events_per_account * engine_.save_account_count();
}

// Everything below `next_sequence` is durable already, so the checkpoint never runs ahead of the log.
void Pipeline::SaveCheckpoint(uint64_t next_sequence, Saving saving) {
  const auto group = std::make_shared<storage::WriteGroup>();
  engine_.Save(next_sequence, *group);
  checkpoints_.Run([this, group] {
    if (!CommitBulkUntilDurable(*group)) spdlog::warn("no checkpoint: the next start replays more of the log");
  });
  is_checkpoint_unconfirmed_ = true;
  if (saving == Saving::kFinished) checkpoints_.WaitUntilDone();
  ConfirmCheckpoint();
}

// Tells the engine of a checkpoint that has become durable.
void Pipeline::ConfirmCheckpoint() {
  if (!is_checkpoint_unconfirmed_ || !checkpoints_.IsIdle() || has_given_up()) return;
  is_checkpoint_unconfirmed_ = false;
  engine_.ConfirmSave();
}

void Pipeline::WaitUntilApplied() {
  std::unique_lock lock(apply_mutex_);
  const uint64_t wanted = pushed_item_count_;
  apply_done_.wait(lock, [&] { return applied_item_count_ >= wanted; });
}

void Pipeline::Drain() {
  std::call_once(drained_, [this] {
    {
      const std::lock_guard lock(commit_mutex_);
      is_draining_ = true;
      commit_ready_.notify_all();
    }
    states_->Stop();
    if (committer_.joinable()) committer_.join();
    if (applier_.joinable()) applier_.join();
  });
}

PipelineCounters Pipeline::counters() const {
  PipelineCounters out;
  out.stored_event_count = stored_event_count_;
  out.accepted_event_count = accepted_event_count_;
  out.duplicate_event_count = duplicate_event_count_;
  out.commit_count = commit_count_;
  out.failed_commit_count = failed_commit_count_;
  {
    const std::lock_guard lock(commit_mutex_);
    out.commit_queue_batches = commit_queue_.size();
  }
  const std::lock_guard lock(apply_mutex_);
  out.apply_queue_batches = apply_queue_.size();
  return out;
}

}  // namespace stillwatch::ingest
