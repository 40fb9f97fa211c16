#include "storage/expiry.h"

#include <gtest/gtest.h>

#include "storage/block_codec.h"
#include "storage/block_scan.h"
#include "storage/memory_store.h"

namespace stillwatch::storage {
namespace {

constexpr uint64_t kAll = uint64_t{1} << 40;

class ExpiryTest : public testing::Test {
 protected:
  // Blocks of ten events each, which end at these times.
  void Fill(const std::vector<int64_t>& newest_times) {
    EventLog log = EventLog::Open(*store_).value();
    WriteGroup group;
    for (const int64_t newest : newest_times) {
      UsageBatch batch;
      for (int event = 9; event >= 0; --event) {
        batch.SetNumber(batch.AddRow(), NumberField::kTimeUnixNano, static_cast<uint64_t>(newest - event));
      }
      log.Append(batch, group);
    }
    ASSERT_TRUE(store_->Commit(group).ok());
  }

  ExpiryStep Expire(int64_t horizon, uint64_t end_sequence = kAll, size_t block_count_max = 100) {
    WriteGroup group;
    const ExpiryStep step =
        ExpireBlocks(*store_->TakeSnapshot(), horizon, end_sequence, block_count_max, group).value();
    EXPECT_TRUE(store_->Commit(group).ok());
    return step;
  }

  std::vector<uint64_t> Blocks() const {
    std::vector<uint64_t> sequences;
    EXPECT_TRUE(ScanBlocks(
                    *store_->TakeSnapshot(), 0,
                    [&](std::string_view key, std::string_view) { return ReadBlockKey(key, sequences.emplace_back()); },
                    [](uint64_t) {})
                    .ok());
    return sequences;
  }

  using Sequences = std::vector<uint64_t>;
  std::unique_ptr<KeyValueStore> store_ = MakeMemoryStore();
};

TEST_F(ExpiryTest, DeletesWholeBlocksWhoseNewestEventIsOlder) {
  Fill({100, 200, 300, 400});
  const ExpiryStep step = Expire(300);
  EXPECT_EQ(Blocks(), (Sequences{20, 30})) << "the third holds an event at the horizon";
  EXPECT_EQ(step.block_count, 2u);
  EXPECT_EQ(step.event_count, 20u);
  EXPECT_EQ(step.first_kept_sequence, 20u);
  EXPECT_TRUE(step.is_done);
}

TEST_F(ExpiryTest, KeepsWhatAReplayStillNeeds) {
  Fill({100, 200, 300, 400});
  Expire(1000, 19);
  EXPECT_EQ(Blocks(), (Sequences{10, 20, 30}));
}

TEST_F(ExpiryTest, KeepsTheLastBlockSoThatTheNumberingGoesOn) {
  Fill({100, 200});
  Expire(1000);
  EXPECT_EQ(Blocks(), (Sequences{10}));
  EXPECT_EQ(EventLog::Open(*store_).value().next_sequence(), 20u);
}

TEST_F(ExpiryTest, ANewerBlockKeepsWhatIsBehindIt) {
  Fill({100, 500, 200, 600});
  Expire(400);
  EXPECT_EQ(Blocks(), (Sequences{10, 20, 30}));
}

TEST_F(ExpiryTest, GoesInSteps) {
  Fill({100, 200, 300, 400, 500, 600});
  EXPECT_FALSE(Expire(550, kAll, 2).is_done);
  EXPECT_FALSE(Expire(550, kAll, 2).is_done);
  EXPECT_TRUE(Expire(550, kAll, 2).is_done);
  EXPECT_EQ(Blocks(), (Sequences{50}));
}

TEST_F(ExpiryTest, ADamagedBlockGoesWithTheNextThatCanBeRead) {
  Fill({100, 200, 300, 400});
  WriteGroup damage;
  damage.Put(Table::kBlocks, BlockKey(10), "damaged");
  ASSERT_TRUE(store_->Commit(damage).ok());
  Expire(250);
  EXPECT_EQ(Blocks(), (Sequences{10, 20, 30}));
  Expire(350);
  EXPECT_EQ(Blocks(), (Sequences{30}));
}

TEST_F(ExpiryTest, AnEmptyLogHasNothingToDelete) {
  const ExpiryStep step = Expire(1000);
  EXPECT_EQ(step.block_count, 0u);
  EXPECT_TRUE(step.is_done);
}

}  // namespace
}  // namespace stillwatch::storage
