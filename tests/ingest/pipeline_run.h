// A pipeline on a store, and batches whose events can be told from each other.
#pragma once

#include <rocksdb/env.h>

#include <future>
#include <memory>
#include <string>
#include <vector>

#include "detector/scoring_engine.h"
#include "ingest/pipeline.h"
#include "storage/rocksdb_database.h"

namespace stillwatch::ingest {

inline constexpr size_t kBatchEventCount = 5;
inline constexpr size_t kAccountCount = 3;
inline constexpr size_t kUnsavedIdCountMax = 2 * kBatchEventCount;  // So that ids are saved within a few batches.
inline constexpr int64_t kFirstTimeUnixNano = 1'772'409'600'000'000'000;

inline std::string AccountId(size_t account) { return "account-" + std::to_string(account); }

// Batch `number` of a log whose events have numbers from 0, one each second, dealt out to the accounts in turn.
// `shift_nano` is added to their times.
inline SubmittedBatch MakeBatch(size_t number, int64_t shift_nano = 0) {
  auto texts = std::make_shared<std::vector<std::string>>();
  texts->reserve(2 * kBatchEventCount);
  auto batch = std::make_shared<UsageBatch>();
  for (size_t i = 0; i < kBatchEventCount; ++i) {
    const size_t row = batch->AddRow();
    const size_t event = number * kBatchEventCount + i;
    batch->SetText(row, TextField::kEventId, texts->emplace_back("event-" + std::to_string(event)));
    batch->SetText(row, TextField::kAccountId, texts->emplace_back(AccountId(event % kAccountCount)));
    const int64_t time = kFirstTimeUnixNano + static_cast<int64_t>(event) * 1'000'000'000 + shift_nano;
    batch->SetNumber(row, NumberField::kTimeUnixNano, static_cast<uint64_t>(time));
  }
  batch->KeepAlive(texts);
  SubmittedBatch out;
  out.observed = detector::Observe(batch);
  out.events = std::move(batch);
  return out;
}

// What an acknowledgement says.
struct Counted {
  uint32_t accepted = 0;
  uint32_t duplicate = 0;
  bool operator==(const Counted&) const = default;
};
inline constexpr Counted kAllAccepted = {kBatchEventCount, 0};
inline constexpr Counted kAllDuplicate = {0, kBatchEventCount};

// Threading: for one thread.
class PipelineRun {
 public:
  // `env` is that of the store.
  PipelineRun(const std::string& path, rocksdb::Env* env, uint64_t checkpoint_event_count,
              size_t unsaved_id_count_max = kUnsavedIdCountMax) {
    auto store = storage::OpenRocksDbStore(path, env);
    if (!store.ok()) return;
    store_ = std::move(store).value();
    auto pipeline = Pipeline::Start(*store_, engine_,
                                    {.checkpoint_event_count = checkpoint_event_count,
                                     .retry_nano = 1000,
                                     .duplicates = {.unsaved_count_max = unsaved_id_count_max}});
    if (pipeline.ok()) pipeline_ = std::move(pipeline).value();
  }
  bool has_started() const { return pipeline_ != nullptr; }
  storage::KeyValueStore& store() { return *store_; }
  Pipeline& pipeline() { return *pipeline_; }
  const detector::ScoringEngine& engine() const { return engine_; }

  // The acknowledgement comes when the batch is durable; never, if the pipeline gives up.
  std::future<Counted> Submit(size_t number, int64_t shift_nano = 0) {
    SubmittedBatch batch = MakeBatch(number, shift_nano);
    auto told = std::make_shared<std::promise<Counted>>();
    std::future<Counted> answer = told->get_future();
    promises_.push_back(told);  // So that an answer that never comes is not ready.
    batch.on_durable = [told](uint32_t accepted, uint32_t duplicate) { told->set_value({accepted, duplicate}); };
    pipeline_->Submit(std::move(batch));
    return answer;
  }

  // Events of each account that the engine knows.
  std::vector<uint64_t> CountByAccount() {
    pipeline_->WaitUntilApplied();
    std::vector<uint64_t> counts;
    for (size_t account = 0; account < kAccountCount; ++account) {
      const auto detail = engine_.Get(AccountId(account));
      counts.push_back(detail ? detail->live.portrait.event_count() : 0);
    }
    return counts;
  }
  uint64_t stored_event_count() const { return pipeline_->counters().stored_event_count; }

 private:
  std::vector<std::shared_ptr<std::promise<Counted>>> promises_;
  std::unique_ptr<storage::KeyValueStore> store_;
  detector::ScoringEngine engine_{{}, detector::SerialFor};
  std::unique_ptr<Pipeline> pipeline_;
};

// What CountByAccount says when the batches below `batch_count` are in the log, each once.
inline std::vector<uint64_t> CountsOf(size_t batch_count) {
  std::vector<uint64_t> counts;
  for (size_t account = 0; account < kAccountCount; ++account) {
    counts.push_back((batch_count * kBatchEventCount + kAccountCount - 1 - account) / kAccountCount);
  }
  return counts;
}

}  // namespace stillwatch::ingest
