// The state of one account, and the step by which an event changes it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "detector/baseline.h"
#include "detector/fusion.h"
#include "detector/membership.h"
#include "features/link_sketch.h"
#include "features/portrait.h"
#include "proto/records.h"

namespace stillwatch::detector {

// An account's score as of its last assessment.
struct Score {
  double log_odds = kBaseLogOdds;
  uint64_t assessed_event_count = 0;
  int64_t assessed_time_unix_nano = 0;  // Never goes back, so that a timeline does not either.
  int64_t assessed_baseline_time_unix_nano = -1;
  int64_t first_review_time_unix_nano = 0;  // 0: never. So with the three below.
  int64_t first_act_time_unix_nano = 0;
  uint64_t events_at_first_review = 0;
  uint64_t events_at_first_act = 0;
  Verdict verdict = Verdict::kClear;
  Label assessed_label = Label::kUnlabelled;
  bool awaits_lowering = false;     // The last assessment gave a lower verdict; the next tick takes it.
  std::array<uint8_t, 5> unused{};  // Padding by name, so that a checkpoint holds no undefined bytes.
};

inline constexpr size_t kCacheLineBytes = 64;
// The parts of a state, and what fills its last cache line up: by name, so that a checkpoint holds no undefined bytes.
inline constexpr size_t kStatePartBytes =
    sizeof(features::Portrait) + sizeof(features::LinkSketch) + sizeof(Membership) + sizeof(Score) + 1;
inline constexpr size_t kStatePadding = (kCacheLineBytes - kStatePartBytes % kCacheLineBytes) % kCacheLineBytes;

// All of an account that changes with its events, in whole cache lines. Plain memory: copied to look ahead, and packed
// (state_codec.h) to be kept.
struct alignas(kCacheLineBytes) LiveState {
  features::Portrait portrait;
  features::LinkSketch links;
  Membership membership;  // As of the last search for campaigns.
  Score score;
  uint8_t peer_group = 0;
  std::array<uint8_t, kStatePadding> unused{};
};
static_assert(sizeof(LiveState) == kStatePartBytes + kStatePadding);
static_assert(std::is_trivially_copyable_v<LiveState>);

// Told of each change of an account's verdict.
using ChangeSink = std::function<void(Verdict from, const LiveState& after, int64_t time_unix_nano)>;

// Assesses the account at an event time and notes what follows. A verdict is only lowered if `may_lower`, so that it does
// not flicker from event to event.
enum class Lowering : uint8_t { kAllowed, kDeferred };
Assessment Reassess(LiveState& state, const Baseline& baseline, Label label, int64_t time_unix_nano, Lowering lowering,
                    const ChangeSink& sink);

// True if an assessment may say something new: after an eighth more events. This bounds the assessments of an account to
// the logarithm of its events, and delays an alarm by at most an eighth of them. A renewed baseline alone is no reason:
// readers assess under it anyway.
bool IsDue(const LiveState& state);

// Counts one event. If the account is in bulk use, or a sequential test has anything to say, and an assessment is due, it is
// made at once, so that an alarm comes with the event that raises it; otherwise at the next tick.
void ApplyEvent(LiveState& state, const features::Observation& event, const Baseline& baseline, Label label,
                const ChangeSink& sink);

// True if the score is that of the newest event under this baseline and label.
inline bool IsFresh(const LiveState& state, const Baseline& baseline, Label label) {
  return state.score.assessed_event_count == state.portrait.event_count() &&
         state.score.assessed_baseline_time_unix_nano == baseline.time_unix_nano &&
         state.score.assessed_label == label && !state.score.awaits_lowering;
}

}  // namespace stillwatch::detector
