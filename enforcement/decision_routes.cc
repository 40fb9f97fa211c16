#include "enforcement/decision_routes.h"

#include <absl/strings/match.h>

#include <string>
#include <utility>

namespace stillwatch::enforcement {
namespace {

constexpr std::string_view kScheme = "bearer ";

std::string_view TokenOf(const http::Request& head) {
  if (const std::string_view key = head.header("x-api-key"); !key.empty()) return key;
  const std::string_view value = head.header("authorization");
  const bool is_bearer = absl::StartsWithIgnoreCase(absl::string_view(value.data(), value.size()),
                                                    absl::string_view(kScheme.data(), kScheme.size()));
  return is_bearer ? value.substr(kScheme.size()) : std::string_view();
}

}  // namespace

void AddDecisionRoutes(http::Router& router, DecisionStream& stream, std::function<void(std::function<void()>)> post,
                       std::function<bool(std::string_view token)> is_known_token) {
  using Answer = http::Response (DecisionStream::*)(const http::Request&);
  for (const auto& [path, answer] : {std::pair<const char*, Answer>("/v1/decisions/stream", &DecisionStream::Pull),
                                     std::pair<const char*, Answer>("/v1/decisions", &DecisionStream::Query)}) {
    http::Route route;
    route.path = path;
    if (is_known_token) {
      route.is_authorized = [is_known_token](const http::Request& head) { return is_known_token(TokenOf(head)); };
    } else {
      route.access = http::Route::Access::kOpen;
    }
    route.handle = [&stream, post, answer = answer](http::Request request, const http::Responder& responder) {
      post(
          [&stream, answer, request = std::move(request), responder] { responder.Respond((stream.*answer)(request)); });
    };
    router.Add(std::move(route));
  }
}

}  // namespace stillwatch::enforcement
