// The service that analysts and gateways ask.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <cstdint>
#include <string>
#include <utility>

#include "detector/scoring_engine.h"
#include "ingest/pipeline.h"
#include "proto/result.h"
#include "query/check_answer.h"
#include "query/query_workers.h"
#include "query/verdict_hub.h"
#include "stillwatch/v1/query.grpc.pb.h"

namespace stillwatch::query {

inline constexpr int32_t kPageSizeDefault = 100;
inline constexpr int32_t kPageSizeMax = 10'000;

// Answers v1.QueryService. Questions of analysts wait, on the workers, until the engine has seen all that was
// acknowledged before them; CheckAccount is answered on gRPC's own thread from what the engine knows. Threading: safe
// from any thread. Ownership: all that it is given must outlive the server.
class QueryService final : public v1::QueryService::CallbackService {
 public:
  QueryService(ingest::Pipeline& pipeline, const detector::ScoringEngine& engine, VerdictHub& verdicts,
               QueryWorkers& workers, CheckAccountNow check_account_now)
      : pipeline_(pipeline),
        engine_(engine),
        verdicts_(verdicts),
        workers_(workers),
        check_account_now_(std::move(check_account_now)) {}

  grpc::ServerUnaryReactor* ListSuspects(grpc::CallbackServerContext* context, const v1::ListSuspectsRequest* request,
                                         v1::ListSuspectsResponse* response) override;
  grpc::ServerUnaryReactor* GetAccount(grpc::CallbackServerContext* context, const v1::GetAccountRequest* request,
                                       v1::GetAccountResponse* response) override;
  grpc::ServerUnaryReactor* ExplainAccount(grpc::CallbackServerContext* context,
                                           const v1::ExplainAccountRequest* request,
                                           v1::ExplainAccountResponse* response) override;
  grpc::ServerUnaryReactor* ListClusters(grpc::CallbackServerContext* context, const v1::ListClustersRequest* request,
                                         v1::ListClustersResponse* response) override;
  grpc::ServerUnaryReactor* GetCluster(grpc::CallbackServerContext* context, const v1::GetClusterRequest* request,
                                       v1::GetClusterResponse* response) override;
  grpc::ServerUnaryReactor* CheckAccount(grpc::CallbackServerContext* context, const v1::CheckAccountRequest* request,
                                         v1::CheckAccountResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchVerdictsResponse>* WatchVerdicts(grpc::CallbackServerContext* context,
                                                                     const v1::WatchVerdictsRequest* request) override;

 private:
  Status List(const v1::ListSuspectsRequest& request, v1::ListSuspectsResponse& response);
  Status Get(const v1::GetAccountRequest& request, v1::GetAccountResponse& response);
  Status Explain(const v1::ExplainAccountRequest& request, v1::ExplainAccountResponse& response);
  Status Check(grpc::CallbackServerContext& context, const v1::CheckAccountRequest& request,
               v1::CheckAccountResponse& response) const;
  // The account as of all that was acknowledged. Errors: kInvalidArgument, kNotFound.
  Result<detector::AccountDetail> Find(const std::string& account_id);

  ingest::Pipeline& pipeline_;
  const detector::ScoringEngine& engine_;
  VerdictHub& verdicts_;
  QueryWorkers& workers_;
  const CheckAccountNow check_account_now_;
};

}  // namespace stillwatch::query
