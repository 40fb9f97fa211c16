#include "storage/rocksdb_store.h"

#include <rocksdb/write_batch.h>

#include <chrono>
#include <mutex>
#include <thread>

#include "storage/rocksdb_database.h"

namespace stillwatch::storage {
namespace {

rocksdb::Slice SliceOf(std::string_view text) { return {text.data(), text.size()}; }
std::string_view ViewOf(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

Result<std::optional<std::string>> Read(const RocksDbDatabase& database, const rocksdb::ReadOptions& options,
                                        Table table, std::string_view key) {
  std::string value;
  const rocksdb::Status status = database.db().Get(options, database.column_family(table), SliceOf(key), &value);
  if (status.IsNotFound()) return std::optional<std::string>();
  if (!status.ok()) return StatusOf(status);
  return std::optional<std::string>(std::move(value));
}

void NoteDamagedLog(const RocksDbDatabase& database, DamageRegister& damages) {
  if (!database.damaged_log().empty()) damages.Note("write-ahead log", database.damaged_log());
}

Status NotOpen() { return {Code::kUnavailable, "the store is being opened anew after a failed write"}; }

// Holds a RocksDB snapshot, and its database open. Fails every read once the database is to be closed.
class RocksDbSnapshot final : public Snapshot {
 public:
  // `database` may be null: then every read fails.
  RocksDbSnapshot(std::shared_ptr<RocksDbDatabase> database, DamageRegister& damages)
      : database_(std::move(database)), damages_(damages) {
    if (database_) options_.snapshot = database_->db().GetSnapshot();
  }
  ~RocksDbSnapshot() override {
    if (database_) database_->db().ReleaseSnapshot(options_.snapshot);
  }

  Result<std::optional<std::string>> Get(Table table, std::string_view key) const override {
    if (!IsOpen()) return NotOpen();
    return Read(*database_, options_, table, key);
  }

  DamageRegister& damages() const override { return damages_; }

  Status Scan(Table table, std::string_view from, std::string_view to, const Visitor& visit) const override {
    if (!IsOpen()) return NotOpen();
    const rocksdb::Slice bound = SliceOf(to);
    rocksdb::ReadOptions options = options_;
    options.fill_cache = false;  // A scan of the event log would push everything else out.
    options.verify_checksums = VerifiesChecksums(table);
    if (!to.empty()) options.iterate_upper_bound = &bound;
    const std::unique_ptr<rocksdb::Iterator> iterator(
        database_->db().NewIterator(options, database_->column_family(table)));
    for (iterator->Seek(SliceOf(from)); iterator->Valid(); iterator->Next()) {
      if (!IsOpen()) return NotOpen();
      if (!visit(ViewOf(iterator->key()), ViewOf(iterator->value()))) return {};
    }
    return StatusOf(iterator->status());
  }

  Result<std::optional<std::string>> LastKey(Table table) const override {
    if (!IsOpen()) return NotOpen();
    rocksdb::ReadOptions options = options_;
    options.verify_checksums = VerifiesChecksums(table);
    const std::unique_ptr<rocksdb::Iterator> iterator(
        database_->db().NewIterator(options, database_->column_family(table)));
    iterator->SeekToLast();
    if (iterator->Valid()) return std::optional<std::string>(iterator->key().ToString());
    if (!iterator->status().ok()) return StatusOf(iterator->status());
    return std::optional<std::string>();
  }

 private:
  bool IsOpen() const { return database_ && !database_->closing; }
  // Blocks of events have checksums of their own, which tell the damaged one; RocksDB's cover many blocks, and would take
  // the good ones for damaged too.
  static bool VerifiesChecksums(Table table) { return table != Table::kBlocks; }

  const std::shared_ptr<RocksDbDatabase> database_;
  DamageRegister& damages_;
  rocksdb::ReadOptions options_;
};

rocksdb::Status WriteFile(const std::string& path, rocksdb::Env* env, const std::string& content) {
  std::unique_ptr<rocksdb::WritableFile> file;
  rocksdb::Status status = env->NewWritableFile(path, &file, rocksdb::EnvOptions());
  if (status.ok()) status = file->Append(content);
  if (status.ok()) status = file->Sync();
  if (status.ok()) status = file->Close();
  return status;
}

// Says whether the disk in `path` takes writes again and has room for `needed_bytes`.
Status CheckDisk(const std::string& path, rocksdb::Env* env, uint64_t needed_bytes) {
  uint64_t free_bytes = 0;
  STILLWATCH_RETURN_IF_ERROR(StatusOf(env->GetFreeSpace(path, &free_bytes)));
  if (free_bytes < needed_bytes) return {Code::kResourceExhausted, "the disk of " + path + " is full"};
  const std::string probe_path = path + "/write_probe";
  const Status status = StatusOf(WriteFile(probe_path, env, std::string(64u << 10, '\0')));
  env->DeleteFile(probe_path).PermitUncheckedError();
  return status;
}

// Keeps tables in RocksDB.
// RocksDB cannot append to a write-ahead log in which a write has failed, and its Resume does not help: it keeps the
// log (or, for anything but a full disk, refuses). So after a failed write the next commit waits for a disk that works,
// closes the database and opens it anew, which replays what was committed and drops what was not. Reads go on until
// then.
class RocksDbStore final : public KeyValueStore {
 public:
  RocksDbStore(std::string path, rocksdb::Env* env, std::shared_ptr<RocksDbDatabase> database)
      : path_(std::move(path)), env_(env), database_(std::move(database)) {
    NoteDamagedLog(*database_, damages_);
  }

  Status Commit(const WriteGroup& group) override {
    STILLWATCH_RETURN_IF_ERROR(Recover());
    const std::shared_ptr<RocksDbDatabase> database = Current();
    if (!database) return NotOpen();
    rocksdb::WriteBatch batch;
    STILLWATCH_RETURN_IF_ERROR(Fill(*database, group, batch));
    rocksdb::WriteOptions options;
    options.sync = true;
    const rocksdb::Status written = database->db().Write(options, &batch);
    if (!written.ok()) database->write_failed = true;
    return WriteFailure(StatusOf(written));
  }

  Status CommitBulk(const WriteGroup& group) override {
    STILLWATCH_RETURN_IF_ERROR(Recover());
    const std::shared_ptr<RocksDbDatabase> database = Current();
    if (!database) return NotOpen();
    const Status status = storage::CommitBulk(*database, path_, group);
    if (!status.ok()) database->write_failed = true;
    return WriteFailure(status);
  }

  Result<std::optional<std::string>> Get(Table table, std::string_view key) const override {
    const std::shared_ptr<RocksDbDatabase> database = Current();
    if (!database) return NotOpen();
    return Read(*database, {}, table, key);
  }

  std::unique_ptr<Snapshot> TakeSnapshot() const override { return std::make_unique<RocksDbSnapshot>(Current(), damages_); }

  DamageRegister& damages() const override { return damages_; }

  Status CheckFiles() const override {
    const std::shared_ptr<RocksDbDatabase> database = Current();
    return database ? StatusOf(database->db().VerifyChecksum()) : NotOpen();
  }

  Status Compact(const std::vector<KeyRange>& ranges) override {
    const std::shared_ptr<RocksDbDatabase> database = Current();
    return database ? CompactRanges(*database, ranges) : NotOpen();
  }

  Status DropDeleted(const KeyRange& range) override {
    STILLWATCH_RETURN_IF_ERROR(CheckIsEmpty(*TakeSnapshot(), range));
    const std::shared_ptr<RocksDbDatabase> database = Current();
    return database ? DropFiles(*database, range) : NotOpen();
  }

  Status Purge(const std::vector<KeyRange>& ranges) override {
    STILLWATCH_RETURN_IF_ERROR(Compact(ranges));
    return OpenAnew();
  }

  Status Backup(const std::string& directory) override {
    const std::shared_ptr<RocksDbDatabase> database = Current();
    return database ? CopyDatabase(*database, directory) : NotOpen();
  }

 private:
  std::shared_ptr<RocksDbDatabase> Current() const {
    const std::lock_guard lock(mutex_);
    return database_;
  }

  // A write finds damage only in what it had to read: for its caller the store is unavailable.
  static Status WriteFailure(const Status& status) {
    if (status.ok() || status.code() == Code::kResourceExhausted) return status;
    return {Code::kUnavailable, status.message()};
  }

  static Status Fill(const RocksDbDatabase& database, const WriteGroup& group, rocksdb::WriteBatch& batch) {
    for (const KeyRange& range : group.deleted_ranges()) {
      const rocksdb::Status added = batch.DeleteRange(database.column_family(range.table), range.from, EndOf(range));
      if (!added.ok()) return WriteFailure(StatusOf(added));
    }
    for (const WriteGroup::Operation& operation : group.operations()) {
      rocksdb::ColumnFamilyHandle* const family = database.column_family(operation.table);
      const std::optional<std::string_view> bytes = operation.bytes();
      const rocksdb::Status added =
          bytes ? batch.Put(family, operation.key, SliceOf(*bytes)) : batch.Delete(family, operation.key);
      if (!added.ok()) return WriteFailure(StatusOf(added));
    }
    return {};
  }

  // After a failed write, opens the database anew. Waiting readers hold up to a second; nobody reads a closed database.
  Status Recover() {
    const std::lock_guard lock(mutex_);
    if (database_ && !database_->write_failed) return {};
    // To open it anew writes out what is in memory. Once it is closed there is nothing to lose by trying.
    const uint64_t needed_bytes = database_ ? database_->UnflushedBytes() : 0;
    STILLWATCH_RETURN_IF_ERROR(WriteFailure(CheckDisk(path_, env_, needed_bytes)));
    if (database_.use_count() > 1) {
      database_->closing = true;
      return {Code::kUnavailable, "the store waits for its readers, to be opened anew after a failed write"};
    }
    database_.reset();
    Result<std::shared_ptr<RocksDbDatabase>> opened = RocksDbDatabase::Open(path_, env_);
    if (!opened.ok()) return WriteFailure(opened.status());
    database_ = std::move(*opened);
    NoteDamagedLog(*database_, damages_);
    return {};
  }

  // RocksDB's list of files (MANIFEST) names the first and last key of each, of those also that are gone, and old
  // write-ahead logs are deleted some time later: a new start leaves neither. Who reads or commits meanwhile waits.
  Status OpenAnew() {
    constexpr int kTryCountMax = 2000;  // Milliseconds: for a commit on a slow disk.
    const std::lock_guard lock(mutex_);
    uint64_t snapshot_count = 0;
    if (database_ && database_->db().GetIntProperty(rocksdb::DB::Properties::kNumSnapshots, &snapshot_count) &&
        snapshot_count > 0) {
      return {Code::kUnavailable, "a reader holds the store open"};
    }
    for (int tries = 0; database_ && database_.use_count() > 1; ++tries) {
      if (tries == kTryCountMax) return {Code::kUnavailable, "a reader holds the store open"};
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    database_.reset();
    Result<std::shared_ptr<RocksDbDatabase>> opened = RocksDbDatabase::Open(path_, env_);
    if (!opened.ok()) return WriteFailure(opened.status());
    database_ = std::move(*opened);
    NoteDamagedLog(*database_, damages_);
    return {};
  }

  const std::string path_;
  rocksdb::Env* const env_;
  mutable DamageRegister damages_;
  mutable std::mutex mutex_;
  std::shared_ptr<RocksDbDatabase> database_;  // Null if it could not be opened anew yet. Guarded by mutex_.
};

// Shows tables as they are on disk, and changes nothing.
class ReadOnlyStore final : public KeyValueStore {
 public:
  explicit ReadOnlyStore(std::shared_ptr<RocksDbDatabase> database) : database_(std::move(database)) {
    NoteDamagedLog(*database_, damages_);
  }

  Result<std::optional<std::string>> Get(Table table, std::string_view key) const override {
    return Read(*database_, {}, table, key);
  }
  std::unique_ptr<Snapshot> TakeSnapshot() const override {
    return std::make_unique<RocksDbSnapshot>(database_, damages_);
  }
  DamageRegister& damages() const override { return damages_; }
  Status CheckFiles() const override { return StatusOf(database_->db().VerifyChecksum()); }
  Status Commit(const WriteGroup&) override { return Refused(); }
  Status CommitBulk(const WriteGroup&) override { return Refused(); }
  Status Compact(const std::vector<KeyRange>&) override { return Refused(); }
  Status DropDeleted(const KeyRange&) override { return Refused(); }
  Status Purge(const std::vector<KeyRange>&) override { return Refused(); }
  Status Backup(const std::string&) override { return Refused(); }

 private:
  static Status Refused() { return {Code::kFailedPrecondition, "the store was opened to be read only"}; }

  const std::shared_ptr<RocksDbDatabase> database_;
  mutable DamageRegister damages_;
};

}  // namespace

Result<std::unique_ptr<KeyValueStore>> OpenRocksDbStoreReadOnly(const std::string& path) {
  Result<std::shared_ptr<RocksDbDatabase>> database = RocksDbDatabase::OpenReadOnly(path, rocksdb::Env::Default());
  if (!database.ok()) return database.status();
  return std::unique_ptr<KeyValueStore>(std::make_unique<ReadOnlyStore>(std::move(*database)));
}

Result<std::unique_ptr<KeyValueStore>> OpenRocksDbStore(const std::string& path, rocksdb::Env* env) {
  Result<std::shared_ptr<RocksDbDatabase>> database = RocksDbDatabase::Open(path, env);
  if (!database.ok()) return database.status();
  DeleteBulkFiles(path, env);
  return std::unique_ptr<KeyValueStore>(std::make_unique<RocksDbStore>(path, env, std::move(*database)));
}

Result<std::unique_ptr<KeyValueStore>> OpenRocksDbStore(const std::string& path) {
  return OpenRocksDbStore(path, rocksdb::Env::Default());
}

}  // namespace stillwatch::storage
