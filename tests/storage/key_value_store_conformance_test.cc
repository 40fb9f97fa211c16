// What every KeyValueStore promises, held against each of them.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "storage/key_value_store.h"
#include "storage/memory_store.h"
#include "storage/rocksdb_store.h"
#include "tests/storage/temporary_directory.h"

namespace stillwatch::storage {
namespace {

using Entries = std::vector<std::pair<std::string, std::string>>;

// The last commits in bulk.
enum class Backend { kMemory, kRocksDb, kRocksDbBulk };

class KeyValueStoreTest : public testing::TestWithParam<Backend> {
 protected:
  void SetUp() override {
    store_ = GetParam() == Backend::kMemory ? MakeMemoryStore() : OpenRocksDbStore(directory_.path()).value();
  }

  Status Commit(const WriteGroup& group) {
    return GetParam() == Backend::kRocksDbBulk ? store_->CommitBulk(group) : store_->Commit(group);
  }

  void Put(Table table, const std::string& key, const std::string& value) {
    WriteGroup group;
    group.Put(table, key, value);
    ASSERT_TRUE(Commit(group).ok());
  }

  void Fill(Table table, const std::vector<std::string>& keys) {
    WriteGroup group;
    for (const std::string& key : keys) group.Put(table, key, "value of " + key);
    ASSERT_TRUE(Commit(group).ok());
  }

  std::optional<std::string> Get(Table table, const std::string& key) const { return store_->Get(table, key).value(); }

  static std::vector<std::string> Keys(const Snapshot& snapshot, Table table, std::string_view from = "",
                                       std::string_view to = "") {
    std::vector<std::string> keys;
    const auto visit = [&](std::string_view key, std::string_view) {
      keys.emplace_back(key);
      return true;
    };
    EXPECT_TRUE(snapshot.Scan(table, from, to, visit).ok());
    return keys;
  }

  TemporaryDirectory directory_;
  std::unique_ptr<KeyValueStore> store_;
};

using Strings = std::vector<std::string>;

TEST_P(KeyValueStoreTest, GetReturnsWhatWasPut) {
  Put(Table::kLabels, "key", "value");
  EXPECT_EQ(Get(Table::kLabels, "key"), "value");
  EXPECT_EQ(Get(Table::kLabels, "ke"), std::nullopt);
  EXPECT_EQ(Get(Table::kLabels, "keys"), std::nullopt);
}

TEST_P(KeyValueStoreTest, EmptyValuesAndBytesOfAllKindsAreKept) {
  const std::string all_zero(3, '\0');
  const std::string high = "\xff\xfe";
  Put(Table::kMeta, all_zero, "");
  Put(Table::kMeta, high, all_zero);
  EXPECT_EQ(Get(Table::kMeta, all_zero), "");
  EXPECT_EQ(Get(Table::kMeta, high), all_zero);
}

TEST_P(KeyValueStoreTest, AClearedTableHoldsWhatTheGroupWritesAlone) {
  Fill(Table::kLabels, {"", "a", "b", std::string(8, '\xff') + "z"});
  Fill(Table::kModels, {"a"});
  Fill(Table::kLabels, {"b", "c"});
  WriteGroup group;
  group.Put(Table::kLabels, "b", "new");
  group.Put(Table::kModels, "b", "");
  WriteGroup cleared;
  cleared.Clear(Table::kLabels);
  group.Append(std::move(cleared));
  ASSERT_TRUE(Commit(group).ok());
  EXPECT_EQ(Keys(*store_->TakeSnapshot(), Table::kLabels), Strings({"b"}));
  EXPECT_EQ(Keys(*store_->TakeSnapshot(), Table::kModels), Strings({"a", "b"}));
  EXPECT_EQ(Get(Table::kLabels, "b"), "new");
  EXPECT_EQ(Get(Table::kLabels, "a"), std::nullopt);
  Fill(Table::kLabels, {"a"});
  EXPECT_EQ(Keys(*store_->TakeSnapshot(), Table::kLabels), Strings({"a", "b"}));
}

TEST_P(KeyValueStoreTest, AGroupMayClearATableAndWriteNothing) {
  Fill(Table::kLabels, {"a", "b"});
  for (int times = 0; times < 2; ++times) {
    WriteGroup group;
    group.Clear(Table::kLabels);
    ASSERT_FALSE(group.empty());
    ASSERT_TRUE(Commit(group).ok());
    EXPECT_EQ(Keys(*store_->TakeSnapshot(), Table::kLabels), Strings());
  }
}

TEST_P(KeyValueStoreTest, ADeletedRangeHoldsWhatTheGroupWritesAlone) {
  Fill(Table::kLabels, {"a", "b", "b2", "c", "d"});
  Fill(Table::kModels, {"b"});
  WriteGroup group;
  group.Put(Table::kLabels, "b3", "new");
  group.DeleteRange({Table::kLabels, "b", "c"});
  ASSERT_TRUE(Commit(group).ok());
  EXPECT_EQ(Keys(*store_->TakeSnapshot(), Table::kLabels), Strings({"a", "b3", "c", "d"}));
  EXPECT_EQ(Keys(*store_->TakeSnapshot(), Table::kModels), Strings({"b"}));
  WriteGroup to_the_end;
  to_the_end.DeleteRange({Table::kLabels, "c", ""});
  ASSERT_TRUE(Commit(to_the_end).ok());
  EXPECT_EQ(Keys(*store_->TakeSnapshot(), Table::kLabels), Strings({"a", "b3"}));
}

TEST_P(KeyValueStoreTest, TablesAreApart) {
  for (size_t table = 1; table < kTableCount; ++table) Put(static_cast<Table>(table), "key", std::to_string(table));
  for (size_t table = 1; table < kTableCount; ++table) {
    EXPECT_EQ(Get(static_cast<Table>(table), "key"), std::to_string(table));
    EXPECT_EQ(Keys(*store_->TakeSnapshot(), static_cast<Table>(table)), Strings{"key"});
  }
}

TEST_P(KeyValueStoreTest, OperationsOfAGroupApplyInTheirOrder) {
  WriteGroup group;
  group.Put(Table::kLabels, "a", "1");
  group.Put(Table::kLabels, "a", "2");
  group.Put(Table::kLabels, "b", "1");
  group.Delete(Table::kLabels, "b");
  group.Delete(Table::kLabels, "c");
  group.Put(Table::kLabels, "c", "1");
  ASSERT_TRUE(Commit(group).ok());
  EXPECT_EQ(Get(Table::kLabels, "a"), "2");
  EXPECT_EQ(Get(Table::kLabels, "b"), std::nullopt);
  EXPECT_EQ(Get(Table::kLabels, "c"), "1");
}

TEST_P(KeyValueStoreTest, AnEmptyGroupChangesNothing) {
  Fill(Table::kLabels, {"a"});
  EXPECT_TRUE(Commit(WriteGroup()).ok());
  EXPECT_EQ(Keys(*store_->TakeSnapshot(), Table::kLabels), Strings{"a"});
}

TEST_P(KeyValueStoreTest, TheSameGroupMayBeCommittedAgain) {
  WriteGroup group;
  group.Put(Table::kLabels, "a", "1");
  group.Delete(Table::kLabels, "b");
  EXPECT_TRUE(Commit(group).ok());
  EXPECT_TRUE(Commit(group).ok());
  EXPECT_EQ(Keys(*store_->TakeSnapshot(), Table::kLabels), Strings{"a"});
}

TEST_P(KeyValueStoreTest, DeletedKeysAreGone) {
  Fill(Table::kLabels, {"a", "b", "c"});
  WriteGroup group;
  group.Delete(Table::kLabels, "b");
  group.Delete(Table::kLabels, "never there");
  ASSERT_TRUE(Commit(group).ok());
  EXPECT_EQ(Get(Table::kLabels, "b"), std::nullopt);
  EXPECT_EQ(Keys(*store_->TakeSnapshot(), Table::kLabels), (Strings{"a", "c"}));
}

TEST_P(KeyValueStoreTest, AScanVisitsKeysInByteOrderWithTheirValues) {
  Fill(Table::kBlocks, {"b", "\xff", "a", "ab", std::string("a\0", 2), "B"});
  Entries entries;
  const auto visit = [&](std::string_view key, std::string_view value) {
    entries.emplace_back(key, value);
    return true;
  };
  ASSERT_TRUE(store_->TakeSnapshot()->Scan(Table::kBlocks, "", "", visit).ok());
  Entries expected;
  for (const std::string& key : Strings{"B", "a", std::string("a\0", 2), "ab", "b", "\xff"}) {
    expected.emplace_back(key, "value of " + key);
  }
  EXPECT_EQ(entries, expected);
}

TEST_P(KeyValueStoreTest, AScanKeepsToItsBounds) {
  Fill(Table::kBlocks, {"a", "b", "c", "d"});
  const std::unique_ptr<Snapshot> snapshot = store_->TakeSnapshot();
  EXPECT_EQ(Keys(*snapshot, Table::kBlocks, "b", "d"), (Strings{"b", "c"}));
  EXPECT_EQ(Keys(*snapshot, Table::kBlocks, "bb", ""), (Strings{"c", "d"}));
  EXPECT_EQ(Keys(*snapshot, Table::kBlocks, "", "b"), (Strings{"a"}));
  EXPECT_EQ(Keys(*snapshot, Table::kBlocks, "c", "c"), Strings{});
  EXPECT_EQ(Keys(*snapshot, Table::kBlocks, "d", "a"), Strings{});
  EXPECT_EQ(Keys(*snapshot, Table::kBlocks, "e", ""), Strings{});
}

TEST_P(KeyValueStoreTest, AVisitorStopsTheScan) {
  Fill(Table::kBlocks, {"a", "b", "c"});
  int visits = 0;
  const auto visit = [&](std::string_view, std::string_view) { return ++visits < 2; };
  EXPECT_TRUE(store_->TakeSnapshot()->Scan(Table::kBlocks, "", "", visit).ok());
  EXPECT_EQ(visits, 2);
}

TEST_P(KeyValueStoreTest, LastKeyIsTheGreatestOfItsTable) {
  EXPECT_EQ(store_->TakeSnapshot()->LastKey(Table::kBlocks).value(), std::nullopt);
  Fill(Table::kBlocks, {"b", "c", "a"});
  Fill(Table::kAccounts, {"z"});
  EXPECT_EQ(store_->TakeSnapshot()->LastKey(Table::kBlocks).value(), "c");
}

TEST_P(KeyValueStoreTest, ASnapshotDoesNotSeeLaterCommits) {
  Fill(Table::kLabels, {"a", "b"});
  const std::unique_ptr<Snapshot> before = store_->TakeSnapshot();
  WriteGroup group;
  group.Put(Table::kLabels, "a", "new");
  group.Delete(Table::kLabels, "b");
  group.Put(Table::kLabels, "c", "new");
  ASSERT_TRUE(Commit(group).ok());
  EXPECT_EQ(before->Get(Table::kLabels, "a").value(), "value of a");
  EXPECT_EQ(before->Get(Table::kLabels, "c").value(), std::nullopt);
  EXPECT_EQ(before->LastKey(Table::kLabels).value(), "b");
  EXPECT_EQ(Keys(*before, Table::kLabels), (Strings{"a", "b"}));
  EXPECT_EQ(Keys(*store_->TakeSnapshot(), Table::kLabels), (Strings{"a", "c"}));
}

TEST_P(KeyValueStoreTest, AVisitorMayCommit) {
  Fill(Table::kLabels, {"a", "b"});
  const auto visit = [&](std::string_view key, std::string_view) {
    Put(Table::kLabels, std::string(key) + "!", "new");
    return true;
  };
  ASSERT_TRUE(store_->TakeSnapshot()->Scan(Table::kLabels, "", "", visit).ok());
  EXPECT_EQ(Keys(*store_->TakeSnapshot(), Table::kLabels), (Strings{"a", "a!", "b", "b!"}));
}

TEST_P(KeyValueStoreTest, ReadersNeverSeeHalfAGroup) {
  constexpr int kGroupCount = 300;
  std::atomic<bool> done = false;
  const auto read = [&] {
    std::string previous;
    while (!done) {
      const std::unique_ptr<Snapshot> snapshot = store_->TakeSnapshot();
      const auto first = snapshot->Get(Table::kLabels, "key").value();
      const auto second = snapshot->Get(Table::kAccounts, "key").value();
      EXPECT_EQ(first, second);
      EXPECT_GE(first.value_or(""), previous);
      previous = first.value_or("");
    }
  };
  std::vector<std::thread> readers;
  for (int reader = 0; reader < 3; ++reader) readers.emplace_back(read);
  for (int number = 1000; number < 1000 + kGroupCount; ++number) {
    WriteGroup group;
    group.Put(Table::kLabels, "key", std::to_string(number));
    group.Put(Table::kAccounts, "key", std::to_string(number));
    EXPECT_TRUE(Commit(group).ok());
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
}

TEST_P(KeyValueStoreTest, WritersFromSeveralThreadsLoseNothing) {
  constexpr int kWriterCount = 3;
  constexpr int kGroupCount = 50;
  std::vector<std::thread> writers;
  for (int writer = 0; writer < kWriterCount; ++writer) {
    writers.emplace_back([&, writer] {
      for (int number = 0; number < kGroupCount; ++number) {
        WriteGroup group;
        group.Put(Table::kLabels, std::to_string(writer) + "/" + std::to_string(number), "value");
        // One of them may commit in bulk.
        EXPECT_TRUE((writer == 0 ? Commit(group) : store_->Commit(group)).ok());
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(Keys(*store_->TakeSnapshot(), Table::kLabels).size(), size_t{kWriterCount} * kGroupCount);
}

TEST_P(KeyValueStoreTest, UpkeepChangesNothingThatReadersSee) {
  Fill(Table::kLabels, {"a", "b"});
  Fill(Table::kBlocks, {"c"});
  ASSERT_TRUE(store_->Compact({{Table::kLabels, "", ""}}).ok());
  ASSERT_TRUE(store_->Purge({{Table::kLabels, "a", "b"}, {Table::kBlocks, "", ""}}).ok());
  EXPECT_TRUE(store_->CheckFiles().ok());
  EXPECT_EQ(Keys(*store_->TakeSnapshot(), Table::kLabels), (Strings{"a", "b"}));
  EXPECT_EQ(Get(Table::kBlocks, "c"), "value of c");
  EXPECT_EQ(store_->damages().count(), 0u);
  EXPECT_EQ(store_->TakeSnapshot()->damages().count(), 0u);
}

TEST_P(KeyValueStoreTest, OnlyARangeWithoutKeysIsDropped) {
  Fill(Table::kBlocks, {"a", "b", "c"});
  EXPECT_EQ(store_->DropDeleted({Table::kBlocks, "", "c"}).code(), Code::kFailedPrecondition);
  EXPECT_EQ(store_->DropDeleted({Table::kBlocks, "b", ""}).code(), Code::kFailedPrecondition);
  WriteGroup deletion;
  for (const char* key : {"a", "b"}) deletion.Delete(Table::kBlocks, key);
  ASSERT_TRUE(Commit(deletion).ok());
  EXPECT_TRUE(store_->DropDeleted({Table::kBlocks, "", "c"}).ok());
  EXPECT_TRUE(store_->DropDeleted({Table::kBlocks, "d", ""}).ok());
  EXPECT_EQ(Keys(*store_->TakeSnapshot(), Table::kBlocks), Strings{"c"});
}

INSTANTIATE_TEST_SUITE_P(Stores, KeyValueStoreTest, testing::Values(Backend::kMemory, Backend::kRocksDb, Backend::kRocksDbBulk),
                         [](const auto& test) {
                           if (test.param == Backend::kMemory) return "Memory";
                           return test.param == Backend::kRocksDb ? "RocksDb" : "RocksDbBulk";
                         });

}  // namespace
}  // namespace stillwatch::storage
