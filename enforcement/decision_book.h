// What is enforced at this moment, and on whom.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "detector/account_partition.h"
#include "enforcement/policy.h"
#include "proto/decision.h"
#include "query/check_answer.h"

namespace stillwatch::enforcement {

// A decision that an account is refused, or would be in shadow mode.
struct Decision {
  uint64_t id = 0;  // The same over restarts; below 2^53, so that every reader of JSON has it exactly.
  std::string account_id;
  DecisionOrigin origin = DecisionOrigin::kVerdict;
  Verdict verdict = Verdict::kClear;  // When it was made.
  int64_t begin_unix_nano = 0;
  int64_t end_unix_nano = 0;  // Of a decision by verdict: renewed as long as the verdict stands.
  std::string note;

  bool operator==(const Decision&) const = default;
};

// What changed from one revision of the book to another.
struct DecisionChanges {
  uint64_t revision = 0;        // Up to which the changes go.
  std::vector<Decision> begun;  // Also those that were renewed.
  std::vector<Decision> ended;
};

// Knows every decision in force. A question is answered from the standing of the account and the analysts' decisions as
// they are at that moment; the list of decisions follows the same rule (enforcement/policy.h), and is brought up to
// date by Reconsider and Sweep. Threading: safe from any thread; Ask never waits for ingest, scoring or disk. Listeners
// are called one after the other, under a lock that Ask does not need, and must not call the book's writing methods.
// Limits: memory for each account that is refused or decided on by hand, about 300 bytes; an ended decision is kept
// until the time that was told for it has passed.
class DecisionBook {
 public:
  using StandingOf = std::function<std::optional<detector::Standing>(std::string_view account_id)>;
  using Clock = std::function<int64_t()>;
  // What happened to a decision, and the entry for the trail.
  using Listener = std::function<void(const DecisionEntry& entry, const Decision& decision)>;

  DecisionBook(const PolicyOptions& options, StandingOf standing_of, Clock clock)
      : options_(options), standing_of_(std::move(standing_of)), clock_(std::move(clock)) {}

  // Called when a decision begins or ends by itself, so that it can be kept and told. Set before the first change.
  void OnChange(Listener listener) { listener_ = std::move(listener); }

  // The answer to a gateway's question, as CheckAccount gives it.
  query::CheckAnswer Ask(std::string_view account_id) const;

  // Takes an entry of the trail of an earlier life, of each account oldest first.
  void Restore(const DecisionEntry& entry);
  // To follow the last Restore, with the accounts that may have to be refused. What the trail says and the rule does
  // not, because of what happened in between, ends or begins now.
  void FinishRestore(const std::vector<std::string>& suspects);

  // Takes over an analyst's decision.
  void Decide(const DecisionEntry& by_analyst);
  // The account's verdict or label may have changed.
  void Reconsider(const std::string& account_id);
  // Ends what has run out and renews what stands. To be called every few seconds.
  void Sweep();
  // The account was erased: nothing is told of it any more.
  void Forget(const std::string& account_id);

  // The decisions in force, newest first.
  std::vector<Decision> List() const;
  // All that analysts decided and that still holds, newest first.
  std::vector<DecisionEntry> ListByAnalyst() const;
  // Everything in force, and all that ended lately, if `revision` is nothing. Nobody is among both.
  DecisionChanges ChangesSince(std::optional<uint64_t> revision) const;
  // A time for a new entry: later than all before.
  int64_t NextTime();

  const PolicyOptions& options() const { return options_; }
  size_t active_count() const;

 private:
  struct Active {
    Decision decision;
    uint64_t revision;
  };
  struct Ended {
    Decision decision;
    uint64_t revision;
  };

  std::optional<DecisionEntry> FindByAnalyst(std::string_view account_id) const;
  void DropByAnalyst(const std::string& account_id);
  int64_t NextTimeLocked();
  void ReconsiderLocked(const std::string& account_id);
  void ReconsiderAllLocked();
  void BeginLocked(const DecisionEntry& entry);
  void EndLocked(const DecisionEntry& entry);
  void KeepEndedLocked(Decision decision);
  void RenewLocked(int64_t now);
  DecisionEntry EntryOf(const std::string& account_id, const detector::Standing& standing, Ruling ruling,
                        DecisionOrigin origin);

  const PolicyOptions options_;
  const StandingOf standing_of_;
  const Clock clock_;
  Listener listener_;

  mutable std::mutex mutex_;  // Of the book; held while listeners are called.
  absl::flat_hash_map<std::string, Active> active_;
  std::deque<Ended> ended_;                                // Oldest first.
  absl::flat_hash_map<std::string, Decision> other_mode_;  // Restored, of another mode; until FinishRestore.
  uint64_t revision_ = 0;
  int64_t last_time_unix_nano_ = 0;

  mutable std::mutex by_analyst_mutex_;  // Innermost; for one look-up at a time.
  absl::flat_hash_map<std::string, DecisionEntry> by_analyst_;
  std::atomic<size_t> by_analyst_count_{0};  // So that Ask needs no lock as long as there are none.
};

}  // namespace stillwatch::enforcement
