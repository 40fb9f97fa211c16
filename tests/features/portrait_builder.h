// Events for the tests of portraits.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "features/observation.h"
#include "features/portrait.h"
#include "proto/limits.h"

namespace stillwatch::features {

// 2025-01-01, at the beginning of a clock hour.
inline constexpr int64_t kStart = 1'735'689'600 * kNanosecondsPerSecond;

inline MarkerRatios SomeRatios() {
  MarkerRatios ratios;
  ratios.fill(LikelihoodRatios::ForNull(0.05));
  return ratios;
}

// An ordinary event with text at `time`.
inline Observation EventAt(int64_t time_unix_nano, uint64_t prompt_hash = 1) {
  Observation event;
  event.time_unix_nano = time_unix_nano;
  event.prompt_hash = prompt_hash;
  event.input_tokens = 100;
  event.output_tokens = 50;
  event.knows_output_tokens = true;
  event.status_code = 200;
  return event;
}

// A stream with all kinds of events in order of time, spread over about `count` minutes.
inline std::vector<Observation> RandomStream(uint64_t seed, size_t count, uint64_t head_count = 6) {
  std::mt19937_64 random(seed);
  std::vector<Observation> stream;
  int64_t time = kStart;
  for (size_t i = 0; i < count; ++i) {
    time += static_cast<int64_t>(random() % (2 * kNanosecondsPerMinute));
    Observation event = EventAt(time, random() % 5 == 0 ? 0 : random());
    event.event_hash = random();
    if (event.prompt_hash != 0) {
      event.template_hash = (1 + random() % 40) * 0x9E3779B97F4A7C15;
      event.head_hash = 1 + random() % head_count;
      event.markers = static_cast<uint32_t>(random() % 64 & random() % 64);
    }
    event.conversation_hash = random() % 3 == 0 ? 0 : random();
    event.end_user_hash = (1 + random() % 20) * 0x9E3779B97F4A7C15;
    event.address_hash = (1 + random() % 10) * 0x9E3779B97F4A7C15;
    event.client_bundle_hash = (1 + random() % 4) * 0x9E3779B97F4A7C15;
    event.system_hash = (1 + random() % 3) * 0x9E3779B97F4A7C15;
    event.input_tokens = static_cast<uint32_t>(random() % 3000);
    event.output_tokens = static_cast<uint32_t>(random() % 90);
    event.knows_output_tokens = random() % 4 != 0;
    event.message_count = static_cast<uint32_t>(random() % 4);
    event.knows_message_count = random() % 4 != 0;
    event.tool_count = static_cast<uint16_t>(random() % 3 == 0 ? random() % 5 : 0);
    event.temperature = random() % 3 == 0 ? 0.0F : 0.7F;
    event.status_code = static_cast<uint16_t>(random() % 10 == 0 ? 429 : 200);
    event.logit_bias_count = static_cast<uint16_t>(random() % 6 == 0 ? random() % 300 : 0);
    event.top_logprobs = static_cast<uint16_t>(random() % 2 * 5);
    stream.push_back(event);
  }
  return stream;
}

}  // namespace stillwatch::features
