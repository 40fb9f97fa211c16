// What only a store on a disk has: locks, versions, crashes, full and broken disks.
#include "storage/rocksdb_store.h"

#include <gtest/gtest.h>
#include <rocksdb/env.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

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

  TemporaryDirectory directory_;
  FaultSwitch fault_;
};

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
