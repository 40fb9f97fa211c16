#include "ingest/validation.h"

#include <simdjson.h>

#include <algorithm>
#include <span>
#include <utility>

#include "features/prompt_digest.h"
#include "proto/limits.h"

namespace stillwatch::ingest {
namespace {

// More tokens than any model takes, and longer than any request lasts (11 days): a unit mistake or worse.
constexpr uint64_t kTokensMax = 1'000'000'000;
constexpr uint64_t kDurationMsMax = 1'000'000'000;

constexpr std::array<std::string_view, kTextFieldCount> kTextNames = {
    "event_id",        "account_id",     "organization_id", "api_key_id",     "end_user_id", "client_address",
    "client_country",  "tls_fingerprint", "user_agent",     "operation_name", "request_model", "response_model",
    "output_type",     "conversation_id", "finish_reason",  "error_type"};
constexpr std::array<std::string_view, kNumberFieldCount> kNumberNames = {
    "time_unix_nano", "duration_ms", "time_to_first_token_ms", "client_asn", "temperature", "top_p", "max_tokens",
    "choice_count", "seed", "top_logprobs", "logit_bias_count", "stream", "tool_count", "message_count", "input_tokens",
    "output_tokens", "cache_read_input_tokens", "reasoning_tokens", "status_code", "content_digest.system_hash",
    "content_digest.prompt_hash", "content_digest.template_hash", "content_digest.slot_hash", "content_digest.head_hash",
    "content_digest.completion_hash", "content_digest.markers", "content_digest.prompt_bytes",
    "content_digest.prompt_words", "content_digest.system_bytes", "content_digest.completion_bytes",
    "content_digest.prompt_sketch"};

Invalidity Bad(RejectReason reason, std::string_view field, std::string_view what) {
  return {reason, std::string(field) + ": " + std::string(what)};
}

// Printable ASCII, which nearly all names are, needs no closer look.
bool IsPlain(std::string_view text) {
  unsigned found = 0;  // Without a branch the compiler checks many characters at once.
  for (const char c : text) found |= static_cast<uint8_t>(c - 0x20) > 0x7E - 0x20;
  return found == 0;
}

bool HasControlCharacter(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7F; });
}

Invalidity TooLong(std::string_view field, size_t bytes, size_t bytes_max) {
  return Bad(RejectReason::kTooLong, field, std::to_string(bytes) + " bytes, at most " + std::to_string(bytes_max));
}

Invalidity CheckName(std::string_view field, std::string_view value, size_t bytes_max) {
  if (value.size() > bytes_max) return TooLong(field, value.size(), bytes_max);
  if (IsPlain(value)) return {};
  if (!simdjson::validate_utf8(value)) return Bad(RejectReason::kBadEncoding, field, "is not UTF-8");
  if (HasControlCharacter(value)) return Bad(RejectReason::kBadEncoding, field, "has a control character");
  return {};
}

using NamedText = std::pair<std::string_view, const std::string*>;

Invalidity CheckNames(std::span<const NamedText> names) {
  for (const auto& [field, value] : names) {
    if (Invalidity bad = CheckName(field, *value, kNameBytesMax); !bad.is_valid()) return bad;
  }
  return {};
}

bool IsReal(NumberField field) { return field == NumberField::kTemperature || field == NumberField::kTopP; }

}  // namespace

std::string_view RejectReasonName(RejectReason reason) {
  constexpr std::array<std::string_view, kRejectReasonCount> kNames = {
      "",        "missing_field",  "out_of_range",        "too_long", "bad_encoding", "time_too_old", "time_in_future",
      "unknown_digest_version"};
  return kNames[static_cast<size_t>(reason)];
}

Invalidity CheckText(TextField field, std::string_view value) {
  const std::string_view name = kTextNames[static_cast<size_t>(field)];
  if (field == TextField::kUserAgent) {  // Comes from the client as it is; a long one was cut.
    if (IsPlain(value) || simdjson::validate_utf8(value)) return {};
    return Bad(RejectReason::kBadEncoding, name, "is not UTF-8");
  }
  return CheckName(name, value, field == TextField::kEventId ? kEventIdBytesMax : kNameBytesMax);
}

Invalidity MissingField(std::string_view field) { return Bad(RejectReason::kMissingField, field, "is required"); }

Invalidity UnknownDigestVersion(uint64_t version) {
  return Bad(RejectReason::kUnknownDigestVersion, "content_digest.version", std::to_string(version));
}

Invalidity CheckTexts(const EventTexts& texts) {
  const size_t bytes = texts.system_prompt.size() + texts.prompt.size() + texts.completion.size();
  if (bytes > kEventBytesMax) return TooLong("system_prompt, prompt and completion", bytes, kEventBytesMax);
  for (const auto& [field, text] : {std::pair("system_prompt", texts.system_prompt), std::pair("prompt", texts.prompt),
                                    std::pair("completion", texts.completion)}) {
    if (!simdjson::validate_utf8(text)) return Bad(RejectReason::kBadEncoding, field, "is not UTF-8");
  }
  return {};
}

std::string_view CutTo(std::string_view text, size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  size_t end = bytes_max;
  while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

NumberCheck::NumberCheck(int64_t now_unix_nano) {
  const auto set = [this](NumberField field, uint64_t min, uint64_t max) {
    ranges_[static_cast<size_t>(field)] = {min, max};
  };
  set(NumberField::kTimeUnixNano, kEventTimeMin, static_cast<uint64_t>(now_unix_nano + kClockSkewMax));
  set(NumberField::kStatusCode, 100, 599);
  set(NumberField::kStream, 0, 1);
  // The bits of doubles that are not negative are in the order of the numbers; those of NaN come after infinity.
  set(NumberField::kTemperature, 0, std::bit_cast<uint64_t>(100.0));
  set(NumberField::kTopP, 0, std::bit_cast<uint64_t>(1.0));
  for (const NumberField field : {NumberField::kDurationMs, NumberField::kTimeToFirstTokenMs}) {
    set(field, 0, kDurationMsMax);
  }
  for (const NumberField field :
       {NumberField::kInputTokens, NumberField::kOutputTokens, NumberField::kCacheReadInputTokens,
        NumberField::kReasoningTokens, NumberField::kMaxTokens}) {
    set(field, 0, kTokensMax);
  }
  for (const NumberField field :
       {NumberField::kClientAsn, NumberField::kChoiceCount, NumberField::kTopLogprobs, NumberField::kLogitBiasCount,
        NumberField::kToolCount, NumberField::kMessageCount, NumberField::kMarkers, NumberField::kPromptBytes,
        NumberField::kPromptWords, NumberField::kSystemBytes, NumberField::kCompletionBytes}) {
    set(field, 0, UINT32_MAX);
  }
}

Invalidity NumberCheck::Explain(NumberField field, uint64_t value) const {
  const std::string_view name = kNumberNames[static_cast<size_t>(field)];
  const Range& range = ranges_[static_cast<size_t>(field)];
  if (field == NumberField::kTimeUnixNano) {
    if (value == 0) return MissingField(name);
    if (value > range.max) return Bad(RejectReason::kTimeInFuture, name, std::to_string(value) + " is in the future");
    return Bad(RejectReason::kTimeTooOld, name, std::to_string(value) + " is before 2020 (nanoseconds since 1970?)");
  }
  if (IsReal(field) && std::bit_cast<double>(value) == 0) return {};
  const auto words = [&](uint64_t number) {
    return IsReal(field) ? std::to_string(std::bit_cast<double>(number)) : std::to_string(number);
  };
  return Bad(RejectReason::kOutOfRange, name,
             words(value) + " is not in " + words(range.min) + " to " + words(range.max));
}

Invalidity Validate(const v1::AccountProfile& profile) {
  if (profile.account_id().empty()) return MissingField("account_id");
  return CheckNames(std::array<NamedText, 7>{{{"account_id", &profile.account_id()},
                                              {"organization_id", &profile.organization_id()},
                                              {"plan", &profile.plan()},
                                              {"payment_fingerprint", &profile.payment_fingerprint()},
                                              {"email_domain", &profile.email_domain()},
                                              {"signup_address", &profile.signup_address()},
                                              {"country", &profile.country()}}});
}

Invalidity Validate(const v1::ModelInfo& model) {
  if (model.model().empty()) return MissingField("model");
  return CheckName("model", model.model(), kNameBytesMax);
}

}  // namespace stillwatch::ingest
