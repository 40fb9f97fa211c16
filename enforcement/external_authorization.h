// Envoy's question: may this request go on?
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <functional>
#include <string_view>
#include <utility>

#include "enforcement/account_selector.h"
#include "envoy/service/auth/v3/external_auth.grpc.pb.h"
#include "query/check_answer.h"

namespace stillwatch::enforcement {

// Which HTTP status a refused client gets.
enum class RefusalStatus : int { kForbidden = 403, kTooManyRequests = 429 };

// Serves envoy.service.auth.v3.Authorization from memory: it never waits for ingest, scoring or disk. A request without
// an account, or of one that is not known, goes on. A refused client learns that its account is under review, and
// nothing of why. In shadow mode the request goes on with the header `x-stillwatch-verdict` for the upstream, and the
// same in the dynamic metadata. Threading: safe from any thread. Ownership: what `check` refers to must outlive the
// server.
class ExternalAuthorization final : public envoy::service::auth::v3::Authorization::CallbackService {
 public:
  ExternalAuthorization(AccountSelector selector, query::CheckAccountNow check, RefusalStatus refusal)
      : selector_(std::move(selector)), check_(std::move(check)), refusal_(refusal) {}

  grpc::ServerUnaryReactor* Check(grpc::CallbackServerContext* context,
                                  const envoy::service::auth::v3::CheckRequest* request,
                                  envoy::service::auth::v3::CheckResponse* response) override;

  // The answer itself.
  void Answer(const envoy::service::auth::v3::CheckRequest& request,
              envoy::service::auth::v3::CheckResponse& response) const;

 private:
  void Refuse(envoy::service::auth::v3::CheckResponse& response) const;

  const AccountSelector selector_;
  const query::CheckAccountNow check_;
  const RefusalStatus refusal_;
};

}  // namespace stillwatch::enforcement
