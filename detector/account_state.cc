#include "detector/account_state.h"

#include <algorithm>

namespace stillwatch::detector {
namespace {

// Below these the detectors add next to nothing, so an assessment can wait for the tick.
constexpr float kAlertLogE = 3.0F;
constexpr double kAlertLogitEvents = 8;

constexpr double kAlertEvents = 12;
constexpr double kAlertSingleTurnShare = 0.6;

// Many single requests: what all detectors of bulk use need.
bool IsBulk(const features::Portrait& portrait) {
  const double events = portrait.total(features::Counter::kEvent);
  return events >= kAlertEvents && portrait.total(features::Counter::kSingleTurn) >= kAlertSingleTurnShare * events;
}

bool HasAlert(const LiveState& state) {
  if (IsBulk(state.portrait)) return true;
  for (size_t i = 0; i < features::kMarkerCount; ++i) {
    if (state.portrait.e_process(static_cast<features::Marker>(i)).LogBound() > kAlertLogE) return true;
  }
  return state.portrait.total(features::Counter::kLogit) >= kAlertLogitEvents;
}

}  // namespace

Assessment Reassess(LiveState& state, const Baseline& baseline, Label label, int64_t time_unix_nano, Lowering lowering,
                    const ChangeSink& sink) {
  const Assessment assessment = Assess(state.portrait, baseline, label, state.membership);
  Score& score = state.score;
  const Verdict before = score.verdict;
  state.peer_group = static_cast<uint8_t>(assessment.peer_group);
  score.log_odds = assessment.log_odds;
  score.assessed_event_count = state.portrait.event_count();
  score.assessed_baseline_time_unix_nano = baseline.time_unix_nano;
  score.assessed_label = label;
  // A late event, or a label, may name a time before the last tick; what they change is known from then on only.
  time_unix_nano = std::max(time_unix_nano, score.assessed_time_unix_nano);
  score.assessed_time_unix_nano = time_unix_nano;
  if (assessment.verdict > before || lowering == Lowering::kAllowed) score.verdict = assessment.verdict;
  score.awaits_lowering = score.verdict > assessment.verdict;
  if (score.verdict >= Verdict::kReview && score.first_review_time_unix_nano == 0) {
    score.first_review_time_unix_nano = time_unix_nano;
    score.events_at_first_review = state.portrait.event_count();
  }
  if (score.verdict >= Verdict::kAct && score.first_act_time_unix_nano == 0) {
    score.first_act_time_unix_nano = time_unix_nano;
    score.events_at_first_act = state.portrait.event_count();
  }
  if (score.verdict != before) sink(before, state, time_unix_nano);
  return assessment;
}

bool IsDue(const LiveState& state) {
  const uint64_t assessed = state.score.assessed_event_count;
  return state.portrait.event_count() > assessed + assessed / 8;
}

void ApplyEvent(LiveState& state, const features::Observation& event, const Baseline& baseline, Label label,
                const ChangeSink& sink) {
  state.portrait.Update(event, baseline.groups[state.peer_group].marker_ratios);
  state.links.Update(event);
  if (IsDue(state) && HasAlert(state)) {
    Reassess(state, baseline, label, event.time_unix_nano, Lowering::kDeferred, sink);
  }
}

}  // namespace stillwatch::detector
