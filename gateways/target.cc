#include "gateways/target.h"

#include <algorithm>
#include <array>

namespace stillwatch::gateways {
namespace {

constexpr std::array<std::string_view, Target::kCount> kNames = {
    "event_id", "account_id", "organization_id", "api_key_id", "end_user_id", "client_address", "client_country",
    "tls_fingerprint", "user_agent", "operation_name", "request_model", "response_model", "output_type",
    "conversation_id", "finish_reason", "error_type",
    // Numbers.
    "time_unix_nano", "duration_ms", "time_to_first_token_ms", "client_asn", "temperature", "top_p", "max_tokens",
    "choice_count", "seed", "top_logprobs", "logit_bias_count", "stream", "tool_count", "message_count", "input_tokens",
    "output_tokens", "cache_read_input_tokens", "reasoning_tokens", "status_code",
    // Extra ones.
    "system_prompt", "prompt", "completion", "end_time_unix_nano", "first_token_time_unix_nano", "system_messages",
    "input_messages", "output_messages", "tools", "logit_bias"};

}  // namespace

std::optional<Target> Target::ByName(std::string_view name) {
  const auto found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return std::nullopt;
  return ByIndex(static_cast<size_t>(found - kNames.begin()));
}

std::string_view Target::name() const { return kNames[index_]; }

bool Target::is_time() const {
  return *this == Target(NumberField::kTimeUnixNano) || *this == Target(kEndTime) || *this == Target(kFirstTokenTime);
}

}  // namespace stillwatch::gateways
