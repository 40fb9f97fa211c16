// A daemon for tests of the client: answers from memory, and fails when it is told to.
#pragma once

#include <grpcpp/server.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "stillwatch/v1/admin.grpc.pb.h"
#include "stillwatch/v1/audit.grpc.pb.h"
#include "stillwatch/v1/decision.grpc.pb.h"
#include "stillwatch/v1/ingest.grpc.pb.h"
#include "stillwatch/v1/label.grpc.pb.h"
#include "stillwatch/v1/query.grpc.pb.h"

namespace stillwatch::cli {

// What a daemon has on disk: it outlives the daemons.
struct FakeStore {
  std::mutex mutex;
  std::set<std::string> event_ids;
  uint64_t event_count = 0;
  std::vector<std::string> account_ids;      // Of the events, in order.
  std::vector<uint64_t> promises_unix_nano;  // complete_through, as they came.
  std::vector<std::string> source_ids;       // Of the batches.
  std::map<std::string, v1::AccountProfile> profiles;
  std::map<std::string, v1::ModelInfo> models;
  int stream_count = 0;
};

// How streams end. Batches of a stream are counted from 1.
struct StreamScript {
  // Ends a stream after it stored this batch, without acknowledging it; 0 never.
  int drop_after_batch = 0;
  // With what it then ends.
  grpc::Status drop_status{grpc::StatusCode::UNAVAILABLE, "dropped"};
  // Called at that moment, while the batch is on disk and not acknowledged.
  std::function<void()> on_drop = nullptr;
  // Changes an acknowledgement before it is sent.
  std::function<void(v1::StreamUsageResponse&)> falsify = nullptr;
  // Events of later times are rejected.
  uint64_t time_unix_nano_max = UINT64_MAX;
};

class FakeIngest final : public v1::IngestService::Service {
 public:
  // Stream i follows script i; those beyond behave.
  FakeIngest(FakeStore& store, std::vector<StreamScript> scripts) : store_(store), scripts_(std::move(scripts)) {}

  grpc::Status StreamUsage(grpc::ServerContext* context,
                           grpc::ServerReaderWriter<v1::StreamUsageResponse, v1::StreamUsageRequest>* stream) override;
  grpc::Status UpsertAccounts(grpc::ServerContext* context, const v1::UpsertAccountsRequest* request,
                              v1::UpsertAccountsResponse* response) override;
  grpc::Status UpsertModels(grpc::ServerContext* context, const v1::UpsertModelsRequest* request,
                            v1::UpsertModelsResponse* response) override;

 private:
  FakeStore& store_;
  const std::vector<StreamScript> scripts_;
};

// Answers with what the test filled in.
struct FakeAnswers {
  std::vector<v1::AccountScore> suspects;
  std::vector<v1::ListSuspectsRequest> suspects_requests;  // As they came.
  v1::GetAccountResponse account;
  v1::ExplainAccountResponse explanation;
  v1::CheckAccountResponse check;
  std::vector<v1::Cluster> clusters;
  std::vector<v1::ListClustersRequest> clusters_requests;  // As they came.
  std::vector<v1::VerdictChange> changes;
  v1::WatchVerdictsRequest watch_request;
  v1::SetLabelRequest label_request;
  v1::ListLabelsResponse labels;
  v1::RunAuditRequest audit_request;
  std::vector<v1::RunAuditResponse> audit;
  v1::ListAuditsResponse audits;
  std::vector<v1::GetAuditResponse> stored_audit;
  v1::GetStatusResponse status;
  v1::SetDecisionRequest decision_request;
  v1::ListDecisionsResponse decisions;
  v1::ListDecisionHistoryResponse decision_history;
};

class FakeQuery final : public v1::QueryService::Service {
 public:
  explicit FakeQuery(FakeAnswers& answers) : answers_(answers) {}
  grpc::Status ListSuspects(grpc::ServerContext* context, const v1::ListSuspectsRequest* request,
                            v1::ListSuspectsResponse* response) override;
  grpc::Status GetAccount(grpc::ServerContext* context, const v1::GetAccountRequest* request,
                          v1::GetAccountResponse* response) override;
  grpc::Status ExplainAccount(grpc::ServerContext* context, const v1::ExplainAccountRequest* request,
                              v1::ExplainAccountResponse* response) override;
  // A page a group.
  grpc::Status ListClusters(grpc::ServerContext* context, const v1::ListClustersRequest* request,
                            v1::ListClustersResponse* response) override;
  grpc::Status GetCluster(grpc::ServerContext* context, const v1::GetClusterRequest* request,
                          v1::GetClusterResponse* response) override;
  grpc::Status CheckAccount(grpc::ServerContext* context, const v1::CheckAccountRequest* request,
                            v1::CheckAccountResponse* response) override;
  grpc::Status WatchVerdicts(grpc::ServerContext* context, const v1::WatchVerdictsRequest* request,
                             grpc::ServerWriter<v1::WatchVerdictsResponse>* writer) override;

 private:
  FakeAnswers& answers_;
};

class FakeLabels final : public v1::LabelService::Service {
 public:
  explicit FakeLabels(FakeAnswers& answers) : answers_(answers) {}
  grpc::Status SetLabel(grpc::ServerContext* context, const v1::SetLabelRequest* request,
                        v1::SetLabelResponse* response) override;
  grpc::Status ListLabels(grpc::ServerContext* context, const v1::ListLabelsRequest* request,
                          v1::ListLabelsResponse* response) override;

 private:
  FakeAnswers& answers_;
};

class FakeAudits final : public v1::AuditService::Service {
 public:
  explicit FakeAudits(FakeAnswers& answers) : answers_(answers) {}
  grpc::Status RunAudit(grpc::ServerContext* context, const v1::RunAuditRequest* request,
                        grpc::ServerWriter<v1::RunAuditResponse>* writer) override;
  grpc::Status ListAudits(grpc::ServerContext* context, const v1::ListAuditsRequest* request,
                          v1::ListAuditsResponse* response) override;
  grpc::Status GetAudit(grpc::ServerContext* context, const v1::GetAuditRequest* request,
                        grpc::ServerWriter<v1::GetAuditResponse>* writer) override;

 private:
  FakeAnswers& answers_;
};

class FakeAdmin final : public v1::AdminService::Service {
 public:
  explicit FakeAdmin(FakeAnswers& answers) : answers_(answers) {}
  grpc::Status GetStatus(grpc::ServerContext* context, const v1::GetStatusRequest* request,
                         v1::GetStatusResponse* response) override;

 private:
  FakeAnswers& answers_;
};

class FakeDecisions final : public v1::DecisionService::Service {
 public:
  explicit FakeDecisions(FakeAnswers& answers) : answers_(answers) {}
  grpc::Status ListDecisions(grpc::ServerContext* context, const v1::ListDecisionsRequest* request,
                             v1::ListDecisionsResponse* response) override;
  grpc::Status SetDecision(grpc::ServerContext* context, const v1::SetDecisionRequest* request,
                           v1::SetDecisionResponse* response) override;
  grpc::Status ListDecisionHistory(grpc::ServerContext* context, const v1::ListDecisionHistoryRequest* request,
                                   v1::ListDecisionHistoryResponse* response) override;

 private:
  FakeAnswers& answers_;
};

// Serves all of the above at `address`, best a Unix socket in a folder of the test's own: a daemon can then come and go
// at an address that nobody else can take.
class FakeDaemon {
 public:
  FakeDaemon(const std::string& address, FakeStore& store, FakeAnswers& answers,
             std::vector<StreamScript> scripts = {});
  // Cuts every call off.
  ~FakeDaemon();

 private:
  FakeIngest ingest_;
  FakeQuery query_;
  FakeLabels labels_;
  FakeAudits audits_;
  FakeAdmin admin_;
  FakeDecisions decisions_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace stillwatch::cli
