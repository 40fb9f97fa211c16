#include "detector/synchrony.h"

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <tuple>
#include <utility>

#include "detector/rhythm.h"
#include "detector/turns.h"
#include "proto/limits.h"

namespace stillwatch::detector {
namespace {

using features::LinkSketch;

// Spans of six hours: long enough for some beginnings of an account that is one of many, short enough for a pool's
// pauses to show.
constexpr int kBinsPerSpan = 2;
constexpr int kSpans = LinkSketch::kBinCount / kBinsPerSpan;
constexpr int kSpansPerDay = LinkSketch::kBinsPerDay / kBinsPerSpan;
using Residuals = Eigen::Array<float, kSpans, 1>;  // Newest first; 0 where the account was not there.

// Settings that an account uses in a smaller share of its requests, or fewer times, say nothing of how it works.
constexpr double kHolderShareMin = 0.1;
constexpr uint64_t kHolderCountMin = 5;
// Independent accounts deviate by 1. Hundreds of settings are looked at, twice a day, and honest accounts are not quite
// independent: users of one setting reached 11 on generated traffic.
constexpr double kDeviationMin = 12;
// Log-odds from which an account counts to a group: ten to one.
constexpr double kMemberLogOddsMin = 2.3;
// How much of what is usual for an account is taken from its own time of day; the rest from its whole time, because a
// few days tell little of each hour.
constexpr float kHourWeight = 0.85F;
// Below this many days what is usual is not known.
constexpr int kDaysMin = 4;
// Above this variance an account is no timer.
constexpr float kTimerVarianceMax = 2;
// One span in which an account did much more than it usually does is one surprise, not many.
constexpr float kResidualMax = 3;
// Pools that use the same setting, and rounds in which a group's members are settled.
constexpr int kGroupsPerSetting = 4;
constexpr int kRounds = 4;

struct Account {
  uint32_t index = 0;  // Of the candidate.
  int begin = 0;       // The newest span in which it did anything: whether it is gone for good is not known.
  int end = 0;         // Behind the oldest span that it was there for as a whole.
  float variance = 0;  // Of a residual, at least nearly that of a Poisson process.
  Residuals residuals = Residuals::Zero();

  int count() const { return end - begin; }
};

// Nothing if the account was there for too short a time, or began too little or too much, to be compared.
std::optional<Account> Measure(const CampaignCandidate& candidate, uint32_t index, int64_t end_bin) {
  const StateView state = candidate.State();
  const auto starts = Rhythm::ComparableStarts(state->links, end_bin);
  if (!starts) return std::nullopt;
  Account out;
  out.index = index;
  out.end = static_cast<int>(starts->known) / kBinsPerSpan;
  Residuals counts = Residuals::Zero();
  for (int i = 0; i < out.end; ++i) {
    const auto bin = static_cast<size_t>(kBinsPerSpan * i);
    counts[i] = static_cast<float>(starts->newest_first[bin] + starts->newest_first[bin + 1]);
  }
  while (out.begin < out.end && counts[out.begin] == 0) ++out.begin;
  if (out.count() < kDaysMin * kSpansPerDay) return std::nullopt;
  const float mean = counts.segment(out.begin, out.count()).mean();
  for (int phase = 0; phase < kSpansPerDay; ++phase) {
    float sum = 0;
    int days = 0;
    for (int i = out.begin + phase; i < out.end; i += kSpansPerDay, ++days) sum += counts[i];
    const float usual = kHourWeight * sum / static_cast<float>(days) + (1 - kHourWeight) * mean;
    for (int i = out.begin + phase; i < out.end; i += kSpansPerDay) {
      const float residual = (counts[i] - usual) / std::sqrt(usual + 0.25F);
      out.residuals[i] = std::clamp(residual, -kResidualMax, kResidualMax);
    }
  }
  // Timers are as regular together as they are alone.
  const bool may_be_timer = out.residuals.square().sum() < kTimerVarianceMax * static_cast<float>(out.count());
  if (may_be_timer && IsTimer(state->links.RecentStarts())) return std::nullopt;
  return out;
}

// Takes out of the residuals what goes with `pattern`.
void Regress(const Residuals& pattern, Account& account) {
  auto ours = account.residuals.segment(account.begin, account.count());
  const auto usual = pattern.segment(account.begin, account.count());
  const float energy = usual.square().sum();
  if (energy > 0) ours -= (ours * usual).sum() / energy * usual;
}

// 1 on the weekend and a negative constant on other days, which together are 0.
Residuals WeekendPattern(int64_t end_bin) {
  Residuals out;
  for (int i = 0; i < kSpans; ++i) {
    constexpr int kThursday = 4;  // 1 January 1970; Sunday is 0.
    const int64_t day = (end_bin - 1 - kBinsPerSpan * i) / LinkSketch::kBinsPerDay;
    const int64_t weekday = (day + kThursday) % 7;
    out[i] = weekday == 0 || weekday == 6 ? 1 : 0;
  }
  return out - out.mean();
}

// Accounts that can be compared, by candidate, with residuals that neither the week nor everybody explains.
std::vector<Account> MeasureAll(std::span<const CampaignCandidate> candidates, int64_t time_unix_nano,
                                const ParallelFor& parallel_for, const std::vector<bool>& is_grouped) {
  const int64_t end_bin = LinkSketch::BinOf(time_unix_nano);
  const Residuals weekend = WeekendPattern(end_bin);
  auto accounts = Gather<Account>(parallel_for, candidates.size(), [&](size_t i, std::vector<Account>& out) {
    if (is_grouped[i]) return;
    auto account = Measure(candidates[i], static_cast<uint32_t>(i), end_bin);
    if (!account) return;
    Regress(weekend, *account);
    out.push_back(*account);
  });
  Eigen::Array<double, kSpans, 1> sum = Eigen::Array<double, kSpans, 1>::Zero();
  Eigen::Array<double, kSpans, 1> count = Eigen::Array<double, kSpans, 1>::Constant(1e-9);
  for (const Account& account : accounts) {
    // One voice each: who swings widely does not speak for everybody.
    sum += account.residuals.max(-1.0F).min(1.0F).cast<double>();
    count.segment(account.begin, account.count()) += 1;
  }
  const Residuals everybody = (sum / count).cast<float>();
  ForSlices(parallel_for, accounts.size(), [&](size_t, size_t i) {
    constexpr float kPoissonVarianceMin = 0.8F;  // A little is explained by what is usual.
    Account& account = accounts[i];
    Regress(everybody, account);
    const float variance = account.residuals.square().sum() / static_cast<float>(account.count());
    // Who swings widely by itself must not make the others' sum.
    if (variance > 1) account.residuals /= std::sqrt(variance);
    account.variance = std::clamp(variance, kPoissonVarianceMin, 1.0F);
  });
  return accounts;
}

// Ways to work that accounts can have in common.
enum class Setting : uint8_t { kParameters, kSystem, kHead };
using Holder = std::tuple<Setting, uint64_t, uint32_t>;  // With the setting's hash and the account's position.

std::vector<Holder> HoldersOf(std::span<const CampaignCandidate> candidates, std::span<const Account> accounts,
                              const ParallelFor& parallel_for) {
  auto holders = Gather<Holder>(parallel_for, accounts.size(), [&](size_t i, std::vector<Holder>& out) {
    const StateView state = candidates[accounts[i].index].State();
    const double count_min = std::max(kHolderShareMin * static_cast<double>(state->portrait.event_count()),
                                      static_cast<double>(kHolderCountMin));
    const auto add = [&](Setting setting, const auto& entries) {
      for (const auto& entry : entries) {
        const bool is_used = entry.hash != 0 && static_cast<double>(entry.count) >= count_min;
        if (is_used) out.emplace_back(setting, entry.hash, static_cast<uint32_t>(i));
      }
    };
    add(Setting::kParameters, state->links.parameters().entries());
    add(Setting::kSystem, state->links.systems().entries());
    add(Setting::kHead, state->links.heads().entries());
  });
  std::sort(holders.begin(), holders.end());
  return holders;
}

// What accounts do together.
struct Movement {
  Residuals sum = Residuals::Zero();
  double deviation = 0;
};

Movement MovementOf(std::span<const Account> accounts, std::span<const uint32_t> positions) {
  Movement out;
  double squares = 0;
  std::array<double, kSpans> variances{};
  std::array<double, kSpans> squared_variances{};
  for (const uint32_t position : positions) {
    const Account& account = accounts[position];
    out.sum += account.residuals;
    squares += static_cast<double>(account.residuals.square().sum());
    const auto variance = static_cast<double>(account.variance);
    for (auto i = static_cast<size_t>(account.begin); i < static_cast<size_t>(account.end); ++i) {
      variances[i] += variance;
      squared_variances[i] += variance * variance;
    }
  }
  double variance_of_pairs = 0;
  for (size_t i = 0; i < kSpans; ++i) {
    variance_of_pairs += (variances[i] * variances[i] - squared_variances[i]) / 2;
  }
  const double pairs = (static_cast<double>(out.sum.square().sum()) - squares) / 2;
  if (variance_of_pairs > 0) out.deviation = pairs / std::sqrt(variance_of_pairs);
  return out;
}

// How far the account follows a movement of others, in standard deviations.
double Following(const Account& account, const Residuals& others) {
  const auto known = others.segment(account.begin, account.count());
  const float energy = known.square().sum();
  if (energy <= 0) return 0;
  const float product = (account.residuals.segment(account.begin, account.count()) * known).sum();
  return static_cast<double>(product / std::sqrt(energy * account.variance));
}

struct Group {
  std::vector<std::pair<uint32_t, float>> members;  // Position and share.
  Residuals sum = Residuals::Zero();
  double deviation = 0;
};

// Those of the holders that move together; none if too few do. An account that moves by itself lies at 0, and those of
// the group at its members' mean: two normal distributions, of which the second is learned.
Group Settle(std::span<const Account> accounts, std::span<const uint32_t> holders, const Movement& movement) {
  Group out;
  out.deviation = movement.deviation;
  std::vector<uint32_t> members(holders.begin(), holders.end());
  std::vector<char> is_member(holders.size(), 1);
  out.sum = movement.sum;
  double share = 0.5;  // Of the holders in the group.
  for (int round = 0; round < kRounds; ++round) {
    std::vector<double> following(holders.size());
    double sum_of_members = 0;
    for (size_t i = 0; i < holders.size(); ++i) {
      const Account& account = accounts[holders[i]];
      // One's own part of the movement proves nothing.
      following[i] = Following(account, is_member[i] != 0 ? Residuals(out.sum - account.residuals) : out.sum);
      if (is_member[i] != 0) sum_of_members += std::max(following[i], 0.0);
    }
    const double mean = sum_of_members / static_cast<double>(members.size());
    const double prior = std::log(share / (1 - share));
    members.clear();
    out.members.clear();
    out.sum = Residuals::Zero();
    for (size_t i = 0; i < holders.size(); ++i) {
      const double log_odds = prior + mean * following[i] - mean * mean / 2;
      is_member[i] = log_odds >= kMemberLogOddsMin ? 1 : 0;
      if (is_member[i] == 0) continue;
      members.push_back(holders[i]);
      out.sum += accounts[holders[i]].residuals;
      out.members.emplace_back(holders[i], static_cast<float>(1 / (1 + std::exp(-log_odds))));
    }
    if (members.size() < kSynchronousMin) return {};
    constexpr double kShareMax = 0.9;
    share = std::min(static_cast<double>(members.size()) / static_cast<double>(holders.size()), kShareMax);
  }
  return out;
}

// The groups among the holders of one setting.
void FindAmong(std::span<const CampaignCandidate> candidates, std::span<const Account> accounts,
               std::span<const Holder> holders, std::vector<Group>& out) {
  absl::flat_hash_map<uint64_t, size_t> organizations;
  const auto organization_of = [&](const Holder& holder) {
    return candidates[accounts[std::get<uint32_t>(holder)].index].organization;
  };
  for (const Holder& holder : holders) ++organizations[organization_of(holder)];
  std::vector<uint32_t> positions;
  for (const Holder& holder : holders) {
    const uint64_t organization = organization_of(holder);
    if (organization == 0 || organizations[organization] == 1) positions.push_back(std::get<uint32_t>(holder));
  }
  for (int i = 0; i < kGroupsPerSetting && positions.size() >= kSynchronousMin; ++i) {
    const Movement movement = MovementOf(accounts, positions);
    if (movement.deviation < kDeviationMin) return;
    Group group = Settle(accounts, positions, movement);
    if (group.members.empty()) return;
    std::erase_if(positions, [&](uint32_t position) {
      const auto is_it = [position](const auto& member) { return member.first == position; };
      return std::any_of(group.members.begin(), group.members.end(), is_it);
    });
    out.push_back(std::move(group));
  }
}

// An account is of the first group that has it; of a pool that works in several ways that is the largest part.
std::vector<Group> Disjoint(std::vector<Group> groups) {
  std::stable_sort(groups.begin(), groups.end(),
                   [](const Group& x, const Group& y) { return x.deviation > y.deviation; });
  absl::flat_hash_set<uint32_t> taken;
  for (Group& group : groups) {
    std::erase_if(group.members, [&taken](const auto& member) { return taken.contains(member.first); });
    if (group.members.size() < kSynchronousMin) group.members.clear();
    for (const auto& member : group.members) taken.insert(member.first);
  }
  std::erase_if(groups, [](const Group& group) { return group.members.empty(); });
  return groups;
}

}  // namespace

std::vector<SynchronousGroup> FindSynchronousGroups(std::span<const CampaignCandidate> candidates,
                                                    int64_t time_unix_nano, const ParallelFor& parallel_for,
                                                    const std::vector<bool>& is_grouped) {
  const std::vector<Account> accounts = MeasureAll(candidates, time_unix_nano, parallel_for, is_grouped);
  const std::vector<Holder> holders = HoldersOf(candidates, accounts, parallel_for);
  const auto is_same = [](const Holder& x, const Holder& y) {
    return std::get<Setting>(x) == std::get<Setting>(y) && std::get<uint64_t>(x) == std::get<uint64_t>(y);
  };
  std::vector<std::span<const Holder>> settings;
  for (size_t begin = 0, end = 0; begin < holders.size(); begin = end) {
    while (end < holders.size() && is_same(holders[begin], holders[end])) ++end;
    if (end - begin >= kSynchronousMin) settings.push_back(std::span(holders).subspan(begin, end - begin));
  }
  auto groups = Gather<Group>(parallel_for, settings.size(), [&](size_t i, std::vector<Group>& out) {
    FindAmong(candidates, accounts, settings[i], out);
  });
  std::vector<SynchronousGroup> out;
  for (const Group& group : Disjoint(std::move(groups))) {
    SynchronousGroup found;
    found.deviation = group.deviation;
    for (const auto& [position, share] : group.members) found.members.push_back({accounts[position].index, share});
    std::sort(found.members.begin(), found.members.end(),
              [](const GroupMember& x, const GroupMember& y) { return x.index < y.index; });
    out.push_back(std::move(found));
  }
  return out;
}

}  // namespace stillwatch::detector
