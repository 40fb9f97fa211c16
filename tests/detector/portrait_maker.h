// Portraits of made-up accounts, honest and other, for the tests of detectors.
#pragma once

#include <cstdint>

#include "detector/baseline.h"
#include "detector/detector.h"
#include "features/markers.h"
#include "features/portrait.h"

namespace stillwatch::detector {

// How an account behaves. The defaults are a person in conversation.
struct Behaviour {
  int event_count = 200;
  int active_day_count = 5;
  double marker_share = 0.01;
  features::Marker marker = features::Marker::kReasoningElicitation;
  bool has_template = false;         // All prompts begin alike.
  double repeated_prompt_share = 0;  // Events whose prompt is asked twice in a row.
  int distinct_prompt_count = 0;     // 0: every prompt is new.
  double temperature = 0.7;
  bool is_single_turn = false;
  bool has_text = true;
  bool has_tools = false;
  int input_tokens = 500;
  int output_tokens = 200;
  int events_per_minute = 1;  // In bursts of that size.
  int hours_a_day = 8;
  int logit_bias_size_count = 0;  // Above 0: every request has a logit_bias, of one of so many sizes.
  enum class Sketch : uint8_t { kNone, kAlike, kUnrelated } sketch = Sketch::kNone;  // Of the prompts.
  double age_days = 0;              // At the first event; 0: unknown.
  uint64_t seed = 1;
};

Behaviour Application();
Behaviour Harvester();

// A population of honest accounts: people, applications, agents.
const Baseline& HonestBaseline();

features::Portrait MakePortrait(const Behaviour& behaviour, const Baseline& baseline = HonestBaseline());

// What `detector` finds in the account. Checks what holds for every finding.
Finding Evaluate(const Detector& detector, const Behaviour& behaviour, const Baseline& baseline = HonestBaseline());

// Evidence that one detector may give without deciding anything alone.
inline constexpr double kReviewEvidence = 6.907755278982137;  // log(1 / kReviewBudget)

}  // namespace stillwatch::detector
