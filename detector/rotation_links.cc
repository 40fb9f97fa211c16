#include "detector/rotation_links.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <tuple>

namespace stillwatch::detector {
namespace {

using features::LinkSketch;

constexpr int64_t kTicksPerBin = LinkSketch::kBinNano / LinkSketch::kTickNano;
// The newest beginnings of an account suffice to link it; who joins may have been there earlier.
constexpr size_t kLinkedStartCount = 64;
// Fewer beginnings cannot make a link, however strictly the turns are kept: 12 turns of ln 2 each exceed 8.
constexpr size_t kStartsMin = 6;
// A median deviation of less than this part of the median gap is a timer's; one tick of it is rounding.
constexpr int64_t kTimerDivisor = 12;
// A pair that switches as seldom as chance is given up after so many turns.
struct Trial {
  size_t turns;
  size_t switches_min;
};
constexpr std::array<Trial, 2> kTrials = {{{12, 7}, {24, 15}}};
// Accounts of one queue begin equally often, give or take: how far the larger count may exceed the smaller.
constexpr int kCountRatioMax = 2;
constexpr int kCountSlack = 3;
// Two accounts of one queue have roots of their counts of a day that differ by less than this.
constexpr float kRootDistanceMax = 0.8F;
// Who joins may have begun, or been suspended, within the day.
constexpr float kJoinerRootDistanceMax = 3;
// Of the newest beginnings of one account so many must lie between two that follow each other in the other's list, at
// the same place in it, give or take one. Most pairs do not, and need no closer look.
constexpr size_t kPlacedMin = 5;
// An account that is to join a group is held against so many of its members first, and works at their rate within a
// factor.
constexpr size_t kFirstComparedCount = 3;
constexpr double kRateRatioMax = 2.5;
// Moves by which two accounts are held against each other, in ticks: 6 to 12 hours, no multiples of a minute; or these
// parts of a shorter time.
constexpr std::array<int64_t, 2> kMoves = {-2639, 1431};
constexpr std::array<double, 2> kMovedParts = {-0.41, 0.23};
constexpr int kMovedTurnsMin = 6;
// Members that others are compared with, and gaps that tell a pace: enough for a majority, and for a mean.
constexpr size_t kComparedCountMax = 8;

// An account's pace is told from so many gaps on, in which so many others were there.
constexpr int kGapsMin = 6;
constexpr size_t kGapsMax = 40;
constexpr int kPresentMin = 3;
constexpr double kUnevennessRatioMax = 1.8;
constexpr double kUnevennessSlack = 0.01;
// Of a Poisson process of the same rate about 1.
constexpr double kUnevennessMax = 0.4;

struct Turns {
  int count_a = 0;
  int count_b = 0;
  int switches = 0;
  double difference = 0;  // Sum over bins.
  int bins = 0;

  int turns() const { return count_a + count_b - 1; }
  double Switched() const { return static_cast<double>(switches) / turns(); }
  // The mean of the runs test.
  double Expected() const {
    const double total = count_a + count_b;
    return 2.0 * count_a * count_b / total / (total - 1);
  }
};

enum class Pass : uint8_t { kWhole, kMoved };

// Goes through both lists, newest first, down to `begin`; b is moved by `move`. Bins are only counted in a whole pass.
template <Pass kPass>
Turns CountTurns(std::span<const int64_t> a, std::span<const int64_t> b, int64_t begin, int64_t end, int64_t move) {
  Turns out;
  int64_t i = std::upper_bound(a.begin(), a.end(), end) - a.begin();
  int64_t j = std::upper_bound(b.begin(), b.end(), end - move) - b.begin();
  const auto at = [](std::span<const int64_t> list, int64_t place) {
    return place > 0 ? list[static_cast<size_t>(place - 1)] : std::numeric_limits<int64_t>::min() / 2;
  };
  bool was_a = false;
  int64_t bin_begin = std::numeric_limits<int64_t>::max();
  int bin_a = 0;
  int bin_b = 0;
  const auto close_bin = [&] {
    if (bin_a + bin_b == 0) return;
    const double difference = bin_a - bin_b;
    out.difference += difference * difference / (bin_a + bin_b);
    ++out.bins;
    bin_a = bin_b = 0;
  };
  while (true) {
    const int64_t next_a = at(a, i);
    const int64_t next_b = at(b, j) + move;
    const bool is_a = next_a >= next_b;
    const int64_t tick = is_a ? next_a : next_b;
    if (tick < begin) break;
    if (kPass == Pass::kWhole && tick < bin_begin) {
      close_bin();
      bin_begin = tick - tick % kTicksPerBin;
    }
    i -= is_a;
    j -= !is_a;
    bin_a += is_a;
    bin_b += !is_a;
    out.switches += out.count_a + out.count_b > 0 && was_a != is_a;
    out.count_a += is_a;
    out.count_b += !is_a;
    was_a = is_a;
  }
  close_bin();
  return out;
}

// First place from which on the ages are at least `age`; most often one of the first.
size_t PlaceOf(std::span<const int32_t> ages, int32_t age) {
  constexpr size_t kNear = 8;
  const size_t near = std::min(kNear, ages.size());
  for (size_t i = 0; i < near; ++i) {
    if (ages[i] >= age) return i;
  }
  const auto rest = ages.subspan(near);
  return near + static_cast<size_t>(std::lower_bound(rest.begin(), rest.end(), age) - rest.begin());
}

// True if most gaps are multiples of one period: that of the shortest ones.
bool AreMultiples(std::span<const int64_t> gaps) {
  constexpr size_t kMultiplesMin = 10;  // Fewer may be by chance.
  if (gaps.size() < kMultiplesMin) return false;
  std::vector<int64_t> sorted(gaps.begin(), gaps.end());
  std::sort(sorted.begin(), sorted.end());
  const auto shortest = static_cast<double>(sorted[sorted.size() / 4]);
  double total = 0;
  double periods = 0;
  for (const int64_t gap : sorted) {
    const auto length = static_cast<double>(gap);
    if (std::abs(length - shortest) > shortest / 4) continue;
    total += length;
    ++periods;
  }
  if (periods == 0 || total / periods < kTimerDivisor) return false;
  // Long gaps tell the period more exactly, once it is known well enough to count them by.
  for (int i = 0; i < 2; ++i) {
    const double period = total / periods;
    total = periods = 0;
    for (const int64_t gap : gaps) {
      const double count = std::round(static_cast<double>(gap) / period);
      if (count == 0 || count > kTimerDivisor) continue;
      total += static_cast<double>(gap);
      periods += count;
    }
    if (periods == 0) return false;
  }
  const double period = total / periods;
  const auto near = std::count_if(gaps.begin(), gaps.end(), [&](int64_t gap) {
    const auto length = static_cast<double>(gap);
    return std::abs(length - period * std::max(1.0, std::round(length / period))) * kTimerDivisor <
           period + kTimerDivisor;
  });
  return 3 * static_cast<size_t>(near) >= 2 * gaps.size();
}

double Divergence(double p, double q) {
  const auto term = [](double x, double y) { return x <= 0 ? 0 : x * std::log(x / y); };
  return p <= q ? 0 : term(p, q) + term(1 - p, 1 - q);
}

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Share of switches that is left when the two are moved against each other; nothing to be told of a short time: 0.
double SwitchedWhenMoved(std::span<const int64_t> a, std::span<const int64_t> b, int64_t begin, int64_t end) {
  double sum = 0;
  int count = 0;
  for (size_t i = 0; i < kMoves.size(); ++i) {
    const auto part = static_cast<int64_t>(kMovedParts[i] * static_cast<double>(end - begin));
    const int64_t move = std::abs(part) < std::abs(kMoves[i]) ? part : kMoves[i];
    const Turns turns = CountTurns<Pass::kMoved>(a, b, std::max(begin, begin + move), std::min(end, end + move), move);
    if (turns.count_a == 0 || turns.count_b == 0 || turns.turns() < kMovedTurnsMin) continue;
    sum += turns.Switched();
    ++count;
  }
  return count == 0 ? 0 : sum / count;
}

}  // namespace

bool RepeatsItself(const features::Portrait& portrait) {
  using features::Counter;
  const double texts = portrait.total(Counter::kText);
  if (texts < kStartsMin) return false;
  const double distinct = std::round(portrait.DistinctPrompts());
  // Turns of which fewer than a link needs ask something new.
  if (distinct < kStartsMin) return true;
  const bool is_sampled = 2 * portrait.total(Counter::kSampled) >= portrait.total(Counter::kEvent);
  constexpr double kRepeats = 4;
  return !is_sampled && kRepeats * distinct < texts;
}

bool IsTimer(std::span<const int64_t> starts) {
  if (starts.size() < 3) return false;
  std::vector<int64_t> gaps;
  for (size_t i = 1; i < starts.size(); ++i) gaps.push_back(starts[i] - starts[i - 1]);
  if (AreMultiples(gaps)) return true;
  const auto middle = gaps.begin() + static_cast<ptrdiff_t>(gaps.size() / 2);
  std::nth_element(gaps.begin(), middle, gaps.end());
  const int64_t median = *middle;
  for (int64_t& gap : gaps) gap = std::abs(gap - median);
  std::nth_element(gaps.begin(), middle, gaps.end());
  return (*middle - 1) * kTimerDivisor < median;
}

std::optional<Alternation> CompareTurns(std::span<const int64_t> a, std::span<const int64_t> b) {
  if (a.empty() || b.empty()) return std::nullopt;
  const int64_t begin = std::max(a.front(), b.front());
  const int64_t end = std::min(a.back(), b.back());
  const Turns turns = CountTurns<Pass::kWhole>(a, b, begin, end, 0);
  if (turns.turns() < 2) return std::nullopt;
  const auto [fewer, more] = std::minmax(turns.count_a, turns.count_b);
  if (fewer == 0 || more > kCountRatioMax * fewer + kCountSlack) return std::nullopt;
  Alternation out;
  out.turns = turns.turns();
  out.switched = turns.Switched();
  out.difference = turns.difference / turns.bins;
  if (out.switched < RotationSearch::kSwitchedMin || out.difference > RotationSearch::kDifferenceMax) {
    return std::nullopt;
  }
  constexpr double kExpectedMax = 0.98;
  if (out.turns * Divergence(out.switched, turns.Expected()) < RotationSearch::kJoinMin) return std::nullopt;
  out.expected = std::min(kExpectedMax, std::max(turns.Expected(), SwitchedWhenMoved(a, b, begin, end)));
  out.log_likelihood_ratio = out.turns * Divergence(out.switched, out.expected);
  if (out.log_likelihood_ratio < RotationSearch::kJoinMin) return std::nullopt;
  return out;
}

RotationSearch::RotationSearch(std::span<const CampaignCandidate> candidates, int64_t time_unix_nano)
    : candidates_(candidates) {
  const int64_t day_begin = (time_unix_nano - kNanosecondsPerDay) / LinkSketch::kTickNano;
  const int64_t now_tick = time_unix_nano / LinkSketch::kTickNano;
  size_t start_count = 0;
  for (uint32_t i = 0; i < candidates.size(); ++i) {
    const LinkSketch& links = *candidates[i].links;
    if (links.recent_start_count() < kStartsMin || RepeatsItself(*candidates[i].portrait)) continue;
    Account account;
    account.index = i;
    account.starts = links.RecentStarts();
    const auto recent =
        account.starts.end() - std::lower_bound(account.starts.begin(), account.starts.end(), day_begin);
    account.root = std::sqrt(static_cast<float>(recent));
    account.rate = static_cast<double>(account.starts.size()) /
                   static_cast<double>(account.starts.back() - account.starts.front() + 1);
    start_count += account.starts.size();
    accounts_.push_back(std::move(account));
  }
  std::sort(accounts_.begin(), accounts_.end(),
            [](const Account& x, const Account& y) { return std::tie(x.root, x.index) < std::tie(y.root, y.index); });
  ages_.reserve(start_count);
  for (Account& account : accounts_) {
    const size_t first = ages_.size();
    for (auto start = account.starts.rbegin(); start != account.starts.rend(); ++start) {
      ages_.push_back(static_cast<int32_t>(std::min(now_tick - *start, kUnknownAge)));
    }
    account.ages = std::span(ages_).subspan(first);
  }
  for (size_t k = 0; k < kNewestCount; ++k) {
    for (const Account& account : accounts_) {
      newest_ages_[k].push_back(k < account.ages.size() ? account.ages[k] : kUnknownAge);
    }
  }
}

// For each account from `begin` to `end` in how many cases its k-th newest beginning lies between the (k + o)-th and
// the one before it of account i: the most over o = -1, 0, 1. Without a branch, so that the compiler takes several
// accounts at once.
void RotationSearch::CountPlaced(size_t i, size_t begin, size_t end, std::vector<uint8_t>& placed) const {
  constexpr size_t kPlaces = kNewestCount - 2;
  std::array<int32_t, kNewestCount + 1> own{-1};
  std::array<const int32_t*, kPlaces> others{};
  for (size_t k = 0; k < kNewestCount; ++k) own[k + 1] = newest_ages_[k][i];
  for (size_t k = 0; k < kPlaces; ++k) others[k] = newest_ages_[k].data() + begin;
  placed.resize(end - begin);
  uint8_t* out = placed.data();
  for (size_t j = 0; j < end - begin; ++j) {
    int32_t before = 0;
    int32_t same = 0;
    int32_t after = 0;
    for (size_t k = 0; k < kPlaces; ++k) {
      const int32_t age = others[k][j];
      // Own ages do not fall, so the difference of two of these is whether the age lies between them.
      const int32_t from_0 = age >= own[k];
      const int32_t from_1 = age >= own[k + 1];
      const int32_t from_2 = age >= own[k + 2];
      const int32_t from_3 = age >= own[k + 3];
      before += from_0 - from_1;
      same += from_1 - from_2;
      after += from_2 - from_3;
    }
    out[j] = static_cast<uint8_t>(std::max(before, std::max(same, after)));
  }
}

std::span<const int64_t> RotationSearch::Account::Newest() const {
  return std::span(starts).last(std::min(starts.size(), kLinkedStartCount));
}

std::span<const int32_t> RotationSearch::Account::NewestAges() const {
  return ages.first(std::min(ages.size(), kLinkedStartCount));
}

// False if CompareTurns would find too few switches, or the newest turns switch as seldom as chance has it. Most pairs
// end there, so this must cost little.
bool RotationSearch::KeepSwitching(std::span<const int32_t> a, std::span<const int32_t> b) {
  const int32_t begin = std::min(a.back(), b.back());
  const int32_t end = std::max(a.front(), b.front());
  size_t i = PlaceOf(a, end);
  size_t j = PlaceOf(b, end);
  const size_t turns_max = a.size() - i + (b.size() - j) - 1;
  const auto at = [](std::span<const int32_t> ages, size_t place) {
    return place < ages.size() ? ages[place] : kNever;
  };
  bool was_a = at(a, i) <= at(b, j);  // So that the first beginning, which ends no turn, is no switch.
  size_t beginnings = 0;
  size_t switches = 0;
  // False if the lists end before.
  const auto go_on_to = [&](size_t turns) {
    while (beginnings <= turns) {
      const int32_t age_a = at(a, i);
      const int32_t age_b = at(b, j);
      const bool is_a = age_a <= age_b;
      if ((is_a ? age_a : age_b) > begin) return false;
      i += is_a;
      j += !is_a;
      ++beginnings;
      switches += was_a != is_a;
      was_a = is_a;
    }
    return true;
  };
  const auto is_strict = [&](size_t turns) {
    return static_cast<double>(switches) >= kSwitchedMin * static_cast<double>(turns);
  };
  for (const auto& [turns, switches_min] : kTrials) {
    if (!go_on_to(turns)) return beginnings > 0 && is_strict(beginnings - 1);
    if (switches < switches_min) return false;
  }
  const auto kept_max = static_cast<size_t>((1 - kSwitchedMin) * static_cast<double>(turns_max)) + 1;
  constexpr size_t kStep = 8;
  while (go_on_to(beginnings - 1 + kStep)) {
    if (beginnings - 1 - switches > kept_max) return false;
  }
  return is_strict(beginnings - 1);
}

std::optional<Alternation> RotationSearch::Compare(const Account& a, const Account& b) const {
  if (AreDeclaredTogether(candidates_[a.index], candidates_[b.index])) return std::nullopt;
  if (!KeepSwitching(a.ages, b.ages)) return std::nullopt;
  return CompareTurns(a.starts, b.starts);
}

std::vector<CampaignLink> RotationSearch::FindLinks(const std::vector<bool>& is_grouped) const {
  std::vector<CampaignLink> out;
  std::vector<uint8_t> placed;
  for (size_t i = 0; i < accounts_.size(); ++i) {
    if (accounts_[i].root == 0 || is_grouped[accounts_[i].index]) continue;
    size_t end = i + 1;
    const size_t last = std::min(accounts_.size(), i + 1 + kNeighbours);
    while (end < last && accounts_[end].root <= accounts_[i].root + kRootDistanceMax) ++end;
    CountPlaced(i, i + 1, end, placed);
    for (size_t j = i + 1; j < end; ++j) {
      if (placed[j - i - 1] < kPlacedMin) continue;
      const Account& one = accounts_[i];
      const Account& other = accounts_[j];
      if (is_grouped[other.index] || AreDeclaredTogether(candidates_[one.index], candidates_[other.index])) continue;
      if (!KeepSwitching(one.NewestAges(), other.NewestAges())) continue;
      const auto found = CompareTurns(one.Newest(), other.Newest());
      if (!found || found->log_likelihood_ratio < kLinkMin) continue;
      const auto [a, b] = std::minmax(one.index, other.index);
      out.push_back({a, b, static_cast<float>(found->log_likelihood_ratio)});
    }
  }
  std::vector<bool> is_timer(candidates_.size(), false);
  for (const CampaignLink& link : out) is_timer[link.a] = is_timer[link.b] = true;
  for (const Account& account : accounts_) {
    if (is_timer[account.index]) is_timer[account.index] = IsTimer(account.starts);
  }
  std::erase_if(out, [&](const CampaignLink& link) { return is_timer[link.a] || is_timer[link.b]; });
  std::sort(out.begin(), out.end(),
            [](const CampaignLink& x, const CampaignLink& y) { return std::tie(x.a, x.b) < std::tie(y.a, y.b); });
  return out;
}

bool RotationSearch::TakeTurns(const std::vector<const Account*>& sample, std::vector<const Account*> others) const {
  others.resize(std::min(others.size(), kFirstComparedCount));
  size_t links = 0;
  for (const Account* account : others) links += StrictnessOf(*account, sample).firm_links.size();
  return links > 0 && 2 * links >= sample.size() * others.size();
}

std::vector<LinkGroup> RotationSearch::KnownGroups() const {
  std::map<uint64_t, LinkGroup> by_campaign;
  for (const Account& account : accounts_) {
    const uint64_t campaign = candidates_[account.index].campaign;
    if (campaign != 0) by_campaign[campaign].push_back({account.index, 1});
  }
  const auto by_index = [](const GroupMember& x, const GroupMember& y) { return x.index < y.index; };
  std::vector<LinkGroup> out;
  std::vector<std::vector<const Account*>> samples;
  for (auto& [campaign, group] : by_campaign) {
    if (group.size() < kFirstComparedCount) continue;
    std::sort(group.begin(), group.end(), by_index);
    std::vector<const Account*> sample = SampleOf(group);
    const auto same_sample =
        std::find_if(samples.begin(), samples.end(), [&](const auto& old) { return TakeTurns(old, sample); });
    if (same_sample == samples.end()) {
      out.push_back(std::move(group));
      samples.push_back(std::move(sample));
    } else {
      const auto same = out.begin() + (same_sample - samples.begin());
      same->insert(same->end(), group.begin(), group.end());
      std::sort(same->begin(), same->end(), by_index);
    }
  }
  return out;
}

RotationSearch::Strictness RotationSearch::StrictnessOf(const Account& account,
                                                        const std::vector<const Account*>& others) const {
  Strictness out;
  for (const Account* other : others) {
    if (other == &account) continue;
    const auto found = Compare(account, *other);
    if (!found) continue;
    ++out.link_count;
    out.switched += found->switched;
    if (found->log_likelihood_ratio < kLinkMin) continue;
    const auto [a, b] = std::minmax(account.index, other->index);
    out.firm_links.push_back({a, b, static_cast<float>(found->log_likelihood_ratio)});
  }
  if (out.link_count > 0) out.switched /= static_cast<double>(out.link_count);
  return out;
}

// How unevenly the others have their turns between two turns of the account: mean of (turns each had − 1)² over its
// gaps. Who is dealt out from their queue waits for all others, however long that takes; who keeps a pace of its own
// does not. Nothing if there are too few gaps to tell.
std::optional<double> RotationSearch::UnevennessOf(const Account& account,
                                                   const std::vector<const Account*>& others) const {
  double sum = 0;
  int count = 0;
  const size_t first = account.starts.size() > kGapsMax ? account.starts.size() - kGapsMax : 1;
  for (size_t i = first; i < account.starts.size(); ++i) {
    const int64_t begin = account.starts[i - 1];
    const int64_t end = account.starts[i];
    int present = 0;
    int64_t turns = 0;
    for (const Account* other : others) {
      const auto& starts = other->starts;
      if (other == &account || starts.front() > begin || starts.back() < end) continue;
      ++present;
      turns +=
          std::upper_bound(starts.begin(), starts.end(), end) - std::upper_bound(starts.begin(), starts.end(), begin);
    }
    if (present < kPresentMin) continue;
    const double excess = static_cast<double>(turns) / present - 1;
    sum += excess * excess;
    ++count;
  }
  if (count < kGapsMin) return std::nullopt;
  return sum / count;
}

// Members from all over the group, the silent ones too.
std::vector<const RotationSearch::Account*> RotationSearch::SampleOf(const LinkGroup& group) const {
  std::vector<const Account*> out;
  for (const Account& account : accounts_) {
    const auto place = std::lower_bound(group.begin(), group.end(), account.index,
                                        [](const GroupMember& member, uint32_t index) { return member.index < index; });
    if (place != group.end() && place->index == account.index) out.push_back(&account);
  }
  const size_t count = std::min(out.size(), kComparedCountMax);
  for (size_t i = 0; i < count; ++i) out[i] = out[i * out.size() / count];
  out.resize(count);
  return out;
}

bool RotationSearch::MayJoin(const Account& account, const std::vector<const Account*>& sample) const {
  const auto end = sample.begin() + static_cast<ptrdiff_t>(std::min(sample.size(), kFirstComparedCount));
  return std::any_of(sample.begin(), end, [&](const Account* member) {
    const bool is_active = account.root > 0 && member->root > 0;
    if (is_active && std::abs(account.root - member->root) > kJoinerRootDistanceMax) return false;
    const double ratio = account.rate / member->rate;
    if (ratio > kRateRatioMax || ratio < 1 / kRateRatioMax) return false;
    return Compare(account, *member).has_value();
  });
}

RotationSearch::Habits RotationSearch::HabitsOf(const std::vector<const Account*>& sample) const {
  std::vector<double> strictness;
  std::vector<double> unevenness;
  for (const Account* member : sample) {
    strictness.push_back(StrictnessOf(*member, sample).switched);
    unevenness.push_back(UnevennessOf(*member, sample).value_or(0));
  }
  return {Median(strictness) - kStrictnessSlack,
          std::min(kUnevennessMax, kUnevennessRatioMax * Median(unevenness) + kUnevennessSlack)};
}

void RotationSearch::Complete(Origin origin, std::vector<bool>& is_grouped, LinkGroup& group,
                              std::vector<CampaignLink>& links) const {
  const std::vector<const Account*> sample = SampleOf(group);
  if (sample.empty()) return;
  const Habits habits = HabitsOf(sample);
  LinkGroup complete;
  for (const Account& account : accounts_) {
    const auto member = std::lower_bound(group.begin(), group.end(), account.index,
                                         [](const GroupMember& m, uint32_t index) { return m.index < index; });
    const bool is_member = member != group.end() && member->index == account.index;
    if (!is_member && (is_grouped[account.index] || (origin == Origin::kKnown && account.root == 0))) continue;
    if (!is_member && !MayJoin(account, sample)) continue;
    const Strictness found = StrictnessOf(account, sample);
    const bool is_linked = found.link_count > 0 && 2 * found.link_count + 1 >= sample.size();
    const std::optional<double> unevenness = UnevennessOf(account, sample);
    const bool is_paced = unevenness ? *unevenness <= habits.unevenness_max : is_member;
    const bool needs_links = !is_member || origin == Origin::kKnown;
    is_grouped[account.index] = (is_linked || !needs_links) && found.switched >= habits.switched_min && is_paced &&
                                (is_member || !IsTimer(account.starts));
    if (!is_grouped[account.index]) continue;
    const double share = std::min(1.0, 2 * static_cast<double>(found.link_count) / static_cast<double>(sample.size()));
    complete.push_back(needs_links ? GroupMember{account.index, static_cast<float>(share)} : *member);
    if (origin == Origin::kKnown) links.insert(links.end(), found.firm_links.begin(), found.firm_links.end());
  }
  std::sort(complete.begin(), complete.end(), [](const auto& x, const auto& y) { return x.index < y.index; });
  group = std::move(complete);
}

}  // namespace stillwatch::detector
