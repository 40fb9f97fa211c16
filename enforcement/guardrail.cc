#include "enforcement/guardrail.h"

#include <absl/strings/str_split.h>
#include <simdjson.h>

#include <memory>
#include <optional>
#include <string>

#include "proto/limits.h"

namespace stillwatch::enforcement {
namespace {

// A request with its messages and the answer; more is no call of a model.
constexpr size_t kBodyBytesMax = kEventBytesMax;

// A text, or a whole number as its digits, as the mapping takes both for names; else nothing.
std::string TextAt(simdjson::dom::element element, const std::string& key) {
  for (const absl::string_view name : absl::StrSplit(key, '.')) {
    if (element[std::string_view(name.data(), name.size())].get(element) != simdjson::SUCCESS) return {};
  }
  if (element.is_string()) return std::string(element.get_string().value());
  if (element.is_int64()) return std::to_string(element.get_int64().value());
  return element.is_uint64() ? std::to_string(element.get_uint64().value()) : std::string();
}

// Nothing if the body is no JSON object; empty if it names no account that could be one.
std::optional<std::string> AccountIn(const std::string& body, const std::vector<std::string>& keys) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parser.parse(body).get(root) != simdjson::SUCCESS || !root.is_object()) return std::nullopt;
  for (const std::string& key : keys) {
    std::string text = TextAt(root, key);
    if (!text.empty() && text.size() <= kNameBytesMax) return text;
  }
  return std::string();
}

http::Response VerdictResponse(Permission permission) {
  http::Response response;
  response.content_type = "application/json";
  response.body = permission == Permission::kRefused ? R"({"verdict":false})" : R"({"verdict":true})";
  if (permission == Permission::kAllowedInShadow) response.headers.emplace_back("x-stillwatch-verdict", "refused");
  return response;
}

}  // namespace

void Guardrail::Answer(http::Request request, const http::Responder& responder) const {
  const std::optional<std::string> account_id = AccountIn(request.body, account_keys_);
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
