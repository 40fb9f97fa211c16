#include "detector/rhythm.h"

#include <emmintrin.h>

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <numeric>

namespace stillwatch::detector {
namespace {

using features::LinkSketch;

// Below this nearly all bins hold 0 or 1, and equal counts say nothing.
constexpr int64_t kStartsPerDayMin = 4;
// A count of 255 stands for all above, and two bins together still fit a byte.
constexpr uint8_t kStartsPerBinMax = 127;
// Bins with a beginning in one of the two that make a comparison: fewer leave the F-test without power.
constexpr int kBinsMin = 10;
// Above this two accounts differ as much as two shares of one Poisson process do (1), and nothing was dealt out.
constexpr double kDifferenceMax = 0.8;
// Differences below this are taken for this: a handful of equal counts is no proof of perfection.
constexpr double kDifferenceMin = 0.1;

// Runs of bins that are added up at a time.
constexpr uint32_t kRun = 16;
using Run = Eigen::Map<const Eigen::Array<float, kRun, 1>, Eigen::Aligned16>;

// Σ |x − y| over the first `count` bytes, of which whole runs may be read.
uint32_t AbsoluteDifference(const uint8_t* x, const uint8_t* y, uint32_t count) {
  alignas(16) static constexpr std::array<uint8_t, 2 * kRun> kMask = [] {
    std::array<uint8_t, 2 * kRun> mask{};
    std::fill_n(mask.begin(), kRun, uint8_t{0xFF});
    return mask;
  }();
  __m128i sums = _mm_setzero_si128();
  for (uint32_t i = 0; i < count; i += kRun) {
    const uint32_t left = std::min(kRun, count - i);
    const __m128i mask = _mm_loadu_si128(reinterpret_cast<const __m128i*>(kMask.data() + kRun - left));
    const __m128i a = _mm_and_si128(mask, _mm_load_si128(reinterpret_cast<const __m128i*>(x + i)));
    const __m128i b = _mm_and_si128(mask, _mm_load_si128(reinterpret_cast<const __m128i*>(y + i)));
    sums = _mm_add_epi64(sums, _mm_sad_epu8(a, b));
  }
  return static_cast<uint32_t>(_mm_cvtsi128_si32(sums) + _mm_cvtsi128_si32(_mm_srli_si128(sums, 8)));
}

// Σ (x − y)² / (x + y) over bins [begin, end), at most a run.
float DifferenceOf(const float* x, const float* y, uint32_t begin, uint32_t end) {
  if (end - begin == kRun) {
    const Run a(x + begin);
    const Run b(y + begin);
    return ((a - b).square() / (a + b).max(1.0F)).sum();
  }
  float sum = 0;
  for (uint32_t i = begin; i < end; ++i) {
    sum += (x[i] - y[i]) * (x[i] - y[i]) / std::max(x[i] + y[i], 1.0F);
  }
  return sum;
}

// Bins in which one of the two began.
uint32_t CountActive(const float* x, const float* y, uint32_t count) {
  uint32_t active = 0;
  for (uint32_t i = 0; i < count; ++i) active += x[i] + y[i] > 0;
  return active;
}

// Of `count` bins with a ratio R / F.
double LogLikelihoodRatio(double count, double ratio) { return 0.5 * count * (-std::log(ratio) - 1 + ratio); }

}  // namespace

RhythmThreshold::RhythmThreshold(double log_likelihood_ratio_min)
    : log_likelihood_ratio_min_(log_likelihood_ratio_min) {
  for (size_t bins = 1; bins < largest_ratios_.size(); ++bins) {
    double reaches = 0;  // Falling in the ratio: it reaches the minimum at the left end, not at the right one.
    double fails = 1;
    for (int step = 0; step < 40; ++step) {
      const double middle = (reaches + fails) / 2;
      const bool is_enough = LogLikelihoodRatio(static_cast<double>(bins), middle) >= log_likelihood_ratio_min;
      (is_enough ? reaches : fails) = middle;
    }
    largest_ratios_[bins] = fails;
  }
}

template <size_t kBins>
void Rhythm::MeasureDispersion(size_t bins_per_day, Scale<kBins>& scale) {
  double sum_of_squares = 0;
  size_t freedom = 0;
  for (size_t phase = 0; phase < bins_per_day; ++phase) {
    double sum = 0;
    double square = 0;
    size_t days = 0;
    for (size_t i = phase; i < scale.known; i += bins_per_day, ++days) {
      const auto value = static_cast<double>(scale.starts[i]);
      sum += value;
      square += value * value;
    }
    if (days < kDaysMin || 2 * sum < static_cast<double>(days)) continue;
    const double mean = sum / static_cast<double>(days);
    sum_of_squares += (square - sum * mean) / mean;
    freedom += days - 1;
  }
  scale.dispersion = freedom < bins_per_day ? 0 : sum_of_squares / static_cast<double>(freedom);
}

std::optional<KnownStarts> Rhythm::ComparableStarts(const LinkSketch& links, int64_t end_bin) {
  if (links.first_bin() == 0) return std::nullopt;
  // The first bin saw only a part of the account.
  const int64_t known = std::min(LinkSketch::kBinCount, end_bin - links.first_bin() - 1);
  if (known < kDaysMin * LinkSketch::kBinsPerDay) return std::nullopt;
  KnownStarts out{links.StartsBefore(end_bin), static_cast<uint32_t>(known)};
  const auto end = out.newest_first.begin() + known;
  const int64_t sum = std::accumulate(out.newest_first.begin(), end, int64_t{0});
  if (sum * LinkSketch::kBinsPerDay < kStartsPerDayMin * known) return std::nullopt;
  if (*std::max_element(out.newest_first.begin(), end) > kStartsPerBinMax) return std::nullopt;
  return out;
}

Rhythm::Rhythm(const KnownStarts& starts) {
  fine_.known = starts.known;
  for (size_t i = 0; i < fine_.known; ++i) fine_.starts[i] = static_cast<float>(starts.newest_first[i]);
  coarse_.known = fine_.known / 2;
  for (size_t i = 0; i < coarse_.known; ++i) {
    const auto pair = static_cast<uint8_t>(starts.newest_first[2 * i] + starts.newest_first[2 * i + 1]);
    coarse_bytes_[i] = pair;
    coarse_.starts[i] = static_cast<float>(pair);
    coarse_sums_[i + 1] = coarse_sums_[i] + pair;
  }
  MeasureDispersion(LinkSketch::kBinsPerDay, fine_);
  MeasureDispersion(LinkSketch::kBinsPerDay / 2, coarse_);
}

// Whether the coarse difference exceeds the number of bins. By Cauchy and Schwarz it is at least (Σ |x − y|)² / Σ (x +
// y), which costs a tenth and is enough for most pairs.
bool Rhythm::DiffersBeyond(const Rhythm& a, const Rhythm& b) {
  const uint32_t bins = std::min(a.coarse_.known, b.coarse_.known);
  const uint64_t absolute = AbsoluteDifference(a.coarse_bytes_.data(), b.coarse_bytes_.data(), bins);
  if (absolute * absolute > uint64_t{bins} * (a.coarse_sums_[bins] + b.coarse_sums_[bins])) return true;
  const auto limit = static_cast<float>(bins * kDifferenceMax);
  float sum = 0;
  for (uint32_t i = 0; i < bins && sum <= limit; i += kRun) {
    sum += DifferenceOf(a.coarse_.starts.data(), b.coarse_.starts.data(), i, std::min(bins, i + kRun));
  }
  return sum > limit;
}

template <size_t kBins>
std::optional<RhythmComparison> Rhythm::CompareScale(const Scale<kBins>& a, const Scale<kBins>& b,
                                                     const RhythmThreshold& threshold) {
  const double dispersion = std::sqrt(a.dispersion * b.dispersion);
  if (dispersion <= kDifferenceMin) return std::nullopt;
  const uint32_t bins = std::min(a.known, b.known);
  // With fewer active bins the same sum is worth less, so this is the most that it may be.
  const double difference_max = std::min(kDifferenceMax, dispersion * threshold.LargestRatio(bins));
  const auto limit = static_cast<float>(bins * difference_max);
  float sum = 0;
  for (uint32_t i = 0; i < bins && sum <= limit; i += kRun) {
    sum += DifferenceOf(a.starts.data(), b.starts.data(), i, std::min(bins, i + kRun));
  }
  if (sum > limit) return std::nullopt;
  const uint32_t active = CountActive(a.starts.data(), b.starts.data(), bins);
  if (active < kBinsMin) return std::nullopt;
  const auto count = static_cast<double>(active);
  RhythmComparison out;
  out.difference = std::max(static_cast<double>(sum) / count, kDifferenceMin);
  out.dispersion = dispersion;
  if (out.difference > kDifferenceMax || out.difference >= dispersion) return std::nullopt;
  out.log_likelihood_ratio = LogLikelihoodRatio(count, out.difference / dispersion);
  if (out.log_likelihood_ratio < threshold.log_likelihood_ratio_min()) return std::nullopt;
  return out;
}

std::optional<RhythmComparison> Rhythm::Compare(const Rhythm& a, const Rhythm& b, const RhythmThreshold& threshold) {
  // Most pairs differ by more than one a bin, empty ones counted too, and need no closer look.
  if (DiffersBeyond(a, b)) return std::nullopt;
  const auto fine = CompareScale(a.fine_, b.fine_, threshold);
  const auto coarse = CompareScale(a.coarse_, b.coarse_, threshold);
  if (!fine || !coarse) return fine ? fine : coarse;
  return coarse->log_likelihood_ratio > fine->log_likelihood_ratio ? coarse : fine;
}

}  // namespace stillwatch::detector
