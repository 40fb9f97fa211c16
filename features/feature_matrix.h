// Accounts as rows of numbers, and the robust statistics of many such rows.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "features/portrait.h"

namespace stillwatch::features {

// What an account is compared by. Shares are in [0, 1], shrunk towards 0 for few events; logarithms are natural, of
// 1 + value. Every value is finite.
enum class Feature : uint8_t {
  kLogEventCount,
  kLogEventsPerActiveDay,
  kLogPeakPerMinute,
  kLogPeakPerHour,
  kSingleTurnShare,
  kToolShare,
  kTextShare,
  kSampledShare,
  kRepeatShare,
  kLogitShare,
  kOverlapShare,
  kUnreadShare,
  kRateLimitedShare,
  kLogOutputTokens,     // Median answer.
  kLogInputTokens,      // Median request.
  kOutputInputRatio,    // log((1 + all output tokens) / (1 + all input tokens)).
  kDistinctPromptShare, // Different prompts per event with text.
  kTopHeadShare,        // Events with text that begin with the most frequent first words.
  kPromptCohesion,      // Mean similarity of two different prompts; 0 is that of texts without words in common.
  kHourEntropy,         // Bits.
  kLogGapSeconds,       // Median gap between requests.
  kIsolatedShare,       // Gaps of half an hour or more.
  kLogAddresses,
  kLogEndUsers,
  kLogAgeDays,          // From the account's creation to its newest event; unknown counts as ten years.
  kDayOverFortnight,    // Events of the last day over a day's mean of the last fortnight, as log.
  kReasoningElicitationShare,
  kTraceCoercionShare,
  kRubricGradingShare,
  kBulkGenerationShare,
  kPromptEvolutionShare,
  kSimulatedUserShare,
};
inline constexpr size_t kFeatureCount = 32;

std::string_view FeatureName(Feature feature);

using FeatureRow = std::array<float, kFeatureCount>;

// Reads the features off a portrait, as of the time of its newest event.
FeatureRow ExtractFeatures(const Portrait& portrait);

// Location and scale of each feature over many accounts: median, and 1.4826 · median absolute deviation, which is the
// standard deviation where values are normal and which half of the accounts cannot drag along
// (Rousseeuw and Croux 1993, 10.1080/01621459.1993.10476408).
struct RobustScale {
  FeatureRow median{};
  // Who harvests is above the others in most features, so this moves least if many do.
  FeatureRow lower_quartile{};
  FeatureRow spread{};
};

// Holds rows of features, account × feature, one column after the other as float32, so that a statistic of one feature
// reads memory in order. No value is NaN.
// Threading: none of its own.
class FeatureMatrix {
 public:
  explicit FeatureMatrix(size_t row_count) : row_count_(row_count), values_(row_count * kFeatureCount) {}

  size_t row_count() const { return row_count_; }
  void SetRow(size_t row, const FeatureRow& features) {
    for (size_t i = 0; i < kFeatureCount; ++i) values_[i * row_count_ + row] = features[i];
  }
  std::span<const float> column(Feature feature) const {
    return {values_.data() + static_cast<size_t>(feature) * row_count_, row_count_};
  }

  // Median and spread of each column over the rows named by `rows`; zeros if there are none.
  RobustScale ComputeScale(std::span<const uint32_t> rows) const;
  // For each row, the root mean square of its z-scores against `scale`, each clipped to ±8 so that no single feature
  // decides: how unusual the account is as a whole. Spreads of 0 leave their feature out.
  std::vector<float> Unusualness(const RobustScale& scale) const;

 private:
  size_t row_count_;
  std::vector<float> values_;
};

}  // namespace stillwatch::features
