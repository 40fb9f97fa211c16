#include "ingest/event_validation.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <utility>

#include "features/prompt_digest.h"
#include "proto/limits.h"

namespace stillwatch::ingest {
namespace {

// More tokens than any model takes, and longer than any request lasts (11 days): a unit mistake or worse.
constexpr uint64_t kTokensMax = 1'000'000'000;
constexpr uint64_t kDurationMsMax = 1'000'000'000;

Invalidity Bad(RejectReason reason, std::string_view field, std::string_view what) {
  return {reason, std::string(field) + ": " + std::string(what)};
}

bool HasControlCharacter(std::string_view text) {
  unsigned found = 0;  // Without a branch the compiler checks many characters at once.
  for (const char c : text) found |= static_cast<uint8_t>(c) < 0x20 || static_cast<uint8_t>(c) == 0x7F;
  return found != 0;
}

// A name: short and without control characters. UTF-8 was checked by the parser.
Invalidity CheckName(std::string_view field, std::string_view value, size_t bytes_max) {
  if (value.size() > bytes_max) {
    return Bad(RejectReason::kTooLong, field,
               std::to_string(value.size()) + " bytes, at most " + std::to_string(bytes_max));
  }
  if (HasControlCharacter(value)) return Bad(RejectReason::kBadEncoding, field, "has a control character");
  return {};
}

using NamedText = std::pair<std::string_view, const std::string*>;

template <size_t kCount>
Invalidity CheckNames(const std::array<NamedText, kCount>& names) {
  for (const auto& [field, value] : names) {
    if (value->empty()) continue;
    if (Invalidity bad = CheckName(field, *value, kNameBytesMax); !bad.is_valid()) return bad;
  }
  return {};
}

Invalidity CheckTime(std::string_view field, uint64_t time, int64_t now_unix_nano) {
  if (time < static_cast<uint64_t>(kEventTimeMin)) {
    return Bad(RejectReason::kTimeTooOld, field, std::to_string(time) + " is before 2020 (nanoseconds since 1970?)");
  }
  if (time > static_cast<uint64_t>(now_unix_nano + kClockSkewMax)) {
    return Bad(RejectReason::kTimeInFuture, field, std::to_string(time) + " is in the future");
  }
  return {};
}

Invalidity CheckRange(std::string_view field, double value, double min, double max) {
  if (std::isfinite(value) && value >= min && value <= max) return {};
  return Bad(RejectReason::kOutOfRange, field,
             std::to_string(value) + " is not in " + std::to_string(min) + " to " + std::to_string(max));
}

Invalidity CheckNumbers(const v1::UsageEvent& event) {
  struct Bounded {
    std::string_view field;
    bool is_present;
    double value;
    double min;
    double max;
  };
  const auto number = [](uint64_t value) { return static_cast<double>(value); };
  const std::array<Bounded, 10> bounds = {{
      {"temperature", event.has_temperature(), event.temperature(), 0, 100},
      {"top_p", event.has_top_p(), event.top_p(), 0, 1},
      {"status_code", event.has_status_code(), number(event.status_code()), 100, 599},
      {"duration_ms", event.has_duration_ms(), number(event.duration_ms()), 0, number(kDurationMsMax)},
      {"time_to_first_token_ms", event.has_time_to_first_token_ms(), number(event.time_to_first_token_ms()), 0,
       number(kDurationMsMax)},
      {"input_tokens", event.has_input_tokens(), number(event.input_tokens()), 0, number(kTokensMax)},
      {"output_tokens", event.has_output_tokens(), number(event.output_tokens()), 0, number(kTokensMax)},
      {"cache_read_input_tokens", event.has_cache_read_input_tokens(), number(event.cache_read_input_tokens()), 0,
       number(kTokensMax)},
      {"reasoning_tokens", event.has_reasoning_tokens(), number(event.reasoning_tokens()), 0, number(kTokensMax)},
      {"max_tokens", event.has_max_tokens(), number(event.max_tokens()), 0, number(kTokensMax)},
  }};
  for (const Bounded& bound : bounds) {
    if (!bound.is_present) continue;
    if (Invalidity bad = CheckRange(bound.field, bound.value, bound.min, bound.max); !bad.is_valid()) return bad;
  }
  return {};
}

Invalidity CheckTexts(const v1::UsageEvent& event) {
  const size_t bytes = event.system_prompt().size() + event.prompt().size() + event.completion().size();
  if (bytes > kEventBytesMax) {
    return Bad(RejectReason::kTooLong, "system_prompt, prompt and completion",
               std::to_string(bytes) + " bytes, at most " + std::to_string(kEventBytesMax));
  }
  const uint32_t version = event.content_digest().version();
  if (event.has_content_digest() && (version < features::kDigestVersionMin || version > features::kDigestVersion)) {
    return Bad(RejectReason::kUnknownDigestVersion, "content_digest.version",
               std::to_string(version));
  }
  return {};
}

// Cuts at a character's boundary.
std::string_view CutTo(std::string_view text, size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  size_t end = bytes_max;
  while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

void WriteDigest(const v1::ContentDigest& digest, UsageBatch& batch, size_t row) {
  const std::array<std::pair<NumberField, uint64_t>, 12> parts = {{
      {NumberField::kSystemHash, digest.system_hash()},
      {NumberField::kPromptHash, digest.prompt_hash()},
      {NumberField::kTemplateHash, digest.template_hash()},
      {NumberField::kSlotHash, digest.slot_hash()},
      {NumberField::kHeadHash, digest.head_hash()},
      {NumberField::kPromptSketch, digest.prompt_sketch()},
      {NumberField::kCompletionHash, digest.completion_hash()},
      {NumberField::kMarkers, digest.markers()},
      {NumberField::kPromptBytes, digest.prompt_bytes()},
      {NumberField::kPromptWords, digest.prompt_words()},
      {NumberField::kSystemBytes, digest.system_bytes()},
      {NumberField::kCompletionBytes, digest.completion_bytes()},
  }};
  for (const auto& [field, value] : parts) {
    if (value != 0) batch.SetNumber(row, field, value);
  }
}

void WriteNumbers(const v1::UsageEvent& event, UsageBatch& batch, size_t row) {
  const auto set = [&](bool is_present, NumberField field, uint64_t value) {
    if (is_present) batch.SetNumber(row, field, value);
  };
  set(true, NumberField::kTimeUnixNano, event.time_unix_nano());
  set(event.has_duration_ms(), NumberField::kDurationMs, event.duration_ms());
  set(event.has_time_to_first_token_ms(), NumberField::kTimeToFirstTokenMs, event.time_to_first_token_ms());
  set(event.has_client_asn(), NumberField::kClientAsn, event.client_asn());
  set(event.has_temperature(), NumberField::kTemperature, std::bit_cast<uint64_t>(event.temperature()));
  set(event.has_top_p(), NumberField::kTopP, std::bit_cast<uint64_t>(event.top_p()));
  set(event.has_max_tokens(), NumberField::kMaxTokens, event.max_tokens());
  set(event.has_choice_count(), NumberField::kChoiceCount, event.choice_count());
  set(event.has_seed(), NumberField::kSeed, static_cast<uint64_t>(event.seed()));
  set(event.has_top_logprobs(), NumberField::kTopLogprobs, event.top_logprobs());
  set(event.has_logit_bias_count(), NumberField::kLogitBiasCount, event.logit_bias_count());
  set(event.has_stream(), NumberField::kStream, event.stream() ? 1 : 0);
  set(event.has_tool_count(), NumberField::kToolCount, event.tool_count());
  set(event.has_message_count(), NumberField::kMessageCount, event.message_count());
  set(event.has_input_tokens(), NumberField::kInputTokens, event.input_tokens());
  set(event.has_output_tokens(), NumberField::kOutputTokens, event.output_tokens());
  set(event.has_cache_read_input_tokens(), NumberField::kCacheReadInputTokens, event.cache_read_input_tokens());
  set(event.has_reasoning_tokens(), NumberField::kReasoningTokens, event.reasoning_tokens());
  set(event.has_status_code(), NumberField::kStatusCode, event.status_code());
}

}  // namespace

std::string_view RejectReasonName(RejectReason reason) {
  constexpr std::array<std::string_view, kRejectReasonCount> kNames = {
      "",        "missing_field",  "out_of_range",        "too_long", "bad_encoding", "time_too_old", "time_in_future",
      "unknown_digest_version"};
  return kNames[static_cast<size_t>(reason)];
}

Invalidity Validate(const v1::UsageEvent& event, int64_t now_unix_nano) {
  if (event.account_id().empty()) return Bad(RejectReason::kMissingField, "account_id", "is required");
  if (event.time_unix_nano() == 0) return Bad(RejectReason::kMissingField, "time_unix_nano", "is required");
  if (Invalidity bad = CheckTime("time_unix_nano", event.time_unix_nano(), now_unix_nano); !bad.is_valid()) return bad;
  if (Invalidity bad = CheckName("event_id", event.event_id(), kEventIdBytesMax); !bad.is_valid()) return bad;
  const std::array<NamedText, 14> names = {{{"account_id", &event.account_id()},
                                            {"organization_id", &event.organization_id()},
                                            {"api_key_id", &event.api_key_id()},
                                            {"end_user_id", &event.end_user_id()},
                                            {"client_address", &event.client_address()},
                                            {"client_country", &event.client_country()},
                                            {"tls_fingerprint", &event.tls_fingerprint()},
                                            {"operation_name", &event.operation_name()},
                                            {"request_model", &event.request_model()},
                                            {"response_model", &event.response_model()},
                                            {"output_type", &event.output_type()},
                                            {"conversation_id", &event.conversation_id()},
                                            {"finish_reason", &event.finish_reason()},
                                            {"error_type", &event.error_type()}}};
  if (Invalidity bad = CheckNames(names); !bad.is_valid()) return bad;
  if (Invalidity bad = CheckNumbers(event); !bad.is_valid()) return bad;
  return CheckTexts(event);
}

Invalidity Validate(const v1::AccountProfile& profile) {
  if (profile.account_id().empty()) return Bad(RejectReason::kMissingField, "account_id", "is required");
  const std::array<NamedText, 7> names = {{{"account_id", &profile.account_id()},
                                           {"organization_id", &profile.organization_id()},
                                           {"plan", &profile.plan()},
                                           {"payment_fingerprint", &profile.payment_fingerprint()},
                                           {"email_domain", &profile.email_domain()},
                                           {"signup_address", &profile.signup_address()},
                                           {"country", &profile.country()}}};
  return CheckNames(names);
}

Invalidity Validate(const v1::ModelInfo& model) {
  if (model.model().empty()) return Bad(RejectReason::kMissingField, "model", "is required");
  return CheckName("model", model.model(), kNameBytesMax);
}

void WriteRow(const v1::UsageEvent& event, UsageBatch& batch, size_t row) {
  const std::array<std::pair<TextField, std::string_view>, kTextFieldCount> texts = {{
      {TextField::kEventId, event.event_id()},
      {TextField::kAccountId, event.account_id()},
      {TextField::kOrganizationId, event.organization_id()},
      {TextField::kApiKeyId, event.api_key_id()},
      {TextField::kEndUserId, event.end_user_id()},
      {TextField::kClientAddress, event.client_address()},
      {TextField::kClientCountry, event.client_country()},
      {TextField::kTlsFingerprint, event.tls_fingerprint()},
      {TextField::kUserAgent, CutTo(event.user_agent(), kUserAgentBytesMax)},
      {TextField::kOperationName, event.operation_name()},
      {TextField::kRequestModel, event.request_model()},
      {TextField::kResponseModel, event.response_model()},
      {TextField::kOutputType, event.output_type()},
      {TextField::kConversationId, event.conversation_id()},
      {TextField::kFinishReason, event.finish_reason()},
      {TextField::kErrorType, event.error_type()},
  }};
  for (const auto& [field, value] : texts) {
    if (!value.empty()) batch.SetText(row, field, value);
  }
  WriteNumbers(event, batch, row);
  const bool has_text = !event.system_prompt().empty() || !event.prompt().empty() || !event.completion().empty();
  if (event.has_content_digest() && !has_text) WriteDigest(event.content_digest(), batch, row);
}

}  // namespace stillwatch::ingest
