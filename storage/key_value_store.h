// The durable store that everything else stands on: ordered tables, atomic group commits, consistent snapshots.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/result.h"
#include "storage/damage_register.h"
#include "storage/shared_bytes.h"

namespace stillwatch::storage {

// Tables, each a column family of its own. On disk, append only, never reorder. Keys: storage/FORMAT.md.
enum class Table : uint8_t {
  kMeta = 0,      // Format version, checkpoint header.
  kBlocks = 1,    // The event log.
  kAccounts = 2,  // Checkpointed state of each account.
  kProfiles = 3,
  kModels = 4,
  kLabels = 5,
  kVerdicts = 6,  // Journal of verdict changes.
  kAudits = 7,    // Summaries of audits.
  kEventIds = 8,  // Ids of events by day.
};
inline constexpr size_t kTableCount = 9;

// The keys of a table in [from, to); an empty `to` means to the end of the table.
struct KeyRange {
  Table table;
  std::string from;
  std::string to;
};

// Collects writes that become durable together or not at all, in the order given.
class WriteGroup {
 public:
  struct Operation {
    Table table;
    std::string key;
    std::optional<std::string> value;
    SharedBytes shared;  // Instead of `value`.

    // Nothing: the key is deleted.
    std::optional<std::string_view> bytes() const {
      if (shared) return shared.view();
      return value ? std::optional<std::string_view>(*value) : std::nullopt;
    }
  };

  void Put(Table table, std::string key, std::string value) {
    operations_.push_back({table, std::move(key), std::move(value), {}});
  }
  // The same without a copy, for values that their owner keeps.
  void Put(Table table, std::string key, SharedBytes value) {
    operations_.push_back({table, std::move(key), std::nullopt, std::move(value)});
  }
  void Delete(Table table, std::string key) { operations_.push_back({table, std::move(key), std::nullopt, {}}); }
  // Deletes the range before any write of the group.
  void DeleteRange(KeyRange range) { deleted_ranges_.push_back(std::move(range)); }
  // The same for all keys of the table. What a snapshot that was taken before shows of it is undefined.
  void Clear(Table table) { DeleteRange({table, "", ""}); }
  // Adds the writes of `other` after these.
  void Append(WriteGroup other) {
    for (KeyRange& range : other.deleted_ranges_) deleted_ranges_.push_back(std::move(range));
    for (Operation& operation : other.operations_) operations_.push_back(std::move(operation));
  }
  const std::vector<Operation>& operations() const { return operations_; }
  const std::vector<KeyRange>& deleted_ranges() const { return deleted_ranges_; }
  bool empty() const { return operations_.empty() && deleted_ranges_.empty(); }

 private:
  std::vector<KeyRange> deleted_ranges_;
  std::vector<Operation> operations_;
};

// Shows the store as it was at one moment, while writes go on.
// Threading: safe from any thread. Ownership: must not outlive its store.
class Snapshot {
 public:
  // Called with each key and value in order of key; returns false to stop the scan.
  using Visitor = std::function<bool(std::string_view key, std::string_view value)>;

  virtual ~Snapshot() = default;
  // The value of `key`, or nothing. Errors: kDataLoss for a checksum that does not match, kUnavailable for a failed
  // read.
  virtual Result<std::optional<std::string>> Get(Table table, std::string_view key) const = 0;
  // Visits the keys in [from, to) in byte order; an empty `to` means to the end of the table. Errors: as Get, after the
  // keys before the damage were visited.
  virtual Status Scan(Table table, std::string_view from, std::string_view to, const Visitor& visit) const = 0;
  // The last key of the table in byte order, or nothing if it is empty. Errors: as Get.
  virtual Result<std::optional<std::string>> LastKey(Table table) const = 0;
  // Where readers note what they had to skip: the store's own.
  virtual DamageRegister& damages() const = 0;
};

// Errors: kFailedPrecondition if there is a key in [from, to) of the range; else those of a scan.
inline Status CheckIsEmpty(const Snapshot& snapshot, const KeyRange& range) {
  bool is_empty = true;
  const Status status = snapshot.Scan(range.table, range.from, range.to,
                                      [&is_empty](std::string_view, std::string_view) { return is_empty = false; });
  if (!status.ok() || is_empty) return status;
  return {Code::kFailedPrecondition, "the range still holds a key"};
}

// Keeps tables of byte strings, durable and ordered.
// Threading: safe from any thread; commits are applied in the order in which Commit is entered by one thread.
class KeyValueStore {
 public:
  virtual ~KeyValueStore() = default;
  // Applies the group and returns when it is on disk (fsync of the write-ahead log). Errors: kResourceExhausted for a
  // full disk, kUnavailable for any other failed write; then nothing of the group is visible, and the same call is to
  // be made again: the store recovers by itself once the cause is gone and its snapshots are released. If the process
  // ends before that, the next start may find the group or not.
  virtual Status Commit(const WriteGroup& group) = 0;
  // The same for a group of many megabytes, beside which others' commits go on. Two of these at a time are not allowed.
  virtual Status CommitBulk(const WriteGroup& group) = 0;
  // The newest value of `key`, or nothing. Errors as Snapshot::Get.
  virtual Result<std::optional<std::string>> Get(Table table, std::string_view key) const = 0;
  virtual std::unique_ptr<Snapshot> TakeSnapshot() const = 0;
  virtual DamageRegister& damages() const = 0;
  // Reads all files of the store and compares the checksums that the backend itself keeps. Errors: kDataLoss names the
  // first that is damaged; else as Get.
  virtual Status CheckFiles() const = 0;

  // Gives the room of what was deleted or overwritten in these ranges back to the file system. Reads and commits go on.
  // Needs as much free room as the files of the ranges take. Errors: kUnavailable while a snapshot is open that may
  // still show what was deleted; kDataLoss if a file of the ranges is damaged; else as Commit.
  virtual Status Compact(const std::vector<KeyRange>& ranges) = 0;
  // Gives room of a range, here without `to`, back to the file system all of whose keys were deleted, without a look at
  // what they held; some may stay for a while. Errors: kFailedPrecondition if a key is left in the range; kUnavailable
  // while a snapshot is open that may still show what was deleted; else as Commit.
  virtual Status DropDeleted(const KeyRange& range) = 0;
  // Compacts, then sees to it that no file of the store, logs included, holds a byte any more of what was deleted or
  // overwritten in these ranges before the call. Reads and commits wait for about a second. Errors: as Compact; also
  // kUnavailable while any snapshot is open.
  virtual Status Purge(const std::vector<KeyRange>& ranges) = 0;
  // Makes a store of its own in `directory`, which must not exist: all that was committed before the call, and perhaps
  // some groups more. Commits go on. Errors: kAlreadyExists; kFailedPrecondition if the store is not in files; else as
  // Commit, and nothing is left in the directory.
  virtual Status Backup(const std::string& directory) = 0;
};

}  // namespace stillwatch::storage
