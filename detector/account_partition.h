// One of the 64 fixed parts into which accounts fall.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "detector/account_state.h"
#include "detector/campaign_candidate.h"
#include "detector/state_view.h"
#include "features/observation.h"
#include "proto/name_hash.h"
#include "proto/records.h"
#include "storage/shared_bytes.h"

namespace stillwatch::detector {

// Accounts fall into partitions by the highest bits of the hash of their id. The number is part of how a deployment can
// later be spread over machines, so it is fixed from the first day.
inline constexpr size_t kPartitionCount = 64;
inline constexpr int kPartitionShift = 58;
inline size_t PartitionOf(uint64_t account_hash) { return account_hash >> kPartitionShift; }

// Everything that can be asked about one account, as a copy.
struct AccountDetail {
  std::string account_id;
  std::string organization_id;
  std::optional<AccountProfile> profile;
  Label label = Label::kUnlabelled;
  LiveState live;
  Assessment assessment;
  std::vector<VerdictChange> timeline;  // Oldest first.
};

// What a gateway wants to know of an account, as of its last assessment.
struct Standing {
  Verdict verdict = Verdict::kClear;
  Label label = Label::kUnlabelled;
  double log_odds = kBaseLogOdds;
};

// An account in a list.
struct AccountSummary {
  std::string account_id;
  std::string organization_id;
  double risk = 0;
  Verdict verdict = Verdict::kClear;
  Label label = Label::kUnlabelled;
  uint64_t event_count = 0;
};

// What an account's state is stored under: the hash of its id, so that those of a partition stand together, then the
// id.
inline constexpr size_t kStateKeyHashBytes = 8;
std::string StateKeyOf(uint64_t account_hash, std::string_view account_id);

// What the states of a partition's accounts may take in memory.
struct StateLimits {
  size_t byte_max = SIZE_MAX;       // Of all, with what is known of each account beside its state.
  size_t hot_count_max = SIZE_MAX;  // States in full.
};

// How the states of accounts are kept.
struct StateCounters {
  uint64_t hot_count = 0;     // In full.
  uint64_t packed_count = 0;  // In memory without their zeros.
  uint64_t stored_count = 0;  // In the store only, or none yet.
  uint64_t bytes = 0;         // Of memory, about.
  uint64_t lost_count = 0;    // Accounts that began anew because the store could not give their state back.

  void Add(const StateCounters& other);
};

// Keeps the accounts of one partition, and their events that wait for the watermark.
// An account is read as if its waiting events had been settled already, so a reader misses nothing that was offered.
// A state is in one of three places: in full, packed in memory, or in the store, where a checkpoint put it. What it
// says is the same wherever it is. Threading: safe from any thread; each call holds the partition's lock, but for
// StandingOf, which never waits for an event or an assessment. Only the writer moves and changes states, so that it may
// read them without the lock: it is whoever calls Settle, Tick, the setters, Forget and VisitForSave. AddWaiting is for
// any one thread. Limits: of StateLimits. Beyond hot_count_max the state that is used next takes the place of one that
// was not used longest, but only of the few newest unless it is used again soon: where every event is of another
// account these few stay in the processor's cache, and those that are used often stay where they are (2Q, Johnson and
// Shasha 1994). Beyond byte_max packed states that are in the store are dropped from memory; if none is, memory grows
// and WantsSave says so.
class AccountPartition final : public StateSource {
 public:
  AccountPartition() = default;
  AccountPartition(const AccountPartition&) = delete;
  AccountPartition& operator=(const AccountPartition&) = delete;

  // An event that waits. Events settle in order of effective time, then event hash, then sequence, whatever their order
  // of arrival was.
  struct Waiting {
    int64_t effective_time_unix_nano;
    uint64_t event_hash;
    uint64_t sequence;
    uint32_t account;
    uint32_t slot;
  };
  // Orders a heap so that the event to settle first is at its top.
  struct Later {
    bool operator()(const Waiting& a, const Waiting& b) const {
      return std::tie(a.effective_time_unix_nano, a.event_hash, a.sequence) >
             std::tie(b.effective_time_unix_nano, b.event_hash, b.sequence);
    }
  };
  // An event on its way in.
  struct Arrival {
    std::string_view account_id;
    std::string_view organization_id;
    uint64_t account_hash;
    int64_t effective_time_unix_nano;
    uint64_t sequence;
    const features::Observation* event;
  };
  // The stored bytes of a state that was made durable, by its key (StateKeyOf); nothing if they cannot be had any more.
  using StateLoader = std::function<std::optional<std::string>(std::string_view key)>;
  // An account of the baseline's sample.
  struct Sampled {
    uint64_t hash;  // Of the id, its lowest byte first: the partition is its highest bits.
    Label label;
    StateView state;
    bool operator<(const Sampled& other) const { return hash < other.hash; }
  };

  // Before anything else. Without a loader no state leaves memory.
  void SetStateLimits(const StateLimits& limits, StateLoader loader);

  // Takes events that wait from now on.
  void AddWaiting(std::span<const Arrival> arrivals);
  // Settles the events with an effective time before `until` and returns their number.
  size_t Settle(int64_t until_unix_nano, const Baseline& baseline);
  // Assesses the accounts that had events since the last tick, where that is due (IsDue).
  void Tick(int64_t time_unix_nano, const Baseline& baseline);
  // Effective time of the earliest waiting event, if any.
  std::optional<int64_t> EarliestWaiting() const;
  std::vector<Waiting> WaitingEvents() const;

  void SetProfile(AccountProfile profile);
  void SetLabel(std::string_view account_id, Label label, const Baseline& baseline);
  // Puts back an account, new to this partition, that a checkpoint kept as `bytes`; labels after accounts. Assesses
  // nothing: the state was that of its last assessment. Returns what is known of its score, or nothing if the bytes are
  // no state.
  std::optional<Score> Restore(std::string_view account_id, std::string_view bytes);
  void RestoreTimeline(std::string_view account_id, std::vector<VerdictChange> timeline);
  void RestoreLabel(std::string_view account_id, Label label);
  // Drops all that is known of an account, also its waiting events below `end_sequence`, whose number it returns.
  size_t Forget(std::string_view account_id, uint64_t end_sequence);
  // Assesses the accounts whose label is not the one of their last assessment: it was given or taken back after the
  // checkpoint.
  void AssessRelabelled(const Baseline& baseline);

  std::optional<AccountDetail> Get(std::string_view account_id, const Baseline& baseline) const;
  std::vector<AccountSummary> List(const Baseline& baseline) const;
  // Nothing for an account that was never assessed.
  std::optional<Standing> StandingOf(std::string_view account_id) const;
  size_t account_count() const;
  // Of the settled accounts that have at least `event_count_min` events, and are not labelled confirmed, the
  // `count_max` with the lowest hashes, in order. For the writer; the states hold until the partition is next written
  // to.
  std::vector<Sampled> Sample(size_t count_max, uint64_t event_count_min) const;

  // Adds the settled accounts that may be in a campaign: all but those labelled benign. What is told of an account
  // counts from its own time on. They hold until the partition is next written to. Of those that began before
  // `first_bin_min` only the `sampled_max` with the lowest hashes, as Sample orders them, which share the weight of
  // all.
  void CollectCandidates(int64_t time_unix_nano, int64_t first_bin_min, size_t sampled_max,
                         std::vector<CampaignCandidate>& out) const;
  // Nothing if that account cannot be in one.
  std::optional<Traffic> TrafficOf(std::string_view account_id) const;
  // Gives the account its place in a campaign, and assesses it if that is new.
  void SetMembership(std::string_view account_id, const Membership& membership, const Baseline& baseline,
                     int64_t time_unix_nano);

  // Takes the verdict changes since the last call.
  std::vector<VerdictChange> TakeChanges();
  // Visits accounts, as what Restore takes, in order of key, for the save of this number; numbers grow: those that
  // changed since the last call, or all that have a state, which must be in memory (SaveCounts).
  using SaveVisitor = std::function<void(std::string key, storage::SharedBytes bytes)>;
  enum class SaveScope : uint8_t { kUnsaved, kAll };
  void VisitForSave(uint32_t save, SaveScope scope, const SaveVisitor& visit);
  // All of that save is in the store.
  void ConfirmSave(uint32_t save);
  struct SaveCounts {
    size_t unsaved = 0;
    size_t in_memory = 0;      // States.
    size_t in_store_only = 0;  // States.
  };
  SaveCounts save_counts() const;
  // True if there are too many bytes in memory, and none of the states may be dropped before it is saved.
  bool WantsSave() const { return wants_save_; }
  StateCounters state_counters() const;

  // For the writer and its helpers, as long as nothing but AddWaiting is called.
  StateView StateAt(uint32_t place) const override;

 private:
  // What links an account to others by its profile, hashed once.
  struct ProfileLinks {
    uint64_t organization = 0;
    uint64_t payment = 0;
    uint64_t signup = 0;
    int64_t created_time_unix_nano = 0;
    int64_t suspended_time_unix_nano = 0;
  };
  struct Profile {
    AccountProfile told;
    ProfileLinks links;
  };
  // What is asked so often of a state that it is not unpacked for it.
  struct StateSummary {
    uint64_t organization_hash = 0;  // Of its links.
    int64_t created_time_unix_nano = 0;
    int32_t first_bin = 0;  // Of its links.
    Label assessed_label = Label::kUnlabelled;
    bool has_events = false;
    bool is_due = false;  // It is to be assessed at the next tick.
  };
  static constexpr uint32_t kNobody = UINT32_MAX;
  static constexpr uint32_t kNeverSaved = UINT32_MAX;
  static constexpr uint32_t kOnTrial = UINT32_MAX;
  // Two hundred kilobytes a partition: all that are on trial together fit a usual third-level cache.
  static constexpr size_t kTrialCountMax = 64;
  struct Account {
    std::string id;
    uint64_t hash = 0;            // Of the id.
    uint32_t next = kNobody;      // Another account of this hash.
    std::string organization_id;  // As events tell it.
    std::unique_ptr<Profile> profile;
    std::vector<VerdictChange> timeline;
    // The state: in full, or as a checkpoint keeps it, or, with neither, in the store; if it was never saved there is
    // none yet.
    std::unique_ptr<LiveState> hot;
    storage::SharedBytes packed;
    // If it is not hot; first_bin and has_events in any case, so that a search goes through them without the states.
    StateSummary summary;
    uint32_t hot_position = 0;        // In hot_, or kOnTrial.
    uint32_t saved_in = kNeverSaved;  // The save that holds the newest state, if it is not unsaved.
    Label label = Label::kUnlabelled;
    bool is_unsaved = false;
    bool is_record_outdated = false;  // It tells another organisation.
    bool is_dirty = false;            // Has events since the last tick.
    bool was_used = false;  // Since the hand came by: of the clock that says which states were not used longest.
  };
  // An account's id, with its hash computed once; the view is that of `Account::id`.
  struct AccountKey {
    uint64_t hash;
    std::string_view id;
    bool operator==(const AccountKey&) const = default;
    template <typename State>
    friend State AbslHashValue(State state, const AccountKey& key) {
      return State::combine(std::move(state), key.hash);
    }
  };
  // A hash that is uniform already.
  struct UniformHash {
    size_t operator()(uint64_t hash) const { return hash; }
  };
  static AccountKey KeyOf(std::string_view account_id) { return {HashName(account_id), account_id}; }
  // A timeline keeps this many changes: enough for a history, bounded against flicker.
  static constexpr size_t kTimelineCountMax = 64;

  static ProfileLinks LinksOf(const AccountProfile& profile);
  uint32_t Find(const AccountKey& key) const;  // Or kNobody.
  uint32_t FindOrAdd(const AccountKey& key);
  void Relink(uint32_t from, uint32_t to);
  void PrefetchAccounts(std::span<const Arrival> arrivals) const;
  void PrefetchForSettling(size_t position) const;
  void GiveBackSlots();
  void MarkUnsaved(uint32_t index);
  // Shows the account's newest assessment to StandingOf.
  void Publish(const Account& account, const Score& score);

  // The account's state, in full from here on, until the next call of any of these.
  LiveState& Use(uint32_t index);
  // The same for readers, who move nothing.
  StateView Read(const Account& account) const;
  static bool IsDropped(const Account& account) {
    return account.hot == nullptr && !account.packed && account.saved_in != kNeverSaved;
  }
  // The stored bytes of a state that is in the store only.
  std::optional<std::string> Load(const Account& account) const;
  std::string Encode(const Account& account) const;  // Of a hot state.
  static StateSummary Summarize(const LiveState& state);
  static StateSummary SummaryOf(const Account& account) {
    return account.hot != nullptr ? Summarize(*account.hot) : account.summary;
  }
  void MakeHot(uint32_t index, std::unique_ptr<LiveState> state);
  void LeaveHot(uint32_t index);  // Takes it out of hot_ or trial_.
  void Pack(uint32_t index);
  void SetPacked(Account& account, storage::SharedBytes packed);
  void ReleasePacked(Account& account);
  void KeepWithinLimits();
  void EndTrial();
  void PackLeastUsed();
  size_t TrialCountMax() const { return std::min(kTrialCountMax, limits_.hot_count_max / 2); }
  size_t hot_count() const { return hot_.size() + trial_.size(); }
  void DropStored();
  size_t ByteCount() const;
  static size_t BytesBeside(const Account& account);
  // That of the events or, if they tell none, of the profile.
  static const std::string& OrganizationOf(const Account& account);
  ChangeSink SinkFor(Account& account);
  void AssessAnew(uint32_t index, const Baseline& baseline, int64_t time_unix_nano);
  // The account as if its waiting events, `events` in order of settling, had been settled.
  void LookAhead(const Account& account, const std::vector<const features::Observation*>& events,
                 const Baseline& baseline, AccountDetail& out) const;
  AccountDetail Describe(const Account& account, const LiveState& state) const;
  static bool MayBeCandidate(const Account& account) {
    return account.summary.has_events && account.label != Label::kBenign;
  }
  CampaignCandidate CandidateOf(uint32_t index, int64_t time_unix_nano) const;
  // Waiting events of each account that has any, in order of settling.
  absl::flat_hash_map<uint32_t, std::vector<const features::Observation*>> WaitingByAccount() const;

  mutable std::mutex mutex_;
  std::deque<Account> accounts_;
  // By the hash of the id alone, so that nothing else need be looked at: accounts of one hash form a list.
  absl::flat_hash_map<uint64_t, uint32_t, UniformHash> index_;
  std::vector<Waiting> heap_;   // Earliest first.
  std::vector<Waiting> ready_;  // Those being settled; kept to spare the allocations.
  std::vector<features::Observation> slots_;
  std::vector<uint32_t> free_slots_;
  StateLimits limits_;
  StateLoader loader_;
  std::vector<uint32_t> hot_;   // Accounts whose states are hot, but for those on trial.
  std::deque<uint32_t> trial_;  // Oldest first.
  size_t pack_hand_ = 0;        // In hot_.
  size_t drop_hand_ = 0;        // In accounts_.
  size_t packed_bytes_ = 0;
  size_t packed_count_ = 0;
  size_t dropped_count_ = 0;  // States that are in the store only.
  size_t account_bytes_ = 0;  // Beside the states.
  uint32_t confirmed_save_ = 0;
  bool has_nothing_to_drop_ = false;  // Until the next save.
  std::atomic<bool> wants_save_{false};
  mutable std::atomic<uint64_t> lost_count_{0};
  std::vector<uint32_t> dirty_;    // Accounts with events since the last tick.
  std::vector<uint32_t> unsaved_;  // Accounts changed since the last checkpoint.
  std::vector<VerdictChange> changes_;

  mutable std::mutex standings_mutex_;  // Held for one look-up at a time, and innermost.
  absl::flat_hash_map<AccountKey, Standing> standings_;
};

}  // namespace stillwatch::detector
