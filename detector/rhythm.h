// When one account begins, bin by bin, and how it compares with another's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "features/link_sketch.h"

namespace stillwatch::detector {

// What two rhythms have in common; see RhythmSearch for the statistics.
struct RhythmComparison {
  double difference = 0;  // R.
  double dispersion = 0;  // F.
  double log_likelihood_ratio = 0;
};

// A log-likelihood ratio that a comparison must reach, and the ratio R / F that it takes at least.
class RhythmThreshold {
 public:
  explicit RhythmThreshold(double log_likelihood_ratio_min);

  double log_likelihood_ratio_min() const { return log_likelihood_ratio_min_; }
  // A little above the largest R / F with which so many bins reach it; 0 without bins.
  double LargestRatio(uint32_t bins) const { return largest_ratios_[bins]; }

 private:
  double log_likelihood_ratio_min_;
  std::array<double, features::LinkSketch::kBinCount + 1> largest_ratios_{};
};

// Beginnings of an account in the bins before one moment.
struct KnownStarts {
  std::array<uint8_t, features::LinkSketch::kBinCount> newest_first{};
  uint32_t known = 0;  // Bins that the account was there for as a whole, from the newest on.
};

// The same prepared for comparing. Plain memory of 1 KiB, so that many of them stand side by side. Threading: none of
// its own.
class Rhythm {
 public:
  // Whole days that make a comparison, and show what is usual at a time of day.
  static constexpr int kDaysMin = 2;

  // Nothing if the account was there for too short a time, began too little to be compared, or too much.
  static std::optional<KnownStarts> ComparableStarts(const features::LinkSketch& links, int64_t end_bin);

  explicit Rhythm(const KnownStarts& starts);

  // Nothing if the accounts were not active long enough together, differ by more than one a bin, or stay below the
  // threshold.
  static std::optional<RhythmComparison> Compare(const Rhythm& a, const Rhythm& b, const RhythmThreshold& threshold);

 private:
  // Counts of kBins bins of equal width. A bin in which the account was not there as a whole counts 0 and is not known.
  template <size_t kBins>
  struct Scale {
    alignas(16) std::array<float, (kBins + 15) / 16 * 16> starts{};
    uint32_t known = 0;     // Bins, from the newest on.
    double dispersion = 0;  // Variance over mean from day to day at one time of day; 0 if it cannot be told.
  };
  // Bins are compared in pairs where there are enough of them: more counts a bin, and clearer equality.
  static constexpr size_t kFineBins = features::LinkSketch::kBinCount;
  static constexpr size_t kCoarseBins = kFineBins / 2;
  static constexpr size_t kCoarseBytes = (kCoarseBins + 15) / 16 * 16;

  template <size_t kBins>
  static void MeasureDispersion(size_t bins_per_day, Scale<kBins>& scale);
  template <size_t kBins>
  static std::optional<RhythmComparison> CompareScale(const Scale<kBins>& a, const Scale<kBins>& b,
                                                      const RhythmThreshold& threshold);
  static bool DiffersBeyond(const Rhythm& a, const Rhythm& b);

  Scale<kFineBins> fine_;
  Scale<kCoarseBins> coarse_;
  alignas(16) std::array<uint8_t, kCoarseBytes> coarse_bytes_{};  // The same counts once more.
  std::array<uint32_t, kCoarseBins + 1> coarse_sums_{};           // Of the first n of them.
};

}  // namespace stillwatch::detector
