#include "detector/rotation_links.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <tuple>

namespace stillwatch::detector {
namespace {

using features::LinkSketch;

// The newest beginnings of an account suffice to link it; who joins may have been there earlier.
constexpr size_t kLinkedStartCount = 64;
// Fewer beginnings cannot make a link, however strictly the turns are kept: 12 turns of ln 2 each exceed 8.
constexpr size_t kStartsMin = 6;
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

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
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

RotationSearch::RotationSearch(std::span<const CampaignCandidate> candidates, int64_t time_unix_nano,
                               ParallelFor parallel_for, const std::vector<bool>& is_left_out)
    : candidates_(candidates), parallel_for_(std::move(parallel_for)) {
  const int64_t day_begin = (time_unix_nano - kNanosecondsPerDay) / LinkSketch::kTickNano;
  const int64_t now_tick = time_unix_nano / LinkSketch::kTickNano;
  const auto take = [&](size_t i, std::vector<Account>& out) {
    if (!is_left_out.empty() && is_left_out[i]) return;
    const StateView state = candidates[i].State();
    const LinkSketch& links = state->links;
    if (links.recent_start_count() < kStartsMin || RepeatsItself(state->portrait)) return;
    Account account;
    account.index = static_cast<uint32_t>(i);
    account.starts = links.RecentStarts();
    const auto recent =
        account.starts.end() - std::lower_bound(account.starts.begin(), account.starts.end(), day_begin);
    account.root = std::sqrt(static_cast<float>(recent));
    account.rate = static_cast<double>(account.starts.size()) /
                   static_cast<double>(account.starts.back() - account.starts.front() + 1);
    out.push_back(std::move(account));
  };
  accounts_ = Gather<Account>(parallel_for_, candidates.size(), take);
  std::sort(accounts_.begin(), accounts_.end(),
            [](const Account& x, const Account& y) { return std::tie(x.root, x.index) < std::tie(y.root, y.index); });
  size_t start_count = 0;
  for (const Account& account : accounts_) start_count += account.starts.size();
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
void RotationSearch::CountPlaced(size_t i, size_t begin, size_t end, std::span<uint8_t> placed) const {
  constexpr size_t kPlaces = kNewestCount - 2;
  std::array<int32_t, kNewestCount + 1> own{-1};
  std::array<const int32_t*, kPlaces> others{};
  for (size_t k = 0; k < kNewestCount; ++k) own[k + 1] = newest_ages_[k][i];
  for (size_t k = 0; k < kPlaces; ++k) others[k] = newest_ages_[k].data() + begin;
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

std::optional<Alternation> RotationSearch::Compare(const Account& a, const Account& b) const {
  if (AreDeclaredTogether(candidates_[a.index], candidates_[b.index])) return std::nullopt;
  if (!KeepSwitching(a.ages, b.ages)) return std::nullopt;
  return CompareTurns(a.starts, b.starts);
}

std::vector<CampaignLink> RotationSearch::FindLinks(const std::vector<bool>& is_grouped) const {
  const auto compare = [&](size_t i, std::vector<CampaignLink>& out) {
    if (accounts_[i].root == 0 || is_grouped[accounts_[i].index]) return;
    size_t end = i + 1;
    const size_t last = std::min(accounts_.size(), i + 1 + kNeighbours);
    while (end < last && accounts_[end].root <= accounts_[i].root + kRootDistanceMax) ++end;
    std::array<uint8_t, kNeighbours> placed;
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
  };
  std::vector<CampaignLink> out = Gather<CampaignLink>(parallel_for_, accounts_.size(), compare);
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
  std::vector<double> strictness(sample.size());
  std::vector<double> unevenness(sample.size());
  ForSlices(parallel_for_, sample.size(), [&](size_t /*slice*/, size_t i) {
    strictness[i] = StrictnessOf(*sample[i], sample).switched;
    unevenness[i] = UnevennessOf(*sample[i], sample).value_or(0);
  });
  return {Median(strictness) - kStrictnessSlack,
          std::min(kUnevennessMax, kUnevennessRatioMax * Median(unevenness) + kUnevennessSlack)};
}

void RotationSearch::Complete(Origin origin, std::vector<bool>& is_grouped, LinkGroup& group,
                              std::vector<CampaignLink>& links) const {
  const std::vector<const Account*> sample = SampleOf(group);
  if (sample.empty()) return;
  const Habits habits = HabitsOf(sample);
  struct Kept {
    const Account* account;
    const GroupMember* member;  // Null for who joins.
    Strictness found;
  };
  const auto look = [&](size_t i, std::vector<Kept>& out) {
    const Account& account = accounts_[i];
    const auto place = std::lower_bound(group.begin(), group.end(), account.index,
                                        [](const GroupMember& m, uint32_t index) { return m.index < index; });
    const GroupMember* member = place != group.end() && place->index == account.index ? &*place : nullptr;
    const bool is_member = member != nullptr;
    if (!is_member && (is_grouped[account.index] || (origin == Origin::kKnown && account.root == 0))) return;
    if (!is_member && !MayJoin(account, sample)) return;
    Strictness found = StrictnessOf(account, sample);
    const bool is_linked = found.link_count > 0 && 2 * found.link_count + 1 >= sample.size();
    const bool needs_links = !is_member || origin == Origin::kKnown;
    if ((needs_links && !is_linked) || found.switched < habits.switched_min) return;
    const std::optional<double> unevenness = UnevennessOf(account, sample);
    const bool is_paced = unevenness ? *unevenness <= habits.unevenness_max : is_member;
    if (is_paced && (is_member || !IsTimer(account.starts))) out.push_back({&account, member, std::move(found)});
  };
  const std::vector<Kept> kept = Gather<Kept>(parallel_for_, accounts_.size(), look);
  for (const GroupMember& member : group) is_grouped[member.index] = false;
  LinkGroup complete;
  for (const auto& [account, member, found] : kept) {
    is_grouped[account->index] = true;
    const double share = std::min(1.0, 2 * static_cast<double>(found.link_count) / static_cast<double>(sample.size()));
    const bool needs_links = member == nullptr || origin == Origin::kKnown;
    complete.push_back(needs_links ? GroupMember{account->index, static_cast<float>(share)} : *member);
    if (origin == Origin::kKnown) links.insert(links.end(), found.firm_links.begin(), found.firm_links.end());
  }
  std::sort(complete.begin(), complete.end(), [](const auto& x, const auto& y) { return x.index < y.index; });
  group = std::move(complete);
}

}  // namespace stillwatch::detector
