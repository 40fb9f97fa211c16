// The query services as a client sees them, in one process.
#pragma once

#include <grpcpp/server.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "detector/scoring_engine.h"
#include "enforcement/decision_book.h"
#include "ingest/account_eraser.h"
#include "ingest/ingest_counters.h"
#include "ingest/pipeline.h"
#include "query/admin_service.h"
#include "query/label_service.h"
#include "query/query_service.h"
#include "query/query_workers.h"
#include "query/verdict_hub.h"
#include "storage/key_value_store.h"

namespace stillwatch::query {

inline constexpr int64_t kStartTime = 1'750'000'000 * kNanosecondsPerSecond;

// Serves all services on a store in memory, without a port.
class ServiceHarness {
 public:
  ServiceHarness();
  ~ServiceHarness();

  // Stores events of an account, a minute apart from kStartTime on, and returns when they are acknowledged.
  void AddEvents(const std::string& account_id, int count);
  // The same for requests that read off the model's last layer: enough for a review.
  void AddSuspect(const std::string& account_id, int count = 200);
  void AddProfile(const AccountProfile& profile);

  v1::QueryService::Stub& query() { return *query_stub_; }
  v1::LabelService::Stub& label() { return *label_stub_; }
  v1::AdminService::Stub& admin() { return *admin_stub_; }
  VerdictHub& verdicts() { return verdicts_; }
  // What CheckAccount answers from.
  enforcement::DecisionBook& decisions() { return decisions_; }
  ingest::Pipeline& pipeline() { return *pipeline_; }
  ingest::IngestCounters& ingest_counters() { return ingest_counters_; }
  ingest::SourceRegistry& sources() { return sources_; }

  // Labels an account, or fails the test.
  v1::SetLabelResponse SetLabel(const std::string& account_id, v1::Label label, const std::string& note = "");

 private:
  // Lets `fill` write each row.
  void Submit(const std::string& account_id, int count, const std::function<void(UsageBatch&, size_t row)>& fill);

  std::unique_ptr<storage::KeyValueStore> store_;
  detector::ScoringEngine engine_;
  VerdictHub verdicts_;
  std::unique_ptr<ingest::Pipeline> pipeline_;
  ingest::IngestCounters ingest_counters_;
  ingest::SourceRegistry sources_{[] { return kStartTime; }};
  QueryWorkers workers_;
  std::atomic<int64_t> label_time_unix_nano_{kStartTime};  // One more for each label.
  enforcement::DecisionBook decisions_;
  QueryService query_service_;
  LabelService label_service_;
  std::mutex upkeep_mutex_;
  ingest::AccountEraser eraser_;
  AdminService admin_service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::QueryService::Stub> query_stub_;
  std::unique_ptr<v1::LabelService::Stub> label_stub_;
  std::unique_ptr<v1::AdminService::Stub> admin_stub_;
};

}  // namespace stillwatch::query
