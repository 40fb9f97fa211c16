#include "detector/account_partition.h"

#include <algorithm>
#include <cstring>

#include "proto/limits.h"

namespace stillwatch::detector {
namespace {

// How many accounts are looked up at a time: enough to hide a memory access.
constexpr size_t kPrefetchCount = 12;

// How far accounts are fetched ahead of their events, and states, which are larger: with more of them on the way they
// push each other out.
constexpr size_t kAccountDistance = 8;
constexpr size_t kStateDistance = 3;

// Starts to fetch the cache line. GCC takes a function of nothing but __builtin_prefetch for one without effect, and
// drops its calls.
void PrefetchLine(const void* data) { asm volatile("prefetcht0 %0" : : "m"(*static_cast<const char*>(data))); }

template <size_t kBytes>
void PrefetchLines(const void* data) {
  for (size_t offset = 0; offset < kBytes; offset += kCacheLineBytes) {
    PrefetchLine(static_cast<const char*>(data) + offset);
  }
}

}  // namespace

AccountPartition::ProfileLinks AccountPartition::LinksOf(const AccountProfile& profile) {
  ProfileLinks out;
  out.organization = HashName(profile.organization_id);
  out.payment = HashName(profile.payment_fingerprint);
  if (!profile.signup_address.empty() && profile.created_time_unix_nano != 0) {
    const int64_t day = profile.created_time_unix_nano / kNanosecondsPerDay;
    out.signup = HashName(profile.signup_address + '@' + std::to_string(day));
  }
  out.created_time_unix_nano = profile.created_time_unix_nano;
  out.suspended_time_unix_nano = profile.suspended_time_unix_nano;
  return out;
}

uint32_t AccountPartition::Find(const AccountKey& key) const {
  const auto first = index_.find(key.hash);
  uint32_t index = first == index_.end() ? kNobody : first->second;
  while (index != kNobody && accounts_[index].id != key.id) index = accounts_[index].next;
  return index;
}

uint32_t AccountPartition::FindOrAdd(const AccountKey& key) {
  if (const uint32_t found = Find(key); found != kNobody) return found;
  const auto index = static_cast<uint32_t>(accounts_.size());
  Account& account = accounts_.emplace_back();
  account.id = key.id;
  account.hash = key.hash;
  account_bytes_ += BytesBeside(account);
  const auto [first, is_first] = index_.try_emplace(key.hash, index);
  if (!is_first) account.next = std::exchange(first->second, index);
  return index;
}

void AccountPartition::MarkUnsaved(uint32_t index) {
  if (accounts_[index].is_unsaved) return;
  accounts_[index].is_unsaved = true;
  unsaved_.push_back(index);
}

void AccountPartition::Publish(const Account& account, const Score& score) {
  const Standing standing = {score.verdict, account.label, score.log_odds};
  const std::lock_guard lock(standings_mutex_);
  standings_[KeyOf(account.id)] = standing;
}

std::optional<Standing> AccountPartition::StandingOf(std::string_view account_id) const {
  const AccountKey key = KeyOf(account_id);
  const std::lock_guard lock(standings_mutex_);
  const auto found = standings_.find(key);
  return found == standings_.end() ? std::nullopt : std::optional(found->second);
}

ChangeSink AccountPartition::SinkFor(Account& account) {
  return [this, &account](Verdict from, const LiveState& after, int64_t time_unix_nano) {
    changes_.push_back({account.id, from, after.score.verdict, time_unix_nano,
                        RiskOf(after.score.log_odds, account.label), after.portrait.event_count()});
    if (account.timeline.size() < kTimelineCountMax) account.timeline.push_back(changes_.back());
  };
}

// With many accounts all that an arrival touches is far away, one thing behind the other: the place in the table, the
// account, its id. Of a dozen arrivals each is fetched at the same time.
void AccountPartition::PrefetchAccounts(std::span<const Arrival> arrivals) const {
  std::array<const Account*, kPrefetchCount> accounts{};
  for (const Arrival& arrival : arrivals) index_.prefetch(arrival.account_hash);
  for (size_t i = 0; i < arrivals.size(); ++i) {
    const auto found = index_.find(arrivals[i].account_hash);
    if (found == index_.end()) continue;
    accounts[i] = &accounts_[found->second];
    PrefetchLine(accounts[i]);
  }
  for (size_t i = 0; i < arrivals.size(); ++i) {
    if (accounts[i] != nullptr) PrefetchLine(accounts[i]->id.data());
  }
}

void AccountPartition::AddWaiting(std::span<const Arrival> arrivals) {
  const std::lock_guard lock(mutex_);
  for (size_t i = 0; i < arrivals.size(); ++i) {
    if (i % kPrefetchCount == 0) {
      PrefetchAccounts(arrivals.subspan(i, std::min(kPrefetchCount, arrivals.size() - i)));
    }
    const Arrival& arrival = arrivals[i];
    const uint32_t index = FindOrAdd({arrival.account_hash, arrival.account_id});
    Account& account = accounts_[index];
    if (!arrival.organization_id.empty() && account.organization_id != arrival.organization_id) {
      account.organization_id = arrival.organization_id;
      account.is_record_outdated = true;
      MarkUnsaved(index);
    }
    auto slot = static_cast<uint32_t>(slots_.size());
    if (free_slots_.empty()) {
      slots_.push_back(*arrival.event);
    } else {
      slot = free_slots_.back();
      free_slots_.pop_back();
      slots_[slot] = *arrival.event;
    }
    heap_.push_back({arrival.effective_time_unix_nano, arrival.event->event_hash, arrival.sequence, index, slot});
    std::push_heap(heap_.begin(), heap_.end(), Later());
  }
}

void AccountPartition::PrefetchForSettling(size_t position) const {
  if (position + kAccountDistance < ready_.size()) {
    const Waiting& ahead = ready_[position + kAccountDistance];
    PrefetchLines<sizeof(Account)>(&accounts_[ahead.account]);
    PrefetchLines<sizeof(features::Observation)>(&slots_[ahead.slot]);
  }
  if (position + kStateDistance < ready_.size()) {
    const Account& ahead = accounts_[ready_[position + kStateDistance].account];
    // The counters come first and are touched by every event; of the rest the processor sees the pattern itself, and
    // has not room for more on the way.
    constexpr size_t kFetchedBytes = 12 * kCacheLineBytes;
    PrefetchLines<kFetchedBytes>(ahead.hot != nullptr ? static_cast<const void*>(ahead.hot.get())
                                                      : ahead.packed.view().data());
  }
}

size_t AccountPartition::Settle(int64_t until_unix_nano, const Baseline& baseline) {
  const std::lock_guard lock(mutex_);
  ready_.clear();
  while (!heap_.empty() && heap_.front().effective_time_unix_nano < until_unix_nano) {
    std::pop_heap(heap_.begin(), heap_.end(), Later());
    ready_.push_back(heap_.back());
    heap_.pop_back();
  }
  // Accounts are apart from each other, so the state of each is fetched once for all its events.
  std::sort(ready_.begin(), ready_.end(), [](const Waiting& a, const Waiting& b) {
    return a.account != b.account ? a.account < b.account : Later()(b, a);
  });
  for (size_t i = 0; i < ready_.size();) {
    const uint32_t index = ready_[i].account;
    Account& account = accounts_[index];
    LiveState& state = Use(index);
    if (!account.is_dirty) dirty_.push_back(index);
    account.is_dirty = true;
    MarkUnsaved(index);
    const uint64_t assessed_before = state.score.assessed_event_count;
    for (; i < ready_.size() && ready_[i].account == index; ++i) {
      PrefetchForSettling(i);
      ApplyEvent(state, slots_[ready_[i].slot], baseline, account.label, SinkFor(account));
      free_slots_.push_back(ready_[i].slot);
    }
    account.summary.has_events = true;
    account.summary.first_bin = static_cast<int32_t>(state.links.first_bin());
    if (state.score.assessed_event_count != assessed_before) Publish(account, state.score);
    KeepWithinLimits();
  }
  const size_t count = ready_.size();
  GiveBackSlots();
  return count;
}

// A start leaves room for millions of events, few of which will ever wait at a time again.
void AccountPartition::GiveBackSlots() {
  constexpr size_t kFreeSlotsKept = 8192;
  if (free_slots_.size() <= kFreeSlotsKept || free_slots_.size() / 3 < heap_.size()) return;
  std::vector<features::Observation> kept;
  kept.reserve(heap_.size());
  for (Waiting& waiting : heap_) {
    kept.push_back(slots_[waiting.slot]);
    waiting.slot = static_cast<uint32_t>(kept.size() - 1);
  }
  slots_ = std::move(kept);
  heap_.shrink_to_fit();
  free_slots_ = {};
  ready_ = {};
}

void AccountPartition::Tick(int64_t time_unix_nano, const Baseline& baseline) {
  const std::lock_guard lock(mutex_);
  for (const uint32_t index : dirty_) {
    Account& account = accounts_[index];
    account.is_dirty = false;
    if (!SummaryOf(account).is_due) continue;
    LiveState& state = Use(index);
    MarkUnsaved(index);
    Reassess(state, baseline, account.label, time_unix_nano, Lowering::kAllowed, SinkFor(account));
    Publish(account, state.score);
    KeepWithinLimits();
  }
  dirty_.clear();
}

std::optional<int64_t> AccountPartition::EarliestWaiting() const {
  const std::lock_guard lock(mutex_);
  if (heap_.empty()) return std::nullopt;
  return heap_.front().effective_time_unix_nano;
}

std::vector<AccountPartition::Waiting> AccountPartition::WaitingEvents() const {
  const std::lock_guard lock(mutex_);
  return heap_;
}

void AccountPartition::SetProfile(AccountProfile profile) {
  const std::lock_guard lock(mutex_);
  const uint32_t index = FindOrAdd(KeyOf(profile.account_id));
  Account& account = accounts_[index];
  // Not for nothing: at a start all profiles are told, and their accounts are packed.
  if (SummaryOf(account).created_time_unix_nano != profile.created_time_unix_nano) {
    Use(index).portrait.SetCreatedTime(profile.created_time_unix_nano);
    MarkUnsaved(index);
  }
  const ProfileLinks links = LinksOf(profile);
  account.profile = std::make_unique<Profile>(Profile{std::move(profile), links});
  KeepWithinLimits();
}

void AccountPartition::SetLabel(std::string_view account_id, Label label, const Baseline& baseline) {
  const std::lock_guard lock(mutex_);
  const uint32_t index = FindOrAdd(KeyOf(account_id));
  Account& account = accounts_[index];
  if (account.label == label) return;
  account.label = label;
  AssessAnew(index, baseline, Use(index).portrait.last_time_unix_nano());
}

void AccountPartition::RestoreLabel(std::string_view account_id, Label label) {
  const std::lock_guard lock(mutex_);
  const uint32_t index = FindOrAdd(KeyOf(account_id));
  accounts_[index].label = label;
  Publish(accounts_[index], Read(accounts_[index])->score);
}

void AccountPartition::AssessRelabelled(const Baseline& baseline) {
  const std::lock_guard lock(mutex_);
  for (uint32_t index = 0; index < accounts_.size(); ++index) {
    if (accounts_[index].label == SummaryOf(accounts_[index]).assessed_label) continue;
    AssessAnew(index, baseline, Use(index).portrait.last_time_unix_nano());
  }
}

void AccountPartition::SetMembership(std::string_view account_id, const Membership& membership,
                                     const Baseline& baseline, int64_t time_unix_nano) {
  const std::lock_guard lock(mutex_);
  const uint32_t index = FindOrAdd(KeyOf(account_id));
  LiveState& state = Use(index);
  if (std::memcmp(&state.membership, &membership, sizeof(membership)) != 0) {
    state.membership = membership;
    AssessAnew(index, baseline, time_unix_nano);
  }
  KeepWithinLimits();
}

void AccountPartition::AssessAnew(uint32_t index, const Baseline& baseline, int64_t time_unix_nano) {
  Account& account = accounts_[index];
  LiveState& state = Use(index);
  MarkUnsaved(index);
  Reassess(state, baseline, account.label, time_unix_nano, Lowering::kAllowed, SinkFor(account));
  Publish(account, state.score);
}

const std::string& AccountPartition::OrganizationOf(const Account& account) {
  if (account.organization_id.empty() && account.profile != nullptr) return account.profile->told.organization_id;
  return account.organization_id;
}

AccountDetail AccountPartition::Describe(const Account& account, const LiveState& state) const {
  AccountDetail out;
  out.account_id = account.id;
  out.organization_id = OrganizationOf(account);
  if (account.profile != nullptr) out.profile = account.profile->told;
  out.label = account.label;
  out.live = state;
  out.timeline = account.timeline;
  return out;
}

void AccountPartition::LookAhead(const Account& account, const std::vector<const features::Observation*>& events,
                                 const Baseline& baseline, AccountDetail& out) const {
  const ChangeSink sink = [&](Verdict from, const LiveState& after, int64_t time_unix_nano) {
    out.timeline.push_back({account.id, from, after.score.verdict, time_unix_nano,
                            RiskOf(after.score.log_odds, account.label), after.portrait.event_count()});
  };
  for (const features::Observation* event : events) ApplyEvent(out.live, *event, baseline, account.label, sink);
  out.assessment =
      Reassess(out.live, baseline, account.label, out.live.portrait.last_time_unix_nano(), Lowering::kAllowed, sink);
}

absl::flat_hash_map<uint32_t, std::vector<const features::Observation*>> AccountPartition::WaitingByAccount() const {
  std::vector<Waiting> ordered = heap_;
  std::sort(ordered.begin(), ordered.end(), [](const Waiting& a, const Waiting& b) { return Later()(b, a); });
  absl::flat_hash_map<uint32_t, std::vector<const features::Observation*>> out;
  for (const Waiting& waiting : ordered) out[waiting.account].push_back(&slots_[waiting.slot]);
  return out;
}

std::optional<AccountDetail> AccountPartition::Get(std::string_view account_id, const Baseline& baseline) const {
  const std::lock_guard lock(mutex_);
  const uint32_t index = Find(KeyOf(account_id));
  if (index == kNobody) return std::nullopt;
  std::vector<Waiting> own;
  std::copy_if(heap_.begin(), heap_.end(), std::back_inserter(own),
               [&](const Waiting& waiting) { return waiting.account == index; });
  std::sort(own.begin(), own.end(), [](const Waiting& a, const Waiting& b) { return Later()(b, a); });
  std::vector<const features::Observation*> events;
  for (const Waiting& waiting : own) events.push_back(&slots_[waiting.slot]);
  const Account& account = accounts_[index];
  AccountDetail out = Describe(account, *Read(account));
  LookAhead(account, events, baseline, out);
  return out;
}

std::vector<AccountSummary> AccountPartition::List(const Baseline& baseline) const {
  const std::lock_guard lock(mutex_);
  const auto waiting = WaitingByAccount();
  std::vector<AccountSummary> out;
  out.reserve(accounts_.size());
  for (uint32_t index = 0; index < accounts_.size(); ++index) {
    const Account& account = accounts_[index];
    const StateView state = Read(account);
    const auto found = waiting.find(index);
    AccountSummary summary{account.id,           OrganizationOf(account), RiskOf(state->score.log_odds, account.label),
                           state->score.verdict, account.label,           state->portrait.event_count()};
    if (found != waiting.end() || !IsFresh(*state, baseline, account.label)) {
      AccountDetail ahead;
      ahead.live = *state;
      LookAhead(account, found == waiting.end() ? std::vector<const features::Observation*>() : found->second, baseline,
                ahead);
      summary.risk = RiskOf(ahead.live.score.log_odds, account.label);
      summary.verdict = ahead.live.score.verdict;
      summary.event_count = ahead.live.portrait.event_count();
    }
    out.push_back(std::move(summary));
  }
  return out;
}

size_t AccountPartition::account_count() const {
  const std::lock_guard lock(mutex_);
  return accounts_.size();
}

std::vector<AccountPartition::Sampled> AccountPartition::Sample(size_t count_max, uint64_t event_count_min) const {
  const std::lock_guard lock(mutex_);
  // The next lowest hash is on top: few accounts are looked at, so the rest needs no order.
  std::vector<std::pair<uint64_t, const Account*>> heap;
  heap.reserve(accounts_.size());
  for (const Account& account : accounts_) {
    if (account.label != Label::kConfirmed) heap.emplace_back(__builtin_bswap64(account.hash), &account);
  }
  const auto is_later = [](const auto& a, const auto& b) { return a.first > b.first; };
  std::make_heap(heap.begin(), heap.end(), is_later);
  std::vector<Sampled> out;
  for (; out.size() < count_max && !heap.empty(); heap.pop_back()) {
    std::pop_heap(heap.begin(), heap.end(), is_later);
    const auto& [hash, account] = heap.back();
    if (!SummaryOf(*account).has_events) continue;
    StateView state = Read(*account);
    if (state->portrait.event_count() >= event_count_min) out.push_back({hash, account->label, std::move(state)});
  }
  return out;
}

CampaignCandidate AccountPartition::CandidateOf(uint32_t index, int64_t time_unix_nano) const {
  const Account& account = accounts_[index];
  CampaignCandidate out;
  out.account_id = account.id;
  out.account_hash = account.hash;
  out.states = this;
  out.place = index;
  out.first_bin = account.summary.first_bin;
  out.organization =
      account.hot != nullptr ? account.hot->links.organization_hash() : account.summary.organization_hash;
  if (account.profile == nullptr) return out;
  const ProfileLinks& profile = account.profile->links;
  if (out.organization == 0) out.organization = profile.organization;
  out.payment = profile.payment;
  out.signup = profile.signup;
  // What is told of the future has not happened yet.
  if (profile.created_time_unix_nano <= time_unix_nano) out.created_time_unix_nano = profile.created_time_unix_nano;
  if (profile.suspended_time_unix_nano <= time_unix_nano) {
    out.suspended_time_unix_nano = profile.suspended_time_unix_nano;
  }
  return out;
}

void AccountPartition::CollectCandidates(int64_t time_unix_nano, int64_t first_bin_min, size_t sampled_max,
                                         std::vector<CampaignCandidate>& out) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<uint64_t, uint32_t>> others;
  for (uint32_t index = 0; index < accounts_.size(); ++index) {
    if (!MayBeCandidate(accounts_[index])) continue;
    if (accounts_[index].summary.first_bin < first_bin_min) {
      others.emplace_back(__builtin_bswap64(accounts_[index].hash), index);
    } else {
      out.push_back(CandidateOf(index, time_unix_nano));
    }
  }
  const size_t sampled_count = std::min(sampled_max, others.size());
  std::nth_element(others.begin(), others.begin() + static_cast<ptrdiff_t>(sampled_count), others.end());
  for (size_t i = 0; i < sampled_count; ++i) {
    out.push_back(CandidateOf(others[i].second, time_unix_nano));
    out.back().weight = static_cast<float>(others.size()) / static_cast<float>(sampled_count);
  }
}

std::optional<Traffic> AccountPartition::TrafficOf(std::string_view account_id) const {
  const std::lock_guard lock(mutex_);
  const uint32_t index = Find(KeyOf(account_id));
  if (index == kNobody || !MayBeCandidate(accounts_[index])) return std::nullopt;
  const StateView state = Read(accounts_[index]);
  return Traffic{state->portrait.event_count(), state->portrait.last_time_unix_nano()};
}

std::vector<VerdictChange> AccountPartition::TakeChanges() {
  const std::lock_guard lock(mutex_);
  return std::exchange(changes_, {});
}

}  // namespace stillwatch::detector
