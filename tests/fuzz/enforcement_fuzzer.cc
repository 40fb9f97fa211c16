// What those who ask send: Envoy's questions, and the page tokens of analysts.
#include "enforcement/external_authorization.h"
#include "query/page_token.h"
#include "tests/fuzz/fuzz_target.h"

using namespace stillwatch;
using envoy::service::auth::v3::CheckRequest;
using envoy::service::auth::v3::CheckResponse;

namespace {

query::CheckAnswer Refuse(std::string_view /*account_id*/) { return {{}, Permission::kRefused}; }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const enforcement::ExternalAuthorization authorization(
      enforcement::AccountSelector::Parse({"extension:id", "jwt:sub", "metadata:f/a/b", "header:x-account-id", "principal"})
          .value(),
      Refuse, enforcement::RefusalStatus::kForbidden);
  const std::string_view body(reinterpret_cast<const char*>(data), size);
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
  return {request.SerializeAsString(), query::EncodePageToken(page, {})};
}
