// Copies a database and rewrites its files.
#include <rocksdb/convenience.h>
#include <rocksdb/utilities/checkpoint.h>

#include "storage/rocksdb_database.h"

namespace stillwatch::storage {
namespace {

// True if a snapshot may still show what was there before `sequence`.
bool HasOlderSnapshot(rocksdb::DB& db, rocksdb::SequenceNumber sequence) {
  uint64_t oldest = 0;
  if (!db.GetIntProperty(rocksdb::DB::Properties::kOldestSnapshotSequence, &oldest)) return false;
  return oldest != 0 && oldest < sequence;
}

Status CheckNobodyReads(rocksdb::DB& db) {
  if (!HasOlderSnapshot(db, db.GetLatestSequenceNumber())) return {};
  return {Code::kUnavailable, "a reader still holds what was deleted"};
}

}  // namespace

Status CompactRanges(RocksDbDatabase& database, const std::vector<KeyRange>& ranges) {
  rocksdb::DB& db = database.db();
  STILLWATCH_RETURN_IF_ERROR(CheckNobodyReads(db));
  // All tables, since the write-ahead log is theirs together and goes only when none needs it.
  std::vector<rocksdb::ColumnFamilyHandle*> families;
  for (size_t table = 0; table < kTableCount; ++table)
    families.push_back(database.column_family(static_cast<Table>(table)));
  STILLWATCH_RETURN_IF_ERROR(StatusOf(db.Flush(rocksdb::FlushOptions(), families)));
  rocksdb::CompactRangeOptions options;
  options.exclusive_manual_compaction = false;
  // Otherwise what reached the last level long ago stays there as it is.
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  for (const KeyRange& range : ranges) {
    const rocksdb::Slice from(range.from);
    const rocksdb::Slice to(range.to);
    STILLWATCH_RETURN_IF_ERROR(StatusOf(
        db.CompactRange(options, database.column_family(range.table), &from, range.to.empty() ? nullptr : &to)));
  }
  return {};
}

Status DropFiles(RocksDbDatabase& database, const KeyRange& range) {
  STILLWATCH_RETURN_IF_ERROR(CheckNobodyReads(database.db()));
  const rocksdb::Slice from(range.from);
  const rocksdb::Slice to(range.to);
  constexpr bool kWithEnd = false;
  return StatusOf(rocksdb::DeleteFilesInRange(&database.db(), database.column_family(range.table), &from,
                                              range.to.empty() ? nullptr : &to, kWithEnd));
}

Status CopyDatabase(RocksDbDatabase& database, const std::string& directory) {
  if (database.db().GetEnv()->FileExists(directory).ok()) return {Code::kAlreadyExists, directory + " exists already"};
  rocksdb::Checkpoint* raw = nullptr;
  STILLWATCH_RETURN_IF_ERROR(StatusOf(rocksdb::Checkpoint::Create(&database.db(), &raw)));
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(raw);
  return StatusOf(checkpoint->CreateCheckpoint(directory));
}

}  // namespace stillwatch::storage
