#include "detector/queue_order.h"

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numbers>
#include <optional>
#include <utility>

#include "detector/shared_objects.h"

namespace stillwatch::detector {
namespace {

using features::LinkSketch;

// Fewer accounts in order are no group, however few there are to choose from.
constexpr size_t kMembersMin = 8;
// Log-likelihood ratio of a chain that is worth testing, and of a group beyond the number of tests.
constexpr double kChosenMin = 3;
constexpr double kRatioMin = 4;
// How long ago the moments are at which chains are looked for: pools have cycles of minutes to a day.
constexpr double kFirstAgeTicks = 56;  // A quarter of an hour.
constexpr double kAgeRatio = 1.5;
constexpr int kAgeCount = 14;
// Accounts that began within so many bins are held against each other, whatever their settings are: pools that mix in
// other traffic have none in common. The shorter the span, the fewer strangers are among them.
constexpr int64_t kSpans[] = {LinkSketch::kBinsPerDay / 2, LinkSketch::kBinsPerDay, kNewcomerBins};
// Turns after the one that the chain was chosen by.
constexpr int kTurnsMax = 5;
// Turns, and accounts at least, that say whether the order of a group is more than its habits explain.
constexpr size_t kHabitTurns = 20;
constexpr size_t kOrderedMin = 4;
// How often the gaps are dealt out anew among the accounts.
constexpr size_t kDealCount = 16;
constexpr size_t kFewDeals = 6;  // Over many turns.
// Habits never explain all of the order.
constexpr double kByHabitMax = 0.99;

// An account that began while the log was kept.
struct Newcomer {
  uint32_t index = 0;  // Of the candidate.
  uint64_t hash = 0;   // Of its id.
  uint64_t parameters = 0;
  int64_t first_bin = 0;
  std::vector<int64_t> starts;  // Ticks, ascending; two at least.
};
using Newcomers = std::vector<const Newcomer*>;

// A gap between two beginnings of an account.
struct Gap {
  int64_t begin;
  int64_t end;
  const Newcomer* account;
  size_t place;  // Of its end, among the account's beginnings.
};

// Accounts that stayed in order, of some.
struct Chain {
  std::vector<Gap> all;   // In order of their beginnings.
  std::vector<Gap> gaps;  // Those in order of their ends, too.
  double log_likelihood_ratio = 0;
};

struct Found {
  Newcomers members;
  double strangers = 0;  // That chance put among them.
  QueueGroup group;      // Without members.
};

// ln n!. The standard library's lgamma sets a variable that all threads share.
double LogFactorial(size_t n) {
  int sign = 0;
  return lgamma_r(static_cast<double>(n) + 1, &sign);
}

// −ln of the bound C(m, k) / k!.
double LogRatio(size_t m, size_t k) { return 2 * LogFactorial(k) + LogFactorial(m - k) - LogFactorial(m); }

// The longest chain in order. Of gaps that begin in one tick it takes one.
Chain LongestChain(std::vector<Gap> gaps) {
  std::sort(gaps.begin(), gaps.end(), [](const Gap& a, const Gap& b) {
    if (a.begin != b.begin) return a.begin < b.begin;
    return a.end != b.end ? a.end > b.end : a.account->index < b.account->index;
  });
  std::vector<int64_t> ends;
  ends.reserve(gaps.size());
  for (const Gap& gap : gaps) ends.push_back(gap.end);
  Chain out;
  for (const uint32_t position : LongestIncreasing(ends)) out.gaps.push_back(gaps[position]);
  out.log_likelihood_ratio = LogRatio(gaps.size(), out.gaps.size());
  out.all = std::move(gaps);
  return out;
}

Chain ChainAt(const Newcomers& accounts, int64_t tick) {
  std::vector<Gap> gaps;
  for (const Newcomer* account : accounts) {
    const auto& starts = account->starts;
    const auto end = std::upper_bound(starts.begin(), starts.end(), tick);
    if (end == starts.begin() || end == starts.end()) continue;
    gaps.push_back({*std::prev(end), *end, account, static_cast<size_t>(end - starts.begin())});
  }
  return LongestChain(std::move(gaps));
}

// Whose next gaps a chain is tested in: those of its own accounts, which leaves few strangers, or those of all, which
// leaves all accounts of a pool that often skips its queue.
enum class Followed : uint8_t { kChain, kAll };

// The chain in the next gaps, at the moment at which most accounts are in theirs.
Chain NextChain(const Chain& chain, Followed followed) {
  std::vector<Gap> next;
  for (const Gap& gap : followed == Followed::kChain ? chain.gaps : chain.all) {
    const auto& starts = gap.account->starts;
    if (gap.place + 1 < starts.size()) next.push_back({gap.end, starts[gap.place + 1], gap.account, gap.place + 1});
  }
  std::vector<int64_t> begins;
  std::vector<int64_t> ends;
  for (const Gap& gap : next) {
    begins.push_back(gap.begin);
    ends.push_back(gap.end);
  }
  std::sort(begins.begin(), begins.end());
  std::sort(ends.begin(), ends.end());
  size_t most = 0;
  int64_t moment = 0;
  for (size_t i = 0; i < begins.size(); ++i) {
    const auto over = std::upper_bound(ends.begin(), ends.end(), begins[i]) - ends.begin();
    const size_t count = i + 1 - static_cast<size_t>(over);  // What has ended has begun.
    if (count <= most) continue;
    most = count;
    moment = begins[i];
  }
  std::erase_if(next, [moment](const Gap& gap) { return gap.begin > moment || gap.end <= moment; });
  return LongestChain(std::move(next));
}

// How long the accounts' habits make a chain.
struct Habits {
  double mean = 0;
  double standard_deviation = 0;
};

// Timers of one period, and people who come at their hour every day, keep as much order if each account's beginning and
// another one's gap are taken together, since a gap says nothing of its neighbours then. Half of the variance of the
// gaps is that of their beginnings: if the accounts were chosen by the order of these, only the other half can still
// bring them out of order.
Habits HabitsOf(const Chain& chain, Followed followed, size_t deal_count) {
  std::vector<const Gap*> dealt;  // In an order that has nothing to do with that of time.
  for (const Gap& gap : chain.all) dealt.push_back(&gap);
  std::sort(dealt.begin(), dealt.end(), [](const Gap* a, const Gap* b) { return a->account->hash < b->account->hash; });
  double mean_gap = 0;
  for (const Gap& gap : chain.all)
    mean_gap += static_cast<double>(gap.end - gap.begin) / static_cast<double>(dealt.size());
  const double part = followed == Followed::kChain ? std::numbers::sqrt2 / 2 : 1;
  double sum = 0;
  double squares = 0;
  for (size_t deal = 0; deal < deal_count; ++deal) {
    std::vector<int64_t> ends;
    for (size_t i = 0; i < dealt.size(); ++i) {
      const Gap& other = *dealt[(i + deal * dealt.size() / deal_count) % dealt.size()];
      const double deviation = static_cast<double>(other.end - other.begin) - mean_gap;
      ends.push_back(chain.all[i].begin + std::lround(mean_gap + part * deviation));
    }
    const auto kept = static_cast<double>(LongestIncreasing(ends).size());
    sum += kept;
    squares += kept * kept;
  }
  const auto count = static_cast<double>(deal_count);
  const double mean = sum / count;
  return {mean, std::sqrt(std::max(squares / count - mean * mean, 1.0))};
}

// The chain among gaps of one kind: no more than twice, and no less than half as long as the usual one in order. A
// timer that sleeps has two kinds, and dealing out one for the other would bring any order to an end.
Chain AmongAlike(const Chain& chain) {
  if (chain.gaps.empty()) return chain;
  std::vector<int64_t> lengths;
  for (const Gap& gap : chain.gaps) lengths.push_back(gap.end - gap.begin);
  const auto middle = lengths.begin() + static_cast<ptrdiff_t>(lengths.size() / 2);
  std::nth_element(lengths.begin(), middle, lengths.end());
  std::vector<Gap> alike;
  std::copy_if(chain.all.begin(), chain.all.end(), std::back_inserter(alike), [usual = *middle](const Gap& gap) {
    const int64_t length = gap.end - gap.begin;
    return length <= 2 * usual && 2 * length >= usual;
  });
  return LongestChain(std::move(alike));
}

// By how many standard deviations a chain is longer than habits make it.
double DeviationFromHabits(const Chain& chain, Followed followed, size_t deal_count) {
  const Chain alike = AmongAlike(chain);
  if (alike.gaps.empty()) return 0;
  const Habits habits = HabitsOf(alike, followed, deal_count);
  return (static_cast<double>(alike.gaps.size()) - habits.mean) / habits.standard_deviation;
}

// What the order is worth in all turns from that chain on: of both reasons to doubt it the one that leaves less.
// Deviations are summed as Stouffer does.
double RatioOf(Chain chain, Followed followed) {
  double ratio = 0;
  double deviation = 0;
  int turns = 0;
  for (; turns < kTurnsMax && chain.gaps.size() >= kMembersMin; ++turns, chain = NextChain(chain, followed)) {
    ratio += chain.log_likelihood_ratio;
    deviation += DeviationFromHabits(chain, followed, kDealCount);
  }
  return turns == 0 || deviation <= 0 ? 0 : std::min(ratio, deviation * deviation / turns / 2);
}

// Accounts of `chain` that are also in `other`.
Newcomers InBoth(const Chain& chain, const Chain& other) {
  absl::flat_hash_set<const Newcomer*> others;
  for (const Gap& gap : other.gaps) others.insert(gap.account);
  Newcomers out;
  for (const Gap& gap : chain.gaps) {
    if (others.contains(gap.account)) out.push_back(gap.account);
  }
  return out;
}

// The surest queue among the accounts; adds the chains that were tested to `trials`.
std::optional<Found> BestQueue(const Newcomers& accounts, int64_t tick, size_t& trials) {
  std::optional<Found> best;
  double age = kFirstAgeTicks;
  for (int i = 0; i < kAgeCount; ++i, age *= kAgeRatio) {
    const Chain chosen = ChainAt(accounts, tick - static_cast<int64_t>(age));
    if (chosen.gaps.size() < kMembersMin || chosen.log_likelihood_ratio < kChosenMin) continue;
    for (const Followed followed : {Followed::kChain, Followed::kAll}) {
      const Chain tested = NextChain(chosen, followed);
      if (tested.all.size() < kMembersMin) continue;
      ++trials;
      Newcomers members = InBoth(tested, chosen);
      if (members.size() < kMembersMin) continue;
      const double ratio = RatioOf(tested, followed);
      if (ratio < (best ? best->group.log_likelihood_ratio : kRatioMin)) continue;
      // A stranger fits one place of a chain: by chance once in k + 1 at each of the two moments.
      const auto strangers = static_cast<double>(chosen.all.size() - chosen.gaps.size());
      const double places = static_cast<double>(chosen.gaps.size() + 1) * static_cast<double>(tested.gaps.size() + 1);
      const Chain alike = AmongAlike(tested);
      const auto all = static_cast<double>(alike.all.size());
      const double in_order = static_cast<double>(alike.gaps.size()) / all;
      const double by_habit = std::min(HabitsOf(alike, followed, kDealCount).mean / all, kByHabitMax);
      best = {std::move(members), strangers / places, {{}, in_order, by_habit, ratio}};
    }
  }
  return best;
}

std::vector<Newcomer> NewcomersOf(std::span<const CampaignCandidate> candidates, int64_t time_unix_nano,
                                  const ParallelFor& parallel_for, const std::vector<bool>& is_left_out) {
  const int64_t first_bin = FirstBinOfNewcomers(candidates, time_unix_nano);
  const auto is_newcomer = [&](size_t i) { return !is_left_out[i] && candidates[i].first_bin >= first_bin; };
  absl::flat_hash_map<uint64_t, size_t> organizations;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (is_newcomer(i)) ++organizations[candidates[i].organization];
  }
  return Gather<Newcomer>(parallel_for, candidates.size(), [&](size_t i, std::vector<Newcomer>& out) {
    const CampaignCandidate& candidate = candidates[i];
    if (!is_newcomer(i)) return;
    if (candidate.organization != 0 && organizations.at(candidate.organization) > 1) return;
    const StateView state = candidate.State();
    Newcomer newcomer{static_cast<uint32_t>(i), candidate.account_hash, 0, candidate.first_bin,
                      state->links.RecentStarts()};
    if (newcomer.starts.size() < 2) return;
    VisitObjects(candidate, *state, ObjectKind::kParameters, [&](uint64_t hash) { newcomer.parameters = hash; });
    out.push_back(std::move(newcomer));
  });
}

// Those who began within each of the spans, and those of each setting.
std::vector<Newcomers> BlocksOf(std::span<const Newcomer> newcomers, int64_t end_bin) {
  std::vector<Newcomers> out;
  for (const int64_t span : kSpans) {
    Newcomers block;
    for (const Newcomer& newcomer : newcomers) {
      if (newcomer.first_bin > end_bin - span) block.push_back(&newcomer);
    }
    if (out.empty() || block.size() > out.back().size()) out.push_back(std::move(block));
  }
  Newcomers by_setting;
  for (const Newcomer& newcomer : newcomers) by_setting.push_back(&newcomer);
  std::stable_sort(by_setting.begin(), by_setting.end(),
                   [](const Newcomer* a, const Newcomer* b) { return a->parameters < b->parameters; });
  for (auto begin = by_setting.begin(), end = begin; begin != by_setting.end(); begin = end) {
    end =
        std::find_if(begin, by_setting.end(), [&](const Newcomer* a) { return a->parameters != (*begin)->parameters; });
    if ((*begin)->parameters != 0) out.emplace_back(begin, end);
  }
  std::erase_if(out, [](const Newcomers& block) { return block.size() < kMembersMin; });
  return out;
}

// One queue shows in several blocks: what has half of its members in common with a surer one is part of that.
std::vector<Found> Merge(std::vector<Found> found) {
  std::stable_sort(found.begin(), found.end(), [](const Found& a, const Found& b) {
    return a.group.log_likelihood_ratio > b.group.log_likelihood_ratio;
  });
  std::vector<Found> out;
  absl::flat_hash_map<const Newcomer*, size_t> places;
  for (Found& part : found) {
    std::vector<size_t> counts(out.size());
    Newcomers rest;
    for (const Newcomer* member : part.members) {
      const auto place = places.find(member);
      if (place == places.end()) {
        rest.push_back(member);
      } else {
        ++counts[place->second];
      }
    }
    const auto most = std::max_element(counts.begin(), counts.end());
    const bool is_new = rest.size() == part.members.size();
    if (!is_new && 2 * *most < part.members.size()) continue;  // Of two queues: it will show when they are told apart.
    const size_t place = is_new ? out.size() : static_cast<size_t>(most - counts.begin());
    for (const Newcomer* member : rest) places.emplace(member, place);
    if (is_new) {
      out.push_back(std::move(part));
    } else {
      out[place].strangers += part.strangers;
      out[place].members.insert(out[place].members.end(), rest.begin(), rest.end());
    }
  }
  return out;
}

}  // namespace

std::optional<double> OrderBeyondHabits(std::span<const CampaignCandidate> candidates, const LinkGroup& group) {
  std::vector<Newcomer> members;
  std::vector<int64_t> moments;
  for (const GroupMember& member : group) {
    const CampaignCandidate& candidate = candidates[member.index];
    Newcomer& account = members.emplace_back();
    account.index = member.index;
    account.hash = candidate.account_hash;
    account.starts = candidate.State()->links.RecentStarts();
    if (account.starts.size() < 2) continue;
    const size_t last = account.starts.size() - 1;
    moments.push_back(account.starts[last - std::min(last, kHabitTurns)]);
  }
  if (moments.empty()) return std::nullopt;
  // All but the newest had a turn by then.
  const auto moment = moments.begin() + static_cast<ptrdiff_t>(moments.size() * 9 / 10);
  std::nth_element(moments.begin(), moment, moments.end());
  Newcomers accounts;
  for (const Newcomer& member : members) accounts.push_back(&member);
  double deviation = 0;
  double turns = 0;
  for (Chain chain = ChainAt(accounts, *moment); chain.all.size() >= kOrderedMin && turns < kHabitTurns;
       chain = NextChain(chain, Followed::kAll)) {
    deviation += DeviationFromHabits(chain, Followed::kChain, kFewDeals);  // They were found by their order.
    ++turns;
  }
  if (turns == 0) return std::nullopt;
  return deviation / std::sqrt(turns);
}

std::vector<uint32_t> LongestIncreasing(std::span<const int64_t> values) {
  constexpr uint32_t kNone = UINT32_MAX;
  std::vector<int64_t> lowest_ends;  // Of the increasing subsequences of each length, the lowest last value.
  std::vector<uint32_t> ends;        // Where it stands.
  std::vector<uint32_t> before(values.size(), kNone);
  for (uint32_t i = 0; i < values.size(); ++i) {
    const auto length =
        static_cast<size_t>(std::lower_bound(lowest_ends.begin(), lowest_ends.end(), values[i]) - lowest_ends.begin());
    if (length == ends.size()) {
      lowest_ends.push_back(values[i]);
      ends.push_back(i);
    } else {
      lowest_ends[length] = values[i];
      ends[length] = i;
    }
    if (length > 0) before[i] = ends[length - 1];
  }
  std::vector<uint32_t> out;
  for (uint32_t i = ends.empty() ? kNone : ends.back(); i != kNone; i = before[i]) out.push_back(i);
  std::reverse(out.begin(), out.end());
  return out;
}

std::vector<QueueGroup> FindQueues(std::span<const CampaignCandidate> candidates, int64_t time_unix_nano,
                                   const ParallelFor& parallel_for, const std::vector<bool>& is_left_out) {
  const std::vector<Newcomer> newcomers = NewcomersOf(candidates, time_unix_nano, parallel_for, is_left_out);
  const std::vector<Newcomers> blocks = BlocksOf(newcomers, LinkSketch::BinOf(time_unix_nano));
  const int64_t tick = time_unix_nano / LinkSketch::kTickNano;
  std::vector<size_t> trials(blocks.size());
  std::vector<std::vector<Found>> found(blocks.size());
  parallel_for(blocks.size(), [&](size_t i) {
    Newcomers block = blocks[i];
    while (auto queue = BestQueue(block, tick, trials[i])) {
      std::erase_if(block, [&](const Newcomer* account) {
        return std::find(queue->members.begin(), queue->members.end(), account) != queue->members.end();
      });
      found[i].push_back(std::move(*queue));
    }
  });
  std::vector<Found> all;
  size_t trial_count = 1;
  for (size_t i = 0; i < blocks.size(); ++i) {
    trial_count += trials[i];
    std::move(found[i].begin(), found[i].end(), std::back_inserter(all));
  }
  for (Found& queue : all) queue.group.log_likelihood_ratio -= std::log(static_cast<double>(trial_count));
  std::erase_if(all, [](const Found& queue) { return queue.group.log_likelihood_ratio < kRatioMin; });
  std::vector<QueueGroup> out;
  for (const Found& queue : Merge(std::move(all))) {
    QueueGroup& group = out.emplace_back(queue.group);
    const double share = 1 - std::min(1.0, queue.strangers / static_cast<double>(queue.members.size()));
    for (const Newcomer* member : queue.members) group.members.push_back({member->index, static_cast<float>(share)});
    std::sort(group.members.begin(), group.members.end(),
              [](const GroupMember& a, const GroupMember& b) { return a.index < b.index; });
  }
  std::sort(out.begin(), out.end(),
            [](const QueueGroup& a, const QueueGroup& b) { return a.members.front().index < b.members.front().index; });
  return out;
}

}  // namespace stillwatch::detector
