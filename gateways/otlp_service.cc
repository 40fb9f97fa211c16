#include "gateways/otlp_service.h"

#include <grpcpp/alarm.h>
#include <grpcpp/support/slice.h>

#include <iterator>
#include <utility>
#include <vector>

#include "opentelemetry/proto/collector/logs/v1/logs_service.grpc.pb.h"
#include "opentelemetry/proto/collector/trace/v1/trace_service.grpc.pb.h"

namespace stillwatch::gateways {
namespace {

namespace traces_v1 = opentelemetry::proto::collector::trace::v1;
namespace logs_v1 = opentelemetry::proto::collector::logs::v1;

constexpr std::string_view kListener = "otlp";
// As sent and as decoded; exporters send a few hundred spans at a time.
constexpr size_t kHttpBodyBytesMax = 16u << 20;

const Status& NoRoom() {
  static const Status status(Code::kUnavailable, "too much is on its way already; come again");
  return status;
}

}  // namespace

class OtlpService::TraceService final
    : public traces_v1::TraceService::WithRawCallbackMethod_Export<traces_v1::TraceService::Service> {
 public:
  explicit TraceService(OtlpService& owner) : owner_(owner) {}
  grpc::ServerUnaryReactor* Export(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                   grpc::ByteBuffer* response) override {
    return owner_.ExportCall(OtlpSignal::kTraces, context, request, response);
  }

 private:
  OtlpService& owner_;
};

class OtlpService::LogsService final
    : public logs_v1::LogsService::WithRawCallbackMethod_Export<logs_v1::LogsService::Service> {
 public:
  explicit LogsService(OtlpService& owner) : owner_(owner) {}
  grpc::ServerUnaryReactor* Export(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                   grpc::ByteBuffer* response) override {
    return owner_.ExportCall(OtlpSignal::kLogs, context, request, response);
  }

 private:
  OtlpService& owner_;
};

OtlpService::OtlpService(const IntakeResources& resources, ListenerCatalog& catalog, std::chrono::milliseconds patience)
    : resources_(resources),
      mapper_(*catalog.mapper(kListener)),
      patience_(patience),
      join_(resources.clock),
      traces_(std::make_unique<TraceService>(*this)),
      logs_(std::make_unique<LogsService>(*this)) {
  catalog.Register(kListener, [](std::string_view body, const TakeRecord& take) {
    return ReadOtlpCapture(body, [&take](OtlpItem& item) {
      AddMessageFields(item.messages, item.record);
      take(item.record, item.call_id);
    });
  });
}

OtlpService::~OtlpService() = default;

grpc::Service& OtlpService::traces() { return *traces_; }
grpc::Service& OtlpService::logs() { return *logs_; }

void OtlpService::Take(OtlpSignal signal, OtlpItem& item, IntakeRequest& request) {
  // A message of its own is no call; it waits for the one that it belongs to.
  if (signal == OtlpSignal::kLogs && !item.messages.empty()) {
    const size_t count = item.messages.size();
    resources_.counters.unjoined_message_count +=
        item.call_id.empty() ? count : join_.Add(item.source_name, item.call_id, std::move(item.messages));
    return;
  }
  if (!item.call_id.empty()) {
    std::vector<OtlpMessage> joined = join_.Take(item.call_id);
    std::move(joined.begin(), joined.end(), std::back_inserter(item.messages));
  }
  AddMessageFields(item.messages, item.record);
  request.BuilderOf(item.source_name).Add(item.record, item.call_id);
}

Status OtlpService::Read(const Job& job, const TakeOtlpItem& take) {
  return job.encoding == OtlpEncoding::kJson ? ReadOtlpJson(job.signal, job.body, take)
                                             : ReadOtlpProtobuf(job.signal, job.body, take);
}

// Nothing is joined before all is there: a request that is put off is read anew.
bool OtlpService::MustWait(const Job& job) const {
  if (job.signal != OtlpSignal::kTraces) return false;
  bool must_wait = false;
  const Status status = Read(job, [&](const OtlpItem& item) {
    must_wait = must_wait || (!item.call_id.empty() && item.messages.empty() &&
                              join_.Expects(item.source_name, item.call_id) && mapper_.IsCall(item.record));
  });
  return status.ok() && must_wait;
}

void OtlpService::Finish(const Job& job) {
  IntakeRequest request(resources_, mapper_, std::string(kListener), job.body.size());
  IntakeReport failed;
  failed.status = Read(job, [&](OtlpItem& item) { Take(job.signal, item, request); });
  if (!failed.status.ok()) return job.done(failed);
  std::move(request).Submit(job.done);
}

void OtlpService::Export(Job job) {
  if (!join_.has_sources() || !MustWait(job)) return Finish(job);
  auto alarm = std::make_shared<grpc::Alarm>();
  auto held = std::make_shared<ingest::AdmittedBytes>(resources_.admission, job.body.size());
  grpc::Alarm& timer = *alarm;
  // An alarm keeps its function as long as it lives, so the function gives away what it holds, the alarm included.
  timer.Set(std::chrono::system_clock::now() + patience_, [this, alarm = std::move(alarm), held = std::move(held),
                                                           job = std::move(job)](bool /*ok*/) mutable {
    resources_.post([this, alarm = std::move(alarm), held = std::move(held), job = std::move(job)] { Finish(job); });
  });
}

grpc::ServerUnaryReactor* OtlpService::ExportCall(OtlpSignal signal, grpc::CallbackServerContext* context,
                                                  const grpc::ByteBuffer* request, grpc::ByteBuffer* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  if (!resources_.admission.has_room()) {
    reactor->Finish(ToGrpcError(NoRoom()));
    return reactor;
  }
  // What waits for a worker counts, too.
  const auto held = std::make_shared<ingest::AdmittedBytes>(resources_.admission, request->Length());
  resources_.post([this, signal, request, response, reactor, held] {
    const auto slice = std::make_shared<grpc::Slice>();
    if (!request->DumpToSingleSlice(slice.get()).ok()) {
      return reactor->Finish({grpc::StatusCode::INVALID_ARGUMENT, "the message has no bytes"});
    }
    const std::string_view body(reinterpret_cast<const char*>(slice->begin()), slice->size());
    Export({signal, OtlpEncoding::kProtobuf, slice, body, [signal, response, reactor](const IntakeReport& report) {
              if (!report.status.ok()) return reactor->Finish(ToGrpcError(report.status));
              *response = ToGrpcAnswer(signal, report);
              reactor->Finish(grpc::Status::OK);
            }});
  });
  return reactor;
}

void OtlpService::AddRoutes(http::Router& router) {
  AddRoute(router, OtlpSignal::kTraces, "/v1/traces");
  AddRoute(router, OtlpSignal::kLogs, "/v1/logs");
}

void OtlpService::AddRoute(http::Router& router, OtlpSignal signal, std::string path) {
  http::Route route;
  route.method = http::Method::kPost;
  route.path = std::move(path);
  route.content_types = {"application/x-protobuf", "application/json"};
  route.body_bytes_max = kHttpBodyBytesMax;
  route.has_room = [this] { return resources_.admission.has_room(); };
  route.handle = [this, signal](http::Request request, const http::Responder& responder) {
    const OtlpEncoding encoding =
        request.content_type == "application/json" ? OtlpEncoding::kJson : OtlpEncoding::kProtobuf;
    const auto body = std::make_shared<const std::string>(std::move(request.body));
    Export({signal, encoding, body, *body, [signal, encoding, responder](const IntakeReport& report) {
              responder.Respond(ToHttpAnswer(signal, encoding, report));
            }});
  };
  router.Add(std::move(route));
}

}  // namespace stillwatch::gateways
