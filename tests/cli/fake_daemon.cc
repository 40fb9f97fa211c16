#include "tests/cli/fake_daemon.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "tests/proto/columns_reader.h"

namespace stillwatch::cli {
namespace {

void Reject(v1::StreamUsageResponse& response, int index, v1::RejectReason reason, const std::string& message) {
  v1::RejectedEvent* rejected = response.add_rejected();
  rejected->set_index(static_cast<uint32_t>(index));
  rejected->set_reason(reason);
  rejected->set_message(message);
}

// Stores the events of a batch, as the real daemon would.
v1::StreamUsageResponse StoreBatch(FakeStore& store, const v1::StreamUsageRequest& request,
                                   const StreamScript& script) {
  v1::StreamUsageResponse response;
  response.set_sequence(request.sequence());
  const std::lock_guard lock(store.mutex);
  std::vector<v1::UsageEvent> events = ReadColumns(request.columns());
  events.insert(events.end(), request.events().begin(), request.events().end());
  for (int index = 0; index < static_cast<int>(events.size()); ++index) {
    const v1::UsageEvent& event = events[static_cast<size_t>(index)];
    if (event.account_id().empty()) {
      Reject(response, index, v1::REJECT_REASON_MISSING_FIELD, "account_id: missing");
    } else if (event.time_unix_nano() > script.time_unix_nano_max) {
      Reject(response, index, v1::REJECT_REASON_TIME_IN_FUTURE, "time_unix_nano: in the future");
    } else if (store.event_ids.insert(event.event_id()).second) {
      ++store.event_count;
      store.account_ids.push_back(event.account_id());
      response.set_accepted_count(response.accepted_count() + 1);
    } else {
      response.set_duplicate_count(response.duplicate_count() + 1);
    }
  }
  if (request.has_complete_through_unix_nano()) {
    store.promises_unix_nano.push_back(request.complete_through_unix_nano());
  }
  store.source_ids.push_back(request.source_id());
  return response;
}

}  // namespace

grpc::Status FakeIngest::StreamUsage(
    grpc::ServerContext*, grpc::ServerReaderWriter<v1::StreamUsageResponse, v1::StreamUsageRequest>* stream) {
  StreamScript script;
  {
    const std::lock_guard lock(store_.mutex);
    const auto index = static_cast<size_t>(store_.stream_count++);
    if (index < scripts_.size()) script = scripts_[index];
  }
  v1::StreamUsageRequest request;
  for (int batch = 1; stream->Read(&request); ++batch) {
    v1::StreamUsageResponse response = StoreBatch(store_, request, script);
    if (batch == script.drop_after_batch) {
      if (script.on_drop) script.on_drop();
      return script.drop_status;
    }
    if (script.falsify) script.falsify(response);
    stream->Write(response);
  }
  return grpc::Status::OK;
}

grpc::Status FakeIngest::UpsertAccounts(grpc::ServerContext*, const v1::UpsertAccountsRequest* request,
                                        v1::UpsertAccountsResponse* response) {
  const std::lock_guard lock(store_.mutex);
  for (int index = 0; index < request->accounts_size(); ++index) {
    const v1::AccountProfile& profile = request->accounts(index);
    if (profile.account_id().empty()) {
      v1::RejectedEvent* rejected = response->add_rejected();
      rejected->set_index(static_cast<uint32_t>(index));
      rejected->set_reason(v1::REJECT_REASON_MISSING_FIELD);
      rejected->set_message("account_id: missing");
    } else {
      store_.profiles[profile.account_id()] = profile;
      response->set_accepted_count(response->accepted_count() + 1);
    }
  }
  return grpc::Status::OK;
}

grpc::Status FakeIngest::UpsertModels(grpc::ServerContext*, const v1::UpsertModelsRequest* request,
                                      v1::UpsertModelsResponse* response) {
  const std::lock_guard lock(store_.mutex);
  for (const v1::ModelInfo& model : request->models()) store_.models[model.model()] = model;
  response->set_accepted_count(static_cast<uint32_t>(request->models_size()));
  return grpc::Status::OK;
}

grpc::Status FakeQuery::ListSuspects(grpc::ServerContext*, const v1::ListSuspectsRequest* request,
                                     v1::ListSuspectsResponse* response) {
  answers_.suspects_requests.push_back(*request);
  const size_t begin = request->page_token().empty() ? 0 : std::stoul(request->page_token());
  const size_t end = std::min(answers_.suspects.size(), begin + static_cast<size_t>(request->page_size()));
  for (size_t index = begin; index < end; ++index) *response->add_accounts() = answers_.suspects[index];
  if (end < answers_.suspects.size()) response->set_next_page_token(std::to_string(end));
  return grpc::Status::OK;
}

grpc::Status FakeQuery::GetAccount(grpc::ServerContext*, const v1::GetAccountRequest* request,
                                   v1::GetAccountResponse* response) {
  if (request->account_id() != answers_.account.score().account_id()) {
    return grpc::Status(grpc::StatusCode::NOT_FOUND, "no such account");
  }
  *response = answers_.account;
  return grpc::Status::OK;
}

grpc::Status FakeQuery::ExplainAccount(grpc::ServerContext*, const v1::ExplainAccountRequest*,
                                       v1::ExplainAccountResponse* response) {
  *response = answers_.explanation;
  return grpc::Status::OK;
}

grpc::Status FakeQuery::ListClusters(grpc::ServerContext*, const v1::ListClustersRequest* request,
                                     v1::ListClustersResponse* response) {
  answers_.clusters_requests.push_back(*request);
  const size_t index = request->page_token().empty() ? 0 : std::stoul(request->page_token());
  if (index < answers_.clusters.size()) *response->add_clusters() = answers_.clusters[index];
  if (index + 1 < answers_.clusters.size()) response->set_next_page_token(std::to_string(index + 1));
  return grpc::Status::OK;
}

grpc::Status FakeQuery::GetCluster(grpc::ServerContext*, const v1::GetClusterRequest* request,
                                   v1::GetClusterResponse* response) {
  for (const v1::Cluster& cluster : answers_.clusters) {
    if (cluster.cluster_id() == request->cluster_id()) *response->mutable_cluster() = cluster;
  }
  return response->has_cluster() ? grpc::Status::OK : grpc::Status(grpc::StatusCode::NOT_FOUND, "no such group");
}

grpc::Status FakeQuery::CheckAccount(grpc::ServerContext*, const v1::CheckAccountRequest*,
                                     v1::CheckAccountResponse* response) {
  *response = answers_.check;
  return grpc::Status::OK;
}

grpc::Status FakeQuery::WatchVerdicts(grpc::ServerContext*, const v1::WatchVerdictsRequest* request,
                                      grpc::ServerWriter<v1::WatchVerdictsResponse>* writer) {
  answers_.watch_request = *request;
  for (const v1::VerdictChange& change : answers_.changes) {
    v1::WatchVerdictsResponse response;
    *response.mutable_change() = change;
    writer->Write(response);
  }
  return grpc::Status::OK;
}

grpc::Status FakeLabels::SetLabel(grpc::ServerContext*, const v1::SetLabelRequest* request,
                                  v1::SetLabelResponse* response) {
  answers_.label_request = *request;
  response->mutable_entry()->set_account_id(request->account_id());
  response->mutable_entry()->set_label(request->label());
  response->mutable_entry()->set_note(request->note());
  response->mutable_score()->set_account_id(request->account_id());
  return grpc::Status::OK;
}

grpc::Status FakeLabels::ListLabels(grpc::ServerContext*, const v1::ListLabelsRequest*,
                                    v1::ListLabelsResponse* response) {
  *response = answers_.labels;
  return grpc::Status::OK;
}

grpc::Status FakeAudits::RunAudit(grpc::ServerContext*, const v1::RunAuditRequest* request,
                                  grpc::ServerWriter<v1::RunAuditResponse>* writer) {
  answers_.audit_request = *request;
  for (const v1::RunAuditResponse& response : answers_.audit) writer->Write(response);
  return grpc::Status::OK;
}

grpc::Status FakeAudits::ListAudits(grpc::ServerContext*, const v1::ListAuditsRequest*,
                                    v1::ListAuditsResponse* response) {
  *response = answers_.audits;
  return grpc::Status::OK;
}

grpc::Status FakeAudits::GetAudit(grpc::ServerContext*, const v1::GetAuditRequest*,
                                  grpc::ServerWriter<v1::GetAuditResponse>* writer) {
  for (const v1::GetAuditResponse& response : answers_.stored_audit) writer->Write(response);
  return grpc::Status::OK;
}

grpc::Status FakeAdmin::GetStatus(grpc::ServerContext*, const v1::GetStatusRequest*, v1::GetStatusResponse* response) {
  *response = answers_.status;
  return grpc::Status::OK;
}

grpc::Status FakeDecisions::ListDecisions(grpc::ServerContext*, const v1::ListDecisionsRequest*,
                                          v1::ListDecisionsResponse* response) {
  *response = answers_.decisions;
  return grpc::Status::OK;
}

grpc::Status FakeDecisions::SetDecision(grpc::ServerContext*, const v1::SetDecisionRequest* request,
                                        v1::SetDecisionResponse* response) {
  answers_.decision_request = *request;
  response->mutable_entry()->set_account_id(request->account_id());
  response->mutable_entry()->set_ruling(request->ruling());
  response->set_mode(v1::ENFORCEMENT_MODE_ON);
  return grpc::Status::OK;
}

grpc::Status FakeDecisions::ListDecisionHistory(grpc::ServerContext*, const v1::ListDecisionHistoryRequest* request,
                                                v1::ListDecisionHistoryResponse* response) {
  for (const v1::DecisionHistoryEntry& entry : answers_.decision_history.entries()) {
    if (entry.account_id() == request->account_id()) *response->add_entries() = entry;
  }
  return grpc::Status::OK;
}

FakeDaemon::FakeDaemon(const std::string& address, FakeStore& store, FakeAnswers& answers,
                       std::vector<StreamScript> scripts)
    : ingest_(store, std::move(scripts)), query_(answers), labels_(answers), audits_(answers), admin_(answers), decisions_(answers) {
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address, grpc::InsecureServerCredentials());
  builder.RegisterService(&ingest_);
  builder.RegisterService(&query_);
  builder.RegisterService(&labels_);
  builder.RegisterService(&audits_);
  builder.RegisterService(&admin_);
  builder.RegisterService(&decisions_);
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) ADD_FAILURE() << "cannot listen at " << address;
}

FakeDaemon::~FakeDaemon() {
  if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
}

}  // namespace stillwatch::cli
