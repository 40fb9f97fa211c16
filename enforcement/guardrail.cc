#include "enforcement/guardrail.h"

#include <memory>
#include <optional>
#include <string>

#include "proto/limits.h"

namespace stillwatch::enforcement {
namespace {

// A request with its messages and the answer; more is no call of a model.
constexpr size_t kBodyBytesMax = kEventBytesMax;

http::Response VerdictResponse(Permission permission) {
  http::Response response;
  response.content_type = "application/json";
  response.body = permission == Permission::kRefused ? R"({"verdict":false})" : R"({"verdict":true})";
  if (permission == Permission::kAllowedInShadow) response.headers.emplace_back("x-stillwatch-verdict", "refused");
  return response;
}

}  // namespace

void Guardrail::Answer(http::Request request, const http::Responder& responder) const {
  const std::optional<std::string> account_id = find_account_(request.body);
  if (!account_id) {
    responder.Respond(http::TextResponse(400, "expected a JSON object\n"));
    return;
  }
  const http::Response response = VerdictResponse(check_(*account_id).permission);
  if (!take_usage_) {
    responder.Respond(response);
    return;
  }
  take_usage_(request, [responder, response](const Status& status) {
    responder.Respond(status.ok() ? response : http::BusyResponse(status.message() + "\n"));
  });
}

void AddGuardrailRoute(http::Router& router, const Guardrail& guardrail, std::function<bool()> has_room) {
  http::Route route;
  route.method = http::Method::kPost;
  route.path = "/v1/ingest/portkey";
  route.content_types = {"application/json"};
  route.body_bytes_max = kBodyBytesMax;
  route.has_room = std::move(has_room);
  route.handle = [&guardrail](http::Request request, const http::Responder& responder) {
    guardrail.Answer(std::move(request), responder);
  };
  router.Add(std::move(route));
}

}  // namespace stillwatch::enforcement
