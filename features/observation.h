// What a portrait needs of one event: numbers and hashes, without names or text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "proto/name_hash.h"
#include "proto/usage_batch.h"

namespace stillwatch::features {

// One event as the portraits see it. Trivially copyable, so that thousands can wait for the watermark at little cost.
// Hashes are XXH3-64; 0 means unknown. Counts that are unknown are 0 with the matching `knows_…` false.
struct Observation {
  int64_t time_unix_nano = 0;
  uint64_t event_hash = 0;  // Of event_id: breaks ties between events of the same time.
  uint64_t organization_hash = 0;
  uint64_t conversation_hash = 0;
  uint64_t end_user_hash = 0;
  uint64_t address_hash = 0;
  uint64_t client_bundle_hash = 0;  // Of autonomous system, TLS fingerprint and user agent together.
  uint64_t client_hash = 0;         // Of the two last: the program that asks, whatever its network.
  uint64_t system_hash = 0;
  uint64_t prompt_hash = 0;
  uint64_t template_hash = 0;
  uint64_t head_hash = 0;
  uint64_t prompt_sketch = 0;
  uint64_t model_hash = 0;
  uint32_t markers = 0;
  uint32_t prompt_words = 0;
  uint32_t input_tokens = 0;
  uint32_t output_tokens = 0;
  uint32_t duration_ms = 0;
  uint32_t max_tokens = 0;
  uint32_t message_count = 0;
  float temperature = 1.0F;  // 1, the usual server default, where unknown.
  uint16_t status_code = 0;
  uint16_t choice_count = 1;
  uint16_t top_logprobs = 0;
  uint16_t logit_bias_count = 0;
  uint16_t tool_count = 0;
  bool knows_output_tokens = false;
  bool knows_message_count = false;
};

// Reads all rows of `batch`, column by column. Numbers above the range of their member are clamped to it.
std::vector<Observation> MakeObservations(const UsageBatch& batch);

}  // namespace stillwatch::features
