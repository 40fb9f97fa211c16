// One of the 64 fixed parts into which accounts fall.
#pragma once

#include <absl/container/flat_hash_map.h>

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
#include "features/observation.h"
#include "proto/name_hash.h"
#include "proto/records.h"

namespace stillwatch::detector {

// Accounts fall into partitions by the highest bits of the hash of their id. The number is part of how a deployment can
// later be spread over machines, so it is fixed from the first day.
inline constexpr size_t kPartitionCount = 64;
inline size_t PartitionOf(uint64_t account_hash) { return account_hash >> 58; }

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

// Keeps the accounts of one partition, and their events that wait for the watermark.
// An account is read as if its waiting events had been settled already, so a reader misses nothing that was offered.
// Threading: safe from any thread; each call holds the partition's lock, but for StandingOf, which never waits for an
// event or an assessment.
class AccountPartition {
 public:
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
  // State that was made durable.
  struct SavedAccount {
    std::string account_id;
    std::string organization_id;
    LiveState live;
  };

  // Takes events that wait from now on.
  void AddWaiting(std::span<const Arrival> arrivals);
  // Settles the events with an effective time before `until` and returns their number.
  size_t Settle(int64_t until_unix_nano, const Baseline& baseline);
  // Assesses the accounts that had events since the last tick, where that is due (IsDue).
  void Tick(int64_t time_unix_nano, const Baseline& baseline);
  // Effective time of the earliest waiting event, if any.
  std::optional<int64_t> EarliestWaiting() const;
  std::vector<Waiting> WaitingEvents() const;
  bool HasDirtyAccounts() const;

  void SetProfile(AccountProfile profile);
  void SetLabel(std::string_view account_id, Label label, const Baseline& baseline);
  // Puts back what a checkpoint kept; labels after accounts. Assesses nothing: the state was that of its last
  // assessment.
  void Restore(SavedAccount account, std::vector<VerdictChange> timeline);
  void RestoreLabel(std::string_view account_id, Label label);
  // Drops all that is known of an account, also its waiting events, whose number it returns.
  size_t Forget(std::string_view account_id);
  // Assesses the accounts whose label is not the one of their last assessment: it was given or taken back after the
  // checkpoint.
  void AssessRelabelled(const Baseline& baseline);

  std::optional<AccountDetail> Get(std::string_view account_id, const Baseline& baseline) const;
  std::vector<AccountSummary> List(const Baseline& baseline) const;
  // Nothing for an account that was never assessed.
  std::optional<Standing> StandingOf(std::string_view account_id) const;
  size_t account_count() const;
  // Calls `visit` with each settled account that has at least `event_count_min` events.
  void VisitPortraits(
      uint64_t event_count_min,
      const std::function<void(std::string_view account_id, const features::Portrait&, Label)>& visit) const;

  // Adds the settled accounts that may be in a campaign: all but those labelled benign. What is told of an account
  // counts from its own time on. The pointers hold until the partition is next written to.
  void CollectCandidates(int64_t time_unix_nano, std::vector<CampaignCandidate>& out) const;
  // Gives the account its place in a campaign, and assesses it if that is new.
  void SetMembership(std::string_view account_id, const Membership& membership, const Baseline& baseline,
                     int64_t time_unix_nano);

  // Takes the verdict changes since the last call.
  std::vector<VerdictChange> TakeChanges();
  // Visits the accounts changed since the last call.
  using SaveVisitor =
      std::function<void(std::string_view account_id, std::string_view organization_id, const LiveState& live)>;
  void VisitUnsaved(const SaveVisitor& visit);

 private:
  // What links an account to others by its profile, hashed once.
  struct ProfileLinks {
    uint64_t organization = 0;
    uint64_t payment = 0;
    uint64_t signup = 0;
    int64_t created_time_unix_nano = 0;
    int64_t suspended_time_unix_nano = 0;
  };
  struct Account {
    std::string id;
    uint64_t hash = 0;            // Of the id.
    std::string organization_id;  // As events tell it.
    std::unique_ptr<AccountProfile> profile;
    ProfileLinks profile_links;
    Label label = Label::kUnlabelled;
    bool is_unsaved = false;
    LiveState live;
    std::vector<VerdictChange> timeline;
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
  static AccountKey KeyOf(std::string_view account_id) { return {HashName(account_id), account_id}; }
  // A timeline keeps this many changes: enough for a history, bounded against flicker.
  static constexpr size_t kTimelineCountMax = 64;

  static ProfileLinks LinksOf(const AccountProfile& profile);
  uint32_t FindOrAdd(const AccountKey& key);
  void MarkUnsaved(uint32_t index);
  // Shows the account's newest assessment to StandingOf.
  void Publish(const Account& account);
  // That of the events or, if they tell none, of the profile.
  static const std::string& OrganizationOf(const Account& account);
  ChangeSink SinkFor(Account& account);
  // The account as if its waiting events, `events` in order of settling, had been settled.
  void LookAhead(const Account& account, const std::vector<const features::Observation*>& events,
                 const Baseline& baseline, AccountDetail& out) const;
  AccountDetail Describe(const Account& account) const;
  // Waiting events of each account that has any, in order of settling.
  absl::flat_hash_map<uint32_t, std::vector<const features::Observation*>> WaitingByAccount() const;

  mutable std::mutex mutex_;
  std::deque<Account> accounts_;
  absl::flat_hash_map<AccountKey, uint32_t> index_;
  std::vector<Waiting> heap_;   // Earliest first.
  std::vector<Waiting> ready_;  // Those being settled; kept to spare the allocations.
  std::vector<features::Observation> slots_;
  std::vector<uint32_t> free_slots_;
  std::vector<uint32_t> dirty_;    // Accounts with events since the last tick.
  std::vector<uint32_t> unsaved_;  // Accounts changed since the last checkpoint.
  std::vector<VerdictChange> changes_;

  mutable std::mutex standings_mutex_;  // Held for one look-up at a time, and innermost.
  absl::flat_hash_map<AccountKey, Standing> standings_;
};

}  // namespace stillwatch::detector
