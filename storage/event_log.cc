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

namespace {

// Visits the blocks of Scan as they are stored.
class StoredBlocks {
 public:
  using Visitor = std::function<bool(std::string_view key, std::string_view block, const BlockSummary& summary)>;

  StoredBlocks(const Snapshot& snapshot, uint64_t from, int64_t min_time_unix_nano, int64_t max_time_unix_nano)
      : snapshot_(snapshot),
        from_(from),
        min_time_unix_nano_(min_time_unix_nano),
        max_time_unix_nano_(max_time_unix_nano) {}

  Status Visit(const Visitor& visit) {
    // The block that holds `from` begins at most a block's length before it.
    const uint64_t first = from_ - std::min<uint64_t>(from_, kBlockEventCountMax - 1);
    const auto visit_block = [&](std::string_view key, std::string_view block) {
      const std::optional<BlockSummary> summary = ReadBlockSummary(key, block);
      if (!summary) return SkipDamaged(key, block);
      if (summary->first_sequence + summary->event_count <= from_) return true;
      if (summary->max_time_unix_nano < min_time_unix_nano_ || summary->min_time_unix_nano > max_time_unix_nano_) {
        return true;
      }
      return visit(key, block, *summary);
    };
    return ScanBlocks(snapshot_, first, visit_block, [this](uint64_t) { ++report_.damaged_block_count; });
  }

  // Counts and notes it, and says that the scan goes on.
  bool SkipDamaged(std::string_view key, std::string_view block) {
    ++report_.damaged_block_count;
    NoteDamagedBlock(snapshot_, key, block);
    return true;
  }
  void Count(const BlockSummary& summary) {
    ++report_.block_count;
    report_.event_count += summary.event_count;
  }
  const EventLog::ScanReport& report() const { return report_; }

 private:
  const Snapshot& snapshot_;
  const uint64_t from_;
  const int64_t min_time_unix_nano_;
  const int64_t max_time_unix_nano_;
  EventLog::ScanReport report_;
};

// What erasures take out is found by the account.
ColumnSelection WithAccounts(ColumnSelection columns, const std::vector<Erasure>& erasures) {
  if (!erasures.empty()) columns.texts |= uint32_t{1} << static_cast<size_t>(TextField::kAccountId);
  return columns;
}

}  // namespace

Result<EventLog::ScanReport> EventLog::Scan(const Snapshot& snapshot, uint64_t from, int64_t min_time_unix_nano,
                                            int64_t max_time_unix_nano, const ColumnSelection& columns,
                                            const BlockVisitor& visit) {
  const Result<std::vector<Erasure>> erasures = ReadErasures(snapshot);
  if (!erasures.ok()) return erasures.status();
  const ColumnSelection selected = WithAccounts(columns, erasures.value());
  StoredBlocks blocks(snapshot, from, min_time_unix_nano, max_time_unix_nano);
  const Status status = blocks.Visit([&](std::string_view key, std::string_view block, const BlockSummary& summary) {
    Result<UsageBatch> batch = DecodeBlock(block, selected);
    if (!batch.ok()) return blocks.SkipDamaged(key, block);
    EraseRows(erasures.value(), summary.first_sequence, *batch);
    blocks.Count(summary);
    return visit(summary, std::move(*batch));
  });
  if (!status.ok()) return status;
  return blocks.report();
}

Result<EventLog::ScanReport> EventLog::ScanGroups(const Snapshot& snapshot, uint64_t from, int64_t min_time_unix_nano,
                                                  int64_t max_time_unix_nano, const ColumnSelection& columns,
                                                  uint64_t event_count_min, const ParallelFor& parallel_for,
                                                  const GroupVisitor& visit) {
  const Result<std::vector<Erasure>> erasures = ReadErasures(snapshot);
  if (!erasures.ok()) return erasures.status();
  const ColumnSelection selected = WithAccounts(columns, erasures.value());
  struct Stored {
    std::string key;
    std::string block;
    BlockSummary summary;
  };
  StoredBlocks blocks(snapshot, from, min_time_unix_nano, max_time_unix_nano);
  std::vector<Stored> stored;
  uint64_t stored_event_count = 0;
  const auto visit_stored = [&] {
    std::vector<Result<UsageBatch>> decoded(stored.size(), UsageBatch());
    parallel_for(stored.size(), [&](size_t i) {
      decoded[i] = DecodeBlock(stored[i].block, selected);
      if (decoded[i].ok()) EraseRows(erasures.value(), stored[i].summary.first_sequence, *decoded[i]);
    });
    std::vector<Block> group;
    for (size_t i = 0; i < stored.size(); ++i) {
      if (!decoded[i].ok()) {
        blocks.SkipDamaged(stored[i].key, stored[i].block);
        continue;
      }
      blocks.Count(stored[i].summary);
      group.push_back({stored[i].summary, std::move(*decoded[i])});
    }
    stored.clear();
    stored_event_count = 0;
    return group.empty() || visit(std::move(group));
  };
  bool goes_on = true;
  const Status status = blocks.Visit([&](std::string_view key, std::string_view block, const BlockSummary& summary) {
    stored.push_back({std::string(key), std::string(block), summary});
    stored_event_count += summary.event_count;
    if (stored_event_count >= event_count_min) goes_on = visit_stored();
    return goes_on;
  });
  if (!status.ok()) return status;
  if (goes_on) visit_stored();
  return blocks.report();
}

}  // namespace stillwatch::storage
