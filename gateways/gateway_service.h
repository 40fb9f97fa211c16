// The service that explains mappings.
#pragma once

#include <functional>

#include "features/prompt_digest.h"
#include "gateways/listener_catalog.h"
#include "proto/result.h"
#include "stillwatch/v1/gateway.grpc.pb.h"

namespace stillwatch::gateways {

// Answers v1.GatewayService.
// Threading: from any thread. Ownership: what it is given must outlive the server.
class GatewayService final : public v1::GatewayService::CallbackService {
 public:
  // `post` runs a task on a worker.
  GatewayService(const ListenerCatalog& catalog, const features::PromptDigester& digester,
                 std::function<int64_t()> clock, std::function<void(std::function<void()>)> post)
      : catalog_(catalog), digester_(digester), clock_(std::move(clock)), post_(std::move(post)) {}

  grpc::ServerUnaryReactor* ExplainMapping(grpc::CallbackServerContext* context,
                                           const v1::ExplainMappingRequest* request,
                                           v1::ExplainMappingResponse* response) override;

 private:
  Status Explain(const v1::ExplainMappingRequest& request, v1::ExplainMappingResponse& response) const;

  const ListenerCatalog& catalog_;
  const features::PromptDigester& digester_;
  const std::function<int64_t()> clock_;
  const std::function<void(std::function<void()>)> post_;
};

}  // namespace stillwatch::gateways
