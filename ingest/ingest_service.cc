#include "ingest/ingest_service.h"

#include <chrono>
#include <utility>
#include <vector>

#include "ingest/validation.h"
#include "proto/grpc_status.h"
#include "proto/limits.h"
#include "storage/record_store.h"

namespace stillwatch::ingest {
namespace {

AccountProfile FromProto(const v1::AccountProfile& proto) {
  return {.account_id = proto.account_id(),
          .organization_id = proto.organization_id(),
          .created_time_unix_nano = static_cast<int64_t>(proto.created_time_unix_nano()),
          .plan = proto.plan(),
          .payment_fingerprint = proto.payment_fingerprint(),
          .email_domain = proto.email_domain(),
          .signup_address = proto.signup_address(),
          .country = proto.country(),
          .suspended_time_unix_nano = static_cast<int64_t>(proto.suspended_time_unix_nano())};
}

// Checks each record of an upsert, hands the valid ones to `take`, and notes the others in the response.
template <typename Records, typename Response, typename Take>
void TakeValid(const Records& records, Response& response, const Take& take) {
  uint32_t accepted = 0;
  for (int i = 0; i < records.size(); ++i) {
    const Invalidity invalidity = Validate(records.Get(i));
    if (invalidity.is_valid()) {
      take(records.Get(i));
      ++accepted;
      continue;
    }
    v1::RejectedEvent* rejected = response.add_rejected();
    rejected->set_index(static_cast<uint32_t>(i));
    rejected->set_reason(static_cast<v1::RejectReason>(invalidity.reason));
    rejected->set_message(invalidity.message);
  }
  response.set_accepted_count(accepted);
}

bool IsTooLarge(int count, grpc::ServerUnaryReactor* reactor) {
  if (static_cast<size_t>(count) <= kBatchEventCountMax) return false;
  reactor->Finish({grpc::StatusCode::RESOURCE_EXHAUSTED,
                   "a request has at most " + std::to_string(kBatchEventCountMax) + " records"});
  return true;
}

}  // namespace

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* IngestService::StreamUsage(
    grpc::CallbackServerContext* context) {
  std::unique_lock lock(mutex_);
  // Without source_id and event_id only the stream itself can name an event; a start time makes it unique over restarts.
  const auto now = std::chrono::system_clock::now().time_since_epoch().count();
  std::string stream_id = context->peer() + "/" + std::to_string(now) + "/" + std::to_string(++stream_count_);
  std::shared_ptr<UsageStream> stream =
      UsageStream::Start(resources_, std::move(stream_id), [this](UsageStream* done) {
        const std::lock_guard forget_lock(mutex_);
        streams_.erase(done);
      });
  streams_.emplace(stream.get(), stream);
  const bool is_stopping = is_stopping_;
  lock.unlock();
  if (is_stopping) stream->StopReading();
  return stream.get();
}

void IngestService::StopStreams() {
  std::vector<std::shared_ptr<UsageStream>> streams;
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
    for (const auto& [key, stream] : streams_) streams.push_back(stream);
  }
  for (const auto& stream : streams) stream->StopReading();
}

grpc::ServerUnaryReactor* IngestService::UpsertAccounts(grpc::CallbackServerContext* context,
                                                        const v1::UpsertAccountsRequest* request,
                                                        v1::UpsertAccountsResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  if (IsTooLarge(request->accounts_size(), reactor)) return reactor;
  storage::WriteGroup records;
  std::vector<AccountProfile> profiles;
  TakeValid(request->accounts(), *response, [&](const v1::AccountProfile& proto) {
    profiles.push_back(FromProto(proto));
    storage::PutProfile(profiles.back(), records);
  });
  resources_.pipeline.Write(
      std::move(records),
      [this, taken = std::move(profiles)] {
        for (const AccountProfile& profile : taken) engine_.SetProfile(profile);
      },
      // A profile counts from here on; a replay, which knows it from the start, must not go back behind it.
      [reactor] { reactor->Finish(grpc::Status::OK); }, Pipeline::AfterApply::kCheckpoint);
  return reactor;
}

grpc::ServerUnaryReactor* IngestService::UpsertModels(grpc::CallbackServerContext* context,
                                                      const v1::UpsertModelsRequest* request,
                                                      v1::UpsertModelsResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  if (IsTooLarge(request->models_size(), reactor)) return reactor;
  storage::WriteGroup records;
  TakeValid(request->models(), *response, [&](const v1::ModelInfo& proto) {
    storage::PutModel({proto.model(), static_cast<int64_t>(proto.release_time_unix_nano())}, records);
  });
  resources_.pipeline.Write(std::move(records), [] {}, [reactor] { reactor->Finish(grpc::Status::OK); });
  return reactor;
}

}  // namespace stillwatch::ingest
