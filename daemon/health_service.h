// grpc.health.v1, with a descriptor so that reflection clients can call it.
#pragma once

#include <atomic>
#include <mutex>
#include <set>

#include "grpc/health/v1/health.grpc.pb.h"

namespace stillwatch::daemon {

// Tells load balancers whether the daemon serves: SERVING for "" and each of its services, until SetNotServing.
// Threading: from any thread.
// Limits: Watch streams tell changes as they happen; there is one, at the end.
class HealthService final : public grpc::health::v1::Health::CallbackService {
 public:
  void SetServing();
  void SetNotServing();

  grpc::ServerUnaryReactor* Check(grpc::CallbackServerContext* context,
                                  const grpc::health::v1::HealthCheckRequest* request,
                                  grpc::health::v1::HealthCheckResponse* response) override;
  grpc::ServerWriteReactor<grpc::health::v1::HealthCheckResponse>* Watch(
      grpc::CallbackServerContext* context, const grpc::health::v1::HealthCheckRequest* request) override;

 private:
  class Watcher;
  using Status = grpc::health::v1::HealthCheckResponse::ServingStatus;

  Status StatusOf(const std::string& service) const;
  void Set(bool is_serving);

  std::atomic<bool> is_serving_{false};
  std::mutex mutex_;
  std::set<Watcher*> watchers_;
};

}  // namespace stillwatch::daemon
