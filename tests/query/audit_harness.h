// Audits on a store in memory, over gRPC within one process.
#pragma once

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <memory>
#include <string>
#include <utility>

#include "detector/scoring_engine.h"
#include "ingest/pipeline.h"
#include "proto/limits.h"
#include "query/audit_runner.h"
#include "query/audit_service.h"
#include "query/query_workers.h"
#include "storage/memory_store.h"

namespace stillwatch::query {

inline constexpr int64_t kAuditStart = 1'750'559'400 * kNanosecondsPerSecond;  // 2025-06-22T02:30:00Z

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string path = (std::filesystem::temp_directory_path() / "audits-XXXXXX").string();
    path_ = ::mkdtemp(path.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline std::string ReadAll(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A store whose event log, on demand, never ends: what reads it ends by being cancelled or not at all.
class EndlessStore final : public storage::KeyValueStore {
 public:
  Status Commit(const storage::WriteGroup& group) override { return store_->Commit(group); }
  Status CommitBulk(const storage::WriteGroup& group) override { return store_->CommitBulk(group); }
  Result<std::optional<std::string>> Get(storage::Table table, std::string_view key) const override {
    return store_->Get(table, key);
  }
  std::unique_ptr<storage::Snapshot> TakeSnapshot() const override {
    return std::make_unique<EndlessSnapshot>(store_->TakeSnapshot(), is_endless_);
  }
  storage::DamageRegister& damages() const override { return store_->damages(); }
  Status CheckFiles() const override { return store_->CheckFiles(); }
  Status Compact(const std::vector<storage::KeyRange>& ranges) override { return store_->Compact(ranges); }
  Status DropDeleted(const storage::KeyRange& range) override { return store_->DropDeleted(range); }
  Status Purge(const std::vector<storage::KeyRange>& ranges) override { return store_->Purge(ranges); }
  Status Backup(const std::string& directory) override { return store_->Backup(directory); }
  void SetEndless(bool is_endless) { is_endless_ = is_endless; }

 private:
  class EndlessSnapshot final : public storage::Snapshot {
   public:
    EndlessSnapshot(std::unique_ptr<storage::Snapshot> snapshot, bool is_endless)
        : snapshot_(std::move(snapshot)), is_endless_(is_endless) {}
    Result<std::optional<std::string>> Get(storage::Table table, std::string_view key) const override {
      return snapshot_->Get(table, key);
    }
    Status Scan(storage::Table table, std::string_view from, std::string_view to, const Visitor& visit) const override {
      bool goes_on = is_endless_ && table == storage::Table::kBlocks;
      Status status;
      do {
        status = snapshot_->Scan(table, from, to, [&](std::string_view key, std::string_view value) {
          const bool wants_more = visit(key, value);
          goes_on = goes_on && wants_more;
          return wants_more;
        });
      } while (status.ok() && goes_on);
      return status;
    }
    Result<std::optional<std::string>> LastKey(storage::Table table) const override {
      return snapshot_->LastKey(table);
    }
    storage::DamageRegister& damages() const override { return snapshot_->damages(); }

   private:
    const std::unique_ptr<storage::Snapshot> snapshot_;
    const bool is_endless_;
  };

  const std::unique_ptr<storage::KeyValueStore> store_ = storage::MakeMemoryStore();
  std::atomic<bool> is_endless_{false};
};

// All that audits need, with `kEventCount` events of one account that reads off the model's last layer.
class AuditHarness {
 public:
  static constexpr size_t kEventCount = 300;
  static constexpr char kSuspectId[] = "<suspect>";

  AuditHarness()
      : engine_({}, detector::SerialFor),
        pipeline_(StartPipeline()),
        runner_(std::make_unique<AuditRunner>(
            store_, *pipeline_, engine_,
            AuditRunnerOptions{.directory = directory_.path() / "audits", .software_version = "1.2.3"},
            [this] { return clock_unix_nano_.load(); })),
        service_(*runner_, workers_) {
    AddEvents();
    grpc::ServerBuilder builder;
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    stub_ = v1::AuditService::NewStub(server_->InProcessChannel({}));
  }
  ~AuditHarness() {
    runner_->Stop();
    server_->Shutdown();
    pipeline_->Drain();
  }

  // Runs an audit of everything and waits for it.
  Result<detector::AuditSummary> Run() {
    std::promise<Result<detector::AuditSummary>> result;
    const Status status = runner_->Start(
        {}, [](uint64_t, uint64_t) { return true; },
        [&](Result<detector::AuditSummary> summary) { result.set_value(std::move(summary)); });
    if (!status.ok()) return status;
    return result.get_future().get();
  }

  EndlessStore& store() { return store_; }
  ingest::Pipeline& pipeline() { return *pipeline_; }
  AuditRunner& runner() { return *runner_; }
  v1::AuditService::Stub& stub() { return *stub_; }
  std::filesystem::path directory() const { return directory_.path() / "audits"; }
  void SetClock(int64_t unix_nano) { clock_unix_nano_ = unix_nano; }

 private:
  std::unique_ptr<ingest::Pipeline> StartPipeline() {
    Result<std::unique_ptr<ingest::Pipeline>> pipeline = ingest::Pipeline::Start(store_, engine_, {});
    if (!pipeline.ok()) std::abort();
    return std::move(pipeline).value();
  }

  void AddEvents() {
    auto ids = std::make_shared<std::vector<std::string>>(kEventCount);
    auto batch = std::make_shared<UsageBatch>();
    batch->KeepAlive(ids);
    for (size_t i = 0; i < kEventCount; ++i) {
      const size_t row = batch->AddRow();
      (*ids)[i] = "e" + std::to_string(i);
      batch->SetText(row, TextField::kEventId, (*ids)[i]);
      batch->SetText(row, TextField::kAccountId, kSuspectId);
      batch->SetNumber(row, NumberField::kTimeUnixNano,
                       static_cast<uint64_t>(kAuditStart - kNanosecondsPerDay) + i * kNanosecondsPerMinute);
      batch->SetNumber(row, NumberField::kPromptHash, 1);
      batch->SetNumber(row, NumberField::kLogitBiasCount, 1 + i % 7);
      batch->SetNumber(row, NumberField::kTopLogprobs, 5);
    }
    std::promise<void> durable;
    ingest::SubmittedBatch submitted;
    submitted.observed = detector::Observe(batch);
    submitted.events = std::move(batch);
    submitted.on_durable = [&durable](uint32_t, uint32_t) { durable.set_value(); };
    pipeline_->Submit(std::move(submitted));
    durable.get_future().wait();
  }

  const TemporaryDirectory directory_;
  EndlessStore store_;
  detector::ScoringEngine engine_;
  std::atomic<int64_t> clock_unix_nano_{kAuditStart};
  std::unique_ptr<ingest::Pipeline> pipeline_;
  QueryWorkers workers_;
  std::unique_ptr<AuditRunner> runner_;
  AuditService service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::AuditService::Stub> stub_;
};

}  // namespace stillwatch::query
