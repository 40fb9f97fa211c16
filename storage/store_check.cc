#include "storage/store_check.h"

#include <algorithm>
#include <memory>
#include <string>

#include "storage/block_codec.h"
#include "storage/block_scan.h"
#include "storage/erasure.h"
#include "storage/record_store.h"

namespace stillwatch::storage {
namespace {

// Called so often, in blocks: a few times a second.
constexpr uint64_t kProgressBlocks = 256;

uint64_t LastSequence(const Snapshot& snapshot) {
  const Result<std::optional<std::string>> key = snapshot.LastKey(Table::kBlocks);
  uint64_t sequence = 0;
  if (!key.ok() || !key.value().has_value() || !ReadBlockKey(*key.value(), sequence)) return 0;
  return sequence;
}

uint64_t CountErased(std::string_view block) {
  const Result<UsageBatch> batch =
      DecodeBlock(block, {.texts = uint32_t{1} << static_cast<size_t>(TextField::kAccountId), .numbers = 0});
  if (!batch.ok()) return 0;
  uint64_t count = 0;
  for (size_t row = 0; row < batch.value().size(); ++row) {
    count += batch.value().text(row, TextField::kAccountId).empty();
  }
  return count;
}

Status CheckBlocks(const Snapshot& snapshot, const std::function<void(double part)>& progress,
                   StoreCheckReport& report) {
  const auto last = static_cast<double>(std::max<uint64_t>(1, LastSequence(snapshot)));
  uint64_t end = 0;  // Of the block before.
  const auto visit = [&](std::string_view key, std::string_view block) {
    ++report.block_count;
    const bool is_sound = NoteDamagedBlock(snapshot, key, block) == 0;
    const std::optional<BlockSummary> summary = ReadBlockSummary(key, block);
    if (!summary) return true;
    report.event_count += summary->event_count;
    if (is_sound) report.erased_event_count += CountErased(block);
    if (summary->first_sequence < end) {
      snapshot.damages().Note("block " + std::to_string(summary->first_sequence),
                              "it begins within the block before it");
    }
    end = summary->first_sequence + summary->event_count;
    if (report.block_count % kProgressBlocks == 0) progress(static_cast<double>(summary->first_sequence) / last);
    return true;
  };
  return ScanBlocks(snapshot, 0, visit, [](uint64_t) {});
}

Status CheckRecords(const Snapshot& snapshot, StoreCheckReport& report) {
  const auto count = [&report](const auto&) { ++report.record_count; };
  STILLWATCH_RETURN_IF_ERROR(ScanProfiles(snapshot, count));
  STILLWATCH_RETURN_IF_ERROR(ScanModels(snapshot, count));
  STILLWATCH_RETURN_IF_ERROR(ScanLabels(snapshot, count));
  return ScanVerdictChanges(snapshot, count);
}

// Reads a table whose values only their writers understand.
Status ReadTable(const Snapshot& snapshot, Table table, const std::string& name, uint64_t& count) {
  const Status status = snapshot.Scan(table, "", "", [&count](std::string_view, std::string_view) {
    ++count;
    return true;
  });
  if (status.code() != Code::kDataLoss) return status;
  snapshot.damages().Note("table " + name + " behind its first " + std::to_string(count) + " values", status.message());
  return {};
}

Status CheckOpaqueTables(const Snapshot& snapshot, StoreCheckReport& report) {
  uint64_t unused = 0;
  STILLWATCH_RETURN_IF_ERROR(ReadTable(snapshot, Table::kMeta, "meta", unused));
  STILLWATCH_RETURN_IF_ERROR(ReadTable(snapshot, Table::kAccounts, "accounts", report.account_count));
  STILLWATCH_RETURN_IF_ERROR(ReadTable(snapshot, Table::kEventIds, "event_ids", unused = 0));
  return ReadTable(snapshot, Table::kAudits, "audits", unused = 0);
}

}  // namespace

Result<StoreCheckReport> CheckStore(const KeyValueStore& store, const std::function<void(double part)>& progress) {
  StoreCheckReport report;
  const std::unique_ptr<Snapshot> snapshot = store.TakeSnapshot();
  STILLWATCH_RETURN_IF_ERROR(CheckBlocks(*snapshot, progress, report));
  STILLWATCH_RETURN_IF_ERROR(CheckRecords(*snapshot, report));
  STILLWATCH_RETURN_IF_ERROR(CheckOpaqueTables(*snapshot, report));
  if (const Status erasures = ReadErasures(*snapshot).status(); erasures.code() == Code::kDataLoss) {
    store.damages().Note("erasures", erasures.message());
  }
  if (const Status files = store.CheckFiles(); files.code() == Code::kDataLoss) {
    store.damages().Note("files of the store", files.message());
  } else {
    STILLWATCH_RETURN_IF_ERROR(files);
  }
  progress(1);
  report.damage_count = store.damages().count();
  return report;
}

}  // namespace stillwatch::storage
