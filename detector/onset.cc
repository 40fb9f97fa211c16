#include "detector/onset.h"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <map>
#include <numbers>
#include <tuple>
#include <utility>

#include "detector/fusion.h"
#include "detector/shared_objects.h"

namespace stillwatch::detector {
namespace {

// Log-odds of its own that an account must have to be counted, and how many such accounts make a group. One honest
// account in nine has 2.5, a likelihood ratio of twelve, so it takes four; the more each has, the less chance puts
// three of them together.
struct Level {
  double own_evidence_min;
  size_t count_min;
};
constexpr std::array<Level, 3> kLevels = {{{2.5, 4}, {4, 4}, {5.5, 3}}};
// Log-odds of the last assessment below which nobody has that much by now.
constexpr double kScoreMin = 1.5;
// Spans that are looked at, in bins of three hours.
constexpr std::array<int64_t, 3> kSpans = {1, 2, 3};
// What chance gives at least: the log is finite.
constexpr double kExpectedMin = 0.05;
// Where few spans were looked at; and what it takes beyond the log of the number of spans that so many days bring, so
// that chance shows a group once in five such times at most, however often is searched.
constexpr double kSurpriseMin = 8;
constexpr double kSurpriseBeyondTrials = 1.6;
constexpr double kTrialDays = 30;
// Two days before a span and after it say how many begin there usually.
constexpr int64_t kBinsAround = 2 * features::LinkSketch::kBinsPerDay;

// An account that began while the log was kept.
struct Newcomer {
  uint64_t parameters = 0;  // Of most of its requests; 0 if it has none.
  int64_t bin = 0;          // In which it began.
  uint32_t index = 0;       // Of the candidate.
  double own_evidence = 0;  // Log-odds, once it was looked at.
};

bool operator<(const Newcomer& x, const Newcomer& y) {
  return std::tie(x.parameters, x.bin, x.index) < std::tie(y.parameters, y.bin, y.index);
}

std::vector<Newcomer> NewcomersOf(std::span<const CampaignCandidate> candidates, const std::vector<bool>& is_grouped) {
  const int64_t first_known = FirstKnownOnset(candidates);
  std::vector<Newcomer> out;
  for (uint32_t i = 0; i < candidates.size(); ++i) {
    const int64_t bin = candidates[i].first_bin;
    if (bin < first_known || is_grouped[i]) continue;
    Newcomer newcomer{0, bin, i, 0};
    VisitObjects(candidates[i], ObjectKind::kParameters, [&](uint64_t hash) { newcomer.parameters = hash; });
    out.push_back(newcomer);
  }
  std::sort(out.begin(), out.end());
  return out;
}

// Who of these has evidence of its own for the first level and declares no organisation that another of them declares.
std::vector<Newcomer> Suspicious(std::span<const CampaignCandidate> candidates, const Baseline& baseline,
                                 std::span<const Newcomer> newcomers) {
  absl::flat_hash_map<uint64_t, size_t> organizations;
  for (const Newcomer& newcomer : newcomers) ++organizations[candidates[newcomer.index].organization];
  std::vector<Newcomer> out;
  for (Newcomer newcomer : newcomers) {
    const CampaignCandidate& candidate = candidates[newcomer.index];
    if (candidate.organization != 0 && organizations[candidate.organization] > 1) continue;
    const StateView state = candidate.State();
    // Its score is as of the last tick or so, and the group's evidence is part of it: who is far below need not be
    // assessed again.
    if (state->score.assessed_event_count > 0 && state->score.log_odds - kBaseLogOdds < kScoreMin) continue;
    newcomer.own_evidence = Assess(state->portrait, baseline, Label::kUnlabelled).log_odds - kBaseLogOdds;
    if (newcomer.own_evidence >= kLevels.front().own_evidence_min) out.push_back(newcomer);
  }
  return out;
}

// How all accounts begin, on the first day of the log and after it.
class Arrivals {
 public:
  Arrivals(std::span<const Newcomer> newcomers, int64_t first_day_end) : first_day_end_(first_day_end) {
    for (const Newcomer& newcomer : newcomers) ++counts_[newcomer.bin];
    if (counts_.empty()) return;
    first_bin_ = counts_.begin()->first;
    end_bin_ = counts_.rbegin()->first + 1;
  }
  // Of accounts that began in these bins, in their order, the number that would have begun in [begin, end) if they did
  // as all do, or as often as in the days around, whichever is more: on the first days of a log most of those who seem
  // to begin were there before.
  double Expected(std::span<const int64_t> bins, int64_t begin, int64_t end) const {
    const auto count_in = [bins](int64_t from, int64_t to) {
      const auto first = std::lower_bound(bins.begin(), bins.end(), from);
      return static_cast<double>(std::lower_bound(first, bins.end(), to) - first);
    };
    const double as_all_do = count_in(first_bin_, first_day_end_) * Share(begin, end, first_bin_, first_day_end_) +
                             count_in(first_day_end_, end_bin_) * Share(begin, end, first_day_end_, end_bin_);
    const int64_t around_begin = std::max(first_bin_, begin - kBinsAround);
    const int64_t around_end = std::min(end_bin_, end + kBinsAround);
    const double around = count_in(around_begin, begin) + count_in(end, around_end);
    const auto bins_around = static_cast<double>(std::max<int64_t>(around_end - around_begin - (end - begin), 1));
    return std::max(as_all_do, around * static_cast<double>(end - begin) / bins_around);
  }
  // Days from the first to the last, one at least.
  double DayCount() const {
    return std::max(1.0, static_cast<double>(end_bin_ - first_bin_) / features::LinkSketch::kBinsPerDay);
  }

 private:
  double CountIn(int64_t begin, int64_t end) const {
    double sum = 0;
    for (auto bin = counts_.lower_bound(begin); bin != counts_.end() && bin->first < end; ++bin) sum += bin->second;
    return sum;
  }
  // The part of those in [from, to) that began in [begin, end).
  double Share(int64_t begin, int64_t end, int64_t from, int64_t to) const {
    return CountIn(std::max(begin, from), std::min(end, to)) / std::max(CountIn(from, to), 1.0);
  }

  const int64_t first_day_end_;
  int64_t first_bin_ = 0;
  int64_t end_bin_ = 0;
  std::map<int64_t, double> counts_;
};

// Newcomers of one setting, with evidence for a level, that began in [begin_bin, end_bin).
struct Span {
  int64_t begin_bin = 0;
  int64_t end_bin = 0;
  double own_evidence_min = 0;
  double count = 0;
  double expected = 0;
  double log_likelihood_ratio = 0;
  double surprise = 0;  // −ln of the probability that chance puts as many there.

  bool Holds(const Newcomer& newcomer) const {
    return newcomer.bin >= begin_bin && newcomer.bin < end_bin && newcomer.own_evidence >= own_evidence_min;
  }
};

// The least likely span of a level, or `best`; adds the spans that were looked at to `trials`.
Span BestSpan(std::span<const Newcomer> newcomers, const Level& level, const Arrivals& arrivals, Span best,
              size_t& trials) {
  std::vector<int64_t> bins;
  for (const Newcomer& newcomer : newcomers) {
    if (newcomer.own_evidence >= level.own_evidence_min) bins.push_back(newcomer.bin);
  }
  for (size_t begin = 0; begin < bins.size(); ++begin) {
    const int64_t bin = bins[begin];
    if (begin > 0 && bins[begin - 1] == bin) continue;
    for (const int64_t length : kSpans) {
      ++trials;
      const auto end = std::lower_bound(bins.begin(), bins.end(), bin + length);
      const auto count = static_cast<size_t>(end - bins.begin()) - begin;
      Span span{bin, bin + length, level.own_evidence_min, static_cast<double>(count)};
      span.expected = std::max(arrivals.Expected(bins, bin, bin + length), kExpectedMin);
      if (count < level.count_min || span.count <= span.expected) continue;
      span.log_likelihood_ratio = span.count * std::log(span.count / span.expected) - (span.count - span.expected);
      // The Poisson distribution's tail, after Stirling.
      span.surprise = span.log_likelihood_ratio + std::log(2 * std::numbers::pi * span.count) / 2;
      if (span.surprise > best.surprise) best = span;
    }
  }
  return best;
}

// The groups among newcomers with the same parameters.
std::vector<OnsetGroup> FindAmong(std::vector<Newcomer> newcomers, const Arrivals& arrivals, size_t& trials) {
  std::vector<OnsetGroup> out;
  while (true) {
    Span span;
    for (const Level& level : kLevels) span = BestSpan(newcomers, level, arrivals, span, trials);
    if (span.surprise < kSurpriseMin) break;
    OnsetGroup group;
    group.expected = span.expected;
    group.log_likelihood_ratio = span.log_likelihood_ratio;
    group.surprise = span.surprise;
    const auto share = static_cast<float>(1 - span.expected / span.count);
    for (const Newcomer& newcomer : newcomers) {
      if (span.Holds(newcomer)) group.members.push_back({newcomer.index, share});
    }
    std::sort(group.members.begin(), group.members.end(),
              [](const GroupMember& x, const GroupMember& y) { return x.index < y.index; });
    std::erase_if(newcomers, [&](const Newcomer& newcomer) { return span.Holds(newcomer); });
    out.push_back(std::move(group));
  }
  return out;
}

}  // namespace

std::vector<OnsetGroup> FindJointOnsets(std::span<const CampaignCandidate> candidates, const Baseline& baseline,
                                        const ParallelFor& parallel_for, const std::vector<bool>& is_grouped) {
  const std::vector<Newcomer> newcomers = NewcomersOf(candidates, is_grouped);
  const Arrivals arrivals(newcomers, EndOfFirstDay(FirstKnownOnset(candidates)));
  std::vector<std::span<const Newcomer>> settings;
  for (size_t begin = 0, end = 0; begin < newcomers.size(); begin = end) {
    while (end < newcomers.size() && newcomers[end].parameters == newcomers[begin].parameters) ++end;
    if (newcomers[begin].parameters == 0 || end - begin < kOnsetMin) continue;
    settings.push_back(std::span(newcomers).subspan(begin, end - begin));
  }
  struct Found {
    std::vector<OnsetGroup> groups;
    size_t trials = 0;
  };
  auto found = Gather<Found>(parallel_for, settings.size(), [&](size_t i, std::vector<Found>& out) {
    Found& among = out.emplace_back();
    among.groups = FindAmong(Suspicious(candidates, baseline, settings[i]), arrivals, among.trials);
  });
  size_t trials = 1;
  for (const Found& among : found) trials += among.trials;
  const double trials_per_day = static_cast<double>(trials) / arrivals.DayCount();
  const double surprise_min = std::max(kSurpriseMin, std::log(kTrialDays * trials_per_day) + kSurpriseBeyondTrials);
  std::vector<OnsetGroup> out;
  for (Found& among : found) {
    std::copy_if(std::make_move_iterator(among.groups.begin()), std::make_move_iterator(among.groups.end()),
                 std::back_inserter(out),
                 [surprise_min](const OnsetGroup& group) { return group.surprise >= surprise_min; });
  }
  return out;
}

}  // namespace stillwatch::detector
