#include "detector/turns.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "features/link_sketch.h"

namespace stillwatch::detector {
namespace {

using features::LinkSketch;

constexpr int64_t kTicksPerBin = LinkSketch::kBinNano / LinkSketch::kTickNano;
// An age that none has.
constexpr int32_t kNever = std::numeric_limits<int32_t>::max();
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
// Moves by which two accounts are held against each other, in ticks: 6 to 12 hours, no multiples of a minute; or these
// parts of a shorter time.
constexpr std::array<int64_t, 2> kMoves = {-2639, 1431};
constexpr std::array<double, 2> kMovedParts = {-0.41, 0.23};
constexpr int kMovedTurnsMin = 6;

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

bool KeepSwitching(std::span<const int32_t> a, std::span<const int32_t> b) {
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
    return static_cast<double>(switches) >= kTurnsSwitchedMin * static_cast<double>(turns);
  };
  for (const auto& [turns, switches_min] : kTrials) {
    if (!go_on_to(turns)) return beginnings > 0 && is_strict(beginnings - 1);
    if (switches < switches_min) return false;
  }
  const auto kept_max = static_cast<size_t>((1 - kTurnsSwitchedMin) * static_cast<double>(turns_max)) + 1;
  constexpr size_t kStep = 8;
  while (go_on_to(beginnings - 1 + kStep)) {
    if (beginnings - 1 - switches > kept_max) return false;
  }
  return is_strict(beginnings - 1);
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
  if (out.switched < kTurnsSwitchedMin || out.difference > kTurnsDifferenceMax) {
    return std::nullopt;
  }
  constexpr double kExpectedMax = 0.98;
  if (out.turns * Divergence(out.switched, turns.Expected()) < kTurnsRatioMin) return std::nullopt;
  out.expected = std::min(kExpectedMax, std::max(turns.Expected(), SwitchedWhenMoved(a, b, begin, end)));
  out.log_likelihood_ratio = out.turns * Divergence(out.switched, out.expected);
  if (out.log_likelihood_ratio < kTurnsRatioMin) return std::nullopt;
  return out;
}

}  // namespace stillwatch::detector
