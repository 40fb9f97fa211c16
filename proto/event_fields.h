// Where the fields of v1.UsageEvent and v1.ContentDigest go.
#pragma once

#include <array>
#include <cstdint>

#include "proto/wire_reader.h"
#include "proto/usage_batch.h"
#include "stillwatch/v1/usage.pb.h"

namespace stillwatch {

enum class FieldKind : uint8_t { kUnknown, kName, kNumber, kText, kDigest };

// What becomes of one field of a message.
struct EventField {
  FieldKind kind = FieldKind::kUnknown;
  WireType wire_type = WireType::kBytes;
  uint8_t target = 0;              // TextField or NumberField, by kind.
  uint64_t mask = UINT64_MAX;      // Bits of a varint that the field's type holds.

  TextField text_field() const { return static_cast<TextField>(target); }
  NumberField number_field() const { return static_cast<NumberField>(target); }
};

inline constexpr size_t kEventFieldCount = 40;
inline constexpr size_t kDigestFieldCount = 14;

// By field number of v1.UsageEvent.
constexpr std::array<EventField, kEventFieldCount> EventFields() {
  using Event = v1::UsageEvent;
  std::array<EventField, kEventFieldCount> out{};
  const auto name = [&](int number, TextField field) {
    out[static_cast<size_t>(number)] = {FieldKind::kName, WireType::kBytes, static_cast<uint8_t>(field)};
  };
  const auto number = [&](int field_number, NumberField field, WireType type, uint64_t mask) {
    out[static_cast<size_t>(field_number)] = {FieldKind::kNumber, type, static_cast<uint8_t>(field), mask};
  };
  const auto uint32 = [&](int field_number, NumberField field) {
    number(field_number, field, WireType::kVarint, UINT32_MAX);
  };
  const auto uint64 = [&](int field_number, NumberField field) {
    number(field_number, field, WireType::kVarint, UINT64_MAX);
  };
  const auto fixed64 = [&](int field_number, NumberField field) {
    number(field_number, field, WireType::kFixed64, UINT64_MAX);
  };
  name(Event::kEventIdFieldNumber, TextField::kEventId);
  name(Event::kAccountIdFieldNumber, TextField::kAccountId);
  name(Event::kOrganizationIdFieldNumber, TextField::kOrganizationId);
  name(Event::kApiKeyIdFieldNumber, TextField::kApiKeyId);
  name(Event::kEndUserIdFieldNumber, TextField::kEndUserId);
  name(Event::kClientAddressFieldNumber, TextField::kClientAddress);
  name(Event::kClientCountryFieldNumber, TextField::kClientCountry);
  name(Event::kTlsFingerprintFieldNumber, TextField::kTlsFingerprint);
  name(Event::kUserAgentFieldNumber, TextField::kUserAgent);
  name(Event::kOperationNameFieldNumber, TextField::kOperationName);
  name(Event::kRequestModelFieldNumber, TextField::kRequestModel);
  name(Event::kResponseModelFieldNumber, TextField::kResponseModel);
  name(Event::kOutputTypeFieldNumber, TextField::kOutputType);
  name(Event::kConversationIdFieldNumber, TextField::kConversationId);
  name(Event::kFinishReasonFieldNumber, TextField::kFinishReason);
  name(Event::kErrorTypeFieldNumber, TextField::kErrorType);
  fixed64(Event::kTimeUnixNanoFieldNumber, NumberField::kTimeUnixNano);
  uint64(Event::kDurationMsFieldNumber, NumberField::kDurationMs);
  uint64(Event::kTimeToFirstTokenMsFieldNumber, NumberField::kTimeToFirstTokenMs);
  uint32(Event::kClientAsnFieldNumber, NumberField::kClientAsn);
  fixed64(Event::kTemperatureFieldNumber, NumberField::kTemperature);
  fixed64(Event::kTopPFieldNumber, NumberField::kTopP);
  uint32(Event::kMaxTokensFieldNumber, NumberField::kMaxTokens);
  uint32(Event::kChoiceCountFieldNumber, NumberField::kChoiceCount);
  uint64(Event::kSeedFieldNumber, NumberField::kSeed);
  uint32(Event::kTopLogprobsFieldNumber, NumberField::kTopLogprobs);
  uint32(Event::kLogitBiasCountFieldNumber, NumberField::kLogitBiasCount);
  uint64(Event::kStreamFieldNumber, NumberField::kStream);
  uint32(Event::kToolCountFieldNumber, NumberField::kToolCount);
  uint32(Event::kMessageCountFieldNumber, NumberField::kMessageCount);
  uint64(Event::kInputTokensFieldNumber, NumberField::kInputTokens);
  uint64(Event::kOutputTokensFieldNumber, NumberField::kOutputTokens);
  uint64(Event::kCacheReadInputTokensFieldNumber, NumberField::kCacheReadInputTokens);
  uint64(Event::kReasoningTokensFieldNumber, NumberField::kReasoningTokens);
  uint32(Event::kStatusCodeFieldNumber, NumberField::kStatusCode);
  for (const int text : {Event::kSystemPromptFieldNumber, Event::kPromptFieldNumber, Event::kCompletionFieldNumber}) {
    out[static_cast<size_t>(text)] = {FieldKind::kText, WireType::kBytes, 0};
  }
  out[Event::kContentDigestFieldNumber] = {FieldKind::kDigest, WireType::kBytes, 0};
  return out;
}
inline constexpr std::array<EventField, kEventFieldCount> kEventFields = EventFields();

// By field number of v1.ContentDigest; its version is not among them.
constexpr std::array<EventField, kDigestFieldCount> DigestFields() {
  using Digest = v1::ContentDigest;
  std::array<EventField, kDigestFieldCount> out{};
  const auto hash = [&](int number, NumberField field) {
    out[static_cast<size_t>(number)] = {FieldKind::kNumber, WireType::kFixed64, static_cast<uint8_t>(field)};
  };
  const auto count = [&](int number, NumberField field) {
    out[static_cast<size_t>(number)] = {FieldKind::kNumber, WireType::kVarint, static_cast<uint8_t>(field), UINT32_MAX};
  };
  hash(Digest::kSystemHashFieldNumber, NumberField::kSystemHash);
  hash(Digest::kPromptHashFieldNumber, NumberField::kPromptHash);
  hash(Digest::kTemplateHashFieldNumber, NumberField::kTemplateHash);
  hash(Digest::kSlotHashFieldNumber, NumberField::kSlotHash);
  hash(Digest::kHeadHashFieldNumber, NumberField::kHeadHash);
  hash(Digest::kCompletionHashFieldNumber, NumberField::kCompletionHash);
  hash(Digest::kPromptSketchFieldNumber, NumberField::kPromptSketch);
  count(Digest::kMarkersFieldNumber, NumberField::kMarkers);
  count(Digest::kPromptBytesFieldNumber, NumberField::kPromptBytes);
  count(Digest::kPromptWordsFieldNumber, NumberField::kPromptWords);
  count(Digest::kSystemBytesFieldNumber, NumberField::kSystemBytes);
  count(Digest::kCompletionBytesFieldNumber, NumberField::kCompletionBytes);
  return out;
}
inline constexpr std::array<EventField, kDigestFieldCount> kDigestFields = DigestFields();

}  // namespace stillwatch
