#include "detector/rhythm_links.h"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace stillwatch::detector {
namespace {

using features::LinkSketch;

// Below this nearly all bins hold 0 or 1, and equal counts say nothing.
constexpr double kStartsPerDayMin = 4;
// A count of 255 stands for all above; far below it counts are still exact.
constexpr uint8_t kStartsPerBinMax = 200;
// Bins with a beginning in one of the two that make a comparison: fewer leave the F-test without power.
constexpr int kBinsMin = 10;
// Days that show what is usual at a time of day.
constexpr int64_t kDaysMin = 2;
// Above this two accounts differ as much as two shares of one Poisson process do (1), and nothing was dealt out.
constexpr double kDifferenceMax = 0.8;
// Differences below this are taken for this: a handful of equal counts is no proof of perfection.
constexpr double kDifferenceMin = 0.1;
// Beginnings of three days, after the square root that makes their spread 1/2, may differ by this: four deviations of the
// difference of two Poisson counts.
constexpr double kRootDistanceMax = 2.9;

constexpr int64_t kCoarseWidth = 2;

}  // namespace

Rhythm::Scale Rhythm::MakeScale(const LinkSketch& links, int64_t end_bin, int64_t width) {
  const int64_t bins_per_day = LinkSketch::kBinsPerDay / width;
  const int64_t count = LinkSketch::kBinCount / width;
  const int64_t end = end_bin / width;
  Scale scale;
  scale.starts.resize(static_cast<size_t>(count));
  scale.first = std::clamp<int64_t>(links.first_bin() / width + 1 - (end - count), 0, count);
  for (int64_t i = scale.first; i < count; ++i) {
    int sum = 0;
    for (int64_t j = 0; j < width; ++j) sum += links.starts((end - count + i) * width + j);
    scale.starts[static_cast<size_t>(i)] = static_cast<float>(sum);
  }
  double sum_of_squares = 0;
  int freedom = 0;
  for (int64_t phase = 0; phase < bins_per_day; ++phase) {
    double sum = 0;
    double square = 0;
    int days = 0;
    for (int64_t i = scale.first + phase; i < count; i += bins_per_day, ++days) {
      const auto value = static_cast<double>(scale.starts[static_cast<size_t>(i)]);
      sum += value;
      square += value * value;
    }
    if (days < kDaysMin || 2 * sum < days) continue;
    const double mean = sum / days;
    sum_of_squares += (square - sum * mean) / mean;
    freedom += days - 1;
  }
  scale.dispersion = freedom < bins_per_day ? 0 : sum_of_squares / freedom;
  return scale;
}

std::optional<Rhythm> Rhythm::Of(const LinkSketch& links, int64_t end_bin) {
  if (links.first_bin() == 0) return std::nullopt;
  const int64_t begin = std::max(end_bin - LinkSketch::kBinCount, links.first_bin() + 1);
  if (end_bin - begin < kDaysMin * LinkSketch::kBinsPerDay) return std::nullopt;
  int64_t sum = 0;
  Rhythm out;
  for (int64_t bin = begin; bin < end_bin; ++bin) {
    const uint8_t starts = links.starts(bin);
    if (starts > kStartsPerBinMax) return std::nullopt;
    sum += starts;
    if (bin >= end_bin - 3 * LinkSketch::kBinsPerDay) out.starts_lately_ += starts;
  }
  const double days = static_cast<double>(end_bin - begin) / LinkSketch::kBinsPerDay;
  if (static_cast<double>(sum) < kStartsPerDayMin * days) return std::nullopt;
  out.fine_ = MakeScale(links, end_bin, 1);
  out.coarse_ = MakeScale(links, end_bin, kCoarseWidth);
  return out;
}

std::optional<RhythmComparison> Rhythm::CompareScale(const Scale& a, const Scale& b, int64_t bins_per_day) {
  const double dispersion = std::sqrt(a.dispersion * b.dispersion);
  if (dispersion <= kDifferenceMin) return std::nullopt;
  int bins = 0;
  float sum = 0;
  for (size_t i = static_cast<size_t>(std::max(a.first, b.first)); i < a.starts.size(); ++i) {
    const float both = a.starts[i] + b.starts[i];
    if (both <= 0) continue;
    const float difference = a.starts[i] - b.starts[i];
    ++bins;
    sum += difference * difference / both;
    // Most pairs are far apart, and that shows within the first days.
    if (bins == 2 * bins_per_day && sum > 3 * static_cast<float>(bins)) return std::nullopt;
  }
  if (bins < kBinsMin) return std::nullopt;
  RhythmComparison out;
  out.difference = std::max(static_cast<double>(sum) / bins, kDifferenceMin);
  out.dispersion = dispersion;
  if (out.difference > kDifferenceMax || out.difference >= dispersion) return out;
  const double ratio = out.difference / dispersion;
  out.log_likelihood_ratio = 0.5 * bins * (-std::log(ratio) - 1 + ratio);
  return out;
}

std::optional<RhythmComparison> Rhythm::Compare(const Rhythm& a, const Rhythm& b) {
  const auto fine = CompareScale(a.fine_, b.fine_, LinkSketch::kBinsPerDay);
  const auto coarse = CompareScale(a.coarse_, b.coarse_, LinkSketch::kBinsPerDay / kCoarseWidth);
  if (!fine) return coarse;
  if (!coarse) return fine;
  return coarse->log_likelihood_ratio > fine->log_likelihood_ratio ? coarse : fine;
}

std::vector<CampaignLink> FindRhythmLinks(std::span<const CampaignCandidate> candidates, int64_t time_unix_nano) {
  struct Entry {
    double root;
    uint32_t index;
    Rhythm rhythm;
  };
  const int64_t end_bin = LinkSketch::BinOf(time_unix_nano);
  std::vector<Entry> entries;
  for (uint32_t i = 0; i < candidates.size(); ++i) {
    std::optional<Rhythm> rhythm = Rhythm::Of(*candidates[i].links, end_bin);
    if (rhythm) entries.push_back({std::sqrt(rhythm->starts_lately()), i, *std::move(rhythm)});
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& x, const Entry& y) { return std::tie(x.root, x.index) < std::tie(y.root, y.index); });
  std::vector<CampaignLink> out;
  for (size_t i = 0; i < entries.size(); ++i) {
    for (size_t j = i + 1; j < std::min(entries.size(), i + 1 + kRhythmNeighbours); ++j) {
      if (entries[j].root - entries[i].root > kRootDistanceMax) break;
      const auto [a, b] = std::minmax(entries[i].index, entries[j].index);
      if (AreDeclaredTogether(candidates[a], candidates[b])) continue;
      const auto found = Rhythm::Compare(entries[i].rhythm, entries[j].rhythm);
      if (!found || found->log_likelihood_ratio < kRhythmLinkMin) continue;
      out.push_back({a, b, static_cast<float>(found->log_likelihood_ratio)});
    }
  }
  std::sort(out.begin(), out.end(),
            [](const CampaignLink& x, const CampaignLink& y) { return std::tie(x.a, x.b) < std::tie(y.a, y.b); });
  return out;
}

double GroupDispersion(std::span<const CampaignCandidate> candidates, std::span<const uint32_t> group,
                       int64_t time_unix_nano) {
  const int64_t end_bin = LinkSketch::BinOf(time_unix_nano);
  double sum = 0;
  double freedom = 0;
  for (int64_t bin = end_bin - LinkSketch::kBinCount; bin < end_bin; ++bin) {
    double count = 0;
    double starts = 0;
    double squares = 0;
    for (const uint32_t member : group) {
      const LinkSketch& links = *candidates[member].links;
      if (bin <= links.first_bin() || bin > links.newest_bin()) continue;
      const double value = links.starts(bin);
      ++count;
      starts += value;
      squares += value * value;
    }
    // With less than a beginning for two members there is nothing to be equal.
    if (count < 2 || 2 * starts < count) continue;
    const double mean = starts / count;
    sum += (squares - starts * mean) / mean;
    freedom += count - 1;
  }
  return freedom > 0 ? sum / freedom : 1;
}

}  // namespace stillwatch::detector
