#include "enforcement/decision_book.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "proto/name_hash.h"

namespace stillwatch::enforcement {
namespace {

// Numbers up to here are exact in every reader of JSON.
constexpr int kIdBits = 53;

uint64_t IdOf(const std::string& account_id, int64_t begin_unix_nano) {
  return HashName(account_id + '@' + std::to_string(begin_unix_nano)) >> (64 - kIdBits);
}

Decision DecisionOf(const DecisionEntry& entry, int64_t end_unix_nano) {
  return {IdOf(entry.account_id, entry.time_unix_nano),
          entry.account_id,
          entry.origin,
          entry.verdict,
          entry.time_unix_nano,
          end_unix_nano,
          entry.note};
}

}  // namespace

query::CheckAnswer DecisionBook::Ask(std::string_view account_id) const {
  query::CheckAnswer answer;
  answer.standing = standing_of_(account_id).value_or(detector::Standing());
  if (options_.mode == EnforcementMode::kOff) return answer;
  std::optional<DecisionEntry> by_analyst;
  if (by_analyst_count_ > 0) by_analyst = FindByAnalyst(account_id);
  const int64_t now = by_analyst ? clock_() : 0;
  answer.permission = PermissionUnder(options_.mode, RuleOn(options_, answer.standing, by_analyst, now));
  return answer;
}

std::optional<DecisionEntry> DecisionBook::FindByAnalyst(std::string_view account_id) const {
  const std::lock_guard lock(by_analyst_mutex_);
  const auto found = by_analyst_.find(absl::string_view(account_id.data(), account_id.size()));
  return found == by_analyst_.end() ? std::nullopt : std::optional(found->second);
}

void DecisionBook::Restore(const DecisionEntry& entry) {
  const std::lock_guard lock(mutex_);
  last_time_unix_nano_ = std::max(last_time_unix_nano_, entry.time_unix_nano);
  if (entry.origin == DecisionOrigin::kAnalyst) {
    const std::lock_guard by_analyst_lock(by_analyst_mutex_);
    by_analyst_[entry.account_id] = entry;
    by_analyst_count_ = by_analyst_.size();
  }
  if (entry.ruling == Ruling::kAutomatic) return;
  if (const auto found = other_mode_.find(entry.account_id); found != other_mode_.end()) {
    KeepEndedLocked(found->second);
    other_mode_.erase(found);
  }
  if (const auto found = active_.find(entry.account_id); found != active_.end()) {
    KeepEndedLocked(found->second.decision);
    active_.erase(found);
  }
  if (entry.ruling != Ruling::kRefuse) return;
  const int64_t end =
      entry.origin == DecisionOrigin::kAnalyst ? entry.end_unix_nano : clock_() + options_.duration_nano;
  if (entry.mode == options_.mode) {
    active_.emplace(entry.account_id, Active{DecisionOf(entry, end), ++revision_});
  } else {
    other_mode_.emplace(entry.account_id, DecisionOf(entry, end));
  }
}

void DecisionBook::FinishRestore(const std::vector<std::string>& suspects) {
  const std::lock_guard lock(mutex_);
  for (const auto& [account_id, decision] : other_mode_) {
    KeepEndedLocked(decision);
    const detector::Standing standing = standing_of_(account_id).value_or(detector::Standing());
    DecisionEntry entry = EntryOf(account_id, standing, Ruling::kAllow, DecisionOrigin::kVerdict);
    entry.note = "enforcement is " + std::string(NameOf(options_.mode));
    if (listener_) listener_(entry, decision);
  }
  other_mode_.clear();
  ReconsiderAllLocked();
  for (const std::string& account_id : suspects) ReconsiderLocked(account_id);
}

void DecisionBook::Decide(const DecisionEntry& by_analyst) {
  const std::lock_guard lock(mutex_);
  {
    const std::lock_guard by_analyst_lock(by_analyst_mutex_);
    by_analyst_[by_analyst.account_id] = by_analyst;
    by_analyst_count_ = by_analyst_.size();
  }
  ReconsiderLocked(by_analyst.account_id);
}

void DecisionBook::Reconsider(const std::string& account_id) {
  const std::lock_guard lock(mutex_);
  ReconsiderLocked(account_id);
}

void DecisionBook::ReconsiderLocked(const std::string& account_id) {
  const int64_t now = clock_();
  const detector::Standing standing = standing_of_(account_id).value_or(detector::Standing());
  const std::optional<DecisionEntry> by_analyst = FindByAnalyst(account_id);
  const DecisionOrigin origin = OriginOf(standing, by_analyst, now);
  const auto found = active_.find(account_id);
  if (RuleOn(options_, standing, by_analyst, now) != Ruling::kRefuse) {
    if (found == active_.end()) return;
    if (standing.label == Label::kBenign) DropByAnalyst(account_id);  // Taken back for good, not until the label goes.
    const bool is_analysts_word = by_analyst && by_analyst->ruling == Ruling::kAllow && by_analyst->end_unix_nano > now;
    EndLocked(is_analysts_word ? *by_analyst : EntryOf(account_id, standing, Ruling::kAllow, origin));
    return;
  }
  if (origin == DecisionOrigin::kAnalyst) {
    if (found == active_.end() || found->second.decision.begin_unix_nano != by_analyst->time_unix_nano) {
      BeginLocked(*by_analyst);
    }
  } else if (found == active_.end() || found->second.decision.origin != DecisionOrigin::kVerdict) {
    BeginLocked(EntryOf(account_id, standing, Ruling::kRefuse, origin));
  }
}

void DecisionBook::DropByAnalyst(const std::string& account_id) {
  const std::lock_guard lock(by_analyst_mutex_);
  by_analyst_.erase(account_id);
  by_analyst_count_ = by_analyst_.size();
}

void DecisionBook::ReconsiderAllLocked() {
  std::vector<std::string> account_ids;
  for (const auto& [account_id, active] : active_) account_ids.push_back(account_id);
  {
    const std::lock_guard lock(by_analyst_mutex_);
    for (const auto& [account_id, entry] : by_analyst_) account_ids.push_back(account_id);
    const int64_t now = clock_();
    absl::erase_if(by_analyst_, [now](const auto& item) { return item.second.end_unix_nano <= now; });
    by_analyst_count_ = by_analyst_.size();
  }
  for (const std::string& account_id : account_ids) ReconsiderLocked(account_id);
}

void DecisionBook::BeginLocked(const DecisionEntry& entry) {
  const int64_t end =
      entry.origin == DecisionOrigin::kAnalyst ? entry.end_unix_nano : entry.time_unix_nano + options_.duration_nano;
  const Decision decision = DecisionOf(entry, end);
  active_[entry.account_id] = {decision, ++revision_};
  if (listener_) listener_(entry, decision);
}

void DecisionBook::EndLocked(const DecisionEntry& entry) {
  const auto found = active_.find(entry.account_id);
  const Decision decision = std::move(found->second.decision);
  active_.erase(found);
  KeepEndedLocked(decision);
  if (listener_) listener_(entry, decision);
}

void DecisionBook::KeepEndedLocked(Decision decision) { ended_.push_back({std::move(decision), ++revision_}); }

void DecisionBook::RenewLocked(int64_t now) {
  for (auto& [account_id, active] : active_) {
    if (active.decision.origin != DecisionOrigin::kVerdict) continue;
    if (active.decision.end_unix_nano - now > options_.duration_nano / 2) continue;
    active.decision.end_unix_nano = now + options_.duration_nano;
    active.revision = ++revision_;
  }
}

void DecisionBook::Sweep() {
  const std::lock_guard lock(mutex_);
  ReconsiderAllLocked();
  const int64_t now = clock_();
  RenewLocked(now);
  std::erase_if(ended_, [now](const Ended& ended) { return ended.decision.end_unix_nano <= now; });
}

void DecisionBook::Forget(const std::string& account_id) {
  const std::lock_guard lock(mutex_);
  DropByAnalyst(account_id);
  const auto found = active_.find(account_id);
  if (found == active_.end()) return;
  KeepEndedLocked(std::move(found->second.decision));
  active_.erase(found);
}

std::vector<Decision> DecisionBook::List() const {
  std::vector<Decision> decisions;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [account_id, active] : active_) decisions.push_back(active.decision);
  }
  std::sort(decisions.begin(), decisions.end(), [](const Decision& a, const Decision& b) {
    return std::tie(b.begin_unix_nano, a.account_id) < std::tie(a.begin_unix_nano, b.account_id);
  });
  return decisions;
}

std::vector<DecisionEntry> DecisionBook::ListByAnalyst() const {
  std::vector<DecisionEntry> entries;
  const int64_t now = clock_();
  {
    const std::lock_guard lock(by_analyst_mutex_);
    for (const auto& [account_id, entry] : by_analyst_) {
      if (entry.end_unix_nano > now) entries.push_back(entry);
    }
  }
  std::sort(entries.begin(), entries.end(), [](const DecisionEntry& a, const DecisionEntry& b) {
    return std::tie(b.time_unix_nano, a.account_id) < std::tie(a.time_unix_nano, b.account_id);
  });
  return entries;
}

DecisionChanges DecisionBook::ChangesSince(std::optional<uint64_t> revision) const {
  const std::lock_guard lock(mutex_);
  DecisionChanges changes;
  changes.revision = revision_;
  const uint64_t since = revision.value_or(0);
  for (const auto& [account_id, active] : active_) {
    if (active.revision > since) changes.begun.push_back(active.decision);
  }
  for (const Ended& ended : ended_) {
    if (ended.revision > since && !active_.contains(ended.decision.account_id)) {
      changes.ended.push_back(ended.decision);
    }
  }
  const auto by_id = [](const Decision& a, const Decision& b) {
    return std::tie(a.account_id, a.begin_unix_nano) < std::tie(b.account_id, b.begin_unix_nano);
  };
  std::sort(changes.begun.begin(), changes.begun.end(), by_id);
  std::sort(changes.ended.begin(), changes.ended.end(), by_id);
  return changes;
}

int64_t DecisionBook::NextTime() {
  const std::lock_guard lock(mutex_);
  return NextTimeLocked();
}

int64_t DecisionBook::NextTimeLocked() {
  last_time_unix_nano_ = std::max(last_time_unix_nano_ + 1, clock_());
  return last_time_unix_nano_;
}

DecisionEntry DecisionBook::EntryOf(const std::string& account_id, const detector::Standing& standing, Ruling ruling,
                                    DecisionOrigin origin) {
  DecisionEntry entry;
  entry.account_id = account_id;
  entry.time_unix_nano = NextTimeLocked();
  entry.ruling = ruling;
  entry.origin = origin;
  entry.mode = options_.mode;
  entry.verdict = standing.verdict;
  if (standing.label == Label::kBenign) entry.note = "labelled benign";
  return entry;
}

size_t DecisionBook::active_count() const {
  const std::lock_guard lock(mutex_);
  return active_.size();
}

}  // namespace stillwatch::enforcement
