#include "storage/event_log.h"

#include <algorithm>
#include <optional>

#include "storage/block_codec.h"
#include "storage/byte_codec.h"

namespace stillwatch::storage {
namespace {

std::string BlockKey(uint64_t first_sequence) {
  std::string key;
  AppendKeyNumber(key, first_sequence);
  return key;
}

bool ReadBlockKey(std::string_view key, uint64_t& first_sequence) {
  ByteReader reader(key);
  return reader.ReadKeyNumber(first_sequence) && reader.empty();
}

// The header of a block, if it is undamaged and stands under its own key.
std::optional<BlockSummary> ReadSummary(std::string_view key, std::string_view block) {
  uint64_t first_sequence = 0;
  Result<BlockSummary> summary = DecodeBlockSummary(block);
  if (!ReadBlockKey(key, first_sequence) || !summary.ok() || summary->first_sequence != first_sequence) return {};
  return *summary;
}

}  // namespace

Result<EventLog> EventLog::Open(const KeyValueStore& store) {
  const std::unique_ptr<Snapshot> snapshot = store.TakeSnapshot();
  Result<std::optional<std::string>> last_key = snapshot->LastKey(Table::kBlocks);
  if (!last_key.ok()) return last_key.status();
  if (!last_key->has_value()) return EventLog(0);
  const std::string& key = **last_key;
  uint64_t first_sequence = 0;
  if (!ReadBlockKey(key, first_sequence)) return {Code::kDataLoss, "the event log ends in a key that is not a block's"};
  Result<std::optional<std::string>> block = snapshot->Get(Table::kBlocks, key);
  if (!block.ok()) return block.status();
  const std::optional<BlockSummary> summary = ReadSummary(key, block->value_or(""));
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
  ScanReport report;
  // The block that holds `from` begins at most a block's length before it.
  const uint64_t first_key = from - std::min<uint64_t>(from, kBlockEventCountMax - 1);
  const Status status = snapshot.Scan(Table::kBlocks, BlockKey(first_key), "", [&](auto key, auto block) {
    const std::optional<BlockSummary> summary = ReadSummary(key, block);
    if (!summary) {
      ++report.damaged_block_count;
      return true;
    }
    if (summary->first_sequence + summary->event_count <= from) return true;
    if (summary->max_time_unix_nano < min_time_unix_nano || summary->min_time_unix_nano > max_time_unix_nano)
      return true;
    Result<UsageBatch> batch = DecodeBlock(block, columns);
    if (!batch.ok()) {
      ++report.damaged_block_count;
      return true;
    }
    ++report.block_count;
    report.event_count += summary->event_count;
    return visit(*summary, std::move(*batch));
  });
  if (!status.ok()) return status;
  return report;
}

}  // namespace stillwatch::storage
