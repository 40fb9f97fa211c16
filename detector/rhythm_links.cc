#include "detector/rhythm_links.h"

#include <emmintrin.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <optional>
#include <tuple>
#include <utility>

#include "detector/rhythm.h"

namespace stillwatch::detector {
namespace {

using features::LinkSketch;

// Beginnings of a day have, after the square root, half the deviation that their dispersion's root says. Accounts that
// are dealt out with a dispersion of kDifferenceUsual differ by (x − y)² = kDifferenceUsual / 2 a day on average; over
// several days four deviations more are allowed. Nearly all honest pairs differ by more.
constexpr float kDifferenceUsual = 0.5F;
constexpr float kRootDistanceMax = 2.0F;  // On one day, the newest: four deviations.

// Fewer in these days are too few even for an account that began yesterday.
constexpr int kRecentStartsMin = 8;

// An account by its last days, newest first: enough to see of most pairs that they have nothing in common.
struct RecentDays {
  static constexpr int kCount = 8;
  std::array<float, kCount> roots{};  // Square roots of the beginnings of each day; 0 where not known.
  int known = 0;                      // Days that it was there for as a whole.
  uint32_t index = 0;                 // Of the candidate.
};

// The same in 16 bytes, of which thousands fit the fastest cache.
struct CoarseDays {
  static constexpr float kStepsPerRoot = 8;

  explicit CoarseDays(const RecentDays& days) {
    for (size_t day = 0; day < static_cast<size_t>(days.known); ++day) {
      steps[day] = static_cast<uint8_t>(std::min(days.roots[day] * kStepsPerRoot, 255.0F));
      is_known[day] = 0xFF;
    }
  }

  std::array<uint8_t, RecentDays::kCount> steps{};  // Of the roots, cut off at 255.
  std::array<uint8_t, RecentDays::kCount> is_known{};
};

// Nothing if the account began too little lately.
std::optional<RecentDays> RecentDaysOf(const KnownStarts& starts, uint32_t index) {
  RecentDays out;
  out.index = index;
  out.known = std::min(RecentDays::kCount, static_cast<int>(starts.known / LinkSketch::kBinsPerDay));
  int total = 0;
  auto bin = starts.newest_first.begin();
  for (size_t day = 0; day < static_cast<size_t>(out.known); ++day, bin += LinkSketch::kBinsPerDay) {
    const int sum = std::accumulate(bin, bin + LinkSketch::kBinsPerDay, 0);
    total += sum;
    out.roots[day] = std::sqrt(static_cast<float>(sum));
  }
  if (total < kRecentStartsMin) return std::nullopt;
  return out;
}

// Most that two accounts of one queue differ by in so many days, as a sum of squares.
const std::array<float, RecentDays::kCount + 1>& SquaresMax() {
  static const std::array<float, RecentDays::kCount + 1> kMax = [] {
    std::array<float, RecentDays::kCount + 1> max{};
    for (int i = 0; i <= RecentDays::kCount; ++i) {
      const auto count = static_cast<float>(i);
      max[static_cast<size_t>(i)] = kDifferenceUsual / 2 * (count + 4 * std::sqrt(2 * count));
    }
    return max;
  }();
  return kMax;
}

bool MayShareQueue(const RecentDays& a, const RecentDays& b) {
  const int days = std::min(a.known, b.known);
  float squares = 0;
  for (size_t day = 0; day < static_cast<size_t>(days); ++day) {
    squares += (a.roots[day] - b.roots[day]) * (a.roots[day] - b.roots[day]);
  }
  return squares <= SquaresMax()[static_cast<size_t>(days)];
}

// A lower bound of that sum, in squared steps: two values that lie within a step of each other may be the same.
int32_t CoarseSquares(const CoarseDays& a, const CoarseDays& b) {
  const auto load = [](const std::array<uint8_t, RecentDays::kCount>& bytes) {
    return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(bytes.data()));
  };
  const __m128i x = load(a.steps);
  const __m128i y = load(b.steps);
  const __m128i apart = _mm_subs_epu8(_mm_or_si128(_mm_subs_epu8(x, y), _mm_subs_epu8(y, x)), _mm_set1_epi8(1));
  const __m128i known = _mm_and_si128(_mm_and_si128(apart, load(a.is_known)), load(b.is_known));
  const __m128i wide = _mm_unpacklo_epi8(known, _mm_setzero_si128());
  const __m128i squares = _mm_madd_epi16(wide, wide);
  const __m128i halves = _mm_add_epi32(squares, _mm_srli_si128(squares, 8));
  return _mm_cvtsi128_si32(_mm_add_epi32(halves, _mm_srli_si128(halves, 4)));
}

}  // namespace

struct RhythmSearch::Accounts {
  std::span<const CampaignCandidate> candidates;
  std::vector<RecentDays> recent;  // Only those that can be compared, by volume of the newest day.
  std::vector<Rhythm> rhythms;     // In the same order, so that who is compared stands side by side.
  static constexpr uint32_t kNowhere = UINT32_MAX;
  std::vector<uint32_t> positions;  // By candidate; kNowhere for those that cannot be compared.

  // Of two positions. Nothing if they are declared to be together, cannot be compared, or have a lower ratio.
  std::optional<RhythmComparison> Compare(size_t a, size_t b, const RhythmThreshold& threshold) const {
    if (AreDeclaredTogether(candidates[recent[a].index], candidates[recent[b].index])) return std::nullopt;
    return Rhythm::Compare(rhythms[a], rhythms[b], threshold);
  }
  // Position of the first account with at least this volume, after the square root, on the newest day.
  size_t PositionOf(float newest_root) const {
    const auto found = std::lower_bound(recent.begin(), recent.end(), newest_root,
                                        [](const RecentDays& account, float root) { return account.roots[0] < root; });
    return static_cast<size_t>(found - recent.begin());
  }
};

RhythmSearch::RhythmSearch(std::span<const CampaignCandidate> candidates, int64_t time_unix_nano,
                           ParallelFor parallel_for, const std::vector<bool>& is_left_out)
    : parallel_for_(std::move(parallel_for)), accounts_(std::make_unique<Accounts>()) {
  const int64_t end_bin = LinkSketch::BinOf(time_unix_nano);
  accounts_->candidates = candidates;
  std::vector<RecentDays>& recent = accounts_->recent;
  recent = Gather<RecentDays>(parallel_for_, candidates.size(), [&](size_t i, std::vector<RecentDays>& out) {
    if (!is_left_out.empty() && is_left_out[i]) return;
    const auto starts = Rhythm::ComparableStarts(candidates[i].State()->links, end_bin);
    const auto days = starts ? RecentDaysOf(*starts, static_cast<uint32_t>(i)) : std::nullopt;
    if (days) out.push_back(*days);
  });
  std::sort(recent.begin(), recent.end(), [](const RecentDays& x, const RecentDays& y) {
    return std::tie(x.roots[0], x.index) < std::tie(y.roots[0], y.index);
  });
  accounts_->positions.assign(candidates.size(), Accounts::kNowhere);
  for (uint32_t i = 0; i < recent.size(); ++i) accounts_->positions[recent[i].index] = i;
  accounts_->rhythms = Gather<Rhythm>(parallel_for_, recent.size(), [&](size_t i, std::vector<Rhythm>& out) {
    out.emplace_back(*Rhythm::ComparableStarts(candidates[recent[i].index].State()->links, end_bin));
  });
}

RhythmSearch::~RhythmSearch() = default;

std::vector<CampaignLink> RhythmSearch::FindLinks(const std::vector<bool>& is_grouped) const {
  const std::vector<RecentDays>& recent = accounts_->recent;
  const std::vector<CoarseDays> coarse(recent.begin(), recent.end());
  constexpr float kSquaredSteps = CoarseDays::kStepsPerRoot * CoarseDays::kStepsPerRoot;
  const auto steps_max = static_cast<int32_t>(SquaresMax().back() * kSquaredSteps);
  const RhythmThreshold threshold(kLinkMin);
  const auto compare = [&](size_t i, std::vector<CampaignLink>& out) {
    if (is_grouped[recent[i].index]) return;
    // Sorted: who is too far on the newest day ends the run.
    const size_t end = std::min(i + 1 + kNeighbours, accounts_->PositionOf(recent[i].roots[0] + kRootDistanceMax));
    for (size_t j = i + 1; j < end; ++j) {
      if (CoarseSquares(coarse[i], coarse[j]) > steps_max || !MayShareQueue(recent[i], recent[j])) continue;
      if (is_grouped[recent[j].index]) continue;
      const auto found = accounts_->Compare(i, j, threshold);
      if (!found) continue;
      const uint32_t a = recent[i].index;
      const uint32_t b = recent[j].index;
      out.push_back({std::min(a, b), std::max(a, b), static_cast<float>(found->log_likelihood_ratio)});
    }
  };
  std::vector<CampaignLink> out = Gather<CampaignLink>(parallel_for_, recent.size(), compare);
  std::sort(out.begin(), out.end(),
            [](const CampaignLink& x, const CampaignLink& y) { return std::tie(x.a, x.b) < std::tie(y.a, y.b); });
  return out;
}

void RhythmSearch::AddJoiners(std::vector<bool>& is_grouped, LinkGroup& group) const {
  const std::vector<RecentDays>& recent = accounts_->recent;
  std::vector<size_t> members;  // Positions, and so by volume of the newest day.
  for (const GroupMember& member : group) {
    const uint32_t position = accounts_->positions[member.index];
    if (position != Accounts::kNowhere) members.push_back(position);
  }
  const size_t half = (group.size() + 1) / 2;
  if (members.size() < half) return;
  std::sort(members.begin(), members.end());
  // Who may share the queue of half of them is no further from the outermost of any half than two may be.
  const float distance_max = std::sqrt(SquaresMax().back());
  const size_t begin = accounts_->PositionOf(recent[members[half - 1]].roots[0] - distance_max);
  const size_t end = accounts_->PositionOf(recent[members[members.size() - half]].roots[0] + distance_max);
  const RhythmThreshold threshold(kJoinMin);
  const auto core_count = static_cast<double>(group.size());
  for (size_t i = begin; i < end; ++i) {
    const uint32_t account = recent[i].index;
    if (is_grouped[account]) continue;
    size_t links = 0;
    for (size_t left = members.size(); left > 0 && links + left >= half; --left) {
      const size_t member = members[left - 1];
      if (!MayShareQueue(recent[i], recent[member])) continue;
      const auto found = accounts_->Compare(i, member, threshold);
      links += found && found->difference <= kJoinDifferenceMax;
    }
    if (links < half) continue;
    group.push_back({account, static_cast<float>(std::min(1.0, static_cast<double>(links) / core_count))});
    is_grouped[account] = true;
  }
  std::sort(group.begin(), group.end(), [](const GroupMember& x, const GroupMember& y) { return x.index < y.index; });
}

GroupRhythm MeasureGroup(std::span<const CampaignCandidate> candidates, std::span<const uint32_t> group,
                         int64_t time_unix_nano) {
  const int64_t end_bin = LinkSketch::BinOf(time_unix_nano);
  std::vector<StateView> states;
  for (const uint32_t member : group) states.push_back(candidates[member].State());
  double sum_among = 0;
  double freedom_among = 0;
  double sum_days = 0;
  double freedom_days = 0;
  for (int64_t phase = 1; phase <= LinkSketch::kBinsPerDay; ++phase) {
    std::vector<std::pair<double, double>> days;  // Members that were there, and their mean.
    double weight = 0;
    double starts_of_phase = 0;
    for (int64_t bin = end_bin - phase; bin >= end_bin - LinkSketch::kBinCount; bin -= LinkSketch::kBinsPerDay) {
      double count = 0;
      double starts = 0;
      double squares = 0;
      for (const StateView& state : states) {
        const LinkSketch& links = state->links;
        if (bin <= links.first_bin() || bin > links.newest_bin()) continue;
        const double value = links.starts(bin);
        ++count;
        starts += value;
        squares += value * value;
      }
      if (count < 2) continue;
      days.emplace_back(count, starts / count);
      weight += count;
      starts_of_phase += starts;
      // With less than a beginning for two members there is nothing to be equal.
      if (2 * starts < count) continue;
      sum_among += squares * count / starts - starts;
      freedom_among += count - 1;
    }
    if (days.size() < 2 || starts_of_phase == 0) continue;
    const double mean = starts_of_phase / weight;
    for (const auto& [count, of_day] : days) sum_days += count * (of_day - mean) * (of_day - mean) / mean;
    freedom_days += static_cast<double>(days.size()) - 1;
  }
  GroupRhythm out;
  if (freedom_among > 0) out.among_members = sum_among / freedom_among;
  if (freedom_days > 0) out.from_day_to_day = sum_days / freedom_days;
  return out;
}

}  // namespace stillwatch::detector
