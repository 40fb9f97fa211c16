// Quantiles of a positive quantity in a few dozen bytes.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace stillwatch::features {

// Counts values by their binary logarithm, two buckets an octave: a quantile is right within a factor of sqrt(2).
// Values from 2^(kBucketCount / 2 − 1) on fall into the last bucket (for even counts). Histograms merge by adding.
template <size_t kBucketCount>
class LogHistogram {
 public:
  void Add(uint64_t value) { ++counts_[Bucket(value)]; }

  void Merge(const LogHistogram& other) {
    for (size_t i = 0; i < kBucketCount; ++i) counts_[i] += other.counts_[i];
  }

  uint64_t TotalCount() const {
    uint64_t total = 0;
    for (const uint32_t count : counts_) total += count;
    return total;
  }

  // Share of the values that lie in the bucket of `value` or above; 0 if the histogram is empty.
  double ShareAtLeast(uint64_t value) const {
    const uint64_t total = TotalCount();
    if (total == 0) return 0;
    uint64_t above = 0;
    for (size_t i = Bucket(value); i < kBucketCount; ++i) above += counts_[i];
    return static_cast<double>(above) / static_cast<double>(total);
  }

  // Geometric middle of the bucket that holds the quantile; 0 if the histogram is empty. `share` in [0, 1].
  double Quantile(double share) const {
    const uint64_t total = TotalCount();
    if (total == 0) return 0;
    const double wanted = share * static_cast<double>(total);
    double seen = 0;
    for (size_t i = 0; i < kBucketCount; ++i) {
      seen += counts_[i];
      if (counts_[i] != 0 && seen >= wanted) return i == 0 ? 0.5 : std::exp2((static_cast<double>(i) - 0.5) / 2);
    }
    return std::exp2((static_cast<double>(kBucketCount) - 1.5) / 2);
  }

 private:
  // Bucket 0 holds 0; then [2^k, 1.5 · 2^k) and [1.5 · 2^k, 2^(k+1)) alternate.
  static size_t Bucket(uint64_t value) {
    if (value == 0) return 0;
    const int exponent = 63 - std::countl_zero(value);
    const bool upper = exponent > 0 && (value >> (exponent - 1) & 1) != 0;
    return std::min(static_cast<size_t>(1 + 2 * exponent + (upper ? 1 : 0)), kBucketCount - 1);
  }
  std::array<uint32_t, kBucketCount> counts_{};
};

}  // namespace stillwatch::features
