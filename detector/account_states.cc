// Where the states of a partition's accounts are kept: in full, packed, or in the store.
#include <algorithm>
#include <utility>

#include "detector/account_partition.h"
#include "detector/account_record.h"

namespace stillwatch::detector {
namespace {

// Of an account in the two tables by id, about, at their usual load.
constexpr size_t kTableBytes = 128;
// What the allocator and the shared owner add to packed bytes, about.
constexpr size_t kPackedOverheadBytes = 48;
constexpr size_t kInlineTextBytes = 15;  // A longer text has memory of its own.

size_t PackedCost(const storage::SharedBytes& packed) { return packed.size() + kPackedOverheadBytes; }

}  // namespace

std::string StateKeyOf(uint64_t account_hash, std::string_view account_id) {
  std::string key;
  key.reserve(sizeof(account_hash) + account_id.size());
  for (int shift = 56; shift >= 0; shift -= 8) key += static_cast<char>(account_hash >> shift & 0xFF);
  return key += account_id;
}

void StateCounters::Add(const StateCounters& other) {
  hot_count += other.hot_count;
  packed_count += other.packed_count;
  stored_count += other.stored_count;
  bytes += other.bytes;
  lost_count += other.lost_count;
}

void AccountPartition::SetStateLimits(const StateLimits& limits, StateLoader loader) {
  const std::lock_guard lock(mutex_);
  limits_ = limits;
  loader_ = std::move(loader);
}

size_t AccountPartition::BytesBeside(const Account& account) {
  return sizeof(Account) + kTableBytes + (account.id.size() > kInlineTextBytes ? account.id.size() : 0);
}

size_t AccountPartition::ByteCount() const {
  return account_bytes_ + packed_bytes_ + hot_count() * (sizeof(LiveState) + sizeof(uint32_t));
}

AccountPartition::StateSummary AccountPartition::Summarize(const LiveState& state) {
  StateSummary out;
  out.organization_hash = state.links.organization_hash();
  out.created_time_unix_nano = state.portrait.created_time_unix_nano();
  out.first_bin = static_cast<int32_t>(state.links.first_bin());
  out.assessed_label = state.score.assessed_label;
  out.has_events = state.portrait.event_count() > 0;
  out.is_due = IsDue(state) || state.score.awaits_lowering;
  return out;
}

std::optional<std::string> AccountPartition::Load(const Account& account) const {
  return loader_ ? loader_(StateKeyOf(account.hash, account.id)) : std::nullopt;
}

StateView AccountPartition::Read(const Account& account) const {
  if (account.hot != nullptr) return StateView(*account.hot);
  auto copy = std::make_unique<LiveState>();
  if (account.packed) {
    ReadRecord(account.packed.view(), *copy);
    return StateView(std::move(copy));
  }
  if (account.saved_in == kNeverSaved) return StateView(std::move(copy));
  const std::optional<std::string> bytes = Load(account);
  if (!bytes || !ReadRecord(*bytes, *copy)) *copy = LiveState();
  return StateView(std::move(copy));
}

StateView AccountPartition::StateAt(uint32_t place) const {
  const Account* account = nullptr;
  {
    const std::lock_guard lock(mutex_);  // Accounts may be added meanwhile, which moves none.
    account = &accounts_[place];
  }
  return Read(*account);
}

LiveState& AccountPartition::Use(uint32_t index) {
  Account& account = accounts_[index];
  if (account.hot != nullptr) {
    account.was_used = true;
    return *account.hot;
  }
  auto state = std::make_unique<LiveState>();
  if (account.packed) {
    ReadRecord(account.packed.view(), *state);
    ReleasePacked(account);
  } else if (IsDropped(account)) {
    --dropped_count_;
    const std::optional<std::string> bytes = Load(account);
    if (!bytes || !ReadRecord(*bytes, *state)) {
      *state = LiveState();
      ++lost_count_;
      MarkUnsaved(index);
    }
  }
  MakeHot(index, std::move(state));
  return *account.hot;
}

void AccountPartition::MakeHot(uint32_t index, std::unique_ptr<LiveState> state) {
  Account& account = accounts_[index];
  account.hot = std::move(state);
  account.was_used = false;
  if (hot_.size() >= limits_.hot_count_max - TrialCountMax()) {
    account.hot_position = kOnTrial;
    trial_.push_back(index);
    return;
  }
  account.hot_position = static_cast<uint32_t>(hot_.size());
  hot_.push_back(index);
}

void AccountPartition::LeaveHot(uint32_t index) {
  Account& account = accounts_[index];
  if (account.hot_position == kOnTrial) {
    trial_.erase(std::find(trial_.begin(), trial_.end(), index));  // Mostly the first.
  } else {
    accounts_[hot_.back()].hot_position = account.hot_position;
    hot_[account.hot_position] = hot_.back();
    hot_.pop_back();
  }
  account.hot.reset();
}

void AccountPartition::Pack(uint32_t index) {
  Account& account = accounts_[index];
  account.summary = Summarize(*account.hot);
  SetPacked(account, EncodeRecord(account.organization_id, *account.hot));
  LeaveHot(index);
  account.was_used = true;
}

void AccountPartition::SetPacked(Account& account, storage::SharedBytes packed) {
  packed_bytes_ += PackedCost(packed);
  ++packed_count_;
  account.packed = std::move(packed);
}

void AccountPartition::ReleasePacked(Account& account) {
  if (!account.packed) return;
  packed_bytes_ -= PackedCost(account.packed);
  --packed_count_;
  account.packed = {};
}

void AccountPartition::KeepWithinLimits() {
  while (trial_.size() > TrialCountMax()) EndTrial();
  while (hot_.size() > limits_.hot_count_max - TrialCountMax()) PackLeastUsed();
  if (ByteCount() > limits_.byte_max && !has_nothing_to_drop_) DropStored();
}

void AccountPartition::EndTrial() {
  const uint32_t index = trial_.front();
  Account& account = accounts_[index];
  if (!account.was_used) return Pack(index);
  trial_.pop_front();
  account.hot_position = static_cast<uint32_t>(hot_.size());
  hot_.push_back(index);
}

// Source: the clock algorithm for the least recently used, Corbató 1969.
void AccountPartition::PackLeastUsed() {
  while (true) {
    if (pack_hand_ >= hot_.size()) pack_hand_ = 0;
    if (!std::exchange(accounts_[hot_[pack_hand_]].was_used, false)) break;
    ++pack_hand_;
  }
  Pack(hot_[pack_hand_]);
}

// Drops a little more than it must, so that the next ones have room. What was packed since the hand came by stays.
void AccountPartition::DropStored() {
  constexpr size_t kSlackDivisor = 64;
  if (!loader_) return;
  const size_t wanted = limits_.byte_max - limits_.byte_max / kSlackDivisor;
  for (size_t steps = 2 * accounts_.size(); ByteCount() > wanted; --steps) {
    if (steps == 0) {
      has_nothing_to_drop_ = true;
      wants_save_ = !unsaved_.empty();
      return;
    }
    if (drop_hand_ >= accounts_.size()) drop_hand_ = 0;
    Account& account = accounts_[drop_hand_++];
    const bool is_stored =
        !account.is_unsaved && account.saved_in != kNeverSaved && account.saved_in <= confirmed_save_;
    if (!account.packed || !is_stored || std::exchange(account.was_used, false)) continue;
    ReleasePacked(account);
    ++dropped_count_;
  }
}

std::optional<Score> AccountPartition::Restore(std::string_view account_id, std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  const auto state = std::make_unique<LiveState>();
  const std::optional<std::string_view> organization_id = ReadRecord(bytes, *state);
  if (!organization_id) return std::nullopt;
  const uint32_t index = FindOrAdd(KeyOf(account_id));
  Account& account = accounts_[index];
  account.organization_id = *organization_id;
  account.saved_in = 0;
  const Score score = state->score;
  account.summary = Summarize(*state);
  if (account.summary.is_due) {
    account.is_dirty = true;
    dirty_.push_back(index);
  }
  SetPacked(account, storage::SharedBytes(bytes));
  Publish(account, score);
  KeepWithinLimits();
  return score;
}

void AccountPartition::RestoreTimeline(std::string_view account_id, std::vector<VerdictChange> timeline) {
  const std::lock_guard lock(mutex_);
  Account& account = accounts_[FindOrAdd(KeyOf(account_id))];
  account.timeline = std::move(timeline);
  account.timeline.resize(std::min(account.timeline.size(), kTimelineCountMax));
}

void AccountPartition::VisitForSave(uint32_t save, SaveScope scope, const SaveVisitor& visit) {
  const std::lock_guard lock(mutex_);
  // In the order of their keys, so that the store need not sort them.
  std::vector<std::pair<uint64_t, uint32_t>> ordered;
  if (scope == SaveScope::kUnsaved) {
    ordered.reserve(unsaved_.size());
    for (const uint32_t index : unsaved_) ordered.emplace_back(accounts_[index].hash, index);
  } else {
    ordered.reserve(accounts_.size());
    for (uint32_t index = 0; index < accounts_.size(); ++index) {
      const Account& account = accounts_[index];
      if (account.hot != nullptr || account.packed || account.is_unsaved) ordered.emplace_back(account.hash, index);
    }
  }
  std::sort(ordered.begin(), ordered.end());
  for (const auto& [hash, index] : ordered) {
    Account& account = accounts_[index];
    if (std::exchange(account.is_record_outdated, false) && account.hot == nullptr) {
      Use(index);
      Pack(index);
    }
    account.is_unsaved = false;
    account.saved_in = save;
    visit(StateKeyOf(account.hash, account.id),
          account.hot != nullptr ? EncodeRecord(account.organization_id, *account.hot) : account.packed);
  }
  unsaved_.clear();
}

void AccountPartition::ConfirmSave(uint32_t save) {
  const std::lock_guard lock(mutex_);
  confirmed_save_ = save;
  has_nothing_to_drop_ = false;
  wants_save_ = false;
}

AccountPartition::SaveCounts AccountPartition::save_counts() const {
  const std::lock_guard lock(mutex_);
  return {unsaved_.size(), hot_count() + packed_count_, dropped_count_};
}

StateCounters AccountPartition::state_counters() const {
  const std::lock_guard lock(mutex_);
  StateCounters out;
  out.hot_count = hot_count();
  out.packed_count = packed_count_;
  out.stored_count = accounts_.size() - hot_count() - packed_count_;
  out.bytes = ByteCount();
  out.lost_count = lost_count_;
  return out;
}

}  // namespace stillwatch::detector
