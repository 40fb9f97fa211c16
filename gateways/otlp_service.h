// OpenTelemetry's services for traces and logs, over gRPC and HTTP.
#pragma once

#include <grpcpp/impl/codegen/service_type.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <chrono>
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
  // Longer than the delay of log exporters (1 s), shorter than any exporter's time limit (10 s).
  static constexpr std::chrono::milliseconds kPatience{2000};

  // `patience`: how long a call waits for messages of its own that are still to come.
  OtlpService(const IntakeResources& resources, ListenerCatalog& catalog,
              std::chrono::milliseconds patience = kPatience);
  ~OtlpService();

  grpc::Service& traces();
  grpc::Service& logs();
  // Forgets messages whose call did not come; to be called every few seconds.
  void DropOldMessages() { resources_.counters.unjoined_message_count += join_.DropOld(); }
  // POST /v1/traces and /v1/logs.
  void AddRoutes(http::Router& router);

 private:
  class TraceService;
  class LogsService;

  grpc::ServerUnaryReactor* ExportCall(OtlpSignal signal, grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer* request, grpc::ByteBuffer* response);

  // A request on its way. `owner` keeps the bytes of `body`; `done` is called once.
  struct Job {
    OtlpSignal signal;
    OtlpEncoding encoding;
    std::shared_ptr<const void> owner;
    std::string_view body;
    std::function<void(const IntakeReport&)> done;
  };

  // Works on a request on the calling thread, or puts it off once if messages of its calls are still to come.
  void Export(Job job);
  void Finish(const Job& job);
  static Status Read(const Job& job, const TakeOtlpItem& take);
  bool MustWait(const Job& job) const;
  void Take(OtlpSignal signal, OtlpItem& item, IntakeRequest& request);
  void AddRoute(http::Router& router, OtlpSignal signal, std::string path);

  const IntakeResources& resources_;
  const RecordMapper& mapper_;
  const std::chrono::milliseconds patience_;
  MessageJoin join_;
  std::unique_ptr<TraceService> traces_;
  std::unique_ptr<LogsService> logs_;
};

}  // namespace stillwatch::gateways
