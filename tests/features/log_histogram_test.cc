#include "features/log_histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace stillwatch::features {
namespace {

// The value below or at which `share` of the values lie.
double ExactQuantile(std::vector<uint64_t> values, double share) {
  std::sort(values.begin(), values.end());
  const double rank = std::ceil(share * static_cast<double>(values.size()));
  return static_cast<double>(values[static_cast<size_t>(std::max(rank - 1, 0.0))]);
}

TEST(LogHistogramTest, QuantilesAreWithinAFactorOfTheSquareRootOfTwo) {
  for (uint64_t seed = 0; seed < 30; ++seed) {
    std::mt19937_64 random(seed);
    std::lognormal_distribution<double> draw(3 + static_cast<double>(seed % 5),
                                             0.3 + 0.1 * static_cast<double>(seed % 15));
    LogHistogram<48> histogram;
    std::vector<uint64_t> values;
    for (int i = 0; i < 1000; ++i) {
      // Below the last bucket.
      values.push_back(std::clamp<uint64_t>(static_cast<uint64_t>(draw(random)), 1, (1 << 23) - 1));
      histogram.Add(values.back());
    }
    for (const double share : {0.0, 0.01, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0}) {
      const double ratio = histogram.Quantile(share) / ExactQuantile(values, share);
      EXPECT_LE(ratio, std::sqrt(2.0)) << "seed " << seed << " share " << share;
      EXPECT_GE(ratio, std::sqrt(0.5)) << "seed " << seed << " share " << share;
    }
  }
}

TEST(LogHistogramTest, EverySingleValueIsWithinTheBound) {
  for (uint64_t value = 1; value < 1 << 15; ++value) {
    LogHistogram<32> histogram;
    histogram.Add(value);
    const double ratio = histogram.Quantile(0.5) / static_cast<double>(value);
    ASSERT_LE(ratio, std::sqrt(2.0)) << value;
    ASSERT_GE(ratio, std::sqrt(0.5)) << value;
  }
}

TEST(LogHistogramTest, EmptyAndZeroAreSmall) {
  LogHistogram<32> histogram;
  EXPECT_EQ(histogram.Quantile(0.5), 0);
  EXPECT_EQ(histogram.TotalCount(), 0U);
  histogram.Add(0);
  EXPECT_LT(histogram.Quantile(0.5), 1);
}

TEST(LogHistogramTest, LargeValuesGatherInTheLastBucket) {
  LogHistogram<32> histogram;
  histogram.Add(std::numeric_limits<uint64_t>::max());
  const double huge = histogram.Quantile(1);
  histogram.Add(uint64_t{1} << 15);
  EXPECT_EQ(histogram.Quantile(0), huge);
  EXPECT_EQ(histogram.TotalCount(), 2U);
}

TEST(LogHistogramTest, QuantilesRiseWithTheShare) {
  std::mt19937_64 random(7);
  LogHistogram<48> histogram;
  for (int i = 0; i < 500; ++i) histogram.Add(random() >> (random() % 64));
  double before = 0;
  for (int percent = 0; percent <= 100; ++percent) {
    const double quantile = histogram.Quantile(percent / 100.0);
    EXPECT_GE(quantile, before);
    before = quantile;
  }
}

TEST(LogHistogramTest, MergeEqualsTheHistogramOfTheWhole) {
  std::mt19937_64 random(3);
  LogHistogram<32> left, right, whole;
  for (int i = 0; i < 1000; ++i) {
    const uint64_t value = random() % 5000;
    (i % 3 == 0 ? left : right).Add(value);
    whole.Add(value);
  }
  left.Merge(right);
  EXPECT_EQ(left.TotalCount(), whole.TotalCount());
  for (int percent = 0; percent <= 100; ++percent) {
    EXPECT_EQ(left.Quantile(percent / 100.0), whole.Quantile(percent / 100.0));
  }
}

}  // namespace
}  // namespace stillwatch::features
