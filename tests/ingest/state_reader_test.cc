#include "ingest/state_reader.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <utility>

#include "storage/memory_store.h"

namespace stillwatch::ingest {
namespace {

using storage::Table;

// A store whose reads are answered by the test.
class AnsweringStore final : public storage::KeyValueStore {
 public:
  using Answer = std::function<Result<std::optional<std::string>>(std::string_view key)>;
  explicit AnsweringStore(Answer answer) : answer_(std::move(answer)) {}

  Result<std::optional<std::string>> Get(Table table, std::string_view key) const override {
    EXPECT_EQ(table, Table::kAccounts);
    return answer_(key);
  }
  storage::DamageRegister& damages() const override { return store_->damages(); }
  Status Commit(const storage::WriteGroup& group) override { return store_->Commit(group); }
  Status CommitBulk(const storage::WriteGroup& group) override { return store_->CommitBulk(group); }
  std::unique_ptr<storage::Snapshot> TakeSnapshot() const override { return store_->TakeSnapshot(); }
  Status CheckFiles() const override { return store_->CheckFiles(); }
  Status Compact(const std::vector<storage::KeyRange>& ranges) override { return store_->Compact(ranges); }
  Status DropDeleted(const storage::KeyRange& range) override { return store_->DropDeleted(range); }
  Status Purge(const std::vector<storage::KeyRange>& ranges) override { return store_->Purge(ranges); }
  Status Backup(const std::string& directory) override { return store_->Backup(directory); }

 private:
  const Answer answer_;
  const std::unique_ptr<storage::KeyValueStore> store_ = storage::MakeMemoryStore();
};

constexpr int64_t kNoWait = 0;
using Bytes = Result<std::optional<std::string>>;

TEST(StateReaderTest, GivesWhatIsThere) {
  const AnsweringStore store([](std::string_view key) {
    return key == "known" ? Bytes(std::optional<std::string>("state")) : Bytes(std::optional<std::string>());
  });
  StateReader reader(store, kNoWait);
  EXPECT_EQ(reader.Read("known"), "state");
  EXPECT_EQ(reader.Read("unknown"), std::nullopt);
  EXPECT_FALSE(reader.has_given_up());
}

TEST(StateReaderTest, TriesAgainWhileTheDiskFails) {
  int tries = 0;
  const AnsweringStore store([&tries](std::string_view) {
    return ++tries < 4 ? Bytes(Status(Code::kUnavailable, "the disk is away")) : Bytes(std::optional<std::string>("state"));
  });
  StateReader reader(store, kNoWait);
  EXPECT_EQ(reader.Read("key"), "state");
  EXPECT_EQ(tries, 4);
  EXPECT_FALSE(reader.has_given_up());
}

TEST(StateReaderTest, NotesDamageAndGoesOn) {
  const AnsweringStore store([](std::string_view) { return Bytes(Status(Code::kDataLoss, "a flipped bit")); });
  StateReader reader(store, kNoWait);
  EXPECT_EQ(reader.Read("key"), std::nullopt);
  EXPECT_EQ(store.damages().count(), 1U);
  EXPECT_FALSE(reader.has_given_up()) << "the others can still be saved";
}

TEST(StateReaderTest, GivesUpAFailingDiskOnceStopped) {
  const AnsweringStore store([](std::string_view) { return Bytes(Status(Code::kUnavailable, "the disk is away")); });
  StateReader reader(store, kNoWait);
  reader.Stop();
  EXPECT_EQ(reader.Read("key"), std::nullopt);
  EXPECT_TRUE(reader.has_given_up());
}

}  // namespace
}  // namespace stillwatch::ingest
