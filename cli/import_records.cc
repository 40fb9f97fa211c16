#include <chrono>
#include <memory>
#include <thread>

#include "cli/connection.h"
#include "cli/import_commands.h"
#include "cli/line_import.h"
#include "proto/usage_json.h"
#include "stillwatch/v1/ingest.grpc.pb.h"

namespace stillwatch::cli {
namespace {

struct AccountImport {
  static constexpr std::string_view kNoun = "accounts";
  using Request = v1::UpsertAccountsRequest;
  using Response = v1::UpsertAccountsResponse;
  static v1::AccountProfile* Add(Request& request) { return request.add_accounts(); }
  static void RemoveLast(Request& request) { request.mutable_accounts()->RemoveLast(); }
  static grpc::Status Call(v1::IngestService::Stub& stub, grpc::ClientContext& context, const Request& request,
                           Response& response) {
    return stub.UpsertAccounts(&context, request, &response);
  }
};

struct ModelImport {
  static constexpr std::string_view kNoun = "models";
  using Request = v1::UpsertModelsRequest;
  using Response = v1::UpsertModelsResponse;
  static v1::ModelInfo* Add(Request& request) { return request.add_models(); }
  static void RemoveLast(Request& request) { request.mutable_models()->RemoveLast(); }
  static grpc::Status Call(v1::IngestService::Stub& stub, grpc::ClientContext& context, const Request& request,
                           Response& response) {
    return stub.UpsertModels(&context, request, &response);
  }
};

// Stores records of one kind in batches. Storing is idempotent, so a call that failed is just made again.
// Threading: one thread.
template <typename Kind>
class RecordImport {
 public:
  RecordImport(LineImport& lines, const ImportOptions& options)
      : lines_(lines), options_(options), stub_(v1::IngestService::NewStub(lines.session().channel)) {}

  Status Run() {
    return lines_.ForEachLine(
        [this](const EventOrigin& origin, std::string_view line) { return AddLine(origin, line); },
        [this](uint32_t) { return SendBatch(); });
  }

 private:
  Status AddLine(const EventOrigin& origin, std::string_view line) {
    uint64_t unknown_field_count = 0;
    if (const Status status = decoder_.Decode(line, *Kind::Add(request_), unknown_field_count); !status.ok()) {
      Kind::RemoveLast(request_);
      lines_.report().RejectLine(origin, "invalid_json", status.message());
      return Status();
    }
    if (unknown_field_count > 0) lines_.report().AddUnknownFields(unknown_field_count);
    batch_.origins.push_back(origin);
    return batch_.origins.size() >= options_.batch_size ? SendBatch() : Status();
  }

  Status SendBatch() {
    if (batch_.origins.empty()) return Status();
    typename Kind::Response response;
    STILLWATCH_RETURN_IF_ERROR(CallUntilAnswered(response));
    batch_.accepted_count = response.accepted_count();
    lines_.report().Acknowledge(batch_, response.rejected());
    batch_ = {};
    request_.Clear();
    return Status();
  }

  Status CallUntilAnswered(typename Kind::Response& response) {
    Backoff backoff = options_.backoff;
    const auto give_up_time = std::chrono::steady_clock::now() + options_.retry_time;
    while (true) {
      grpc::ClientContext context;
      SetDeadline(context);
      const Status status = FromGrpc(Kind::Call(*stub_, context, request_, response));
      if (status.code() != Code::kUnavailable || std::chrono::steady_clock::now() >= give_up_time) return status;
      std::this_thread::sleep_for(backoff.Next());
    }
  }

  LineImport& lines_;
  const ImportOptions& options_;
  const std::unique_ptr<v1::IngestService::Stub> stub_;
  UsageJsonDecoder decoder_;
  typename Kind::Request request_;
  BatchOutcome batch_;  // Origins of the request's records.
};

template <typename Kind>
ExitCode RunImport(const Session& session, const ImportOptions& options) {
  LineImport lines(session, options, Kind::kNoun);
  return lines.Finish(RecordImport<Kind>(lines, options).Run());
}

}  // namespace

ExitCode RunImportAccounts(const Session& session, const ImportOptions& options) {
  return RunImport<AccountImport>(session, options);
}

ExitCode RunImportModels(const Session& session, const ImportOptions& options) {
  return RunImport<ModelImport>(session, options);
}

}  // namespace stillwatch::cli
