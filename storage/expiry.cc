#include "storage/expiry.h"

#include <optional>
#include <string>
#include <vector>

#include "storage/block_scan.h"

namespace stillwatch::storage {

Result<ExpiryStep> ExpireBlocks(const Snapshot& snapshot, int64_t horizon_unix_nano, uint64_t end_sequence,
                                size_t block_count_max, WriteGroup& group) {
  const Result<std::optional<std::string>> last_key = snapshot.LastKey(Table::kBlocks);
  if (!last_key.ok()) return last_key.status();
  ExpiryStep step;
  std::vector<std::string> damaged_keys;
  const auto visit = [&](std::string_view key, std::string_view block) {
    if (key == last_key.value()) return false;
    const std::optional<BlockSummary> summary = ReadBlockSummary(key, block);
    if (!summary) {
      damaged_keys.emplace_back(key);
      return damaged_keys.size() < block_count_max;
    }
    const uint64_t end = summary->first_sequence + summary->event_count;
    if (summary->max_time_unix_nano >= horizon_unix_nano || end > end_sequence) return false;
    if (step.block_count >= block_count_max) {
      step.is_done = false;
      return false;
    }
    for (std::string& damaged_key : damaged_keys) group.Delete(Table::kBlocks, std::move(damaged_key));
    damaged_keys.clear();
    group.Delete(Table::kBlocks, std::string(key));
    ++step.block_count;
    step.event_count += summary->event_count;
    step.first_kept_sequence = end;
    return true;
  };
  const Status status = ScanBlocks(snapshot, 0, visit, [](uint64_t) {});
  if (!status.ok()) return status;
  return step;
}

}  // namespace stillwatch::storage
