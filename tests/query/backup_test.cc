#include "query/backup.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <memory>
#include <string>

#include "storage/memory_store.h"
#include "storage/rocksdb_store.h"

namespace stillwatch::query {
namespace {

namespace fs = std::filesystem;

class BackupTest : public testing::Test {
 protected:
  BackupTest() {
    std::string path = testing::TempDir() + "backup-XXXXXX";
    root_ = ::mkdtemp(path.data());
    data_ = root_ / "data";
    store_ = storage::OpenRocksDbStore((data_ / "store").string()).value();
    storage::WriteGroup group;
    group.Put(storage::Table::kLabels, "key", "value");
    EXPECT_TRUE(store_->Commit(group).ok());
    fs::create_directories(data_ / "audits/20250622T023000Z-0001");
    std::ofstream(data_ / "audits/20250622T023000Z-0001/summary.json") << "{}";
  }
  ~BackupTest() override {
    store_ = nullptr;
    fs::remove_all(root_);
  }

  Code Backup(const fs::path& directory) { return MakeBackup(*store_, data_, directory).code(); }

  fs::path root_;
  fs::path data_;
  std::unique_ptr<storage::KeyValueStore> store_;
};

TEST_F(BackupTest, HoldsStoreAndReports) {
  ASSERT_EQ(Backup(root_ / "copy"), Code::kOk);
  EXPECT_TRUE(fs::exists(root_ / "copy/audits/20250622T023000Z-0001/summary.json"));
  EXPECT_FALSE(fs::exists(root_ / "copy.partial"));
  const auto copy = storage::OpenRocksDbStore((root_ / "copy/store").string()).value();
  EXPECT_EQ(copy->Get(storage::Table::kLabels, "key").value(), "value");
}

TEST_F(BackupTest, NeedsNoReports) {
  fs::remove_all(data_ / "audits");
  EXPECT_EQ(Backup(root_ / "copy"), Code::kOk);
}

TEST_F(BackupTest, RefusesPathsThatItShouldNotWriteTo) {
  fs::create_directory(root_ / "there");
  fs::create_symlink(root_ / "there", root_ / "link");
  fs::create_symlink(data_, root_ / "link-to-data");
  EXPECT_EQ(Backup("relative"), Code::kInvalidArgument);
  EXPECT_EQ(Backup(""), Code::kInvalidArgument);
  EXPECT_EQ(Backup("/"), Code::kInvalidArgument);
  EXPECT_EQ(Backup(root_ / "there/../copy"), Code::kInvalidArgument);
  EXPECT_EQ(Backup(root_ / "no/parent"), Code::kInvalidArgument);
  EXPECT_EQ(Backup(data_ / "copy"), Code::kInvalidArgument);
  EXPECT_EQ(Backup(root_ / "link-to-data/copy"), Code::kInvalidArgument);
  EXPECT_EQ(Backup(root_ / "there"), Code::kAlreadyExists);
  EXPECT_EQ(Backup(root_ / "link"), Code::kAlreadyExists);
}

TEST_F(BackupTest, AFailureLeavesNothingBehind) {
  const std::unique_ptr<storage::KeyValueStore> memory = storage::MakeMemoryStore();
  EXPECT_EQ(MakeBackup(*memory, data_, root_ / "copy").code(), Code::kFailedPrecondition);
  EXPECT_FALSE(fs::exists(root_ / "copy"));
  EXPECT_FALSE(fs::exists(root_ / "copy.partial"));
}

}  // namespace
}  // namespace stillwatch::query
