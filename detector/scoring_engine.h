// The heart: turns the stream of events into scored accounts.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "detector/account_partition.h"
#include "detector/baseline.h"
#include "detector/campaign_book.h"
#include "features/observation.h"
#include "proto/limits.h"
#include "proto/records.h"
#include "proto/result.h"
#include "proto/usage_batch.h"
#include "storage/erasure.h"
#include "storage/event_log.h"
#include "storage/key_value_store.h"

namespace stillwatch::detector {

// A batch of the event log, as the engine takes it: one entry a row in each vector.
struct ObservedBatch {
  uint64_t first_sequence = 0;
  std::vector<features::Observation> observations;
  std::vector<std::string_view> account_ids;
  std::vector<std::string_view> organization_ids;
  std::vector<uint64_t> account_hashes;
  // See v1.StreamUsageRequest; takes effect after the rows.
  std::optional<int64_t> complete_through_unix_nano;
  std::shared_ptr<const void> keep_alive;  // Owns what the ids point into.
};
ObservedBatch Observe(std::shared_ptr<const UsageBatch> batch);
// The columns that Observe reads: what features::MakeObservations wants, and who it is about.
storage::ColumnSelection ObservedColumns();

struct EngineOptions {
  // Events may come this much later than others and still count in order of their time. Longer than most answers take,
  // since an event is told when its answer ends but counts from its beginning.
  int64_t allowed_lateness_nano = 120 * kNanosecondsPerSecond;
  // Event time between two looks at the population.
  int64_t tick_nano = 10 * kNanosecondsPerMinute;
  // Events that may wait for the watermark, about 300 bytes each. With more the watermark is moved on, so that events
  // may become late sooner.
  size_t waiting_event_count_max = 2'000'000;
  // Event time between two searches for campaigns. One in two is more than brief, one in 18 more than quick, and
  // one in 72 looks at all accounts, which costs about 15 µs each; the others at newcomers.
  int64_t campaign_round_nano = kNanosecondsPerHour / 6;
  // Accounts that the baseline is computed from, drawn by the hash of their ids.
  size_t baseline_sample_count_max = 4096;
  // What all accounts may take in memory. Of it a sixteenth holds states in full, the rest packed ones; what is beyond
  // that stays in the store (account_partition.h).
  size_t state_bytes_max = std::numeric_limits<size_t>::max();
};

struct EngineCounters {
  uint64_t settled_event_count = 0;
  uint64_t late_event_count = 0;
  uint64_t waiting_event_count = 0;
  uint64_t account_count = 0;
  StateCounters states;
  int64_t watermark_unix_nano = 0;
  int64_t newest_event_unix_nano = 0;
};

// An event that waited when a checkpoint was made; its fields are in the log.
struct SavedWaiting {
  uint64_t sequence;
  int64_t effective_time_unix_nano;
};

// How far event time has come behind a batch of the log.
struct EventTime {
  int64_t watermark_unix_nano = 0;
  int64_t newest_event_unix_nano = 0;
  uint64_t late_event_count = 0;
};

// Keeps the portraits and scores of all accounts. What it says is a function of the event log: of events and their
// times, never of the wall clock, of batch sizes or of threads. The watermark is the newest event time less the allowed
// lateness. Events behind it are settled in order of time; those before it wait, and are looked at ahead by readers. At
// ticks of event time accounts with new events are assessed, and the baseline of the population is renewed when half as
// many events again, or a day, have come since the last time. Threading: AdvanceTo, SetProfile, SetLabel, Forget, Save,
// Restore, Offer by one thread at a time (the writer); Arrive by one thread at a time, which may be another one; all
// others from any thread. Limits: see EngineOptions. What is known of an account beside its state, about 400 bytes, is
// always in memory. A search for campaigns holds for each account that it compares 0.3 to 1.5 KiB more while it lasts.
class ScoringEngine {
 public:
  ScoringEngine(const EngineOptions& options, ParallelFor parallel_for);
  // `load_state` reads from Table::kAccounts what a confirmed Save wrote there; from any thread. Without it all states
  // stay in memory. For a new engine only.
  void SetStateLoader(AccountPartition::StateLoader load_state);

  // Takes the batches of the log in order, before they are settled: readers see their events from here on. Nothing of
  // the batches is kept.
  EventTime Arrive(std::span<const ObservedBatch> batches);
  // Settles what the watermark has passed behind the batches that gave `time`; times must come in order. What arrived
  // since waits.
  void AdvanceTo(const EventTime& time);
  // Both.
  void Offer(std::span<const ObservedBatch> batches) { AdvanceTo(Arrive(batches)); }

  // Adds to `group` (kMeta, kAccounts, kVerdicts) all that changed since the last Save, or, where most accounts changed
  // and all are in memory, all accounts in place of what kAccounts held. `next_sequence`: everything
  // below it in the log arrived, and AdvanceTo was called for it, and for nothing behind it.
  void Save(uint64_t next_sequence, storage::WriteGroup& group);
  // What the last Save said is in the store. Until it is, what changed before that stays in memory.
  void ConfirmSave();
  // True if memory is full of what was not saved yet.
  bool WantsSave() const;
  // Accounts that the next Save will write.
  size_t save_account_count() const;
  // Puts back the last saved state, then replays the rest of the log; also profiles and labels. For a new engine only.
  // Returns the number of events replayed. A checkpoint that is of another version, or cannot be read, is left aside
  // and the whole log replayed. Errors: those of the store.
  Result<uint64_t> Restore(const storage::Snapshot& snapshot);

  void SetProfile(AccountProfile profile);
  void SetLabel(std::string_view account_id, Label label);
  // Drops all that is known of an account. The next Save takes it out of the checkpoint and the journal, of which
  // `snapshot` must show the newest state, and marks the erasure's record as applied. For the writer.
  // Errors: those of the store's reads; then nothing changed.
  Status Forget(const storage::Erasure& erasure, const storage::Snapshot& snapshot);
  // True after a Restore that found erasures which no checkpoint had seen: a Save is due.
  bool has_unsaved_erasures() const { return !unsaved_erasures_.empty(); }

  std::optional<AccountDetail> Get(std::string_view account_id) const;
  // As of the account's last assessment, from memory, without waiting for anything; nothing if it had none yet.
  std::optional<Standing> StandingOf(std::string_view account_id) const;
  // All accounts, in no particular order.
  std::vector<AccountSummary> List() const;
  std::shared_ptr<const Baseline> baseline() const;
  // As of the last search.
  std::shared_ptr<const CampaignBook> campaigns() const;
  EngineCounters counters() const;

  // Called by the writer with each verdict change, in order of event time within one call. Set before the first one.
  void OnVerdictChange(std::function<void(const VerdictChange&)> listener) { listener_ = std::move(listener); }

 private:
  void Settle(int64_t until_unix_nano);
  void SettleTo(int64_t watermark_unix_nano);
  void Tick(int64_t time_unix_nano);
  void RenewBaseline(int64_t time_unix_nano);
  void SetBaseline(const Baseline& baseline);
  std::vector<CampaignCandidate> CollectCandidates(int64_t time_unix_nano, SearchScope scope) const;
  void SearchCampaignsIfDue(int64_t time_unix_nano);
  void SetCampaigns(CampaignBook campaigns);
  std::optional<int64_t> EarliestWaiting() const;
  void ShedWaiting();
  void PublishChanges();
  Status ForgetErased(const storage::Snapshot& snapshot);
  void MakePartitions();
  Result<bool> RestoreAccounts(const storage::Snapshot& snapshot);
  Status RestorePartition(const storage::Snapshot& snapshot, size_t index, bool& is_whole);
  Result<uint64_t> Replay(const storage::Snapshot& snapshot, uint64_t next_sequence,
                          const std::vector<SavedWaiting>& waiting);
  AccountPartition::SaveCounts save_counts() const;
  AccountPartition& PartitionFor(std::string_view account_id) const;

  const EngineOptions options_;
  const ParallelFor parallel_for_;
  AccountPartition::StateLoader load_state_;
  std::unique_ptr<std::array<AccountPartition, kPartitionCount>> partitions_;
  mutable std::mutex baseline_mutex_;  // Guards the two pointers; what they point to never changes.
  std::shared_ptr<const Baseline> baseline_;
  std::shared_ptr<const CampaignBook> campaigns_;
  std::function<void(const VerdictChange&)> listener_;
  std::vector<VerdictChange> unsaved_changes_;
  storage::WriteGroup unsaved_erasures_;
  // Of the batches being offered, by partition; kept to spare the allocations.
  std::array<std::vector<AccountPartition::Arrival>, kPartitionCount> arrivals_;

  EventTime arrived_;  // Of who calls Arrive.
  // Where ShedWaiting moved the watermark on to.
  std::atomic<int64_t> shed_watermark_unix_nano_{std::numeric_limits<int64_t>::min()};

  // The writer's position in event time. Atomic where readers ask for it.
  std::atomic<int64_t> watermark_unix_nano_{0};
  std::atomic<int64_t> newest_event_unix_nano_{0};
  int64_t next_tick_unix_nano_ = 0;
  std::atomic<uint64_t> settled_event_count_{0};
  std::atomic<uint64_t> late_event_count_{0};
  std::atomic<uint64_t> waiting_event_count_{0};
  uint64_t settled_at_renewal_ = 0;
  bool has_news_ = false;  // Events settled since the last tick.
  uint32_t save_count_ = 0;
  int64_t last_campaign_round_ = 0;  // Number of the span since 1970.
};

// Adds to `group` a sender's promise that holds once all below `next_sequence` was offered, so that a replay keeps it
// too.
void SavePromise(uint64_t next_sequence, int64_t complete_through_unix_nano, storage::WriteGroup& group);

}  // namespace stillwatch::detector
