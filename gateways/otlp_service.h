// OpenTelemetry's services for traces and logs, over gRPC and HTTP.
#pragma once

#include <grpcpp/impl/codegen/service_type.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "gateways/intake.h"
#include "gateways/listener_catalog.h"
#include "gateways/message_join.h"
#include "gateways/otlp_answer.h"
#include "gateways/otlp_reader.h"
#include "http/router.h"
#include "proto/result.h"

namespace stillwatch::gateways {

// Takes spans and log records: those that are calls of a model become events, the others are counted as ignored. An
// answer follows when the events are on disk; what was rejected is told as a partial success. A call that comes as a
// span and as a log record counts once, by trace and span id. Messages that come as log events of their own are joined
// to their span. Threading: from any thread; requests are worked on by workers. Ownership: what `resources` names and
// the catalog must outlive it, and it the servers. Limits: without room in Admission a request ends with UNAVAILABLE
// and RetryInfo, or 503 and Retry-After.
class OtlpService {
 public:
  OtlpService(const IntakeResources& resources, ListenerCatalog& catalog);
  ~OtlpService();

  grpc::Service& traces();
  grpc::Service& logs();
  // POST /v1/traces and /v1/logs.
  void AddRoutes(http::Router& router);

 private:
  class TraceService;
  class LogsService;

  grpc::ServerUnaryReactor* ExportCall(OtlpSignal signal, grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer* request, grpc::ByteBuffer* response);

  // Reads a request on the calling thread. `done` is called once, with an error or with what became of the request.
  void Export(OtlpSignal signal, OtlpEncoding encoding, std::string_view body,
              std::function<void(const IntakeReport&)> done);
  void Take(OtlpSignal signal, OtlpItem& item, IntakeRequest& request);
  void AddRoute(http::Router& router, OtlpSignal signal, std::string path);

  const IntakeResources& resources_;
  const RecordMapper& mapper_;
  MessageJoin join_;
  std::unique_ptr<TraceService> traces_;
  std::unique_ptr<LogsService> logs_;
};

}  // namespace stillwatch::gateways
