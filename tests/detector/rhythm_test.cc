#include "detector/rhythm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace stillwatch::detector {
namespace {

using features::LinkSketch;

constexpr int64_t kEndBin = 160'000;  // Even, as where a search begins.

// An account that began `counts[i]` times in the i-th bin before kEndBin, and once in the bin before those.
LinkSketch SketchOf(const std::vector<int>& counts) {
  LinkSketch links;
  features::Observation event;
  event.message_count = 1;
  event.knows_message_count = true;
  const auto count = [&](int64_t bin, int times) {
    event.time_unix_nano = bin * LinkSketch::kBinNano;
    for (int i = 0; i < times; ++i) links.Update(event);
  };
  count(kEndBin - 1 - static_cast<int64_t>(counts.size()), 1);
  for (size_t i = counts.size(); i-- > 0;) count(kEndBin - 1 - static_cast<int64_t>(i), counts[i]);
  return links;
}

std::vector<int> RandomCounts(std::mt19937& random, size_t bins, double mean) {
  std::poisson_distribution<int> poisson(mean);
  std::vector<int> counts(bins);
  for (int& count : counts) count = poisson(random);
  return counts;
}

// The statistic as its definition has it, on bins of `width`.
double PlainRatio(const std::vector<int>& x, const std::vector<int>& y, size_t width) {
  const size_t bins = std::min(x.size(), y.size()) / width;
  const auto sum_at = [width](const std::vector<int>& counts, size_t i) {
    double sum = 0;
    for (size_t j = 0; j < width; ++j) sum += counts[i * width + j];
    return sum;
  };
  const auto dispersion = [&](const std::vector<int>& counts) {
    const size_t per_day = 8 / width;
    double squares = 0;
    double freedom = 0;
    for (size_t phase = 0; phase < per_day; ++phase) {
      std::vector<double> days;
      for (size_t i = phase; i < counts.size() / width; i += per_day) days.push_back(sum_at(counts, i));
      double mean = 0;
      for (const double day : days) mean += day / static_cast<double>(days.size());
      if (days.size() < 2 || mean < 0.5) continue;
      for (const double day : days) squares += (day - mean) * (day - mean) / mean;
      freedom += static_cast<double>(days.size()) - 1;
    }
    return squares / freedom;
  };
  double difference = 0;
  double active = 0;
  for (size_t i = 0; i < bins; ++i) {
    const double a = sum_at(x, i);
    const double b = sum_at(y, i);
    if (a + b == 0) continue;
    ++active;
    difference += (a - b) * (a - b) / (a + b);
  }
  difference = std::max(difference / active, 0.1);
  const double ratio = difference / std::sqrt(dispersion(x) * dispersion(y));
  if (difference > 0.8 || ratio >= 1) return 0;
  return 0.5 * active * (-std::log(ratio) - 1 + ratio);
}

Rhythm RhythmOf(const std::vector<int>& counts) {
  const auto starts = Rhythm::ComparableStarts(SketchOf(counts), kEndBin);
  EXPECT_TRUE(starts.has_value());
  return Rhythm(*starts);
}

TEST(RhythmTest, ComparesAsItsDefinitionSaysWhateverTheLengthsOfTheTwo) {
  std::mt19937 random(1);
  const RhythmThreshold threshold(8);
  int linked = 0;
  for (int trial = 0; trial < 300; ++trial) {
    std::vector<int> x = RandomCounts(random, 111, 4);
    std::vector<int> y = x;
    for (int& count : y) count = std::max(0, count + static_cast<int>(random() % 3) - 1);
    y.resize(40 + random() % 72);
    const auto found = Rhythm::Compare(RhythmOf(x), RhythmOf(y), threshold);
    const double expected = std::max(PlainRatio(x, y, 1), PlainRatio(x, y, 2));
    ASSERT_EQ(found.has_value(), expected >= 8) << "trial " << trial << ", ratio " << expected;
    if (!found) continue;
    ++linked;
    ASSERT_NEAR(found->log_likelihood_ratio, expected, 1e-3 * expected) << "trial " << trial;
  }
  EXPECT_GT(linked, 100);
}

TEST(RhythmTest, StrangersOfOneRateHaveNothingInCommon) {
  std::mt19937 random(2);
  const RhythmThreshold threshold(8);
  for (int trial = 0; trial < 200; ++trial) {
    const auto found =
        Rhythm::Compare(RhythmOf(RandomCounts(random, 111, 3)), RhythmOf(RandomCounts(random, 111, 3)), threshold);
    EXPECT_FALSE(found.has_value()) << "trial " << trial;
  }
}

TEST(RhythmTest, TooFewTooManyAndTooShortCannotBeCompared) {
  EXPECT_FALSE(Rhythm::ComparableStarts(LinkSketch(), kEndBin));
  EXPECT_FALSE(Rhythm::ComparableStarts(SketchOf(std::vector<int>(15, 4)), kEndBin)) << "less than two days";
  EXPECT_TRUE(Rhythm::ComparableStarts(SketchOf(std::vector<int>(16, 4)), kEndBin));
  std::vector<int> counts(80, 0);
  for (size_t i = 0; i < counts.size(); i += 8) counts[i] = 3;
  EXPECT_FALSE(Rhythm::ComparableStarts(SketchOf(counts), kEndBin)) << "three a day";
  for (size_t i = 0; i < counts.size(); i += 8) counts[i] = 4;
  EXPECT_TRUE(Rhythm::ComparableStarts(SketchOf(counts), kEndBin));
  counts[5] = 128;
  EXPECT_FALSE(Rhythm::ComparableStarts(SketchOf(counts), kEndBin)) << "two such bins do not fit a byte";
}

TEST(RhythmThresholdTest, TheLargestRatioJustFails) {
  const RhythmThreshold threshold(8);
  for (const uint32_t bins : {10U, 56U, 112U}) {
    const auto reached = [bins](double ratio) { return 0.5 * bins * (-std::log(ratio) - 1 + ratio); };
    EXPECT_LT(reached(threshold.LargestRatio(bins)), 8.0);
    EXPECT_GE(reached(threshold.LargestRatio(bins) * (1 - 1e-9)), 8.0 - 1e-6);
  }
}

}  // namespace
}  // namespace stillwatch::detector
