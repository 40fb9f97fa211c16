// The service that shows decisions and takes those made by hand.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "enforcement/decision_book.h"
#include "ingest/pipeline.h"
#include "proto/result.h"
#include "query/query_workers.h"
#include "stillwatch/v1/decision.grpc.pb.h"
#include "storage/key_value_store.h"

namespace stillwatch::enforcement {

inline constexpr uint32_t kDecisionSecondsDefault = 4 * 3600;
inline constexpr uint32_t kDecisionSecondsMax = 365 * 86'400;

// Serves v1.DecisionService. A decision by hand is in the trail on disk, and in force, before its call ends.
// Threading: safe from any thread. Ownership: all that it is given must outlive the server and the pipeline's drain.
class DecisionService final : public v1::DecisionService::CallbackService {
 public:
  DecisionService(ingest::Pipeline& pipeline, const storage::KeyValueStore& store, DecisionBook& book,
                  query::QueryWorkers& workers)
      : pipeline_(pipeline), store_(store), book_(book), workers_(workers) {}

  grpc::ServerUnaryReactor* ListDecisions(grpc::CallbackServerContext* context, const v1::ListDecisionsRequest* request,
                                          v1::ListDecisionsResponse* response) override;
  grpc::ServerUnaryReactor* SetDecision(grpc::CallbackServerContext* context, const v1::SetDecisionRequest* request,
                                        v1::SetDecisionResponse* response) override;
  grpc::ServerUnaryReactor* ListDecisionHistory(grpc::CallbackServerContext* context,
                                                const v1::ListDecisionHistoryRequest* request,
                                                v1::ListDecisionHistoryResponse* response) override;

 private:
  Status List(v1::ListDecisionsResponse& response);
  Status Set(const v1::SetDecisionRequest& request, v1::SetDecisionResponse& response);
  Status ListHistory(const v1::ListDecisionHistoryRequest& request, v1::ListDecisionHistoryResponse& response) const;

  ingest::Pipeline& pipeline_;
  const storage::KeyValueStore& store_;
  DecisionBook& book_;
  query::QueryWorkers& workers_;
};

}  // namespace stillwatch::enforcement
