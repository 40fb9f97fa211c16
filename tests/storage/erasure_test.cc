#include "storage/erasure.h"

#include <gtest/gtest.h>

#include <limits>

#include "storage/block_codec.h"
#include "storage/block_scan.h"
#include "storage/memory_store.h"
#include "tests/storage/usage_batches.h"

namespace stillwatch::storage {
namespace {

constexpr int64_t kMinTime = std::numeric_limits<int64_t>::min();
constexpr int64_t kMaxTime = std::numeric_limits<int64_t>::max();

// Events of eve and others in turn, at times 1000, 1001, …
UsageBatch Events(size_t count) {
  static const std::string ids[] = {"alice", "eve", "bob"};
  UsageBatch batch;
  for (size_t event = 0; event < count; ++event) {
    const size_t row = batch.AddRow();
    batch.SetText(row, TextField::kAccountId, ids[event % 3]);
    batch.SetText(row, TextField::kUserAgent, event % 3 == 1 ? "eve's agent" : "agent");
    batch.SetNumber(row, NumberField::kTimeUnixNano, 1000 + event);
    batch.SetNumber(row, NumberField::kInputTokens, event);
  }
  return batch;
}

class ErasureTest : public testing::Test {
 protected:
  ErasureTest() {
    EventLog log = EventLog::Open(*store_).value();
    WriteGroup group;
    for (int block = 0; block < 5; ++block) log.Append(Events(30), group);
    Commit(group);
  }

  void Commit(const WriteGroup& group) { ASSERT_TRUE(store_->Commit(group).ok()); }

  // "account/agent/tokens/time" of each event.
  std::vector<std::string> Read(const ColumnSelection& columns = {}) const {
    std::vector<std::string> events;
    const auto visit = [&](const BlockSummary&, const UsageBatch& batch) {
      for (size_t row = 0; row < batch.size(); ++row) {
        events.push_back(std::string(batch.text(row, TextField::kAccountId)) + "/" +
                         std::string(batch.text(row, TextField::kUserAgent)) + "/" +
                         std::to_string(batch.number(row, NumberField::kInputTokens)) + "/" +
                         std::to_string(batch.time_unix_nano(row)));
      }
      return true;
    };
    EXPECT_TRUE(EventLog::Scan(*store_->TakeSnapshot(), 0, kMinTime, kMaxTime, columns, visit).ok());
    return events;
  }

  // Erases with steps of `block_count_max`; returns events and blocks.
  std::pair<uint64_t, uint64_t> Erase(const Erasure& erasure, size_t block_count_max) {
    std::pair<uint64_t, uint64_t> counts;
    EraseStep step;
    while (!step.is_done) {
      WriteGroup group;
      step = EraseFromBlocks(*store_->TakeSnapshot(), erasure, step.next_sequence, block_count_max, group).value();
      Commit(group);
      EXPECT_LE(group.operations().size(), block_count_max);
      counts.first += step.events.size();
      counts.second += step.block_count;
    }
    return counts;
  }

  std::unique_ptr<KeyValueStore> store_ = MakeMemoryStore();
};

TEST_F(ErasureTest, ARecordComesBackAsItWasPut) {
  WriteGroup group;
  PutErasure({"eve", 12, false}, group);
  PutErasure({"bob", 13, true}, group);
  Commit(group);
  std::vector<Erasure> erasures = ReadErasures(*store_->TakeSnapshot()).value();
  ASSERT_EQ(erasures.size(), 2u);
  EXPECT_EQ(erasures[0].account_id, "bob");
  EXPECT_EQ(erasures[0].end_sequence, 13u);
  EXPECT_TRUE(erasures[0].is_applied);
  EXPECT_FALSE(erasures[1].is_applied);
  WriteGroup deletion;
  DeleteErasure("bob", deletion);
  Commit(deletion);
  EXPECT_EQ(ReadErasures(*store_->TakeSnapshot()).value().size(), 1u);
}

TEST_F(ErasureTest, TheBytesOfARecordStayWhatTheyAre) {
  WriteGroup group;
  PutErasure({"eve", 258, true}, group);
  using namespace std::string_literals;
  EXPECT_EQ(group.operations()[0].key, "erasure/eve");
  EXPECT_EQ(group.operations()[0].value, "\x01\x02\x01\0\0\0\0\0\0\x01"s);
}

TEST_F(ErasureTest, ADamagedRecordStopsReadersSoThatNobodyComesBack) {
  WriteGroup group;
  group.Put(Table::kMeta, "erasure/eve", "?");
  Commit(group);
  EXPECT_EQ(ReadErasures(*store_->TakeSnapshot()).status().code(), Code::kDataLoss);
}

TEST_F(ErasureTest, AScanHidesTheAccountAsSoonAsTheRecordStands) {
  const std::vector<std::string> before = Read();
  WriteGroup group;
  PutErasure({"eve", 100, false}, group);
  Commit(group);
  const std::vector<std::string> after = Read();
  ASSERT_EQ(after.size(), before.size());
  for (size_t event = 0; event < before.size(); ++event) {
    const bool is_erased = event % 30 % 3 == 1 && event < 100;
    EXPECT_EQ(after[event], is_erased ? "//0/" + std::to_string(1000 + event % 30) : before[event]) << event;
  }
  // Also for a scan of other columns.
  const ColumnSelection tokens = {.texts = 0, .numbers = uint64_t{1} << static_cast<size_t>(NumberField::kInputTokens)};
  EXPECT_EQ(Read(tokens)[4], "//0/0");
}

TEST_F(ErasureTest, RewritingTakesTheAccountAndKeepsEverybodyElseInPlace) {
  const std::vector<std::string> before = Read();
  EXPECT_EQ(Erase({"eve", 100, true}, 2), (std::pair<uint64_t, uint64_t>(33, 4)));
  const std::vector<std::string> after = Read();
  ASSERT_EQ(after.size(), before.size());
  for (size_t event = 0; event < before.size(); ++event) {
    const bool is_erased = event % 30 % 3 == 1 && event < 100;
    EXPECT_EQ(after[event], is_erased ? "//0/" + std::to_string(1000 + event % 30) : before[event]) << event;
  }
  EXPECT_EQ(EventLog::Open(*store_).value().next_sequence(), 150u);
  const std::string block = *store_->Get(Table::kBlocks, BlockKey(0)).value();
  EXPECT_EQ(block.find("eve"), std::string::npos);
  EXPECT_NE(block.find("alice"), std::string::npos) << "this test looks for names as plain bytes";
}

TEST_F(ErasureTest, ASecondTimeFindsNothing) {
  Erase({"eve", 150, true}, 64);
  EXPECT_EQ(Erase({"eve", 150, true}, 64), (std::pair<uint64_t, uint64_t>(0, 0)));
}

TEST_F(ErasureTest, ADamagedBlockIsLeftAndCounted) {
  WriteGroup group;
  group.Put(Table::kBlocks, BlockKey(30), "not a block");
  Commit(group);
  WriteGroup rewritten;
  const EraseStep step = EraseFromBlocks(*store_->TakeSnapshot(), {"eve", 150, true}, 0, 64, rewritten).value();
  EXPECT_TRUE(step.is_done);
  EXPECT_EQ(step.damaged_block_count, 1u);
  EXPECT_EQ(step.block_count, 4u);
}

}  // namespace
}  // namespace stillwatch::storage
