#include "ingest/pipeline.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <vector>

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

}  // namespace
}  // namespace stillwatch::ingest
