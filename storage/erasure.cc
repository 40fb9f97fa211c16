#include "storage/erasure.h"

#include <memory>
#include <utility>

#include "storage/block_codec.h"
#include "storage/block_scan.h"
#include "storage/byte_codec.h"

namespace stillwatch::storage {
namespace {

constexpr std::string_view kKeyPrefix = "erasure/";
constexpr std::string_view kBehindPrefix = "erasure0";  // '0' follows '/'.
constexpr uint8_t kVersion = 1;

// Blocks that one step reads at most, so that no step takes long.
constexpr size_t kReadBlockCountMax = 1024;

std::string KeyOf(std::string_view account_id) { return std::string(kKeyPrefix).append(account_id); }

bool Covers(const Erasure& erasure, std::string_view account_id, uint64_t sequence) {
  return sequence < erasure.end_sequence && account_id == erasure.account_id;
}

bool IsErased(std::span<const Erasure> erasures, std::string_view account_id, uint64_t sequence) {
  for (const Erasure& erasure : erasures) {
    if (Covers(erasure, account_id, sequence)) return true;
  }
  return false;
}

ColumnSelection AccountColumn() {
  return {.texts = uint32_t{1} << static_cast<size_t>(TextField::kAccountId), .numbers = 0};
}

// Puts the block without the events of `erasure` into `group`, if it holds any.
Status EraseFromBlock(const Erasure& erasure, const BlockSummary& summary, std::string_view key, std::string_view block,
                      EraseStep& step, WriteGroup& group) {
  Result<UsageBatch> accounts = DecodeBlock(block, AccountColumn());
  if (!accounts.ok()) return accounts.status();
  if (EraseRows({&erasure, 1}, summary.first_sequence, *accounts) == 0) return {};
  Result<UsageBatch> events = DecodeBlock(block, {});
  if (!events.ok()) return events.status();
  for (size_t row = 0; row < events->size(); ++row) {
    if (!Covers(erasure, events->text(row, TextField::kAccountId), summary.first_sequence + row)) continue;
    step.events.push_back({events->time_unix_nano(row), HashEventId(events->text(row, TextField::kEventId))});
  }
  EraseRows({&erasure, 1}, summary.first_sequence, *events);
  ++step.block_count;
  group.Put(Table::kBlocks, std::string(key), EncodeBlock(*events, 0, events->size(), summary.first_sequence));
  return {};
}

}  // namespace

void PutErasure(const Erasure& erasure, WriteGroup& group) {
  std::string value(1, static_cast<char>(kVersion));
  AppendFixed(value, erasure.end_sequence);
  AppendFixed(value, static_cast<uint8_t>(erasure.is_applied));
  group.Put(Table::kMeta, KeyOf(erasure.account_id), std::move(value));
}

void DeleteErasure(std::string_view account_id, WriteGroup& group) { group.Delete(Table::kMeta, KeyOf(account_id)); }

Result<std::vector<Erasure>> ReadErasures(const Snapshot& snapshot) {
  std::vector<Erasure> erasures;
  bool is_whole = true;
  const Status status =
      snapshot.Scan(Table::kMeta, kKeyPrefix, kBehindPrefix, [&](std::string_view key, std::string_view value) {
        Erasure erasure;
        erasure.account_id = key.substr(kKeyPrefix.size());
        ByteReader reader(value);
        uint8_t version = 0;
        uint8_t is_applied = 0;
        is_whole = reader.ReadFixed(version) && version == kVersion && reader.ReadFixed(erasure.end_sequence) &&
                   reader.ReadFixed(is_applied) && is_applied <= 1 && reader.empty();
        erasure.is_applied = is_applied == 1;
        if (is_whole) erasures.push_back(std::move(erasure));
        return is_whole;
      });
  if (!status.ok()) return status;
  if (!is_whole) return {Code::kDataLoss, "the record of an erasure is damaged"};
  return erasures;
}

size_t EraseRows(std::span<const Erasure> erasures, uint64_t first_sequence, UsageBatch& batch) {
  size_t count = 0;
  for (size_t row = 0; row < batch.size(); ++row) {
    count += IsErased(erasures, batch.text(row, TextField::kAccountId), first_sequence + row);
  }
  if (count == 0) return 0;
  const auto before = std::make_shared<UsageBatch>(std::move(batch));
  batch = UsageBatch(before->size());
  for (size_t row = 0; row < before->size(); ++row) {
    if (!IsErased(erasures, before->text(row, TextField::kAccountId), first_sequence + row)) {
      batch.AppendRow(*before, row);
    } else if (const size_t added = batch.AddRow(); before->has(row, NumberField::kTimeUnixNano)) {
      batch.SetNumber(added, NumberField::kTimeUnixNano, before->number(row, NumberField::kTimeUnixNano));
    }
  }
  batch.KeepAlive(before);
  return count;
}

Result<EraseStep> EraseFromBlocks(const Snapshot& snapshot, const Erasure& erasure, uint64_t from,
                                  size_t block_count_max, WriteGroup& group) {
  EraseStep step;
  step.is_done = true;
  size_t read_count = 0;
  const Status status = ScanBlocks(
      snapshot, from,
      [&](std::string_view key, std::string_view block) {
        const std::optional<BlockSummary> summary = ReadBlockSummary(key, block);
        if (summary && summary->first_sequence >= erasure.end_sequence) return false;
        if (step.block_count >= block_count_max || read_count >= kReadBlockCountMax) {
          step.is_done = false;
          return false;
        }
        ++read_count;
        if (summary) step.next_sequence = summary->first_sequence + 1;
        if (!summary || !EraseFromBlock(erasure, *summary, key, block, step, group).ok()) {
          ++step.damaged_block_count;
          NoteDamagedBlock(snapshot, key, block);
        }
        return true;
      },
      [&](uint64_t) { ++step.damaged_block_count; });
  if (!status.ok()) return status;
  return step;
}

}  // namespace stillwatch::storage
