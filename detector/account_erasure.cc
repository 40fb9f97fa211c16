// Forgetting an account: in its partition, and in the checkpoint.
#include <algorithm>
#include <utility>

#include "detector/account_partition.h"
#include "detector/scoring_engine.h"
#include "storage/record_store.h"

namespace stillwatch::detector {

size_t AccountPartition::Forget(std::string_view account_id) {
  const std::lock_guard lock(mutex_);
  const auto found = index_.find(KeyOf(account_id));
  if (found == index_.end()) return 0;
  const uint32_t index = found->second;
  const std::lock_guard standings_lock(standings_mutex_);
  standings_.erase(found->first);
  index_.erase(found);
  std::erase_if(changes_, [&](const VerdictChange& change) { return change.account_id == account_id; });
  std::erase(dirty_, index);
  Account& erased = accounts_[index];
  if (erased.hot != nullptr) LeaveHot(erased);
  ReleasePacked(erased);
  account_bytes_ -= BytesBeside(erased);
  std::erase(unsaved_, index);
  const size_t waiting_count = std::erase_if(heap_, [&](const Waiting& waiting) {
    if (waiting.account != index) return false;
    slots_[waiting.slot] = {};
    free_slots_.push_back(waiting.slot);
    return true;
  });
  // The last account takes its place, so that there is no hole.
  const auto last = static_cast<uint32_t>(accounts_.size() - 1);
  if (index != last) {
    // The keys are views of the id that moves.
    auto standing = standings_.extract(KeyOf(accounts_[last].id));
    index_.erase(KeyOf(accounts_[last].id));
    accounts_[index] = std::move(accounts_[last]);
    index_.emplace(KeyOf(accounts_[index].id), index);
    if (accounts_[index].hot != nullptr) hot_[accounts_[index].hot_position] = index;
    if (!standing.empty()) standings_.emplace(KeyOf(accounts_[index].id), standing.mapped());
    std::replace(dirty_.begin(), dirty_.end(), last, index);
    std::replace(unsaved_.begin(), unsaved_.end(), last, index);
    for (Waiting& waiting : heap_) {
      if (waiting.account == last) waiting.account = index;
    }
  }
  accounts_.pop_back();
  std::make_heap(heap_.begin(), heap_.end(), Later());
  return waiting_count;
}

Status ScoringEngine::Forget(const storage::Erasure& erasure, const storage::Snapshot& snapshot) {
  storage::WriteGroup group;
  STILLWATCH_RETURN_IF_ERROR(storage::DeleteVerdictChanges(snapshot, erasure.account_id, group));
  group.Delete(storage::Table::kAccounts, StateKeyOf(HashName(erasure.account_id), erasure.account_id));
  storage::Erasure applied = erasure;
  applied.is_applied = true;
  storage::PutErasure(applied, group);
  waiting_event_count_ -= PartitionFor(erasure.account_id).Forget(erasure.account_id);
  CampaignBook campaigns_left = *campaigns();
  if (campaigns_left.Forget(erasure.account_id)) SetCampaigns(std::move(campaigns_left));
  std::erase_if(unsaved_changes_, [&](const VerdictChange& change) { return change.account_id == erasure.account_id; });
  unsaved_erasures_.Append(std::move(group));
  return {};
}

}  // namespace stillwatch::detector
