#include "storage/event_log.h"

#include <gtest/gtest.h>

#include <limits>

#include "storage/block_codec.h"
#include "storage/byte_codec.h"
#include "storage/memory_store.h"
#include "tests/storage/usage_batches.h"

namespace stillwatch::storage {
namespace {

constexpr int64_t kMinTime = std::numeric_limits<int64_t>::min();
constexpr int64_t kMaxTime = std::numeric_limits<int64_t>::max();

// Events at times `first_time`, `first_time` + 1, …
UsageBatch Events(size_t count, int64_t first_time) {
  UsageBatch batch;
  for (size_t event = 0; event < count; ++event) {
    const size_t row = batch.AddRow();
    batch.SetNumber(row, NumberField::kTimeUnixNano, static_cast<uint64_t>(first_time) + event);
  }
  return batch;
}

class EventLogTest : public testing::Test {
 protected:
  EventLog Open() { return EventLog::Open(*store_).value(); }

  uint64_t Append(EventLog& log, const UsageBatch& batch) {
    WriteGroup group;
    const uint64_t first_sequence = log.Append(batch, group);
    EXPECT_TRUE(store_->Commit(group).ok());
    return first_sequence;
  }

  // Sequences of the first events of the visited blocks.
  std::vector<uint64_t> Scan(uint64_t from, int64_t min_time = kMinTime, int64_t max_time = kMaxTime) {
    std::vector<uint64_t> visited;
    const auto visit = [&](const BlockSummary& summary, UsageBatch) {
      visited.push_back(summary.first_sequence);
      return true;
    };
    Result<EventLog::ScanReport> report = EventLog::Scan(*store_->TakeSnapshot(), from, min_time, max_time, {}, visit);
    EXPECT_TRUE(report.ok());
    report_ = *report;
    return visited;
  }

  void PutBlock(uint64_t sequence, std::string block) {
    std::string key;
    AppendKeyNumber(key, sequence);
    WriteGroup group;
    group.Put(Table::kBlocks, key, std::move(block));
    ASSERT_TRUE(store_->Commit(group).ok());
  }

  std::unique_ptr<KeyValueStore> store_ = MakeMemoryStore();
  EventLog::ScanReport report_;
};

TEST_F(EventLogTest, BeginsAtSequenceZero) { EXPECT_EQ(Open().next_sequence(), 0u); }

TEST_F(EventLogTest, NumbersEventsWithoutGaps) {
  EventLog log = Open();
  EXPECT_EQ(Append(log, Events(3, 0)), 0u);
  EXPECT_EQ(Append(log, Events(1, 0)), 3u);
  EXPECT_EQ(Append(log, Events(5000, 0)), 4u);
  EXPECT_EQ(log.next_sequence(), 5004u);
}

TEST_F(EventLogTest, AnEmptyBatchAddsNothing) {
  EventLog log = Open();
  WriteGroup group;
  log.Append(UsageBatch(), group);
  EXPECT_TRUE(group.empty());
  EXPECT_EQ(log.next_sequence(), 0u);
}

TEST_F(EventLogTest, GoesOnWhereItEnded) {
  EventLog log = Open();
  Append(log, Events(kBlockEventCountMax + 7, 0));
  EXPECT_EQ(Open().next_sequence(), kBlockEventCountMax + 7);
}

TEST_F(EventLogTest, NeverGivesASequenceTwiceAfterADamagedLastBlock) {
  EventLog log = Open();
  Append(log, Events(10, 0));
  PutBlock(10, "not a block");
  EXPECT_EQ(Open().next_sequence(), 10 + kBlockEventCountMax);
}

TEST_F(EventLogTest, GivesBackWhatWasAppended) {
  RandomBatches random(21);
  const UsageBatch batch = random.Make(2 * kBlockEventCountMax + 100);
  EventLog log = Open();
  Append(log, batch);
  size_t begin = 0;
  const auto visit = [&](const BlockSummary& summary, const UsageBatch& decoded) {
    EXPECT_EQ(summary.first_sequence, begin);
    EXPECT_EQ(summary.event_count, decoded.size());
    ExpectSameRows(batch, begin, decoded);
    begin += decoded.size();
    return true;
  };
  Result<EventLog::ScanReport> report = EventLog::Scan(*store_->TakeSnapshot(), 0, kMinTime, kMaxTime, {}, visit);
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(begin, batch.size());
  EXPECT_EQ(report->block_count, 3u);
  EXPECT_EQ(report->event_count, batch.size());
  EXPECT_EQ(report->damaged_block_count, 0u);
}

TEST_F(EventLogTest, AScanBeginsWithTheBlockThatHoldsTheSequence) {
  EventLog log = Open();
  Append(log, Events(2 * kBlockEventCountMax + 10, 0));
  Append(log, Events(1, 0));
  const uint64_t second = kBlockEventCountMax;
  const uint64_t third = 2 * kBlockEventCountMax;
  const uint64_t last = third + 10;
  EXPECT_EQ(Scan(second - 1), (std::vector<uint64_t>{0, second, third, last}));
  EXPECT_EQ(Scan(second), (std::vector<uint64_t>{second, third, last}));
  EXPECT_EQ(Scan(third - 1), (std::vector<uint64_t>{second, third, last}));
  EXPECT_EQ(Scan(third + 9), (std::vector<uint64_t>{third, last}));
  EXPECT_EQ(Scan(last), (std::vector<uint64_t>{last}));
  EXPECT_EQ(Scan(last + 1), (std::vector<uint64_t>{}));
}

TEST_F(EventLogTest, AScanSkipsBlocksOutsideTheTimes) {
  EventLog log = Open();
  Append(log, Events(10, 100));
  Append(log, Events(10, 200));
  Append(log, Events(10, 300));
  EXPECT_EQ(Scan(0, 110, 199), (std::vector<uint64_t>{}));
  EXPECT_EQ(Scan(0, 109, 200), (std::vector<uint64_t>{0, 10}));
  EXPECT_EQ(Scan(0, 205, 206), (std::vector<uint64_t>{10}));
  EXPECT_EQ(report_.block_count, 1u);
  EXPECT_EQ(report_.event_count, 10u);
}

TEST_F(EventLogTest, AVisitorStopsTheScan) {
  EventLog log = Open();
  for (int block = 0; block < 5; ++block) Append(log, Events(2, 0));
  int visits = 0;
  const auto visit = [&](const BlockSummary&, const UsageBatch&) { return ++visits < 3; };
  ASSERT_TRUE(EventLog::Scan(*store_->TakeSnapshot(), 0, kMinTime, kMaxTime, {}, visit).ok());
  EXPECT_EQ(visits, 3);
}

TEST_F(EventLogTest, DamagedBlocksAreSkippedAndCounted) {
  EventLog log = Open();
  for (int block = 0; block < 4; ++block) Append(log, Events(10, 0));
  std::string damaged_column = EncodeBlock(Events(10, 0), 0, 10, 10);
  damaged_column.back() = static_cast<char>(damaged_column.back() ^ 1);
  PutBlock(10, damaged_column);
  PutBlock(20, EncodeBlock(Events(10, 0), 0, 10, 777));  // Undamaged, but of another place.
  EXPECT_EQ(Scan(0), (std::vector<uint64_t>{0, 30}));
  EXPECT_EQ(report_.damaged_block_count, 2u);
  EXPECT_EQ(store_->damages().count(), 2u);
  Scan(0);
  EXPECT_EQ(store_->damages().count(), 2u) << "a place counts once";
  EXPECT_EQ(report_.event_count, 20u);
}

// Backwards, so that the order of decoding is not that of the log.
void BackwardsFor(size_t count, const std::function<void(size_t)>& body) {
  for (size_t i = count; i-- > 0;) body(i);
}

TEST_F(EventLogTest, GroupsHoldTheBlocksOfAScanInItsOrder) {
  RandomBatches random(22);
  EventLog log = Open();
  std::vector<UsageBatch> batches;
  for (int i = 0; i < 7; ++i) Append(log, batches.emplace_back(random.Make(10)));
  std::vector<std::vector<uint64_t>> groups;
  const auto visit = [&](std::vector<EventLog::Block> blocks) {
    groups.emplace_back();
    for (const EventLog::Block& block : blocks) {
      groups.back().push_back(block.summary.first_sequence);
      ExpectSameRows(batches[block.summary.first_sequence / 10], 0, block.events);
    }
    return true;
  };
  Result<EventLog::ScanReport> report =
      EventLog::ScanGroups(*store_->TakeSnapshot(), 10, kMinTime, kMaxTime, {}, 25, BackwardsFor, visit);
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(groups, (std::vector<std::vector<uint64_t>>{{10, 20, 30}, {40, 50, 60}}));
  EXPECT_EQ(report->block_count, 6u);
  EXPECT_EQ(report->event_count, 60u);
}

TEST_F(EventLogTest, AVisitorOfGroupsStopsTheScan) {
  EventLog log = Open();
  for (int block = 0; block < 9; ++block) Append(log, Events(2, 0));
  int visits = 0;
  const auto visit = [&](const std::vector<EventLog::Block>&) { return ++visits < 2; };
  Result<EventLog::ScanReport> report =
      EventLog::ScanGroups(*store_->TakeSnapshot(), 0, kMinTime, kMaxTime, {}, 4, BackwardsFor, visit);
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(visits, 2);
  EXPECT_EQ(report->block_count, 4u);
}

TEST_F(EventLogTest, GroupsLeaveDamagedBlocksOut) {
  EventLog log = Open();
  for (int block = 0; block < 3; ++block) Append(log, Events(10, 0));
  std::string damaged_column = EncodeBlock(Events(10, 0), 0, 10, 10);
  damaged_column.back() = static_cast<char>(damaged_column.back() ^ 1);
  PutBlock(10, damaged_column);
  std::vector<uint64_t> visited;
  const auto visit = [&](const std::vector<EventLog::Block>& blocks) {
    for (const EventLog::Block& block : blocks) visited.push_back(block.summary.first_sequence);
    return true;
  };
  Result<EventLog::ScanReport> report =
      EventLog::ScanGroups(*store_->TakeSnapshot(), 0, kMinTime, kMaxTime, {}, 10, BackwardsFor, visit);
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(visited, (std::vector<uint64_t>{0, 20}));
  EXPECT_EQ(report->damaged_block_count, 1u);
  EXPECT_EQ(store_->damages().count(), 1u);
}

TEST_F(EventLogTest, AScanSeesTheLogAsOfItsSnapshot) {
  EventLog log = Open();
  Append(log, Events(1, 0));
  const std::unique_ptr<Snapshot> snapshot = store_->TakeSnapshot();
  Append(log, Events(1, 0));
  const auto visit = [](const BlockSummary&, const UsageBatch&) { return true; };
  Result<EventLog::ScanReport> report = EventLog::Scan(*snapshot, 0, kMinTime, kMaxTime, {}, visit);
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->event_count, 1u);
}

}  // namespace
}  // namespace stillwatch::storage
