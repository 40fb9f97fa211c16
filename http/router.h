// Which handler answers which request, and who may ask.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "http/message.h"

namespace stillwatch::http {

// One kind of request that is served.
struct Route {
  enum class Match : uint8_t { kExact, kPrefix };
  enum class Access : uint8_t { kOpen, kToken };

  Method method = Method::kGet;
  std::string path;
  Match match = Match::kExact;
  // kToken: for those with a known bearer token, if the router knows tokens; kOpen: for everybody.
  Access access = Access::kToken;
  // If set, decides instead of `access`, by what the request says of its sender (the body is not there yet).
  std::function<bool(const Request& head)> is_authorized;
  // Media types of the body, in lower case, without parameters (415 for others); empty: any.
  std::vector<std::string> content_types;
  // Size of the body, as sent and as decoded (413 beyond it). 0: a request with a body is refused.
  size_t body_bytes_max = 0;
  // If set, asked before a body is read; without room the client is told to come again (503, Retry-After).
  std::function<bool()> has_room;
  // Answers. On a worker if the route takes a body and the server has workers, otherwise on the server's own thread,
  // where it must not block.
  std::function<void(Request request, const Responder& responder)> handle;
};

// Chooses the route of a request and checks all that can be checked before its body is read.
// Threading: Add before the server starts; then from any thread.
class Router {
 public:
  // `is_known_token`, if set, guards all routes that are not open, and what is not there.
  explicit Router(std::function<bool(std::string_view token)> is_known_token = nullptr)
      : is_known_token_(std::move(is_known_token)) {}

  // An exact path wins over prefixes, a longer prefix over a shorter one.
  void Add(Route route) { routes_.push_back(std::move(route)); }
  // As Add, of a GET without a body that is answered at once.
  void AddGet(std::string path, Route::Access access, std::function<Response(const Request&)> answer);

  // The route, valid as long as the router; or the refusal: 401, 404, 405, 413, 415 or 503. `method` is the request's
  // own word, as HEAD and others have no Method. `body_bytes`: as told by the client; any if chunked.
  std::variant<const Route*, Response> Choose(std::string_view method, const Request& head, uint64_t body_bytes) const;

 private:
  const Route* Find(std::string_view method, std::string_view path, std::string& allowed) const;
  bool IsAuthorized(const Route* route, const Request& head) const;

  std::function<bool(std::string_view)> is_known_token_;
  std::vector<Route> routes_;
};

}  // namespace stillwatch::http
