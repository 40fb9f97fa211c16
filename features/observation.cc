#include "features/observation.h"

#define XXH_INLINE_ALL  // Short names: the call would cost as much as the hash.
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <limits>

namespace stillwatch::features {
namespace {

template <typename T>
T Clamped(const UsageBatch& batch, size_t row, NumberField field) {
  return static_cast<T>(std::min<uint64_t>(batch.number(row, field), std::numeric_limits<T>::max()));
}

uint64_t HashField(const UsageBatch& batch, size_t row, TextField field) { return HashName(batch.text(row, field)); }

uint64_t HashClientBundle(const UsageBatch& batch, size_t row) {
  const uint64_t parts[] = {batch.number(row, NumberField::kClientAsn),
                            HashField(batch, row, TextField::kTlsFingerprint),
                            HashField(batch, row, TextField::kUserAgent)};
  if (parts[0] == 0 && parts[1] == 0 && parts[2] == 0) return 0;
  return XXH3_64bits(parts, sizeof(parts));
}

}  // namespace

uint64_t HashName(std::string_view name) { return name.empty() ? 0 : XXH3_64bits(name.data(), name.size()); }

Observation MakeObservation(const UsageBatch& batch, size_t row) {
  Observation out;
  out.time_unix_nano = batch.time_unix_nano(row);
  out.event_hash = HashField(batch, row, TextField::kEventId);
  out.organization_hash = HashField(batch, row, TextField::kOrganizationId);
  out.conversation_hash = HashField(batch, row, TextField::kConversationId);
  out.end_user_hash = HashField(batch, row, TextField::kEndUserId);
  out.address_hash = HashField(batch, row, TextField::kClientAddress);
  out.client_bundle_hash = HashClientBundle(batch, row);
  out.model_hash = HashField(batch, row, TextField::kRequestModel);
  out.system_hash = batch.number(row, NumberField::kSystemHash);
  out.prompt_hash = batch.number(row, NumberField::kPromptHash);
  out.template_hash = batch.number(row, NumberField::kTemplateHash);
  out.head_hash = batch.number(row, NumberField::kHeadHash);
  out.markers = Clamped<uint32_t>(batch, row, NumberField::kMarkers);
  out.prompt_words = Clamped<uint32_t>(batch, row, NumberField::kPromptWords);
  out.input_tokens = Clamped<uint32_t>(batch, row, NumberField::kInputTokens);
  out.output_tokens = Clamped<uint32_t>(batch, row, NumberField::kOutputTokens);
  out.duration_ms = Clamped<uint32_t>(batch, row, NumberField::kDurationMs);
  out.max_tokens = Clamped<uint32_t>(batch, row, NumberField::kMaxTokens);
  out.message_count = Clamped<uint32_t>(batch, row, NumberField::kMessageCount);
  if (batch.has(row, NumberField::kTemperature)) {
    out.temperature = static_cast<float>(std::bit_cast<double>(batch.number(row, NumberField::kTemperature)));
  }
  out.status_code = Clamped<uint16_t>(batch, row, NumberField::kStatusCode);
  if (batch.has(row, NumberField::kChoiceCount)) {
    out.choice_count = Clamped<uint16_t>(batch, row, NumberField::kChoiceCount);
  }
  out.top_logprobs = Clamped<uint16_t>(batch, row, NumberField::kTopLogprobs);
  out.logit_bias_count = Clamped<uint16_t>(batch, row, NumberField::kLogitBiasCount);
  out.tool_count = Clamped<uint16_t>(batch, row, NumberField::kToolCount);
  out.knows_output_tokens = batch.has(row, NumberField::kOutputTokens);
  out.knows_message_count = batch.has(row, NumberField::kMessageCount);
  return out;
}

}  // namespace stillwatch::features
