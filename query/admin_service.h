// The service that operators ask.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <filesystem>
#include <stop_token>
#include <utility>

#include "detector/scoring_engine.h"
#include "ingest/account_eraser.h"
#include "ingest/ingest_counters.h"
#include "ingest/pipeline.h"
#include "ingest/source_registry.h"
#include "query/query_workers.h"
#include "stillwatch/v1/admin.grpc.pb.h"
#include "storage/key_value_store.h"

namespace stillwatch::query {

// Answers v1.AdminService.
// Threading: safe from any thread. Ownership: all that it is given must outlive the server.
class AdminService final : public v1::AdminService::CallbackService {
 public:
  // `workers` answers what takes minutes. `data_directory` is that of the daemon, which holds the reports of audits.
  AdminService(const ingest::Pipeline& pipeline, const detector::ScoringEngine& engine,
               const ingest::IngestCounters& ingest_counters, const ingest::SourceRegistry& sources,
               storage::KeyValueStore& store, ingest::AccountEraser& eraser, QueryWorkers& workers,
               std::filesystem::path data_directory)
      : pipeline_(pipeline),
        engine_(engine),
        ingest_counters_(ingest_counters),
        sources_(sources),
        store_(store),
        eraser_(eraser),
        workers_(workers),
        data_directory_(std::move(data_directory)) {}

  grpc::ServerUnaryReactor* GetVersion(grpc::CallbackServerContext* context, const v1::GetVersionRequest* request,
                                       v1::GetVersionResponse* response) override;
  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context, const v1::GetStatusRequest* request,
                                      v1::GetStatusResponse* response) override;
  grpc::ServerUnaryReactor* ListSources(grpc::CallbackServerContext* context, const v1::ListSourcesRequest* request,
                                        v1::ListSourcesResponse* response) override;
  grpc::ServerUnaryReactor* EraseAccount(grpc::CallbackServerContext* context, const v1::EraseAccountRequest* request,
                                         v1::EraseAccountResponse* response) override;
  grpc::ServerUnaryReactor* CreateBackup(grpc::CallbackServerContext* context, const v1::CreateBackupRequest* request,
                                         v1::CreateBackupResponse* response) override;
  // Ends erasures, which take long; what was begun goes on with the next start of the daemon. Later ones end at once.
  void Stop() { stop_.request_stop(); }

 private:
  const ingest::Pipeline& pipeline_;
  const detector::ScoringEngine& engine_;
  const ingest::IngestCounters& ingest_counters_;
  const ingest::SourceRegistry& sources_;
  storage::KeyValueStore& store_;
  ingest::AccountEraser& eraser_;
  QueryWorkers& workers_;
  const std::filesystem::path data_directory_;
  std::stop_source stop_;
};

}  // namespace stillwatch::query
