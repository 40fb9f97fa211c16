// What only a store on a disk has: locks, versions, crashes, full and broken disks.
#include "storage/rocksdb_store.h"

#include <gtest/gtest.h>
#include <rocksdb/env.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <random>
#include <set>

#include "storage/rocksdb_database.h"
#include "tests/storage/faulty_file_system.h"
#include "tests/storage/temporary_directory.h"

namespace stillwatch::storage {
namespace {

WriteGroup Group(const std::string& key, const std::string& value) {
  WriteGroup group;
  group.Put(Table::kLabels, key, value);
  group.Put(Table::kBlocks, key, value);
  return group;
}

class RocksDbStoreTest : public testing::Test {
 protected:
  // Commits one group, fails the next, mends the disk and expects that the same group then goes through.
  void ExpectRecovery(Fault fault, Code code) {
    const std::unique_ptr<rocksdb::Env> env = FaultyEnv(fault_);
    std::unique_ptr<KeyValueStore> store = OpenRocksDbStore(directory_.path(), env.get()).value();
    ASSERT_TRUE(store->Commit(Group("a", "1")).ok());
    fault_.Set(fault);
    for (int attempt = 0; attempt < 3; ++attempt) {
      ASSERT_EQ(store->Commit(Group("b", "2")).code(), code) << "attempt " << attempt;
      EXPECT_EQ(store->Get(Table::kLabels, "b").value(), std::nullopt);
      EXPECT_EQ(store->TakeSnapshot()->Get(Table::kLabels, "a").value(), "1") << "reads go on";
    }
    fault_.Set(Fault::kNone);
    ASSERT_TRUE(store->Commit(Group("b", "2")).ok());
    ASSERT_TRUE(store->Commit(Group("c", "3")).ok());
    store = nullptr;
    ExpectContent({{"a", "1"}, {"b", "2"}, {"c", "3"}});
  }

  void ExpectContent(const std::vector<std::pair<std::string, std::string>>& expected) {
    const std::unique_ptr<KeyValueStore> store = OpenRocksDbStore(directory_.path()).value();
    for (const Table table : {Table::kLabels, Table::kBlocks}) {
      std::vector<std::pair<std::string, std::string>> entries;
      const auto visit = [&](std::string_view key, std::string_view value) {
        entries.emplace_back(key, value);
        return true;
      };
      EXPECT_TRUE(store->TakeSnapshot()->Scan(table, "", "", visit).ok());
      EXPECT_EQ(entries, expected);
    }
  }

  // Of large tables.
  std::set<std::string> TableFiles() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory_.path())) {
      const bool is_large = entry.is_regular_file() && entry.file_size() > 100'000;
      if (is_large && entry.path().extension() == ".sst") names.insert(entry.path().filename().string());
    }
    return names;
  }

  TemporaryDirectory directory_;
  FaultSwitch fault_;
};

// A store of an older program, looked at before a newer one has served from it.
TEST_F(RocksDbStoreTest, ATableThatAnOlderProgramDidNotMakeReadsAsEmpty) {
  {
    const auto database = RocksDbDatabase::Open(directory_.path(), rocksdb::Env::Default()).value();
    ASSERT_TRUE(database->db().DropColumnFamily(database->column_family(Table::kEventIds)).ok());
  }
  const auto count_keys = [](const KeyValueStore& store) {
    size_t count = 0;
    EXPECT_TRUE(store.TakeSnapshot()
                    ->Scan(Table::kEventIds, "", "", [&count](std::string_view, std::string_view) { return ++count > 0; })
                    .ok());
    return count;
  };
  {
    const auto store = OpenRocksDbStoreReadOnly(directory_.path());
    ASSERT_TRUE(store.ok()) << store.status().message();
    EXPECT_EQ(count_keys(*store.value()), 0U);
  }
  const auto store = OpenRocksDbStore(directory_.path()).value();
  WriteGroup group;
  group.Put(Table::kEventIds, "key", "value");
  ASSERT_TRUE(store->Commit(group).ok());
  EXPECT_EQ(count_keys(*store), 1U);
}

TEST_F(RocksDbStoreTest, RecoversFromAFullDisk) { ExpectRecovery(Fault::kFull, Code::kResourceExhausted); }

TEST_F(RocksDbStoreTest, RecoversFromAFailedWrite) { ExpectRecovery(Fault::kFailedWrite, Code::kUnavailable); }

TEST_F(RocksDbStoreTest, RecoversFromAFailedSync) { ExpectRecovery(Fault::kFailedSync, Code::kUnavailable); }

TEST_F(RocksDbStoreTest, ABulkCommitThatFailsLeavesNothingAndMayBeMadeAgain) {
  const std::unique_ptr<rocksdb::Env> env = FaultyEnv(fault_);
  std::unique_ptr<KeyValueStore> store = OpenRocksDbStore(directory_.path(), env.get()).value();
  ASSERT_TRUE(store->CommitBulk(Group("a", "1")).ok());
  for (const Fault fault : {Fault::kFull, Fault::kFailedWrite, Fault::kFailedSync}) {
    SCOPED_TRACE(static_cast<int>(fault));
    const std::string value = std::to_string(static_cast<int>(fault));
    fault_.Set(fault);
    EXPECT_EQ(store->CommitBulk(Group(value, value)).code(),
              fault == Fault::kFull ? Code::kResourceExhausted : Code::kUnavailable);
    EXPECT_EQ(store->Get(Table::kLabels, value).value(), std::nullopt);
    EXPECT_EQ(store->Get(Table::kBlocks, "a").value(), "1") << "reads go on";
    EXPECT_FALSE(std::filesystem::exists(directory_.path() + "/bulk-1.sst"));
    fault_.Set(Fault::kNone);
    ASSERT_TRUE(store->CommitBulk(Group(value, value)).ok());
    ASSERT_TRUE(store->Commit(Group("b", value)).ok()) << "other commits go on";
  }
  store = nullptr;
  ExpectContent({{"1", "1"}, {"2", "2"}, {"3", "3"}, {"a", "1"}, {"b", "3"}});
}

TEST_F(RocksDbStoreTest, FilesOfAClearedTableAreGoneAtOnce) {
  std::string large(1'000'000, 'x');
  std::minstd_rand random;
  for (char& byte : large) byte = static_cast<char>(random());
  {
    const std::unique_ptr<KeyValueStore> store = OpenRocksDbStore(directory_.path()).value();
    // The first two stand on each other; with more RocksDB would begin to merge them beside the test.
    constexpr int kStackedCount = 2;
    for (int version = 0; version < 12; ++version) {  // More than a table has levels.
      WriteGroup group;
      if (version >= kStackedCount) group.Clear(Table::kAccounts);
      group.Put(Table::kAccounts, "a" + std::to_string(version), "");
      group.Put(Table::kAccounts, "b", std::to_string(version) + large);
      group.Put(Table::kAccounts, "c" + std::to_string(version), "");
      ASSERT_TRUE(store->CommitBulk(group).ok());
      if (version < kStackedCount) continue;
      EXPECT_EQ(TableFiles().size(), 1U) << version;
      EXPECT_EQ(store->Get(Table::kAccounts, "b").value(), std::to_string(version) + large);
    }
  }
  const std::unique_ptr<KeyValueStore> store = OpenRocksDbStore(directory_.path()).value();
  std::vector<std::string> keys;
  const auto visit = [&](std::string_view key, std::string_view) {
    keys.emplace_back(key);
    return true;
  };
  ASSERT_TRUE(store->TakeSnapshot()->Scan(Table::kAccounts, "", "", visit).ok());
  EXPECT_EQ(keys, std::vector<std::string>({"a11", "b", "c11"}));
}

// A log of many files, as blocks are written to it: a megabyte each, keys in order.
class LongLogTest : public RocksDbStoreTest {
 protected:
  void Append(KeyValueStore& store, uint64_t count) {
    for (const uint64_t end = next_ + count; next_ < end; ++next_) {
      WriteGroup group;
      group.Put(Table::kBlocks, KeyOf(next_), std::string(1u << 20, 'x'));
      ASSERT_TRUE(store.Commit(group).ok());
    }
  }
  static std::string KeyOf(uint64_t block) { return std::to_string(1000 + block); }

 private:
  uint64_t next_ = 0;
};

TEST_F(LongLogTest, WhatIsOnDiskIsNotRewrittenHoweverManySnapshotsAreTaken) {
  std::set<std::string> files;
  for (int round = 0; round < 3; ++round) {
    const std::unique_ptr<KeyValueStore> store = OpenRocksDbStore(directory_.path()).value();
    for (int times = 0; times < 4; ++times) {
      Append(*store, 40);
      EXPECT_TRUE(store->TakeSnapshot()->Get(Table::kBlocks, KeyOf(0)).value().has_value());
      const std::set<std::string> now = TableFiles();
      for (const std::string& file : files) EXPECT_TRUE(now.contains(file)) << file;
      files = now;
    }
  }
  EXPECT_GT(files.size(), 20U);
}

TEST_F(LongLogTest, FilesOfDeletedBlocksAreDropped) {
  const std::unique_ptr<KeyValueStore> store = OpenRocksDbStore(directory_.path()).value();
  Append(*store, 90);
  const std::set<std::string> early = TableFiles();
  ASSERT_FALSE(early.empty());
  Append(*store, 110);
  WriteGroup deletion;
  for (uint64_t block = 0; block < 100; ++block) deletion.Delete(Table::kBlocks, KeyOf(block));
  ASSERT_TRUE(store->Commit(deletion).ok());
  std::unique_ptr<Snapshot> snapshot = store->TakeSnapshot();
  Append(*store, 1);
  EXPECT_EQ(store->DropDeleted({Table::kBlocks, "", KeyOf(100)}).code(), Code::kUnavailable);
  snapshot = nullptr;
  // RocksDB lets go what it moved from the first level, which it does beside the test.
  const auto is_there = [this](const std::string& file) { return TableFiles().contains(file); };
  do {
    ASSERT_TRUE(store->DropDeleted({Table::kBlocks, "", KeyOf(100)}).ok());
  } while (std::any_of(early.begin(), early.end(), is_there));
  uint64_t next = 100;
  const auto visit = [&next](std::string_view key, std::string_view) {
    EXPECT_EQ(key, KeyOf(next++));
    return true;
  };
  EXPECT_TRUE(store->TakeSnapshot()->Scan(Table::kBlocks, "", "", visit).ok());
  EXPECT_EQ(next, 201U);
}

TEST_F(RocksDbStoreTest, WhatACutBulkCommitLeftIsDeletedAtTheStart) {
  OpenRocksDbStore(directory_.path()).value().reset();
  const std::string left = directory_.path() + "/bulk-2.sst";
  std::ofstream(left) << "half a file";
  EXPECT_TRUE(OpenRocksDbStore(directory_.path()).ok());
  EXPECT_FALSE(std::filesystem::exists(left));
}

TEST_F(RocksDbStoreTest, RecoversFromAFirstWriteThatFails) {
  const std::unique_ptr<rocksdb::Env> env = FaultyEnv(fault_);
  OpenRocksDbStore(directory_.path(), env.get()).value().reset();
  std::unique_ptr<KeyValueStore> store = OpenRocksDbStore(directory_.path(), env.get()).value();
  fault_.Set(Fault::kFull);
  ASSERT_EQ(store->Commit(Group("a", "1")).code(), Code::kResourceExhausted);
  fault_.Set(Fault::kNone);
  ASSERT_TRUE(store->Commit(Group("a", "1")).ok());
  store = nullptr;
  ExpectContent({{"a", "1"}});
}

TEST_F(RocksDbStoreTest, RecoveryWaitsForSnapshotsAndTurnsTheirReadersAway) {
  const std::unique_ptr<rocksdb::Env> env = FaultyEnv(fault_);
  const std::unique_ptr<KeyValueStore> store = OpenRocksDbStore(directory_.path(), env.get()).value();
  ASSERT_TRUE(store->Commit(Group("a", "1")).ok());
  std::unique_ptr<Snapshot> snapshot = store->TakeSnapshot();
  fault_.Set(Fault::kFailedWrite);
  ASSERT_FALSE(store->Commit(Group("b", "2")).ok());
  EXPECT_EQ(snapshot->Get(Table::kLabels, "a").value(), "1");
  fault_.Set(Fault::kNone);
  EXPECT_EQ(store->Commit(Group("b", "2")).code(), Code::kUnavailable);
  EXPECT_EQ(snapshot->Get(Table::kLabels, "a").status().code(), Code::kUnavailable);
  const auto visit = [](std::string_view, std::string_view) { return true; };
  EXPECT_EQ(snapshot->Scan(Table::kLabels, "", "", visit).code(), Code::kUnavailable);
  EXPECT_EQ(snapshot->LastKey(Table::kLabels).status().code(), Code::kUnavailable);
  snapshot = nullptr;
  EXPECT_TRUE(store->Commit(Group("b", "2")).ok());
  EXPECT_EQ(store->TakeSnapshot()->Get(Table::kLabels, "b").value(), "2");
}

TEST_F(RocksDbStoreTest, WhatWasCommittedIsThereAfterOpeningAgain) {
  const std::string large(300'000, 'x');
  for (int round = 0; round < 3; ++round) {
    const std::unique_ptr<KeyValueStore> store = OpenRocksDbStore(directory_.path()).value();
    ASSERT_TRUE(store->Commit(Group(std::to_string(round), large)).ok());
    WriteGroup deletion;
    for (const Table table : {Table::kLabels, Table::kBlocks}) deletion.Delete(table, std::to_string(round - 1));
    ASSERT_TRUE(store->Commit(deletion).ok());
  }
  ExpectContent({{"2", large}});
}

TEST_F(RocksDbStoreTest, CommittedGroupsSurviveAKill) {
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const std::unique_ptr<KeyValueStore> store = OpenRocksDbStore(directory_.path()).value();
    const bool committed = store->Commit(Group("a", "1")).ok() && store->Commit(Group("b", "2")).ok();
    const char said = committed ? 'y' : 'n';
    if (write(pipe_ends[1], &said, 1) == 1) raise(SIGKILL);
    _exit(1);
  }
  char said = 0;
  EXPECT_EQ(read(pipe_ends[0], &said, 1), 1);
  EXPECT_EQ(said, 'y');
  int child_status = 0;
  waitpid(child, &child_status, 0);
  EXPECT_TRUE(WIFSIGNALED(child_status));
  close(pipe_ends[0]);
  close(pipe_ends[1]);
  ExpectContent({{"a", "1"}, {"b", "2"}});
}

TEST_F(RocksDbStoreTest, AStoreThatIsHeldIsAFailedPrecondition) {
  const std::unique_ptr<KeyValueStore> store = OpenRocksDbStore(directory_.path()).value();
  EXPECT_EQ(OpenRocksDbStore(directory_.path()).status().code(), Code::kFailedPrecondition);
  EXPECT_TRUE(store->Commit(Group("a", "1")).ok()) << "the holder is not disturbed";
}

TEST_F(RocksDbStoreTest, ANewerFormatIsAFailedPrecondition) {
  std::unique_ptr<KeyValueStore> store = OpenRocksDbStore(directory_.path()).value();
  EXPECT_EQ(store->Get(Table::kMeta, "format_version").value(), "\x01");
  WriteGroup group;
  group.Put(Table::kMeta, "format_version", "\x02");
  ASSERT_TRUE(store->Commit(group).ok());
  store = nullptr;
  EXPECT_EQ(OpenRocksDbStore(directory_.path()).status().code(), Code::kFailedPrecondition);
}

TEST_F(RocksDbStoreTest, TablesOfANewerProgramAreAFailedPrecondition) {
  {
    const auto database = RocksDbDatabase::Open(directory_.path(), rocksdb::Env::Default()).value();
    rocksdb::ColumnFamilyHandle* family = nullptr;
    ASSERT_TRUE(database->db().CreateColumnFamily({}, "a later table", &family).ok());
    ASSERT_TRUE(database->db().DestroyColumnFamilyHandle(family).ok());
  }
  EXPECT_EQ(OpenRocksDbStore(directory_.path()).status().code(), Code::kFailedPrecondition);
}

TEST_F(RocksDbStoreTest, AFileWhereTheDirectoryShouldBeIsUnavailable) {
  const std::string path = directory_.path() + "/file";
  std::ofstream(path) << "occupied";
  EXPECT_EQ(OpenRocksDbStore(path).status().code(), Code::kUnavailable);
}

TEST_F(RocksDbStoreTest, MissingDirectoriesAreMade) {
  EXPECT_TRUE(OpenRocksDbStore(directory_.path() + "/a/b/c").ok());
}

// Damages the largest table file in `directory`, in the middle of its values.
void DamageTableFile(const std::string& directory) {
  std::filesystem::directory_entry largest;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() != ".sst") continue;
    if (largest.path().empty() || entry.file_size() > largest.file_size()) largest = entry;
  }
  ASSERT_FALSE(largest.path().empty());
  std::fstream file(largest.path(), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(largest.file_size() / 2));
  file << "damage";
}

TEST_F(RocksDbStoreTest, ADamagedTableFileIsDataLoss) {
  {
    const auto database = RocksDbDatabase::Open(directory_.path(), rocksdb::Env::Default()).value();
    std::string value;
    for (int byte = 0; byte < 100'000; ++byte) value += static_cast<char>(byte * 7919 >> 3);
    rocksdb::ColumnFamilyHandle* const accounts = database->column_family(Table::kAccounts);
    ASSERT_TRUE(database->db().Put({}, accounts, "key", value).ok());
    ASSERT_TRUE(database->db().Flush({}, accounts).ok());
  }
  DamageTableFile(directory_.path());
  const std::unique_ptr<KeyValueStore> store = OpenRocksDbStore(directory_.path()).value();
  EXPECT_EQ(store->Get(Table::kAccounts, "key").status().code(), Code::kDataLoss);
  const auto visit = [](std::string_view, std::string_view) { return true; };
  EXPECT_EQ(store->TakeSnapshot()->Scan(Table::kAccounts, "", "", visit).code(), Code::kDataLoss);
  EXPECT_EQ(store->CheckFiles().code(), Code::kDataLoss);
}

// Blocks have checksums of their own, which tell more than that of a file's part.
TEST_F(RocksDbStoreTest, AScanGivesBlocksAsTheyAreInADamagedFile) {
  {
    const auto database = RocksDbDatabase::Open(directory_.path(), rocksdb::Env::Default()).value();
    rocksdb::ColumnFamilyHandle* const blocks = database->column_family(Table::kBlocks);
    for (char key = 'a'; key <= 'e'; ++key) {
      ASSERT_TRUE(database->db().Put({}, blocks, std::string(1, key), std::string(5000, key)).ok());
    }
    ASSERT_TRUE(database->db().Flush({}, blocks).ok());
  }
  DamageTableFile(directory_.path());
  const std::unique_ptr<KeyValueStore> store = OpenRocksDbStore(directory_.path()).value();
  std::vector<std::string> sound;
  const auto visit = [&sound](std::string_view key, std::string_view value) {
    if (value == std::string(5000, key[0])) sound.emplace_back(key);
    return true;
  };
  EXPECT_TRUE(store->TakeSnapshot()->Scan(Table::kBlocks, "", "", visit).ok());
  EXPECT_EQ(sound, (std::vector<std::string>{"a", "b", "d", "e"}));
}

// True if any file of the directory holds the text.
bool AnyFileHolds(const std::string& directory, const std::string& text) {
  bool found = false;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string content((std::istreambuf_iterator<char>(file)), {});
    found = found || content.find(text) != std::string::npos;
  }
  return found;
}

TEST_F(RocksDbStoreTest, APurgeLeavesNoByteOfWhatWasDeletedOrOverwritten) {
  const std::unique_ptr<KeyValueStore> store = OpenRocksDbStore(directory_.path()).value();
  ASSERT_TRUE(store->Commit(Group("secret-key", "first value")).ok());
  ASSERT_TRUE(store->Commit(Group("other", "overwritten value")).ok());
  ASSERT_TRUE(store->Compact({{Table::kLabels, "", ""}}).ok());
  ASSERT_TRUE(store->Commit(Group("other", "kept value")).ok());
  WriteGroup deletion;
  for (const Table table : {Table::kLabels, Table::kBlocks}) deletion.Delete(table, "secret-key");
  ASSERT_TRUE(store->Commit(deletion).ok());
  EXPECT_TRUE(AnyFileHolds(directory_.path(), "secret-key"));
  ASSERT_TRUE(store->Purge({{Table::kLabels, "", ""}, {Table::kBlocks, "", ""}}).ok());
  EXPECT_FALSE(AnyFileHolds(directory_.path(), "secret-key"));
  EXPECT_FALSE(AnyFileHolds(directory_.path(), "overwritten value"));
  EXPECT_TRUE(AnyFileHolds(directory_.path(), "kept value"));
  EXPECT_EQ(store->Get(Table::kLabels, "other").value(), "kept value");
  EXPECT_TRUE(store->Commit(Group("more", "1")).ok());
}

TEST_F(RocksDbStoreTest, APurgeIsRefusedWhileAReaderMayStillSeeWhatWasDeleted) {
  const std::unique_ptr<KeyValueStore> store = OpenRocksDbStore(directory_.path()).value();
  ASSERT_TRUE(store->Commit(Group("a", "1")).ok());
  std::unique_ptr<Snapshot> snapshot = store->TakeSnapshot();
  ASSERT_TRUE(store->Commit(Group("b", "2")).ok());
  EXPECT_EQ(store->Purge({{Table::kLabels, "", ""}}).code(), Code::kUnavailable);
  EXPECT_EQ(snapshot->Get(Table::kLabels, "a").value(), "1") << "the reader is not disturbed";
  snapshot = nullptr;
  EXPECT_TRUE(store->Purge({{Table::kLabels, "", ""}}).ok());
}

TEST_F(RocksDbStoreTest, ABackupHoldsWhatWasCommittedBeforeAndNothingAfter) {
  const TemporaryDirectory elsewhere;
  const std::string copy = elsewhere.path() + "/copy";
  const std::unique_ptr<KeyValueStore> store = OpenRocksDbStore(directory_.path()).value();
  ASSERT_TRUE(store->Commit(Group("a", "1")).ok());
  ASSERT_TRUE(store->Backup(copy).ok());
  ASSERT_TRUE(store->Commit(Group("b", "2")).ok());
  EXPECT_EQ(store->Backup(copy).code(), Code::kAlreadyExists);
  const std::unique_ptr<KeyValueStore> copied = OpenRocksDbStore(copy).value();
  EXPECT_EQ(copied->Get(Table::kLabels, "a").value(), "1");
  EXPECT_EQ(copied->Get(Table::kLabels, "b").value(), std::nullopt);
  EXPECT_TRUE(copied->Commit(Group("c", "3")).ok());
  EXPECT_EQ(store->Get(Table::kLabels, "c").value(), std::nullopt);
}

TEST_F(RocksDbStoreTest, AStoreThatIsOpenedToBeReadNeverChanges) {
  ASSERT_TRUE(OpenRocksDbStore(directory_.path()).value()->Commit(Group("a", "1")).ok());
  const std::unique_ptr<KeyValueStore> store = OpenRocksDbStoreReadOnly(directory_.path()).value();
  EXPECT_EQ(store->Get(Table::kLabels, "a").value(), "1");
  EXPECT_EQ(store->TakeSnapshot()->Get(Table::kBlocks, "a").value(), "1");
  EXPECT_EQ(store->Commit(Group("b", "2")).code(), Code::kFailedPrecondition);
  EXPECT_TRUE(store->CheckFiles().ok());
}

TEST_F(RocksDbStoreTest, ThereMustBeAStoreToBeRead) {
  EXPECT_EQ(OpenRocksDbStoreReadOnly(directory_.path() + "/none").status().code(), Code::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(directory_.path() + "/none"));
  const std::unique_ptr<KeyValueStore> held = OpenRocksDbStore(directory_.path()).value();
  EXPECT_EQ(OpenRocksDbStoreReadOnly(directory_.path()).status().code(), Code::kFailedPrecondition);
}

}  // namespace
}  // namespace stillwatch::storage
