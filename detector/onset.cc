#include "detector/onset.h"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <map>
#include <tuple>
#include <utility>

#include "detector/fusion.h"
#include "detector/shared_objects.h"

namespace stillwatch::detector {
namespace {

// Log-odds that speak for an account by itself: a likelihood ratio of twelve. One honest account in nine has as much.
constexpr double kOwnEvidenceMin = 2.5;
// Spans that are looked at, in bins of three hours.
constexpr std::array<int64_t, 3> kSpans = {1, 2, 3};
// What chance gives at least: the log is finite.
constexpr double kExpectedMin = 0.05;
// Of the log-likelihood ratio, where few spans were looked at; and what it takes beyond the log of their number, so
// that chance shows a group in one search of five at most.
constexpr double kRatioMin = 8;
constexpr double kRatioBeyondTrials = 1.6;

// An account that began while the log was kept.
struct Newcomer {
  uint64_t parameters = 0;  // Of most of its requests; 0 if it has none.
  int64_t bin = 0;          // In which it began.
  uint32_t index = 0;       // Of the candidate.
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
    Newcomer newcomer{0, bin, i};
    VisitObjects(candidates[i], ObjectKind::kParameters, [&](uint64_t hash) { newcomer.parameters = hash; });
    out.push_back(newcomer);
  }
  std::sort(out.begin(), out.end());
  return out;
}

// Who of these has evidence of its own and declares no organisation that another of them declares.
std::vector<Newcomer> Suspicious(std::span<const CampaignCandidate> candidates, const Baseline& baseline,
                                 std::span<const Newcomer> newcomers) {
  absl::flat_hash_map<uint64_t, size_t> organizations;
  for (const Newcomer& newcomer : newcomers) ++organizations[candidates[newcomer.index].organization];
  std::vector<Newcomer> out;
  std::copy_if(newcomers.begin(), newcomers.end(), std::back_inserter(out), [&](const Newcomer& newcomer) {
    const CampaignCandidate& candidate = candidates[newcomer.index];
    if (candidate.organization != 0 && organizations[candidate.organization] > 1) return false;
    const Assessment own = Assess(candidate.State()->portrait, baseline, Label::kUnlabelled);
    return own.log_odds - kBaseLogOdds >= kOwnEvidenceMin;
  });
  return out;
}

// How all accounts begin.
class Arrivals {
 public:
  explicit Arrivals(std::span<const Newcomer> newcomers) : total_(static_cast<double>(newcomers.size())) {
    for (const Newcomer& newcomer : newcomers) ++counts_[newcomer.bin];
  }
  // The part of them that begins in [begin, end).
  double Share(int64_t begin, int64_t end) const {
    double sum = 0;
    for (auto bin = counts_.lower_bound(begin); bin != counts_.end() && bin->first < end; ++bin) sum += bin->second;
    return sum / total_;
  }

 private:
  const double total_;
  std::map<int64_t, double> counts_;
};

struct Span {
  size_t begin = 0;  // Positions among the newcomers of one setting.
  size_t end = 0;
  double expected = 0;
  double log_likelihood_ratio = 0;
};

// The least likely span; adds the spans that were looked at to `trials`.
Span BestSpan(std::span<const Newcomer> newcomers, const Arrivals& arrivals, size_t& trials) {
  Span best;
  for (size_t begin = 0; begin < newcomers.size(); ++begin) {
    const int64_t bin = newcomers[begin].bin;
    if (begin > 0 && newcomers[begin - 1].bin == bin) continue;
    for (const int64_t length : kSpans) {
      const auto end = std::find_if(newcomers.begin() + static_cast<ptrdiff_t>(begin), newcomers.end(),
                                    [&](const Newcomer& newcomer) { return newcomer.bin >= bin + length; });
      Span span{begin, static_cast<size_t>(end - newcomers.begin()), 0, 0};
      ++trials;
      const auto count = static_cast<double>(span.end - span.begin);
      span.expected = std::max(static_cast<double>(newcomers.size()) * arrivals.Share(bin, bin + length), kExpectedMin);
      if (span.end - span.begin < kOnsetMin || count <= span.expected) continue;
      span.log_likelihood_ratio = count * std::log(count / span.expected) - (count - span.expected);
      if (span.log_likelihood_ratio > best.log_likelihood_ratio) best = span;
    }
  }
  return best;
}

// The groups among newcomers with the same parameters.
std::vector<OnsetGroup> FindAmong(std::vector<Newcomer> newcomers, const Arrivals& arrivals, size_t& trials) {
  std::vector<OnsetGroup> out;
  while (newcomers.size() >= kOnsetMin) {
    const Span span = BestSpan(newcomers, arrivals, trials);
    if (span.log_likelihood_ratio < kRatioMin) break;
    OnsetGroup group;
    group.expected = span.expected;
    group.log_likelihood_ratio = span.log_likelihood_ratio;
    const auto begin = newcomers.begin() + static_cast<ptrdiff_t>(span.begin);
    const auto end = newcomers.begin() + static_cast<ptrdiff_t>(span.end);
    const auto share = static_cast<float>(1 - span.expected / static_cast<double>(span.end - span.begin));
    std::for_each(begin, end, [&](const Newcomer& member) { group.members.push_back({member.index, share}); });
    std::sort(group.members.begin(), group.members.end(),
              [](const GroupMember& x, const GroupMember& y) { return x.index < y.index; });
    out.push_back(std::move(group));
    newcomers.erase(begin, end);
  }
  return out;
}

}  // namespace

std::vector<OnsetGroup> FindJointOnsets(std::span<const CampaignCandidate> candidates, const Baseline& baseline,
                                        const ParallelFor& parallel_for, const std::vector<bool>& is_grouped) {
  const std::vector<Newcomer> newcomers = NewcomersOf(candidates, is_grouped);
  const Arrivals arrivals(newcomers);
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
  const double ratio_min = std::max(kRatioMin, std::log(static_cast<double>(trials)) + kRatioBeyondTrials);
  std::vector<OnsetGroup> out;
  for (Found& among : found) {
    std::copy_if(std::make_move_iterator(among.groups.begin()), std::make_move_iterator(among.groups.end()),
                 std::back_inserter(out),
                 [ratio_min](const OnsetGroup& group) { return group.log_likelihood_ratio >= ratio_min; });
  }
  return out;
}

}  // namespace stillwatch::detector
