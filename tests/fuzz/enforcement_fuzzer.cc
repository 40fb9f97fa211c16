// What gateways that ask send: Portkey's guardrail bodies, Envoy's questions; and the page tokens of analysts.
#include "enforcement/external_authorization.h"
#include "enforcement/portkey_usage.h"
#include "query/page_token.h"
#include "tests/fuzz/fuzz_target.h"

using namespace stillwatch;
using envoy::service::auth::v3::CheckRequest;
using envoy::service::auth::v3::CheckResponse;

namespace {

constexpr char kPortkey[] =
    R"({"request":{"json":{"model":"m","temperature":0.7,"n":2,"seed":-3,"logit_bias":{"1":2},"tools":[{}],"user":"u",)"
    R"("messages":[{"role":"system","content":"Be brief."},{"role":"user","content":[{"type":"text","text":"Hi"}]}]}},)"
    R"("response":{"json":{"id":"c-1","created":1780000000,"choices":[{"message":{"content":"Hello"},"finish_reason":"stop"}],)"
    R"("usage":{"prompt_tokens":11,"completion_tokens_details":{"reasoning_tokens":2}}},"statusCode":200},)"
    R"("provider":"openai","requestType":"chatComplete","metadata":{"_user":"a"},"eventType":"afterRequestHook"})";

query::CheckAnswer Refuse(std::string_view /*account_id*/) { return {{}, Permission::kRefused}; }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const enforcement::ExternalAuthorization authorization(
      enforcement::AccountSelector::Parse({"extension:id", "jwt:sub", "metadata:f/a/b", "header:x-account-id", "principal"})
          .value(),
      Refuse, enforcement::RefusalStatus::kForbidden);
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  (void)enforcement::PortkeyUsage(body, "a", 1'790'000'000'000'000'000);
  CheckRequest request;
  if (request.ParseFromArray(data, static_cast<int>(size))) {
    CheckResponse response;
    authorization.Answer(request, response);
  }
  (void)query::DecodePageToken({"verdict >= review", "risk desc"}, body);
  return 0;
}

std::vector<std::string> fuzz::Seeds() {
  CheckRequest request;
  auto& attributes = *request.mutable_attributes();
  (*attributes.mutable_context_extensions())["id"] = "a";
  (*attributes.mutable_request()->mutable_http()->mutable_headers())["x-account-id"] = "b";
  attributes.mutable_source()->set_principal("spiffe://c");
  auto& fields = *(*attributes.mutable_metadata_context()->mutable_filter_metadata())["f"].mutable_fields();
  (*fields["a"].mutable_struct_value()->mutable_fields())["b"].set_string_value("d");
  const query::PageQuery page{"verdict >= review", "risk desc"};
  return {kPortkey, request.SerializeAsString(), query::EncodePageToken(page, {})};
}
