#include "storage/store_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "storage/block_codec.h"
#include "storage/block_scan.h"
#include "storage/memory_store.h"
#include "storage/record_store.h"
#include "tests/storage/usage_batches.h"

namespace stillwatch::storage {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class StoreCheckTest : public testing::Test {
 protected:
  StoreCheckTest() {
    EventLog log = EventLog::Open(*store_).value();
    RandomBatches random(31);
    WriteGroup group;
    for (int block = 0; block < 3; ++block) log.Append(random.Make(50), group);
    AccountProfile profile;
    profile.account_id = "alice";
    PutProfile(profile, group);
    PutModel({"large", 1}, group);
    PutVerdictChange({"alice", Verdict::kClear, Verdict::kReview, 5, 0.5, 7}, group);
    group.Put(Table::kAccounts, "alice", "opaque");
    EXPECT_TRUE(store_->Commit(group).ok());
    block_ = *store_->Get(Table::kBlocks, BlockKey(50)).value();
  }

  void Put(Table table, const std::string& key, const std::string& value) {
    WriteGroup group;
    group.Put(table, key, value);
    ASSERT_TRUE(store_->Commit(group).ok());
  }

  // Each damaged place with its reason.
  std::vector<std::string> Check() {
    std::vector<std::string> lines;
    store_->damages().OnDamage(
        [&lines](const std::string& place, const std::string& reason) { lines.push_back(place + ": " + reason); });
    Result<StoreCheckReport> report = CheckStore(*store_, [this](double part) { part_ = part; });
    EXPECT_TRUE(report.ok());
    report_ = *report;
    return lines;
  }

  std::unique_ptr<KeyValueStore> store_ = MakeMemoryStore();
  std::string block_;  // The second.
  StoreCheckReport report_;
  double part_ = 0;
};

TEST_F(StoreCheckTest, ASoundStoreIsCountedAndNothingIsSaid) {
  EXPECT_THAT(Check(), IsEmpty());
  EXPECT_EQ(report_.block_count, 3u);
  EXPECT_EQ(report_.event_count, 150u);
  EXPECT_EQ(report_.record_count, 3u);
  EXPECT_EQ(report_.account_count, 1u);
  EXPECT_EQ(report_.damage_count, 0u);
  EXPECT_EQ(part_, 1);
}

TEST_F(StoreCheckTest, EveryFlippedBitOfABlockIsFound) {
  for (size_t bit = 0; bit < 8 * block_.size(); bit += 1 + bit % 7) {
    std::string damaged = block_;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ 1 << bit % 8);
    size_t count = 0;
    CheckBlock(damaged, [&count](const std::string&, const Status&) { ++count; });
    ASSERT_EQ(count, 1u) << "bit " << bit;
  }
}

TEST_F(StoreCheckTest, NamesTheBlockItsTimesAndTheColumn) {
  std::string damaged = block_;
  damaged.back() = static_cast<char>(damaged.back() ^ 1);  // The last column: of numbers.
  Put(Table::kBlocks, BlockKey(50), damaged);
  const std::vector<std::string> lines = Check();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_THAT(lines[0], testing::MatchesRegex("block 50 \\(.*Z to .*Z\\), number column [0-9]+: .*checksum is wrong"));
  EXPECT_EQ(report_.damage_count, 1u);
  EXPECT_EQ(report_.block_count, 3u);
}

TEST_F(StoreCheckTest, ADamagedHeaderIsNamedWithoutTimes) {
  std::string damaged = block_;
  damaged[20] = static_cast<char>(damaged[20] ^ 1);
  Put(Table::kBlocks, BlockKey(50), damaged);
  const std::vector<std::string> lines = Check();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_THAT(lines[0], testing::StartsWith("block 50: "));
  EXPECT_EQ(report_.event_count, 100u);
}

TEST_F(StoreCheckTest, ABlockUnderAnotherKeyIsDamaged) {
  Put(Table::kBlocks, BlockKey(777), block_);
  const std::vector<std::string> lines = Check();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_THAT(lines[0], HasSubstr("block 777"));
}

TEST_F(StoreCheckTest, BlocksThatOverlapAreDamaged) {
  RandomBatches random(32);
  const UsageBatch batch = random.Make(5);
  Put(Table::kBlocks, BlockKey(60), EncodeBlock(batch, 0, 5, 60));
  const std::vector<std::string> lines = Check();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_THAT(lines[0], HasSubstr("block 60: it begins within"));
}

TEST_F(StoreCheckTest, DamagedRecordsAreNamed) {
  Put(Table::kProfiles, "alice", "?");
  Put(Table::kModels, "large", "?");
  Put(Table::kLabels, "bob", "?");
  Put(Table::kVerdicts, "alice", "?");
  const std::vector<std::string> lines = Check();
  EXPECT_THAT(lines, testing::UnorderedElementsAre(HasSubstr("profile of alice"), HasSubstr("model of large"),
                                                   HasSubstr("label of bob"), HasSubstr("verdict change of alice")));
}

}  // namespace
}  // namespace stillwatch::storage
