// Groups that go into table files of their own, past the write-ahead log.
#include <rocksdb/options.h>
#include <rocksdb/sst_file_writer.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "storage/rocksdb_database.h"

namespace stillwatch::storage {
namespace {

using Operations = std::vector<const WriteGroup::Operation*>;

std::string FileOf(const std::string& path, Table table) {
  return path + "/bulk-" + std::to_string(static_cast<int>(table)) + ".sst";
}

// The operations in order of key, of each key the last one.
void SortLastOfEach(Operations& operations) {
  // A checkpoint's are in order, each once.
  const auto is_not_after = [](const auto* a, const auto* b) { return b->key <= a->key; };
  if (std::adjacent_find(operations.begin(), operations.end(), is_not_after) == operations.end()) return;
  std::stable_sort(operations.begin(), operations.end(), [](const auto* a, const auto* b) { return a->key < b->key; });
  const auto is_same_key = [](const auto* a, const auto* b) { return a->key == b->key; };
  // unique keeps the first of each.
  operations.erase(operations.begin(), std::unique(operations.rbegin(), operations.rend(), is_same_key).base());
}

// What a group does to a table.
struct Changes {
  std::vector<const KeyRange*> deleted_ranges;
  Operations operations;
};

rocksdb::Status WriteTableFile(const RocksDbDatabase& database, Table table, const Changes& changes,
                               const std::string& file) {
  rocksdb::ColumnFamilyHandle* const family = database.column_family(table);
  rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), database.db().GetOptions(family), family);
  rocksdb::Status status = writer.Open(file);
  // A deleted range does not reach the keys of its own file.
  for (const KeyRange* range : changes.deleted_ranges) {
    if (status.ok()) status = writer.DeleteRange(range->from, EndOf(*range));
  }
  for (const WriteGroup::Operation* operation : changes.operations) {
    if (!status.ok()) return status;
    const std::optional<std::string_view> bytes = operation->bytes();
    status = bytes ? writer.Put(operation->key, rocksdb::Slice(bytes->data(), bytes->size()))
                   : writer.Delete(operation->key);
  }
  return status.ok() ? writer.Finish() : status;
}

rocksdb::ColumnFamilyMetaData FilesOf(const RocksDbDatabase& database, Table table) {
  rocksdb::ColumnFamilyMetaData files;
  database.db().GetColumnFamilyMetaData(database.column_family(table), &files);
  return files;
}

// Deletes files of which a newer one hides everything: to merge them would read and write them all to the same end.
// RocksDB lets the oldest go only, so from the deepest level up; of what it is merging just now it drops the rest then.
void DropHiddenFiles(const RocksDbDatabase& database, const rocksdb::ColumnFamilyMetaData& hidden) {
  for (auto level = hidden.levels.rbegin(); level != hidden.levels.rend(); ++level) {
    std::vector<rocksdb::SstFileMetaData> files = level->files;  // Of level 0 the newest is first.
    std::reverse(files.begin(), files.end());
    for (const rocksdb::SstFileMetaData& file : files) database.db().DeleteFile(file.name).PermitUncheckedError();
  }
}

}  // namespace

void DeleteBulkFiles(const std::string& path, rocksdb::Env* env) {
  for (size_t table = 0; table < kTableCount; ++table) {
    env->DeleteFile(FileOf(path, static_cast<Table>(table))).PermitUncheckedError();
  }
}

Status CommitBulk(RocksDbDatabase& database, const std::string& path, const WriteGroup& group) {
  std::array<Changes, kTableCount> by_table;
  for (const KeyRange& range : group.deleted_ranges()) {
    by_table[static_cast<size_t>(range.table)].deleted_ranges.push_back(&range);
  }
  for (const WriteGroup::Operation& operation : group.operations()) {
    by_table[static_cast<size_t>(operation.table)].operations.push_back(&operation);
  }
  std::vector<rocksdb::IngestExternalFileArg> files;
  rocksdb::Status status;
  for (size_t table = 0; table < kTableCount && status.ok(); ++table) {
    Changes& changes = by_table[table];
    if (changes.operations.empty() && changes.deleted_ranges.empty()) continue;
    SortLastOfEach(changes.operations);
    const std::string file = FileOf(path, static_cast<Table>(table));
    status = WriteTableFile(database, static_cast<Table>(table), changes, file);
    rocksdb::IngestExternalFileArg& argument = files.emplace_back();
    argument.column_family = database.column_family(static_cast<Table>(table));
    argument.external_files = {file};
    argument.options.move_files = true;
    argument.options.write_global_seqno = false;
  }
  std::vector<rocksdb::ColumnFamilyMetaData> hidden;
  for (const KeyRange& range : group.deleted_ranges()) {
    if (range.from.empty() && range.to.empty()) hidden.push_back(FilesOf(database, range.table));
  }
  // All of them or none: one record in RocksDB's list of files.
  if (status.ok() && !files.empty()) status = database.db().IngestExternalFiles(files);
  for (size_t i = 0; status.ok() && i < hidden.size(); ++i) DropHiddenFiles(database, hidden[i]);
  if (!status.ok()) DeleteBulkFiles(path, database.db().GetEnv());
  return StatusOf(status);
}

}  // namespace stillwatch::storage
