#include "storage/rocksdb_database.h"

#include <rocksdb/cache.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <limits>
#include <system_error>

namespace stillwatch::storage {
namespace {

// Column families in the order of Table. On disk, append only, never rename. RocksDB's own "default" stays empty.
constexpr std::array<const char*, kTableCount> kColumnFamilyNames = {
    "meta", "blocks", "accounts", "profiles", "models", "labels", "verdicts", "audits", "event_ids"};

// Version of the whole store: raised when an older program must not open it. In Table::kMeta, one byte.
constexpr const char* kFormatVersionKey = "format_version";
constexpr uint8_t kFormatVersion = 1;

// Read again and again are only the small tables and the indices; the event log is scanned once a day past the cache.
constexpr size_t kCacheBytes = 64u << 20;
// Some hundreds of blocks of a thousand events. Commits wait for a disk that is busy with a flush, so it should be short;
// the files never overlap, so it costs nothing that there are more of them.
constexpr size_t kBlocksMemtableBytes = 16u << 20;
constexpr size_t kMemtableBytes = 8u << 20;
// Bounds what a start has to replay, to about a second.
constexpr uint64_t kWriteAheadLogBytesMax = 256u << 20;
// Lets the kernel write early, so that the fsync of a commit finds little left to do.
constexpr uint64_t kBytesPerSync = 1u << 20;

rocksdb::DBOptions DatabaseOptions(rocksdb::Env* env) {
  rocksdb::DBOptions options;
  options.env = env;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.paranoid_checks = true;
  options.max_total_wal_size = kWriteAheadLogBytesMax;
  // The end of a log may be torn where a commit was under way. RocksDB's default would take damage elsewhere for such an
  // end, and drop all that was committed after it without a word.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  options.wal_bytes_per_sync = kBytesPerSync;
  options.bytes_per_sync = kBytesPerSync;
  // RocksDB's own log goes to the file LOG beside the data, warnings only.
  options.info_log_level = rocksdb::WARN_LEVEL;
  options.max_log_file_size = 4u << 20;
  options.keep_log_file_num = 4;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  return options;
}

rocksdb::ColumnFamilyOptions TableOptions(const std::shared_ptr<rocksdb::Cache>& cache, size_t block_bytes) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.block_size = block_bytes;
  rocksdb::ColumnFamilyOptions options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

rocksdb::ColumnFamilyOptions SmallTableOptions(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions options = TableOptions(cache, 4u << 10);
  options.write_buffer_size = kMemtableBytes;
  options.compression = rocksdb::kLZ4Compression;
  return options;
}

// For large tables. In RocksDB's default style (levels) every snapshot that is released has all files written since the
// last one rewritten, only to clear their sequence numbers: the whole log once more.
void MergeBySize(rocksdb::ColumnFamilyOptions& options) {
  options.compaction_style = rocksdb::kCompactionStyleUniversal;
  options.compaction_options_universal.allow_trivial_move = true;
}

// Keys only ever grow, so that flushed files never overlap: runs of them serve as a sorted list, and moving a file to
// another run rewrites nothing. Values are blocks, compressed already.
rocksdb::ColumnFamilyOptions BlocksOptions(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions options = TableOptions(cache, 64u << 10);
  options.write_buffer_size = kBlocksMemtableBytes;
  options.max_write_buffer_number = 4;
  options.compression = rocksdb::kNoCompression;
  options.target_file_size_base = kBlocksMemtableBytes;
  MergeBySize(options);
  return options;
}

// One large file a checkpoint, mostly in place of the one before. Read from its first key to its last.
rocksdb::ColumnFamilyOptions AccountsOptions(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions options = TableOptions(cache, 16u << 10);
  options.compression = rocksdb::kLZ4Compression;
  MergeBySize(options);
  return options;
}

// A file each time that ids are saved, over all of the day's keys. They are looked up one at a time, here and there, so
// there should be few files, but to merge them all again and again costs more than to look into some. Hashes do not
// compress.
rocksdb::ColumnFamilyOptions EventIdsOptions(const std::shared_ptr<rocksdb::Cache>& cache) {
  constexpr int kFileCountMax = 16;
  rocksdb::ColumnFamilyOptions options = TableOptions(cache, 4u << 10);
  options.compression = rocksdb::kNoCompression;
  options.level0_file_num_compaction_trigger = kFileCountMax;
  // More files for a while are no reason to slow down all commits.
  options.level0_slowdown_writes_trigger = std::numeric_limits<int>::max() / 2;
  options.level0_stop_writes_trigger = options.level0_slowdown_writes_trigger;
  MergeBySize(options);
  // Nothing is overwritten, so that much in small files is no waste.
  options.compaction_options_universal.max_size_amplification_percent = std::numeric_limits<int>::max() / 2;
  return options;
}

std::vector<rocksdb::ColumnFamilyDescriptor> ColumnFamilies() {
  const std::shared_ptr<rocksdb::Cache> cache = rocksdb::NewLRUCache(kCacheBytes);
  std::vector<rocksdb::ColumnFamilyDescriptor> families = {
      {rocksdb::kDefaultColumnFamilyName, SmallTableOptions(cache)}};
  for (const char* name : kColumnFamilyNames) families.emplace_back(name, SmallTableOptions(cache));
  families[1 + static_cast<size_t>(Table::kBlocks)].options = BlocksOptions(cache);
  families[1 + static_cast<size_t>(Table::kAccounts)].options = AccountsOptions(cache);
  families[1 + static_cast<size_t>(Table::kEventIds)].options = EventIdsOptions(cache);
  return families;
}

// Those that are there: an older program made fewer. A program that only reads cannot make them.
std::vector<rocksdb::ColumnFamilyDescriptor> ExistingColumnFamilies(const std::string& path,
                                                                    const rocksdb::DBOptions& options) {
  std::vector<rocksdb::ColumnFamilyDescriptor> families = ColumnFamilies();
  std::vector<std::string> names;
  if (!rocksdb::DB::ListColumnFamilies(options, path, &names).ok()) return families;  // To open it tells why.
  std::erase_if(families, [&names](const rocksdb::ColumnFamilyDescriptor& family) {
    return std::find(names.begin(), names.end(), family.name) == names.end();
  });
  return families;
}

// RocksDB reports a held lock as any other failed operation, so the lock itself is asked.
bool IsHeldByAnother(const std::string& path, rocksdb::Env* env) {
  const std::string lock_path = path + "/LOCK";
  if (!env->FileExists(lock_path).ok()) return false;
  rocksdb::FileLock* lock = nullptr;
  if (!env->LockFile(lock_path, &lock).ok()) return true;
  return !env->UnlockFile(lock).ok();
}

Status OpenFailure(const std::string& path, rocksdb::Env* env, const rocksdb::Status& status) {
  if (status.IsIOError() && !status.IsNoSpace() && IsHeldByAnother(path, env)) {
    return {Code::kFailedPrecondition, "another process holds the store in " + path};
  }
  // Tables that this program does not know, or a file format of a newer RocksDB.
  if (status.IsInvalidArgument() || status.IsNotSupported()) {
    return {Code::kFailedPrecondition, "the store in " + path + " is of a newer version: " + status.ToString()};
  }
  return StatusOf(status);
}

}  // namespace

std::string EndOf(const KeyRange& range) {
  constexpr size_t kLongerThanNumbers = 16;  // Keys begin with a number of 8 bytes, or a text in UTF-8, which has no FF.
  return range.to.empty() ? std::string(kLongerThanNumbers, '\xFF') : range.to;
}

Status StatusOf(const rocksdb::Status& status) {
  if (status.ok()) return {};
  if (status.IsCorruption()) return {Code::kDataLoss, status.ToString()};
  if (status.IsNoSpace()) return {Code::kResourceExhausted, status.ToString()};
  return {Code::kUnavailable, status.ToString()};
}

Result<std::shared_ptr<RocksDbDatabase>> RocksDbDatabase::Open(const std::string& path,
                                                               const rocksdb::DBOptions& options, Access access) {
  const std::vector<rocksdb::ColumnFamilyDescriptor> families =
      access == Access::kReadOnly ? ExistingColumnFamilies(path, options) : ColumnFamilies();
  rocksdb::DB* db = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> column_families;
  const auto open = [&](const rocksdb::DBOptions& opened_with) {
    if (access == Access::kReadOnly)
      return rocksdb::DB::OpenForReadOnly(opened_with, path, families, &column_families, &db);
    return rocksdb::DB::Open(opened_with, path, families, &column_families, &db);
  };
  rocksdb::Status opened = open(options);
  std::string damaged_log;
  if (opened.IsCorruption()) {
    // If it is the log, what is sound in it can be had; if not, this fails in the same way.
    damaged_log = opened.ToString();
    rocksdb::DBOptions skipping = options;
    skipping.wal_recovery_mode = rocksdb::WALRecoveryMode::kSkipAnyCorruptedRecords;
    opened = open(skipping);
  }
  if (!opened.ok()) return OpenFailure(path, options.env, opened);
  const std::shared_ptr<RocksDbDatabase> database(
      new RocksDbDatabase(std::unique_ptr<rocksdb::DB>(db), std::move(column_families)));
  database->damaged_log_ = std::move(damaged_log);
  STILLWATCH_RETURN_IF_ERROR(database->CheckFormatVersion(access));
  return database;
}

Result<std::shared_ptr<RocksDbDatabase>> RocksDbDatabase::Open(const std::string& path, rocksdb::Env* env) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return {Code::kUnavailable, "cannot make the directory " + path + ": " + error.message()};
  return Open(path, DatabaseOptions(env), Access::kReadWrite);
}

Result<std::shared_ptr<RocksDbDatabase>> RocksDbDatabase::OpenReadOnly(const std::string& path, rocksdb::Env* env) {
  if (!env->FileExists(path + "/CURRENT").ok()) return {Code::kNotFound, "there is no store in " + path};
  if (IsHeldByAnother(path, env)) return {Code::kFailedPrecondition, "another process holds the store in " + path};
  rocksdb::DBOptions options = DatabaseOptions(env);
  options.create_if_missing = false;
  options.create_missing_column_families = false;
  return Open(path, options, Access::kReadOnly);
}

RocksDbDatabase::~RocksDbDatabase() {
  for (rocksdb::ColumnFamilyHandle* family : column_families_)
    db_->DestroyColumnFamilyHandle(family).PermitUncheckedError();
  // Every commit is in the write-ahead log and synced, so closing can lose nothing.
  db_->Close().PermitUncheckedError();
}

rocksdb::ColumnFamilyHandle* RocksDbDatabase::column_family(Table table) const {
  // New ones are added at the end. One that an older program did not make is as empty as RocksDB's own.
  const size_t place = 1 + static_cast<size_t>(table);
  return column_families_[place < column_families_.size() ? place : 0];
}

uint64_t RocksDbDatabase::UnflushedBytes() const {
  uint64_t bytes = 0;
  if (!db_->GetAggregatedIntProperty(rocksdb::DB::Properties::kCurSizeAllMemTables, &bytes)) return 0;
  return bytes;
}

Status RocksDbDatabase::CheckFormatVersion(Access access) {
  std::string version;
  const rocksdb::Status read = db_->Get({}, column_family(Table::kMeta), kFormatVersionKey, &version);
  if (read.IsNotFound()) {
    if (access == Access::kReadOnly) return {Code::kDataLoss, "the store has no format version"};
    rocksdb::WriteOptions options;
    options.sync = true;
    version.assign(1, static_cast<char>(kFormatVersion));
    return StatusOf(db_->Put(options, column_family(Table::kMeta), kFormatVersionKey, version));
  }
  if (!read.ok()) return StatusOf(read);
  if (version.size() != 1 || version[0] == 0) return {Code::kDataLoss, "the store's format version is damaged"};
  if (static_cast<uint8_t>(version[0]) <= kFormatVersion) return {};
  return {Code::kFailedPrecondition, "the store's format is newer than this program"};
}

}  // namespace stillwatch::storage
