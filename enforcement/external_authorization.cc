#include "enforcement/external_authorization.h"

#include <string>

#include "enforcement/policy.h"

namespace stillwatch::enforcement {
namespace {

using envoy::config::core::v3::HeaderValueOption;
using envoy::service::auth::v3::CheckRequest;
using envoy::service::auth::v3::CheckResponse;

constexpr char kVerdictHeader[] = "x-stillwatch-verdict";
// The form of errors that clients of language models know.
constexpr char kRefusalBody[] =
    R"({"error":{"type":"account_under_review","message":"Requests of this account are stopped while it is under review. )"
    R"(Please contact support."}})";

template <typename Headers>
void SetHeader(const std::string& name, const std::string& value, Headers* headers) {
  HeaderValueOption* option = headers->Add();
  option->mutable_header()->set_key(name);
  option->mutable_header()->set_value(value);
  option->set_append_action(HeaderValueOption::OVERWRITE_IF_EXISTS_OR_ADD);
}

void AllowInShadow(Verdict verdict, CheckResponse& response) {
  response.mutable_status()->set_code(grpc::StatusCode::OK);
  const std::string name(NameOf(verdict));
  SetHeader(kVerdictHeader, name, response.mutable_ok_response()->mutable_headers());
  (*response.mutable_dynamic_metadata()->mutable_fields())["verdict"].set_string_value(name);
}

}  // namespace

grpc::ServerUnaryReactor* ExternalAuthorization::Check(grpc::CallbackServerContext* context,
                                                       const CheckRequest* request, CheckResponse* response) {
  Answer(*request, *response);
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

void ExternalAuthorization::Answer(const CheckRequest& request, CheckResponse& response) const {
  const query::CheckAnswer answer = check_(selector_.Find(request.attributes()));
  switch (answer.permission) {
    case Permission::kAllowed:
      response.mutable_status()->set_code(grpc::StatusCode::OK);
      break;
    case Permission::kAllowedInShadow:
      AllowInShadow(answer.standing.verdict, response);
      break;
    case Permission::kRefused:
      Refuse(response);
      break;
  }
}

void ExternalAuthorization::Refuse(CheckResponse& response) const {
  response.mutable_status()->set_code(grpc::StatusCode::PERMISSION_DENIED);
  auto* denied = response.mutable_denied_response();
  denied->mutable_status()->set_code(static_cast<envoy::type::v3::StatusCode>(refusal_));
  SetHeader("content-type", "application/json", denied->mutable_headers());
  denied->set_body(kRefusalBody);
}

}  // namespace stillwatch::enforcement
