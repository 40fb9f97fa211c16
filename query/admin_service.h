// The service that operators ask.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "detector/scoring_engine.h"
#include "ingest/ingest_counters.h"
#include "ingest/pipeline.h"
#include "stillwatch/v1/admin.grpc.pb.h"

namespace stillwatch::query {

// Answers v1.AdminService.
// Threading: safe from any thread. Ownership: all that it is given must outlive the server.
class AdminService final : public v1::AdminService::CallbackService {
 public:
  AdminService(const ingest::Pipeline& pipeline, const detector::ScoringEngine& engine,
               const ingest::IngestCounters& ingest_counters)
      : pipeline_(pipeline), engine_(engine), ingest_counters_(ingest_counters) {}

  grpc::ServerUnaryReactor* GetVersion(grpc::CallbackServerContext* context, const v1::GetVersionRequest* request,
                                       v1::GetVersionResponse* response) override;
  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context, const v1::GetStatusRequest* request,
                                      v1::GetStatusResponse* response) override;

 private:
  const ingest::Pipeline& pipeline_;
  const detector::ScoringEngine& engine_;
  const ingest::IngestCounters& ingest_counters_;
};

}  // namespace stillwatch::query
