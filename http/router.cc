#include "http/router.h"

#include <algorithm>
#include <cctype>
#include <utility>

namespace stillwatch::http {
namespace {

// The token of `Authorization: Bearer TOKEN`, or nothing.
std::string_view BearerToken(const Request& head) {
  constexpr std::string_view kScheme = "bearer ";
  const std::string_view value = head.header("Authorization");
  const bool is_bearer = value.size() > kScheme.size() &&
                         std::equal(kScheme.begin(), kScheme.end(), value.begin(), [](char expected, char c) {
                           return expected == std::tolower(static_cast<unsigned char>(c));
                         });
  return is_bearer ? value.substr(kScheme.size()) : std::string_view();
}

std::string_view NameOf(Method method) { return method == Method::kGet ? "GET" : "POST"; }

bool Serves(const Route& route, std::string_view method) {
  return method == NameOf(route.method) || (route.method == Method::kGet && method == "HEAD");
}

Response Unauthorized() {
  Response response = TextResponse(401, "a bearer token or key that is known here is required\n");
  response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

Response MethodNotAllowed(std::string allowed) {
  Response response = TextResponse(405, "only " + allowed + "\n");
  response.headers.emplace_back("Allow", std::move(allowed));
  return response;
}

Response UnsupportedType(const Route& route, const std::string& content_type) {
  std::string known;
  for (const std::string& type : route.content_types) known += (known.empty() ? "" : ", ") + type;
  return TextResponse(415, "content type \"" + content_type + "\" is not taken here, only " + known + "\n");
}

}  // namespace

void Router::AddGet(std::string path, Route::Access access, std::function<Response(const Request&)> answer) {
  Route route;
  route.path = std::move(path);
  route.access = access;
  route.handle = [answer = std::move(answer)](const Request& request, const Responder& responder) {
    responder.Respond(answer(request));
  };
  Add(std::move(route));
}

// Fills `allowed` with the methods of the path if it is served, but not by this method.
const Route* Router::Find(std::string_view method, std::string_view path, std::string& allowed) const {
  const Route* best = nullptr;
  std::string others;
  for (const Route& route : routes_) {
    const bool is_exact = route.match == Route::Match::kExact;
    if (is_exact ? path != route.path : !path.starts_with(route.path)) continue;
    if (!Serves(route, method)) {
      others += (others.empty() ? "" : ", ") + std::string(route.method == Method::kGet ? "GET, HEAD" : "POST");
      continue;
    }
    const bool is_better = best == nullptr || is_exact || route.path.size() > best->path.size();
    if (is_better && (best == nullptr || best->match == Route::Match::kPrefix)) best = &route;
  }
  if (best == nullptr) allowed = std::move(others);
  return best;
}

bool Router::IsAuthorized(const Route* route, const Request& head) const {
  if (route != nullptr && route->is_authorized) return route->is_authorized(head);
  if (route != nullptr && route->access == Route::Access::kOpen) return true;
  return !is_known_token_ || is_known_token_(BearerToken(head));
}

std::variant<const Route*, Response> Router::Choose(std::string_view method, const Request& head,
                                                    uint64_t body_bytes) const {
  std::string allowed;
  const Route* route = Find(method, head.path, allowed);
  if (!IsAuthorized(route, head)) return Unauthorized();
  if (route == nullptr) return allowed.empty() ? TextResponse(404, "not found\n") : MethodNotAllowed(allowed);
  if (body_bytes > route->body_bytes_max) {
    return TextResponse(413, route->body_bytes_max == 0
                                 ? "no body is expected\n"
                                 : "a body has at most " + std::to_string(route->body_bytes_max) + " bytes\n");
  }
  if (!route->content_types.empty() &&
      std::ranges::find(route->content_types, head.content_type) == route->content_types.end()) {
    return UnsupportedType(*route, head.content_type);
  }
  if (route->has_room && !route->has_room()) return BusyResponse("no room for more; come again\n");
  return route;
}

}  // namespace stillwatch::http
