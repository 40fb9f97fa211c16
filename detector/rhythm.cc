#include "detector/rhythm.h"

#include <emmintrin.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

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

// Bins that are looked at together.
constexpr uint32_t kRun = 16;

// Calls visit(x, y) with the counts of each run of the first `count` bins; those behind are 0.
template <typename Visit>
void VisitRuns(const uint8_t* x, const uint8_t* y, uint32_t count, const Visit& visit) {
  alignas(16) static constexpr std::array<uint8_t, 2 * kRun> kMask = [] {
    std::array<uint8_t, 2 * kRun> mask{};
    std::fill_n(mask.begin(), kRun, uint8_t{0xFF});
    return mask;
  }();
  for (uint32_t i = 0; i < count; i += kRun) {
    const uint32_t left = std::min(kRun, count - i);
    const __m128i mask = _mm_loadu_si128(reinterpret_cast<const __m128i*>(kMask.data() + kRun - left));
    const __m128i a = _mm_and_si128(mask, _mm_load_si128(reinterpret_cast<const __m128i*>(x + i)));
    const __m128i b = _mm_and_si128(mask, _mm_load_si128(reinterpret_cast<const __m128i*>(y + i)));
    if (!visit(a, b)) return;
  }
}

// Σ |x − y| over the first `count` bins.
uint32_t AbsoluteDifference(const uint8_t* x, const uint8_t* y, uint32_t count) {
  __m128i sums = _mm_setzero_si128();
  VisitRuns(x, y, count, [&sums](__m128i a, __m128i b) {
    sums = _mm_add_epi64(sums, _mm_sad_epu8(a, b));
    return true;
  });
  return static_cast<uint32_t>(_mm_cvtsi128_si32(sums) + _mm_cvtsi128_si32(_mm_srli_si128(sums, 8)));
}

// (x − y)² / (x + y) of four bins, from 16-bit squares and sums.
__m128 Quotients(__m128i squares, __m128i sums) {
  return _mm_div_ps(_mm_cvtepi32_ps(squares), _mm_max_ps(_mm_cvtepi32_ps(sums), _mm_set1_ps(1.0F)));
}

// The same of a run, as four partial sums.
__m128 RunDifference(__m128i x, __m128i y) {
  const __m128i zero = _mm_setzero_si128();
  const __m128i apart = _mm_or_si128(_mm_subs_epu8(x, y), _mm_subs_epu8(y, x));
  __m128 out = _mm_setzero_ps();
  for (const auto& [wide_apart, wide_sum] :
       {std::pair(_mm_unpacklo_epi8(apart, zero),
                  _mm_add_epi16(_mm_unpacklo_epi8(x, zero), _mm_unpacklo_epi8(y, zero))),
        std::pair(_mm_unpackhi_epi8(apart, zero),
                  _mm_add_epi16(_mm_unpackhi_epi8(x, zero), _mm_unpackhi_epi8(y, zero)))}) {
    const __m128i squares = _mm_mullo_epi16(wide_apart, wide_apart);  // At most 254², which fits.
    out = _mm_add_ps(out, Quotients(_mm_unpacklo_epi16(squares, zero), _mm_unpacklo_epi16(wide_sum, zero)));
    out = _mm_add_ps(out, Quotients(_mm_unpackhi_epi16(squares, zero), _mm_unpackhi_epi16(wide_sum, zero)));
  }
  return out;
}

// Adds up in a fixed order, so that every processor gives the same.
float SumOf(__m128 parts) {
  const __m128 halves = _mm_add_ps(parts, _mm_movehl_ps(parts, parts));
  return _mm_cvtss_f32(_mm_add_ss(halves, _mm_shuffle_ps(halves, halves, 1)));
}

// Σ (x − y)² / (x + y) over the first `count` bins, or a part of it that exceeds `limit` already: looked at newest
// first, it often does so early.
float DifferenceUpTo(float limit, const uint8_t* x, const uint8_t* y, uint32_t count) {
  float sum = 0;
  VisitRuns(x, y, count, [&](__m128i a, __m128i b) {
    sum += SumOf(RunDifference(a, b));
    return sum <= limit;
  });
  return sum;
}

// Bins in which one of the two began.
uint32_t CountActive(const uint8_t* x, const uint8_t* y, uint32_t count) {
  uint32_t active = 0;
  VisitRuns(x, y, count, [&active](__m128i a, __m128i b) {
    const __m128i idle = _mm_cmpeq_epi8(_mm_or_si128(a, b), _mm_setzero_si128());
    active += kRun - static_cast<uint32_t>(__builtin_popcount(static_cast<uint32_t>(_mm_movemask_epi8(idle))));
    return true;
  });
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
  scale.dispersion = freedom < bins_per_day ? 0 : static_cast<float>(sum_of_squares / static_cast<double>(freedom));
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
  std::copy_n(starts.newest_first.begin(), fine_.known, fine_.starts.begin());
  coarse_.known = fine_.known / 2;
  for (size_t i = 0; i < coarse_.known; ++i) {
    coarse_.starts[i] = static_cast<uint8_t>(starts.newest_first[2 * i] + starts.newest_first[2 * i + 1]);
    coarse_sums_[i + 1] = static_cast<uint16_t>(coarse_sums_[i] + coarse_.starts[i]);
  }
  MeasureDispersion(LinkSketch::kBinsPerDay, fine_);
  MeasureDispersion(LinkSketch::kBinsPerDay / 2, coarse_);
}

// Whether the coarse difference exceeds the most that any link may have. By Cauchy and Schwarz it is at least (Σ |x −
// y|)² / Σ (x + y), which costs a tenth and is enough for most pairs.
bool Rhythm::DiffersBeyond(const Rhythm& a, const Rhythm& b) {
  const uint32_t bins = std::min(a.coarse_.known, b.coarse_.known);
  const double limit = bins * kDifferenceMax;
  const uint64_t absolute = AbsoluteDifference(a.coarse_.starts.data(), b.coarse_.starts.data(), bins);
  const uint32_t sum = uint32_t{a.coarse_sums_[bins]} + b.coarse_sums_[bins];
  if (static_cast<double>(absolute * absolute) > limit * sum) return true;
  const auto limit_as_float = static_cast<float>(limit);
  return DifferenceUpTo(limit_as_float, a.coarse_.starts.data(), b.coarse_.starts.data(), bins) > limit_as_float;
}

template <size_t kBins>
std::optional<RhythmComparison> Rhythm::CompareScale(const Scale<kBins>& a, const Scale<kBins>& b,
                                                     const RhythmThreshold& threshold) {
  const double dispersion = std::sqrt(static_cast<double>(a.dispersion) * static_cast<double>(b.dispersion));
  if (dispersion <= kDifferenceMin) return std::nullopt;
  const uint32_t bins = std::min(a.known, b.known);
  // With fewer active bins the same sum is worth less, so this is the most that it may be.
  const double difference_max = std::min(kDifferenceMax, dispersion * threshold.LargestRatio(bins));
  const auto limit = static_cast<float>(bins * difference_max);
  const float sum = DifferenceUpTo(limit, a.starts.data(), b.starts.data(), bins);
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
  // Most pairs differ by more in a bin, empty ones counted too, and need no closer look.
  if (DiffersBeyond(a, b)) return std::nullopt;
  const auto fine = CompareScale(a.fine_, b.fine_, threshold);
  const auto coarse = CompareScale(a.coarse_, b.coarse_, threshold);
  if (!fine || !coarse) return fine ? fine : coarse;
  return coarse->log_likelihood_ratio > fine->log_likelihood_ratio ? coarse : fine;
}

}  // namespace stillwatch::detector
