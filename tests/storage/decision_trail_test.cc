#include "storage/decision_trail.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "storage/memory_store.h"

namespace stillwatch::storage {
namespace {

DecisionEntry EntryOf(const std::string& account_id, int64_t time) {
  DecisionEntry entry;
  entry.account_id = account_id;
  entry.time_unix_nano = time;
  entry.end_unix_nano = time + 100;
  entry.ruling = Ruling::kRefuse;
  entry.origin = DecisionOrigin::kAnalyst;
  entry.mode = EnforcementMode::kShadow;
  entry.verdict = Verdict::kReview;
  entry.note = "seen elsewhere";
  return entry;
}

class DecisionTrailTest : public ::testing::Test {
 protected:
  void Put(const std::vector<DecisionEntry>& entries) {
    WriteGroup group;
    for (const DecisionEntry& entry : entries) PutDecision(entry, group);
    ASSERT_TRUE(store_->Commit(group).ok());
  }
  std::vector<DecisionEntry> All() {
    std::vector<DecisionEntry> entries;
    EXPECT_TRUE(ScanDecisions(*store_->TakeSnapshot(), [&](DecisionEntry entry) { entries.push_back(entry); }).ok());
    return entries;
  }

  std::unique_ptr<KeyValueStore> store_ = MakeMemoryStore();
};

TEST_F(DecisionTrailTest, EntriesComeBackByAccountOldestFirst) {
  Put({EntryOf("bob", 300), EntryOf("alice", 256), EntryOf("alice", 255), EntryOf("alicea", 1)});
  EXPECT_EQ(All(), (std::vector<DecisionEntry>{EntryOf("alice", 255), EntryOf("alice", 256), EntryOf("alicea", 1),
                                               EntryOf("bob", 300)}));
  EXPECT_EQ(ReadDecisions(*store_->TakeSnapshot(), "alice").value(),
            (std::vector<DecisionEntry>{EntryOf("alice", 255), EntryOf("alice", 256)}));
}

TEST_F(DecisionTrailTest, TheEntriesOfOneAccountCanBeDeleted) {
  Put({EntryOf("alice", 1), EntryOf("alice", 2), EntryOf("alicea", 1)});
  WriteGroup deletion;
  ASSERT_TRUE(DeleteDecisions(*store_->TakeSnapshot(), "alice", deletion).ok());
  ASSERT_TRUE(store_->Commit(deletion).ok());
  EXPECT_EQ(All(), std::vector<DecisionEntry>{EntryOf("alicea", 1)});
}

TEST_F(DecisionTrailTest, VersionOneKeepsItsBytes) {
  WriteGroup group;
  DecisionEntry entry = EntryOf("al", 0x0102);
  entry.end_unix_nano = 0x0304;
  entry.note = "hi";
  PutDecision(entry, group);
  ASSERT_EQ(group.operations().size(), 1u);
  EXPECT_EQ(group.operations()[0].table, Table::kMeta);
  EXPECT_EQ(group.operations()[0].key, std::string("decision/al\0\0\0\0\0\0\0\1\2", 20));
  EXPECT_EQ(*group.operations()[0].value, std::string("\1\2\2\2\2\4\3\0\0\0\0\0\0\2hi", 16));
}

TEST_F(DecisionTrailTest, ADamagedEntryIsSkippedAndNoted) {
  Put({EntryOf("alice", 1), EntryOf("bob", 2)});
  WriteGroup damage;
  damage.Put(Table::kMeta, std::string("decision/alice\0\0\0\0\0\0\0\0\1", 23), std::string("\1\7\2\2\2", 5));
  ASSERT_TRUE(store_->Commit(damage).ok());
  EXPECT_EQ(All(), std::vector<DecisionEntry>{EntryOf("bob", 2)});
  EXPECT_EQ(store_->damages().count(), 1u);
}

}  // namespace
}  // namespace stillwatch::storage
