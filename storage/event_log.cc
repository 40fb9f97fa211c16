#include "storage/event_log.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "storage/block_codec.h"
#include "storage/block_scan.h"
#include "storage/erasure.h"

namespace stillwatch::storage {
Result<EventLog> EventLog::Open(const KeyValueStore& store) {
  const std::unique_ptr<Snapshot> snapshot = store.TakeSnapshot();
  Result<std::optional<std::string>> last_key = snapshot->LastKey(Table::kBlocks);
  if (!last_key.ok()) return last_key.status();
  if (!last_key->has_value()) return EventLog(0);
  const std::string& key = **last_key;
  uint64_t first_sequence = 0;
  if (!ReadBlockKey(key, first_sequence)) return {Code::kDataLoss, "the event log ends in a key that is not a block's"};
  Result<std::optional<std::string>> block = snapshot->Get(Table::kBlocks, key);
  if (!block.ok() && block.status().code() != Code::kDataLoss) return block.status();
  const std::optional<BlockSummary> summary = block.ok() ? ReadBlockSummary(key, block->value_or("")) : std::nullopt;
  // If the last block is damaged its length is unknown; no sequence may be given twice, so the longest is assumed.
  return EventLog(first_sequence + (summary ? summary->event_count : kBlockEventCountMax));
}

uint64_t EventLog::Append(const UsageBatch& batch, WriteGroup& group) {
  const uint64_t first_sequence = next_sequence_;
  for (size_t begin = 0; begin < batch.size(); begin += kBlockEventCountMax) {
    const size_t end = std::min(begin + kBlockEventCountMax, batch.size());
    group.Put(Table::kBlocks, BlockKey(next_sequence_), EncodeBlock(batch, begin, end, next_sequence_));
    next_sequence_ += end - begin;
  }
  return first_sequence;
}

Result<EventLog::ScanReport> EventLog::Scan(const Snapshot& snapshot, uint64_t from, int64_t min_time_unix_nano,
                                            int64_t max_time_unix_nano, const ColumnSelection& columns,
                                            const BlockVisitor& visit) {
  Result<std::vector<Erasure>> erasures = ReadErasures(snapshot);
  if (!erasures.ok()) return erasures.status();
  ColumnSelection selected = columns;
  if (!erasures->empty()) selected.texts |= uint32_t{1} << static_cast<size_t>(TextField::kAccountId);
  ScanReport report;
  // The block that holds `from` begins at most a block's length before it.
  const uint64_t first = from - std::min<uint64_t>(from, kBlockEventCountMax - 1);
  const auto skip_damaged = [&](std::string_view key, std::string_view block) {
    ++report.damaged_block_count;
    NoteDamagedBlock(snapshot, key, block);
    return true;
  };
  const auto visit_block = [&](std::string_view key, std::string_view block) {
    const std::optional<BlockSummary> summary = ReadBlockSummary(key, block);
    if (!summary) return skip_damaged(key, block);
    if (summary->first_sequence + summary->event_count <= from) return true;
    if (summary->max_time_unix_nano < min_time_unix_nano || summary->min_time_unix_nano > max_time_unix_nano)
      return true;
    Result<UsageBatch> batch = DecodeBlock(block, selected);
    if (!batch.ok()) return skip_damaged(key, block);
    EraseRows(*erasures, summary->first_sequence, *batch);
    ++report.block_count;
    report.event_count += summary->event_count;
    return visit(*summary, std::move(*batch));
  };
  const Status status = ScanBlocks(snapshot, first, visit_block, [&](uint64_t) { ++report.damaged_block_count; });
  if (!status.ok()) return status;
  return report;
}

}  // namespace stillwatch::storage
