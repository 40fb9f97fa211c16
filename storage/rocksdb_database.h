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
  // Opens, or creates, the database in directory `path`. Errors: those of OpenRocksDbStore.
  static Result<std::shared_ptr<RocksDbDatabase>> Open(const std::string& path, rocksdb::Env* env);

  // Opens it to be read only. Errors: those of OpenRocksDbStoreReadOnly.
  static Result<std::shared_ptr<RocksDbDatabase>> OpenReadOnly(const std::string& path, rocksdb::Env* env);

  RocksDbDatabase(const RocksDbDatabase&) = delete;
  RocksDbDatabase& operator=(const RocksDbDatabase&) = delete;
  ~RocksDbDatabase();

  rocksdb::DB& db() const { return *db_; }
  rocksdb::ColumnFamilyHandle* column_family(Table table) const;
  // Bytes that stand in memory and in the write-ahead log only.
  uint64_t UnflushedBytes() const;

  // Set after a write failed: RocksDB takes no more writes then.
  std::atomic<bool> write_failed = false;
  // Set when the database is to be closed and opened anew: who reads from a snapshot should give up.
  std::atomic<bool> closing = false;

 private:
  RocksDbDatabase(std::unique_ptr<rocksdb::DB> db, std::vector<rocksdb::ColumnFamilyHandle*> column_families)
      : db_(std::move(db)), column_families_(std::move(column_families)) {}

  Status CheckFormatVersion(bool is_read_only);

  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> column_families_;
};

// Our words for RocksDB's: kDataLoss for corruption, kResourceExhausted for a full disk, else kUnavailable.
Status StatusOf(const rocksdb::Status& status);

// Flushes what is in memory and rewrites the files of `ranges` without what was deleted or overwritten. Errors: those of
// KeyValueStore::Compact.
Status CompactRanges(RocksDbDatabase& database, const std::vector<KeyRange>& ranges);

// Makes a copy in `directory`. Errors: those of KeyValueStore::Backup.
Status CopyDatabase(RocksDbDatabase& database, const std::string& directory);

// Opens the store on a given environment, whose file system may be one that fails on purpose.
Result<std::unique_ptr<KeyValueStore>> OpenRocksDbStore(const std::string& path, rocksdb::Env* env);

}  // namespace stillwatch::storage
