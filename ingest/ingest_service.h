// The gRPC service that gateways send to.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "ingest/usage_stream.h"
#include "stillwatch/v1/ingest.grpc.pb.h"

namespace stillwatch::ingest {

// Serves v1.IngestService. StreamUsage is served raw: its batches are parsed on workers, not on gRPC's threads.
// Threading: gRPC's threads. Ownership: what `resources` names must outlive it.
class IngestService final
    : public v1::IngestService::WithRawCallbackMethod_StreamUsage<v1::IngestService::WithCallbackMethod_UpsertAccounts<
          v1::IngestService::WithCallbackMethod_UpsertModels<v1::IngestService::Service>>> {
 public:
  IngestService(const StreamResources& resources, detector::ScoringEngine& engine)
      : resources_(resources), engine_(engine) {}

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* StreamUsage(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* UpsertAccounts(grpc::CallbackServerContext* context,
                                           const v1::UpsertAccountsRequest* request,
                                           v1::UpsertAccountsResponse* response) override;
  grpc::ServerUnaryReactor* UpsertModels(grpc::CallbackServerContext* context, const v1::UpsertModelsRequest* request,
                                         v1::UpsertModelsResponse* response) override;

  // Ends all streams once what they sent is acknowledged; new ones end at once.
  void StopStreams();

 private:
  StreamResources resources_;
  detector::ScoringEngine& engine_;
  std::mutex mutex_;
  std::unordered_map<UsageStream*, std::shared_ptr<UsageStream>> streams_;
  bool is_stopping_ = false;
  uint64_t stream_count_ = 0;
};

}  // namespace stillwatch::ingest
