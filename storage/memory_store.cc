#include "storage/memory_store.h"

#include <array>
#include <map>
#include <mutex>

namespace stillwatch::storage {
namespace {

using Entries = std::map<std::string, std::string, std::less<>>;
using Tables = std::array<std::shared_ptr<const Entries>, kTableCount>;

std::optional<std::string> Find(const Entries& entries, std::string_view key) {
  const auto entry = entries.find(key);
  if (entry == entries.end()) return {};
  return entry->second;
}

// Shares the tables' entries with the store, which copies a shared table before it changes it.
class MemorySnapshot final : public Snapshot {
 public:
  MemorySnapshot(Tables tables, DamageRegister& damages) : tables_(std::move(tables)), damages_(damages) {}

  DamageRegister& damages() const override { return damages_; }

  Result<std::optional<std::string>> Get(Table table, std::string_view key) const override {
    return Find(entries(table), key);
  }

  Status Scan(Table table, std::string_view from, std::string_view to, const Visitor& visit) const override {
    for (auto entry = entries(table).lower_bound(from); entry != entries(table).end(); ++entry) {
      if (!to.empty() && entry->first >= to) break;
      if (!visit(entry->first, entry->second)) break;
    }
    return {};
  }

  Result<std::optional<std::string>> LastKey(Table table) const override {
    if (entries(table).empty()) return std::optional<std::string>();
    return std::optional<std::string>(entries(table).rbegin()->first);
  }

 private:
  const Entries& entries(Table table) const { return *tables_[static_cast<size_t>(table)]; }

  const Tables tables_;
  DamageRegister& damages_;
};

// Keeps sorted maps.
// Limits: the first change of a table after a snapshot copies the table.
class MemoryStore final : public KeyValueStore {
 public:
  MemoryStore() {
    for (OwnTable& table : tables_) table.entries = std::make_shared<Entries>();
  }

  Status Commit(const WriteGroup& group) override {
    const std::lock_guard lock(mutex_);
    for (const KeyRange& range : group.deleted_ranges()) {
      Entries& entries = OwnedEntries(range.table);
      const auto end = range.to.empty() ? entries.end() : entries.lower_bound(range.to);
      entries.erase(entries.lower_bound(range.from), end);
    }
    for (const WriteGroup::Operation& operation : group.operations()) {
      Entries& entries = OwnedEntries(operation.table);
      if (const std::optional<std::string_view> bytes = operation.bytes()) {
        entries.insert_or_assign(operation.key, std::string(*bytes));
      } else {
        entries.erase(operation.key);
      }
    }
    return {};
  }

  Status CommitBulk(const WriteGroup& group) override { return Commit(group); }

  Result<std::optional<std::string>> Get(Table table, std::string_view key) const override {
    const std::lock_guard lock(mutex_);
    return Find(*tables_[static_cast<size_t>(table)].entries, key);
  }

  std::unique_ptr<Snapshot> TakeSnapshot() const override {
    const std::lock_guard lock(mutex_);
    Tables tables;
    for (size_t table = 0; table < kTableCount; ++table) {
      tables_[table].is_shared = true;
      tables[table] = tables_[table].entries;
    }
    return std::make_unique<MemorySnapshot>(std::move(tables), damages_);
  }

  DamageRegister& damages() const override { return damages_; }
  Status CheckFiles() const override { return {}; }
  // What is deleted is gone.
  Status Compact(const std::vector<KeyRange>&) override { return {}; }
  Status DropDeleted(const KeyRange& range) override { return CheckIsEmpty(*TakeSnapshot(), range); }
  Status Purge(const std::vector<KeyRange>&) override { return {}; }
  Status Backup(const std::string&) override {
    return {Code::kFailedPrecondition, "a store in memory has no files to copy"};
  }

 private:
  struct OwnTable {
    std::shared_ptr<Entries> entries;
    bool is_shared = false;  // A snapshot has been given these entries, so they must not change.
  };

  Entries& OwnedEntries(Table table) {
    OwnTable& own = tables_[static_cast<size_t>(table)];
    if (own.is_shared) own = {std::make_shared<Entries>(*own.entries), false};
    return *own.entries;
  }

  mutable DamageRegister damages_;
  mutable std::mutex mutex_;
  mutable std::array<OwnTable, kTableCount> tables_;
};

}  // namespace

std::unique_ptr<KeyValueStore> MakeMemoryStore() { return std::make_unique<MemoryStore>(); }

}  // namespace stillwatch::storage
