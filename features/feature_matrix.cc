#include "features/feature_matrix.h"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>

#include "proto/limits.h"

namespace stillwatch::features {
namespace {

constexpr std::array<std::string_view, kFeatureCount> kNames = {
    "log_event_count", "log_events_per_active_day", "log_peak_per_minute", "log_peak_per_hour", "single_turn_share",
    "tool_share", "text_share", "sampled_share", "repeat_share", "logit_share", "overlap_share", "unread_share",
    "rate_limited_share", "log_output_tokens", "log_input_tokens", "output_input_ratio", "distinct_prompt_share",
    "top_head_share", "prompt_cohesion", "hour_entropy", "log_gap_seconds", "isolated_share", "log_addresses",
    "log_end_users", "log_age_days", "day_over_fortnight", "reasoning_elicitation_share", "trace_coercion_share",
    "rubric_grading_share", "bulk_generation_share", "prompt_evolution_share", "simulated_user_share"};

// Events that a share is shrunk by: with fewer than a handful of events it says little.
constexpr double kShrinkage = 4;

float Share(double part, double whole) { return static_cast<float>(part / (whole + kShrinkage)); }
float Log1p(double value) { return static_cast<float>(std::log1p(value)); }

// People and jobs work in sittings; half an hour is the usual bound of a session in web analysis (Catledge and Pitkow 1995,
// 10.1016/0169-7552(95)00043-7: 25.5 minutes).
constexpr uint64_t kIsolationMilliseconds = 1'800'000;

// Age of an account whose creation nobody told: old, so that it is held against nobody.
constexpr double kUnknownAgeDays = 3650;

constexpr float kSpreadPerDeviation = 1.4826F;  // Of a normal distribution.
constexpr float kClip = 8.0F;

double AgeDays(const Portrait& portrait) {
  if (portrait.created_time_unix_nano() == 0) return kUnknownAgeDays;
  const int64_t age = portrait.last_time_unix_nano() - portrait.created_time_unix_nano();
  return std::max(static_cast<double>(age) / static_cast<double>(kNanosecondsPerDay), 0.0);
}

// The middle value, the upper of the two for even counts. Reorders `values`.
float Median(std::vector<float>& values) {
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

std::string_view FeatureName(Feature feature) { return kNames[static_cast<size_t>(feature)]; }

FeatureRow ExtractFeatures(const Portrait& portrait) {
  FeatureRow row{};
  const auto set = [&row](Feature feature, float value) { row[static_cast<size_t>(feature)] = value; };
  const double events = portrait.total(Counter::kEvent);
  const double texts = portrait.total(Counter::kText);
  const auto event_share = [&](Counter counter) { return Share(portrait.total(counter), events); };
  set(Feature::kLogEventCount, Log1p(events));
  set(Feature::kLogEventsPerActiveDay, Log1p(events / std::max(1, portrait.ActiveDayCount())));
  set(Feature::kLogPeakPerMinute, Log1p(portrait.PeakPerMinute()));
  set(Feature::kLogPeakPerHour, Log1p(portrait.PeakPerHour()));
  set(Feature::kSingleTurnShare, event_share(Counter::kSingleTurn));
  set(Feature::kToolShare, event_share(Counter::kTool));
  set(Feature::kTextShare, event_share(Counter::kText));
  set(Feature::kSampledShare, event_share(Counter::kSampled));
  set(Feature::kRepeatShare, Share(portrait.total(Counter::kRepeat), texts));
  set(Feature::kLogitShare, event_share(Counter::kLogit));
  set(Feature::kOverlapShare, event_share(Counter::kOverlap));
  set(Feature::kUnreadShare, event_share(Counter::kUnread));
  set(Feature::kRateLimitedShare, event_share(Counter::kRateLimited));
  set(Feature::kLogOutputTokens, Log1p(portrait.output_tokens().Quantile(0.5)));
  set(Feature::kLogInputTokens, Log1p(portrait.input_tokens().Quantile(0.5)));
  set(Feature::kOutputInputRatio,
      Log1p(portrait.total(Counter::kOutputToken)) - Log1p(portrait.total(Counter::kInputToken)));
  set(Feature::kDistinctPromptShare, Share(std::min(portrait.DistinctPrompts(), texts), texts));
  set(Feature::kTopHeadShare, Share(static_cast<double>(portrait.TopHeadCount()), texts));
  set(Feature::kPromptCohesion, static_cast<float>(portrait.PromptCohesion()));
  set(Feature::kHourEntropy, static_cast<float>(portrait.HourEntropy()));
  set(Feature::kLogGapSeconds, Log1p(portrait.gap_milliseconds().Quantile(0.5) / 1000));
  set(Feature::kIsolatedShare, static_cast<float>(portrait.gap_milliseconds().ShareAtLeast(kIsolationMilliseconds)));
  set(Feature::kLogAddresses, Log1p(portrait.DistinctAddresses()));
  set(Feature::kLogEndUsers, Log1p(portrait.DistinctEndUsers()));
  set(Feature::kLogAgeDays, Log1p(AgeDays(portrait)));
  const int64_t now = portrait.last_time_unix_nano();
  set(Feature::kDayOverFortnight, Log1p(portrait.decayed(Counter::kEvent, HalfLife::kDay, now)) -
                                      Log1p(portrait.decayed(Counter::kEvent, HalfLife::kFortnight, now) / 14));
  for (size_t i = 0; i < kMarkerCount; ++i) {
    row[static_cast<size_t>(Feature::kReasoningElicitationShare) + i] =
        Share(portrait.marked(static_cast<Marker>(i)), texts);
  }
  return row;
}

RobustScale FeatureMatrix::ComputeScale(std::span<const uint32_t> rows) const {
  RobustScale scale;
  if (rows.empty()) return scale;
  std::vector<float> values(rows.size());
  for (size_t i = 0; i < kFeatureCount; ++i) {
    const std::span<const float> source = column(static_cast<Feature>(i));
    std::transform(rows.begin(), rows.end(), values.begin(), [source](uint32_t row) { return source[row]; });
    scale.median[i] = Median(values);
    const auto quarter = values.begin() + static_cast<ptrdiff_t>(values.size() / 4);
    std::nth_element(values.begin(), quarter, values.end());
    scale.lower_quartile[i] = *quarter;
    const float center = scale.median[i];
    for (float& value : values) value = std::fabs(value - center);
    scale.spread[i] = kSpreadPerDeviation * Median(values);
  }
  return scale;
}

std::vector<float> FeatureMatrix::Unusualness(const RobustScale& scale) const {
  std::vector<float> out(row_count_);
  if (row_count_ == 0) return out;
  const auto rows = static_cast<Eigen::Index>(row_count_);
  const Eigen::Map<const Eigen::ArrayXXf> values(values_.data(), rows, static_cast<Eigen::Index>(kFeatureCount));
  Eigen::Map<Eigen::ArrayXf> sum(out.data(), rows);
  sum.setZero();
  float used = 0;
  // Column by column in a fixed order: the sum of a row has the same bits on every instruction set.
  for (size_t i = 0; i < kFeatureCount; ++i) {
    if (scale.spread[i] <= 0) continue;
    ++used;
    const auto column = values.col(static_cast<Eigen::Index>(i));
    sum += ((column - scale.median[i]) * (1 / scale.spread[i])).max(-kClip).min(kClip).square();
  }
  if (used > 0) sum = (sum * (1 / used)).sqrt();
  return out;
}

}  // namespace stillwatch::features
