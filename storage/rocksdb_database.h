// An open RocksDB database with our tables: what the RocksDB store is made of. For rocksdb_store.cc and its tests.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/env.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "proto/result.h"
#include "storage/key_value_store.h"

namespace stillwatch::storage {

// Holds a database open; closes it in the end.
// Threading: safe from any thread. Ownership: must outlive the iterators and snapshots made from it.
class RocksDbDatabase {
 public:
  // Opens, or creates, the database in directory `path`. A damaged record of the write-ahead log is left out, and what is
  // sound behind it kept; damaged_log() tells. Errors: those of OpenRocksDbStore.
  static Result<std::shared_ptr<RocksDbDatabase>> Open(const std::string& path, rocksdb::Env* env);

  // Opens it to be read only. Errors: those of OpenRocksDbStoreReadOnly.
  static Result<std::shared_ptr<RocksDbDatabase>> OpenReadOnly(const std::string& path, rocksdb::Env* env);

  RocksDbDatabase(const RocksDbDatabase&) = delete;
  RocksDbDatabase& operator=(const RocksDbDatabase&) = delete;
  ~RocksDbDatabase();

  rocksdb::DB& db() const { return *db_; }
  rocksdb::ColumnFamilyHandle* column_family(Table table) const;
  // What was wrong with the write-ahead log when it was read; empty if nothing.
  const std::string& damaged_log() const { return damaged_log_; }
  // Bytes that stand in memory and in the write-ahead log only.
  uint64_t UnflushedBytes() const;

  // Set after a write failed: RocksDB takes no more writes then.
  std::atomic<bool> write_failed = false;
  // Set when the database is to be closed and opened anew: who reads from a snapshot should give up.
  std::atomic<bool> closing = false;

 private:
  RocksDbDatabase(std::unique_ptr<rocksdb::DB> db, std::vector<rocksdb::ColumnFamilyHandle*> column_families)
      : db_(std::move(db)), column_families_(std::move(column_families)) {}

  enum class Access { kReadWrite, kReadOnly };
  static Result<std::shared_ptr<RocksDbDatabase>> Open(const std::string& path, const rocksdb::DBOptions& options,
                                                       Access access);
  Status CheckFormatVersion(Access access);

  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> column_families_;
  std::string damaged_log_;
};

// Behind all keys of the range.
std::string EndOf(const KeyRange& range);

// Our words for RocksDB's: kDataLoss for corruption, kResourceExhausted for a full disk, else kUnavailable.
Status StatusOf(const rocksdb::Status& status);

// Flushes what is in memory and rewrites the files of `ranges` without what was deleted or overwritten. Errors: those of
// KeyValueStore::Compact.
Status CompactRanges(RocksDbDatabase& database, const std::vector<KeyRange>& ranges);

// Deletes the files that hold nothing but keys of `range`. Errors: those of KeyValueStore::DropDeleted.
Status DropFiles(RocksDbDatabase& database, const KeyRange& range);

// Writes the group to table files in the database's directory `path` and takes all of them in at once. Errors: those of
// KeyValueStore::Commit; then nothing of the group is there.
Status CommitBulk(RocksDbDatabase& database, const std::string& path, const WriteGroup& group);
// Deletes what a CommitBulk left that was cut short.
void DeleteBulkFiles(const std::string& path, rocksdb::Env* env);

// Makes a copy in `directory`. Errors: those of KeyValueStore::Backup.
Status CopyDatabase(RocksDbDatabase& database, const std::string& directory);

// Opens the store on a given environment, whose file system may be one that fails on purpose.
Result<std::unique_ptr<KeyValueStore>> OpenRocksDbStore(const std::string& path, rocksdb::Env* env);

}  // namespace stillwatch::storage
