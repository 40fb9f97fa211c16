// Forgetting an account: in its partition, and in the checkpoint.
#include <algorithm>
#include <utility>

#include "detector/account_partition.h"
#include "detector/scoring_engine.h"
#include "storage/record_store.h"

namespace stillwatch::detector {

// What led to an account leads to another one, or nowhere.
void AccountPartition::Relink(uint32_t from, uint32_t to) {
  const auto first = index_.find(accounts_[from].hash);
  uint32_t* link = &first->second;
  while (*link != from) link = &accounts_[*link].next;
  *link = to;
  if (first->second == kNobody) index_.erase(first);
}

size_t AccountPartition::Forget(std::string_view account_id, uint64_t end_sequence) {
  const std::lock_guard lock(mutex_);
  const uint32_t index = Find(KeyOf(account_id));
  if (index == kNobody) return 0;
  const std::lock_guard standings_lock(standings_mutex_);
  standings_.erase(KeyOf(account_id));
  Relink(index, accounts_[index].next);
  std::erase_if(changes_, [&](const VerdictChange& change) { return change.account_id == account_id; });
  std::erase(dirty_, index);
  Account& erased = accounts_[index];
  if (IsDropped(erased)) --dropped_count_;
  if (erased.hot != nullptr) LeaveHot(index);
  ReleasePacked(erased);
  account_bytes_ -= BytesBeside(erased);
  std::erase(unsaved_, index);
  std::vector<Waiting> behind;  // What the account did after its erasure is a new account's.
  const size_t waiting_count = std::erase_if(heap_, [&](const Waiting& waiting) {
    if (waiting.account != index) return false;
    if (waiting.sequence >= end_sequence) {
      behind.push_back(waiting);
      return true;
    }
    slots_[waiting.slot] = {};
    free_slots_.push_back(waiting.slot);
    return true;
  });
  // The last account takes its place, so that there is no hole.
  const auto last = static_cast<uint32_t>(accounts_.size() - 1);
  if (index != last) {
    // The keys are views of the id that moves.
    auto standing = standings_.extract(KeyOf(accounts_[last].id));
    Relink(last, index);
    accounts_[index] = std::move(accounts_[last]);
    const bool is_on_trial = accounts_[index].hot_position == kOnTrial;
    if (accounts_[index].hot != nullptr && is_on_trial) std::replace(trial_.begin(), trial_.end(), last, index);
    if (accounts_[index].hot != nullptr && !is_on_trial) hot_[accounts_[index].hot_position] = index;
    if (!standing.empty()) standings_.emplace(KeyOf(accounts_[index].id), standing.mapped());
    std::replace(dirty_.begin(), dirty_.end(), last, index);
    std::replace(unsaved_.begin(), unsaved_.end(), last, index);
    for (Waiting& waiting : heap_) {
      if (waiting.account == last) waiting.account = index;
    }
  }
  accounts_.pop_back();
  for (Waiting& waiting : behind) {
    waiting.account = FindOrAdd(KeyOf(account_id));
    heap_.push_back(waiting);
  }
  std::make_heap(heap_.begin(), heap_.end(), Later());
  return waiting_count - behind.size();
}

Status ScoringEngine::Forget(const storage::Erasure& erasure, const storage::Snapshot& snapshot) {
  storage::WriteGroup group;
  STILLWATCH_RETURN_IF_ERROR(storage::DeleteVerdictChanges(snapshot, erasure.account_id, group));
  group.Delete(storage::Table::kAccounts, StateKeyOf(HashName(erasure.account_id), erasure.account_id));
  storage::Erasure applied = erasure;
  applied.is_applied = true;
  storage::PutErasure(applied, group);
  waiting_event_count_ -= PartitionFor(erasure.account_id).Forget(erasure.account_id, erasure.end_sequence);
  CampaignBook campaigns_left = *campaigns();
  if (campaigns_left.Forget(erasure.account_id)) SetCampaigns(std::move(campaigns_left));
  std::erase_if(unsaved_changes_, [&](const VerdictChange& change) { return change.account_id == erasure.account_id; });
  unsaved_erasures_.Append(std::move(group));
  return {};
}

}  // namespace stillwatch::detector
