#include "detector/rhythm_links.h"

#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <tuple>
#include <utility>

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
// Beginnings of a day have, after the square root, half the deviation that their dispersion's root says. Accounts that
// are dealt out with a dispersion of kDifferenceUsual differ by (x − y)² = kDifferenceUsual / 2 a day on average; over
// several days four deviations more are allowed. Nearly all honest pairs differ by more.
constexpr float kDifferenceUsual = 0.5F;
constexpr float kRootDistanceMax = 2.0F;  // On one day, the newest: four deviations.

// Fewer in these days are too few even for an account that began yesterday.
constexpr int kRecentStartsMin = 2 * static_cast<int>(kStartsPerDayMin);

constexpr int64_t kCoarseWidth = 2;

struct RhythmComparison {
  double difference = 0;  // R.
  double dispersion = 0;  // F.
  double log_likelihood_ratio = 0;
};

// Counts of one account in the bins before `end_bin`, prepared for comparing.
class Rhythm {
 public:
  // Nothing if the account began too little to be compared, less than kStartsPerDayMin a day, or too much.
  static std::optional<Rhythm> Of(const features::LinkSketch& links, int64_t end_bin);

  // Nothing if the accounts were not active long enough together.
  static std::optional<RhythmComparison> Compare(const Rhythm& a, const Rhythm& b);

 private:
  // Bins are compared in pairs where there are enough of them: more counts a bin, and clearer equality.
  struct Scale {
    Eigen::Index first = 0;  // Index of the first bin that the account was there for as a whole.
    double dispersion = 0;
    Eigen::ArrayXf starts;
  };
  static Scale MakeScale(const features::LinkSketch& links, int64_t end_bin, int64_t width);
  static Eigen::Index CommonBins(const Scale& a, const Scale& b) {
    return std::min(a.starts.size() - a.first, b.starts.size() - b.first);
  }
  static double DifferenceOf(const Scale& a, const Scale& b);
  static bool DiffersBeyond(const Scale& a, const Scale& b);
  static std::optional<RhythmComparison> CompareScale(const Scale& a, const Scale& b);

  Scale fine_;
  Scale coarse_;
};

// An account by its last days, newest first: enough to see of most pairs that they have nothing in common.
struct RecentDays {
  static constexpr int kCount = 8;
  std::array<float, kCount> roots{};  // Square roots of the beginnings of each day.
  int known = 0;                      // Whole days that it was there for.
  uint32_t index = 0;                 // Of the candidate.
};

// Nothing if the account began too little for Rhythm::Of anyway.
std::optional<RecentDays> RecentDaysOf(const LinkSketch& links, int64_t end_bin, uint32_t index) {
  if (links.first_bin() == 0 || links.first_bin() + kDaysMin * LinkSketch::kBinsPerDay >= end_bin) return std::nullopt;
  RecentDays out;
  out.index = index;
  int total = 0;
  for (; out.known < RecentDays::kCount; ++out.known) {
    const int64_t end = end_bin - out.known * LinkSketch::kBinsPerDay;
    if (links.first_bin() >= end - LinkSketch::kBinsPerDay) break;
    int sum = 0;
    for (int64_t bin = end - LinkSketch::kBinsPerDay; bin < end; ++bin) sum += links.starts(bin);
    total += sum;
    out.roots[static_cast<size_t>(out.known)] = std::sqrt(static_cast<float>(sum));
  }
  if (total < kRecentStartsMin) return std::nullopt;
  return out;
}

// Accounts by the volume of their newest day, in columns: one account is held against a run of neighbours at a time.
class RecentTable {
 public:
  explicit RecentTable(std::vector<RecentDays> accounts) {
    std::sort(accounts.begin(), accounts.end(), [](const RecentDays& x, const RecentDays& y) {
      return std::tie(x.roots[0], x.index) < std::tie(y.roots[0], y.index);
    });
    const auto count = static_cast<Eigen::Index>(accounts.size());
    roots_.resize(count, RecentDays::kCount);
    is_known_.resize(count, RecentDays::kCount);
    for (Eigen::Index i = 0; i < count; ++i) {
      const RecentDays& account = accounts[static_cast<size_t>(i)];
      index_.push_back(account.index);
      known_.push_back(account.known);
      for (int day = 0; day < RecentDays::kCount; ++day) {
        roots_(i, day) = account.roots[static_cast<size_t>(day)];
        is_known_(i, day) = day < account.known ? 1.0F : 0.0F;
      }
    }
  }

  size_t size() const { return index_.size(); }
  uint32_t index(size_t i) const { return index_[i]; }

  bool MayShareQueue(size_t i, size_t j) const {
    const int days = std::min(known_[i], known_[j]);
    float squares = 0;
    for (int day = 0; day < days; ++day) {
      const float difference =
          roots_(static_cast<Eigen::Index>(i), day) - roots_(static_cast<Eigen::Index>(j), day);
      squares += difference * difference;
    }
    return squares <= SquaresMax(days);
  }

  // Calls `visit` with each of the `neighbours` accounts after the i-th that may share its queue.
  template <typename Visit>
  void VisitCandidates(size_t i, size_t neighbours, const Visit& visit) {
    const auto first = static_cast<Eigen::Index>(i) + 1;
    Eigen::Index count = std::min<Eigen::Index>(static_cast<Eigen::Index>(neighbours), roots_.rows() - first);
    // Sorted: who is too far on the newest day ends the run.
    const float* newest = roots_.col(0).data() + first;
    count = std::upper_bound(newest, newest + count, newest[-1] + kRootDistanceMax) - newest;
    if (count <= 0) return;
    squares_.setZero(count);
    const int known = known_[i];
    for (int day = 0; day < known; ++day) {
      squares_ += is_known_.col(day).segment(first, count) *
                  (roots_.col(day).segment(first, count) - roots_(first - 1, day)).square();
    }
    for (Eigen::Index j = 0; j < count; ++j) {
      const auto other = static_cast<size_t>(first + j);
      if (squares_[j] <= SquaresMax(std::min(known, known_[other]))) visit(index_[other]);
    }
  }

 private:
  // Most that two accounts of one queue differ by in so many days.
  static float SquaresMax(int days) {
    static const std::array<float, RecentDays::kCount + 1> kMax = [] {
      std::array<float, RecentDays::kCount + 1> max{};
      for (int i = 0; i <= RecentDays::kCount; ++i) {
        const auto count = static_cast<float>(i);
        max[static_cast<size_t>(i)] = kDifferenceUsual / 2 * (count + 4 * std::sqrt(2 * count));
      }
      return max;
    }();
    return kMax[static_cast<size_t>(days)];
  }

  Eigen::ArrayXXf roots_;     // Account × day; a column is contiguous.
  Eigen::ArrayXXf is_known_;  // 1 or 0.
  std::vector<int> known_;
  std::vector<uint32_t> index_;
  Eigen::ArrayXf squares_;  // Of the accounts being looked at.
};

Rhythm::Scale Rhythm::MakeScale(const LinkSketch& links, int64_t end_bin, int64_t width) {
  const int64_t bins_per_day = LinkSketch::kBinsPerDay / width;
  const int64_t count = LinkSketch::kBinCount / width;
  const int64_t end = end_bin / width;
  Scale scale;
  scale.starts = Eigen::ArrayXf::Zero(count);
  const int64_t first = std::clamp<int64_t>(links.first_bin() / width + 1 - (end - count), 0, count);
  scale.first = first;
  for (int64_t i = first; i < count; ++i) {
    int sum = 0;
    for (int64_t j = 0; j < width; ++j) sum += links.starts((end - count + i) * width + j);
    scale.starts[i] = static_cast<float>(sum);
  }
  double sum_of_squares = 0;
  int freedom = 0;
  for (int64_t phase = 0; phase < bins_per_day; ++phase) {
    double sum = 0;
    double square = 0;
    int days = 0;
    for (int64_t i = first + phase; i < count; i += bins_per_day, ++days) {
      const auto value = static_cast<double>(scale.starts[i]);
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
  }
  const double days = static_cast<double>(end_bin - begin) / LinkSketch::kBinsPerDay;
  if (static_cast<double>(sum) < kStartsPerDayMin * days) return std::nullopt;
  out.fine_ = MakeScale(links, end_bin, 1);
  out.coarse_ = MakeScale(links, end_bin, kCoarseWidth);
  return out;
}

// Σ (x − y)² / (x + y) over the bins that both were there for.
double Rhythm::DifferenceOf(const Scale& a, const Scale& b) {
  const Eigen::Index bins = CommonBins(a, b);
  const auto x = a.starts.tail(bins);
  const auto y = b.starts.tail(bins);
  return static_cast<double>(((x - y).square() / (x + y).max(1.0F)).sum());
}

// Whether the difference exceeds the number of bins. Looked at newest first, in runs: it often does so early.
bool Rhythm::DiffersBeyond(const Scale& a, const Scale& b) {
  constexpr Eigen::Index kRun = 16;
  const Eigen::Index bins = CommonBins(a, b);
  const auto limit = static_cast<float>(bins);
  float sum = 0;
  for (Eigen::Index seen = 0; seen < bins && sum <= limit;) {
    const Eigen::Index count = std::min(kRun, bins - seen);
    seen += count;
    const auto x = a.starts.segment(a.starts.size() - seen, count);
    const auto y = b.starts.segment(b.starts.size() - seen, count);
    sum += ((x - y).square() / (x + y).max(1.0F)).sum();
  }
  return sum > limit;
}

std::optional<RhythmComparison> Rhythm::CompareScale(const Scale& a, const Scale& b) {
  const Eigen::Index bins = CommonBins(a, b);
  const double dispersion = std::sqrt(a.dispersion * b.dispersion);
  const auto count = static_cast<double>((a.starts.tail(bins) + b.starts.tail(bins)).min(1.0F).sum());
  if (dispersion <= kDifferenceMin || count < kBinsMin) return std::nullopt;
  RhythmComparison out;
  out.difference = std::max(DifferenceOf(a, b) / count, kDifferenceMin);
  out.dispersion = dispersion;
  if (out.difference > kDifferenceMax || out.difference >= dispersion) return out;
  const double ratio = out.difference / dispersion;
  out.log_likelihood_ratio = 0.5 * count * (-std::log(ratio) - 1 + ratio);
  return out;
}

std::optional<RhythmComparison> Rhythm::Compare(const Rhythm& a, const Rhythm& b) {
  // Most pairs differ by more than one a bin, empty ones counted too, and need no closer look.
  if (DiffersBeyond(a.coarse_, b.coarse_)) return std::nullopt;
  const auto fine = CompareScale(a.fine_, b.fine_);
  const auto coarse = CompareScale(a.coarse_, b.coarse_);
  if (!fine || !coarse) return fine ? fine : coarse;
  return coarse->log_likelihood_ratio > fine->log_likelihood_ratio ? coarse : fine;
}

}  // namespace

struct RhythmSearch::Accounts {
  std::span<const CampaignCandidate> candidates;
  RecentTable recent{{}};                      // Only those that can be compared.
  std::vector<std::optional<Rhythm>> rhythms;  // By candidate.

  // With a ratio of 0 where they cannot be compared.
  RhythmComparison Compare(uint32_t a, uint32_t b) const {
    if (AreDeclaredTogether(candidates[a], candidates[b]) || !rhythms[a] || !rhythms[b]) return {};
    return Rhythm::Compare(*rhythms[a], *rhythms[b]).value_or(RhythmComparison());
  }
};

RhythmSearch::RhythmSearch(std::span<const CampaignCandidate> candidates, int64_t time_unix_nano)
    : accounts_(std::make_unique<Accounts>()) {
  const int64_t end_bin = LinkSketch::BinOf(time_unix_nano);
  accounts_->candidates = candidates;
  accounts_->rhythms.resize(candidates.size());
  std::vector<RecentDays> recent;
  for (uint32_t i = 0; i < candidates.size(); ++i) {
    const auto days = RecentDaysOf(*candidates[i].links, end_bin, i);
    if (days) accounts_->rhythms[i] = Rhythm::Of(*candidates[i].links, end_bin);
    if (accounts_->rhythms[i]) recent.push_back(*days);
  }
  accounts_->recent = RecentTable(std::move(recent));
}

RhythmSearch::~RhythmSearch() = default;

std::vector<CampaignLink> RhythmSearch::FindLinks() {
  RecentTable& recent = accounts_->recent;
  std::vector<CampaignLink> out;
  for (size_t i = 0; i < recent.size(); ++i) {
    const uint32_t one = recent.index(i);
    recent.VisitCandidates(i, kNeighbours, [&](uint32_t other) {
      const auto [a, b] = std::minmax(one, other);
      const double ratio = accounts_->Compare(a, b).log_likelihood_ratio;
      if (ratio >= kLinkMin) out.push_back({a, b, static_cast<float>(ratio)});
    });
  }
  std::sort(out.begin(), out.end(),
            [](const CampaignLink& x, const CampaignLink& y) { return std::tie(x.a, x.b) < std::tie(y.a, y.b); });
  return out;
}

void RhythmSearch::AddJoiners(std::vector<bool>& is_grouped, LinkGroup& group) {
  const RecentTable& recent = accounts_->recent;
  const LinkGroup core = group;
  std::vector<size_t> members;  // In the table.
  for (size_t i = 0; i < recent.size(); ++i) {
    const auto is_it = [&](const GroupMember& member) { return member.index == recent.index(i); };
    if (is_grouped[recent.index(i)] && std::any_of(core.begin(), core.end(), is_it)) members.push_back(i);
  }
  const auto half = static_cast<double>(core.size()) / 2;
  for (size_t i = 0; i < recent.size(); ++i) {
    const uint32_t account = recent.index(i);
    if (is_grouped[account]) continue;
    const auto may_share = [&](size_t member) { return recent.MayShareQueue(i, member); };
    if (static_cast<double>(std::count_if(members.begin(), members.end(), may_share)) < half) continue;
    const auto links = static_cast<double>(std::count_if(core.begin(), core.end(), [&](const GroupMember& member) {
      const RhythmComparison found = accounts_->Compare(account, member.index);
      return found.log_likelihood_ratio >= kJoinMin && found.difference <= kJoinDifferenceMax;
    }));
    if (links < half) continue;
    group.push_back({account, static_cast<float>(std::min(1.0, links / static_cast<double>(core.size())))});
    is_grouped[account] = true;
  }
  std::sort(group.begin(), group.end(), [](const GroupMember& x, const GroupMember& y) { return x.index < y.index; });
}

GroupRhythm MeasureGroup(std::span<const CampaignCandidate> candidates, std::span<const uint32_t> group,
                         int64_t time_unix_nano) {
  const int64_t end_bin = LinkSketch::BinOf(time_unix_nano);
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
      for (const uint32_t member : group) {
        const LinkSketch& links = *candidates[member].links;
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
