#include "daemon/health_service.h"

#include <string>
#include <utility>

namespace stillwatch::daemon {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

namespace {

constexpr std::string_view kServices[] = {"",
                                          "stillwatch.v1.IngestService",
                                          "stillwatch.v1.QueryService",
                                          "stillwatch.v1.LabelService",
                                          "stillwatch.v1.AuditService",
                                          "stillwatch.v1.AdminService",
                                          "stillwatch.v1.GatewayService",
                                          "envoy.service.accesslog.v3.AccessLogService",
                                          "opentelemetry.proto.collector.trace.v1.TraceService",
                                          "opentelemetry.proto.collector.logs.v1.LogsService"};

}  // namespace

// One Watch stream: tells the status, then each change of it.
class HealthService::Watcher final : public grpc::ServerWriteReactor<HealthCheckResponse> {
 public:
  Watcher(HealthService& owner, std::string service) : owner_(owner), service_(std::move(service)) {
    const std::lock_guard lock(owner_.mutex_);
    owner_.watchers_.insert(this);
    Tell();
  }

  // With the owner's lock held.
  void Tell() {
    if (is_finished_) return;
    if (is_writing_) {
      has_news_ = true;
      return;
    }
    response_.set_status(owner_.StatusOf(service_));
    is_writing_ = true;
    StartWrite(&response_);
  }

  void OnWriteDone(bool ok) override {
    const std::lock_guard lock(owner_.mutex_);
    is_writing_ = false;
    if (!ok) return FinishOnce(grpc::Status::CANCELLED);
    if (std::exchange(has_news_, false)) Tell();
    if (!is_writing_ && !owner_.is_serving_) FinishOnce({grpc::StatusCode::UNAVAILABLE, "the daemon is shutting down"});
  }
  void OnCancel() override {
    const std::lock_guard lock(owner_.mutex_);
    FinishOnce(grpc::Status::CANCELLED);
  }
  void OnDone() override {
    {
      const std::lock_guard lock(owner_.mutex_);
      owner_.watchers_.erase(this);
    }
    delete this;
  }

 private:
  void FinishOnce(const grpc::Status& status) {
    if (!std::exchange(is_finished_, true)) Finish(status);
  }

  HealthService& owner_;
  const std::string service_;
  HealthCheckResponse response_;
  bool is_writing_ = false;
  bool has_news_ = false;
  bool is_finished_ = false;
};

HealthService::Status HealthService::StatusOf(const std::string& service) const {
  for (const std::string_view known : kServices) {
    if (service == known) return is_serving_ ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING;
  }
  return HealthCheckResponse::SERVICE_UNKNOWN;
}

void HealthService::Set(bool is_serving) {
  const std::lock_guard lock(mutex_);
  is_serving_ = is_serving;
  for (Watcher* watcher : watchers_) watcher->Tell();
}

void HealthService::SetServing() { Set(true); }
void HealthService::SetNotServing() { Set(false); }

grpc::ServerUnaryReactor* HealthService::Check(grpc::CallbackServerContext* context, const HealthCheckRequest* request,
                                               HealthCheckResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  response->set_status(StatusOf(request->service()));
  const bool is_known = response->status() != HealthCheckResponse::SERVICE_UNKNOWN;
  reactor->Finish(is_known ? grpc::Status::OK : grpc::Status(grpc::StatusCode::NOT_FOUND, "unknown service"));
  return reactor;
}

grpc::ServerWriteReactor<HealthCheckResponse>* HealthService::Watch(grpc::CallbackServerContext*,
                                                                    const HealthCheckRequest* request) {
  return new Watcher(*this, request->service());
}

}  // namespace stillwatch::daemon
