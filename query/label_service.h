// The service that takes analysts' decisions.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "detector/scoring_engine.h"
#include "ingest/pipeline.h"
#include "proto/result.h"
#include "query/query_workers.h"
#include "stillwatch/v1/label.grpc.pb.h"
#include "storage/key_value_store.h"

namespace stillwatch::query {

// Serves v1.LabelService. A label is on disk and in the scores before its call ends.
// Threading: safe from any thread. Ownership: all that it is given must outlive the server and the pipeline's drain.
class LabelService final : public v1::LabelService::CallbackService {
 public:
  // Tells the time of a decision, nanoseconds since 1970-01-01 UTC.
  using Clock = std::function<int64_t()>;

  LabelService(ingest::Pipeline& pipeline, detector::ScoringEngine& engine, const storage::KeyValueStore& store,
               QueryWorkers& workers, Clock clock)
      : pipeline_(pipeline), engine_(engine), store_(store), workers_(workers), clock_(std::move(clock)) {}

  grpc::ServerUnaryReactor* SetLabel(grpc::CallbackServerContext* context, const v1::SetLabelRequest* request,
                                     v1::SetLabelResponse* response) override;
  grpc::ServerUnaryReactor* ListLabels(grpc::CallbackServerContext* context, const v1::ListLabelsRequest* request,
                                       v1::ListLabelsResponse* response) override;

 private:
  void FillScore(const std::string& account_id, v1::AccountScore& out) const;
  Status List(v1::ListLabelsResponse& response) const;

  ingest::Pipeline& pipeline_;
  detector::ScoringEngine& engine_;
  const storage::KeyValueStore& store_;
  QueryWorkers& workers_;
  const Clock clock_;
};

}  // namespace stillwatch::query
