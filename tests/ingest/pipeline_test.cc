#include "ingest/pipeline.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "proto/limits.h"
#include "storage/memory_store.h"

namespace stillwatch::ingest {
namespace {

SubmittedBatch BatchOf(const std::vector<std::string>& event_ids) {
  auto texts = std::make_shared<std::vector<std::string>>(event_ids);
  auto batch = std::make_shared<UsageBatch>();
  for (const std::string& id : *texts) {
    const size_t row = batch->AddRow();
    batch->SetText(row, TextField::kEventId, id);
    batch->SetText(row, TextField::kAccountId, "account");
    batch->SetNumber(row, NumberField::kTimeUnixNano, 1'772'409'600'000'000'000);
  }
  batch->KeepAlive(texts);
  SubmittedBatch out;
  out.observed = detector::Observe(batch);
  out.events = std::move(batch);
  return out;
}

class PipelineTest : public ::testing::Test {
 protected:
  std::vector<uint32_t> AcceptedRows(const std::vector<std::string>& event_ids) {
    SubmittedBatch batch = BatchOf(event_ids);
    std::promise<std::vector<uint32_t>> told;
    batch.on_rows_durable = [&told](std::span<const uint32_t> rows) { told.set_value({rows.begin(), rows.end()}); };
    pipeline_->Submit(std::move(batch));
    return told.get_future().get();
  }

  std::unique_ptr<storage::KeyValueStore> store_ = storage::MakeMemoryStore();
  detector::ScoringEngine engine_{{}, detector::SerialFor};
  std::unique_ptr<Pipeline> pipeline_ = Pipeline::Start(*store_, engine_, {}).value();
};

TEST_F(PipelineTest, TellsWhichRowsWereAccepted) {
  using Rows = std::vector<uint32_t>;
  EXPECT_EQ(AcceptedRows({"a", "b", "c"}), (Rows{0, 1, 2}));
  EXPECT_EQ(AcceptedRows({"d", "b", "e", "e", "f"}), (Rows{0, 2, 4}));
  EXPECT_EQ(AcceptedRows({"a", "f"}), Rows());
  EXPECT_EQ(AcceptedRows({}), Rows());
  EXPECT_EQ(pipeline_->counters().accepted_event_count, 6U);
  EXPECT_EQ(pipeline_->counters().duplicate_event_count, 4U);
}

bool HasCheckpoint(const storage::KeyValueStore& store) {
  return store.Get(storage::Table::kMeta, "checkpoint").value().has_value();
}

// A checkpoint of many accounts waits until it is worth its writing.
TEST(PipelineCheckpointTest, WaitsForEventsOfEachAccountThatItWrites) {
  const std::unique_ptr<storage::KeyValueStore> store = storage::MakeMemoryStore();
  detector::ScoringEngine engine({}, detector::SerialFor);
  const std::unique_ptr<Pipeline> pipeline =
      Pipeline::Start(*store, engine, {.checkpoint_event_count = 2, .checkpoint_events_per_account = 6}).value();
  const auto apply = [&](const std::vector<std::string>& event_ids) {
    SubmittedBatch batch = BatchOf(event_ids);
    batch.complete_through_unix_nano = 1'772'409'600'000'000'001;
    pipeline->Submit(std::move(batch));
    std::promise<void> applied;
    pipeline->Write(storage::WriteGroup(), nullptr, [&applied] { applied.set_value(); });
    applied.get_future().get();
  };
  apply({"a", "b", "c", "d"});
  EXPECT_FALSE(HasCheckpoint(*store)) << "four events, and six are asked for of the one account";
  apply({"e", "f"});
  // It is written beside; what asks for another waits for it.
  std::promise<bool> has_checkpoint;
  pipeline->Write(
      storage::WriteGroup(), [&] { has_checkpoint.set_value(HasCheckpoint(*store)); }, nullptr,
      Pipeline::AfterApply::kCheckpoint);
  EXPECT_TRUE(has_checkpoint.get_future().get());
}

// Its engine has no room for anything: every state is to be in the store as soon as it is saved.
TEST(PipelineMemoryTest, StatesLeaveMemoryAndComeBack) {
  const std::unique_ptr<storage::KeyValueStore> store = storage::MakeMemoryStore();
  detector::ScoringEngine engine({.allowed_lateness_nano = 0, .state_bytes_max = detector::kPartitionCount},
                                 detector::SerialFor);
  const std::unique_ptr<Pipeline> pipeline = Pipeline::Start(*store, engine, {}).value();
  constexpr int kRounds = 30;
  uint64_t stored_max = 0;
  for (int round = 0; round < kRounds; ++round) {
    for (const char* account : {"eve", "mallory", "trent"}) {
      auto texts = std::make_shared<std::string>(account + std::to_string(round));
      auto events = std::make_shared<UsageBatch>();
      events->AddRow();
      events->SetText(0, TextField::kEventId, *texts);
      events->SetText(0, TextField::kAccountId, account);
      events->SetNumber(0, NumberField::kTimeUnixNano, 1'772'409'600'000'000'000 + round * kNanosecondsPerSecond);
      events->KeepAlive(texts);
      SubmittedBatch batch;
      batch.observed = detector::Observe(events);
      batch.events = std::move(events);
      std::promise<void> told;
      batch.on_durable = [&told](uint32_t, uint32_t) { told.set_value(); };
      pipeline->Submit(std::move(batch));
      told.get_future().get();
      // Found at once, wherever the state is.
      EXPECT_EQ(engine.Get(account)->live.portrait.event_count(), static_cast<uint64_t>(round) + 1);
      pipeline->WaitUntilApplied();
      stored_max = std::max(stored_max, engine.counters().states.stored_count);
    }
  }
  EXPECT_GT(stored_max, 0U);
  EXPECT_EQ(engine.counters().states.lost_count, 0U);
}

}  // namespace
}  // namespace stillwatch::ingest
