#include "detector/campaign_finder.h"

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <cmath>

#include "detector/onset.h"
#include "detector/queue_order.h"
#include "detector/rhythm_links.h"
#include "detector/ring.h"
#include "detector/rotation_links.h"
#include "detector/shared_objects.h"
#include "detector/synchrony.h"
#include "proto/limits.h"

namespace stillwatch::detector {
namespace {

enum class FoundBy : uint8_t { kTurns, kRhythm, kOrder, kSynchrony, kOnset, kSharing };

// What a group was found by counts less than what it was then tested for (kTestedLimit).
constexpr double kSelectedLimit = 1.5;
// Index of dispersion up to which a group's counts are taken to be dealt out. Customers who follow the same outside
// events leave 1, and a little less where chance picked those who are alike.
constexpr double kDispersionAmongMembersMax = 0.4;
// What is dealt out goes up and down as a whole, as a Poisson process does at least. Timers are as even, but each by
// itself.
constexpr double kDispersionOfDaysMin = 1.0;
// The members' log-likelihood ratios share the member's own counts, so only half of their sum is evidence.
constexpr double kDependence = 0.5;
// Evidence that half of the accounts of an honest group may have.
constexpr double kPooledUsual = 1.0;
// Evidence of half of the members that makes sure of a group which chance may have made.
constexpr double kPooledClear = 2;
// Evidence of half of the members that makes it worth looking for more of them.
constexpr double kPooledToComplete = 0.5;
// Members whose own evidence is looked at: enough for a median.
constexpr size_t kPooledCountMax = 64;
// Standard deviations by which accounts that take turns are in order beyond their habits; timers by about 0.
constexpr double kBeyondHabitsMin = 0.5;
// A replacement is set up while the work waits.
constexpr int64_t kReplacementNano = 36 * kNanosecondsPerHour;

std::vector<uint32_t> IndicesOf(const LinkGroup& group) {
  std::vector<uint32_t> out;
  for (const GroupMember& member : group) out.push_back(member.index);
  return out;
}

// True if several members, and at least half of all, declare the same organisation.
bool IsDeclared(std::span<const CampaignCandidate> candidates, const LinkGroup& group) {
  absl::flat_hash_map<uint64_t, size_t> counts;
  size_t largest = 0;
  for (const GroupMember& member : group) {
    const uint64_t organization = candidates[member.index].organization;
    if (organization != 0) largest = std::max(largest, ++counts[organization]);
  }
  return largest > 1 && 2 * largest >= group.size();
}

CampaignEvidence Evidence(double log_likelihood_ratio, double limit, double value, double population) {
  return {static_cast<float>(Saturate(log_likelihood_ratio, limit)), static_cast<float>(value),
          static_cast<float>(population)};
}

// Of the kinds the one that says most: kinds of one family may say the same.
Partners BestPartners(const SharedObjects& objects, std::span<const uint32_t> group,
                      std::initializer_list<ObjectKind> kinds) {
  Partners best;
  for (const ObjectKind kind : kinds) {
    Partners partners = objects.PartnersIn(group, kind);
    if (partners.log_likelihood_ratio > best.log_likelihood_ratio) best = std::move(partners);
  }
  return best;
}

CampaignEvidence Evidence(const Partners& partners, double limit) {
  return Evidence(partners.log_likelihood_ratio, limit, partners.share, partners.expected);
}

// What a member's having a partner, or none, says of its belonging to a group most of which has: Bayes' rule on its
// share, which is the probability that it belongs. Without it a stranger would inherit the evidence of the others.
void UpdateShares(const Partners& partners, LinkGroup& group) {
  if (partners.log_likelihood_ratio <= 0) return;
  constexpr double kSurest = 0.98;  // No share of a few members is nearer to all, or chance to nothing.
  const double share = std::min(partners.share, kSurest);
  const double expected = std::max(partners.expected, 1 - kSurest);
  if (share <= expected) return;
  for (size_t i = 0; i < group.size(); ++i) {
    const double ratio = partners.has_partner[i] ? share / expected : (1 - share) / (1 - expected);
    const double belongs = static_cast<double>(group[i].share) * ratio;
    group[i].share = static_cast<float>(belongs / (belongs + 1 - static_cast<double>(group[i].share)));
  }
}

// Members that were suspended, and after whom another member signed up within kReplacementNano.
Partners Replacements(std::span<const CampaignCandidate> candidates, std::span<const uint32_t> group,
                      int64_t time_unix_nano) {
  constexpr int64_t kSpan = 14 * kNanosecondsPerDay;
  const auto is_new = [&](const CampaignCandidate& account) {
    return account.created_time_unix_nano > time_unix_nano - kSpan;
  };
  const auto new_share = static_cast<double>(std::count_if(candidates.begin(), candidates.end(), is_new)) /
                         static_cast<double>(candidates.size());
  const double chance_each = new_share * static_cast<double>(kReplacementNano) / static_cast<double>(kSpan);
  double suspended = 0;
  double replaced = 0;
  for (const uint32_t member : group) {
    const int64_t time = candidates[member].suspended_time_unix_nano;
    if (time == 0) continue;
    ++suspended;
    replaced += std::any_of(group.begin(), group.end(), [&](uint32_t other) {
      const int64_t wait = candidates[other].created_time_unix_nano - time;
      return wait > 0 && wait <= kReplacementNano;
    });
  }
  Partners out;
  out.expected = std::clamp(1 - std::pow(1 - chance_each, static_cast<double>(group.size())), 1e-3, 1.0);
  if (suspended == 0) return out;
  out.share = replaced / suspended;
  out.log_likelihood_ratio = suspended * BinomialDivergence(out.share, out.expected);
  return out;
}

features::Portrait Merged(std::span<const CampaignCandidate> candidates, std::span<const uint32_t> group) {
  features::Portrait out = candidates[group.front()].State()->portrait;
  for (const uint32_t member : group.subspan(1)) out.Merge(candidates[member].State()->portrait);
  return out;
}

// Lower median of the members' own evidence: what half of them have at least, however loud one of them is.
double MedianEvidence(std::span<const CampaignCandidate> candidates, std::span<const uint32_t> group,
                      const Baseline& baseline) {
  std::vector<double> evidence;
  for (const uint32_t member : group.first(std::min(group.size(), kPooledCountMax))) {
    const Assessment own = Assess(candidates[member].State()->portrait, baseline, Label::kUnlabelled);
    evidence.push_back(own.log_odds - kBaseLogOdds);
  }
  const auto middle = evidence.begin() + static_cast<ptrdiff_t>((evidence.size() - 1) / 2);
  std::nth_element(evidence.begin(), middle, evidence.end());
  return *middle;
}

// A group and what made it one.
struct Group {
  LinkGroup members;
  FoundBy found_by = FoundBy::kSharing;
  CampaignEvidence evidence = {};  // Of what it was found by, where that has a term of its own.
  std::optional<OnsetWindow> window = {};
};

// What one search knows beside the candidates.
struct Search {
  std::span<const CampaignCandidate> candidates;
  const Baseline& baseline;
  int64_t time_unix_nano;
  const RingSearch& rings;
};

// Puts strangers out of the groups that were found so, and takes in who belongs to them; too little may be left of one.
// Families and classes, of whom hardly one has evidence of its own, need no completing. Returns whether anybody joined.
bool CompleteRings(const Search& search, FoundBy found_by, std::vector<bool>& is_grouped, std::vector<Group>& groups) {
  bool has_joiners = false;
  for (Group& group : groups) {
    if (group.found_by != found_by) continue;
    if (MedianEvidence(search.candidates, IndicesOf(group.members), search.baseline) < kPooledToComplete) continue;
    group.window = search.rings.WindowOf(group.members);
    if (!group.window) continue;
    LinkGroup whole = search.rings.Complete(group.members, *group.window, found_by == FoundBy::kOnset, is_grouped);
    has_joiners = has_joiners || whole.size() > group.members.size();
    for (const GroupMember& member : group.members) is_grouped[member.index] = false;
    for (const GroupMember& member : whole) is_grouped[member.index] = true;
    group.members = std::move(whole);
    group.window = search.rings.WindowOf(group.members);
  }
  std::erase_if(
      groups, [](const Group& group) { return group.found_by == FoundBy::kOnset && group.members.size() < kOnsetMin; });
  return has_joiners;
}

CampaignEvidence RhythmEvidence(const Search& search, std::span<const uint32_t> group,
                                std::span<const CampaignLink> links) {
  const absl::flat_hash_set<uint32_t> members(group.begin(), group.end());
  double sum = 0;
  for (const CampaignLink& link : links) {
    if (members.contains(link.a) && members.contains(link.b)) sum += static_cast<double>(link.log_likelihood_ratio);
  }
  const double each = 2 * sum / static_cast<double>(group.size());
  return Evidence(kDependence * each, kRhythmLimit,
                  MeasureGroup(search.candidates, group, search.time_unix_nano).among_members, 1.0);
}

// Findings below this are not worth a sentence: a likelihood ratio of 1.1.
constexpr double kSummaryLogOddsMin = 0.1;

std::array<std::string, kDetectorCount> Summarize(const features::Portrait& portrait, const Baseline& baseline,
                                                  const Membership& membership, const Assessment& assessment) {
  const features::FeatureRow row = features::ExtractFeatures(portrait);
  const AccountView view{portrait, row, baseline.groups[assessment.peer_group], baseline.everyone, membership};
  std::array<std::string, kDetectorCount> out;
  for (size_t i = 0; i < kDetectorCount; ++i) {
    if (assessment.findings[i].log_odds < kSummaryLogOddsMin) continue;
    out[i] = AllDetectors()[i]->summarize(view, assessment.findings[i]);
  }
  return out;
}

FoundCampaign Weigh(const Search& search, const SharedObjects& objects, Group group,
                    std::span<const CampaignLink> links) {
  FoundCampaign out;
  const std::vector<uint32_t> indices = IndicesOf(group.members);
  // Accounts that only began together are told apart by chance alone, and small groups hold strangers.
  const bool is_firm = group.found_by != FoundBy::kSharing && group.found_by != FoundBy::kOnset;
  const double limit = is_firm ? kTestedLimit : kSelectedLimit;
  const auto term = [&out](CampaignTerm which) -> CampaignEvidence& { return out.terms[static_cast<size_t>(which)]; };
  const bool is_dealt_out = group.found_by == FoundBy::kTurns || group.found_by == FoundBy::kRhythm;
  if (is_dealt_out) term(CampaignTerm::kRhythm) = RhythmEvidence(search, indices, links);
  if (group.found_by == FoundBy::kOrder) term(CampaignTerm::kRhythm) = group.evidence;
  if (group.found_by == FoundBy::kSynchrony) term(CampaignTerm::kSynchrony) = group.evidence;
  if (group.found_by == FoundBy::kOnset) term(CampaignTerm::kOnset) = group.evidence;
  const Partners infrastructure = BestPartners(
      objects, indices, {ObjectKind::kPayment, ObjectKind::kSignup, ObjectKind::kAddress, ObjectKind::kClient});
  // System prompts and openings are what one application gives all its users.
  const Partners content =
      group.found_by == FoundBy::kSynchrony
          ? BestPartners(objects, indices, {ObjectKind::kPrompt})
          : BestPartners(objects, indices, {ObjectKind::kSystem, ObjectKind::kHead, ObjectKind::kPrompt});
  term(CampaignTerm::kInfrastructure) = Evidence(infrastructure, limit);
  term(CampaignTerm::kContent) = Evidence(content, limit);
  if (group.found_by == FoundBy::kOrder || group.found_by == FoundBy::kSynchrony) {
    UpdateShares(infrastructure, group.members);
    UpdateShares(content, group.members);
  }
  Partners lifecycle = objects.PartnersIn(indices, ObjectKind::kConversation);
  const Partners replacements = Replacements(search.candidates, indices, search.time_unix_nano);
  if (replacements.log_likelihood_ratio > lifecycle.log_likelihood_ratio) lifecycle = replacements;
  term(CampaignTerm::kLifecycle) = Evidence(lifecycle.log_likelihood_ratio, limit, lifecycle.share, lifecycle.expected);

  const double pooled = MedianEvidence(search.candidates, indices, search.baseline);
  term(CampaignTerm::kPooled) = Evidence(pooled - kPooledUsual, kPooledLimit, pooled, kPooledUsual);
  if (group.found_by == FoundBy::kSharing && group.window && pooled >= kPooledUsual) {
    term(CampaignTerm::kOnset) =
        Evidence(search.rings.OnsetRatio(group.members, *group.window), kOnsetLimit,
                 static_cast<double>(group.window->count), search.rings.ExpectedIn(group.members, *group.window));
  }
  const bool is_beyond_chance = group.found_by == FoundBy::kTurns || group.found_by == FoundBy::kOnset;
  out.is_certain = group.found_by == FoundBy::kOrder || pooled >= (is_beyond_chance ? kPooledUsual : kPooledClear);
  const Membership whole{
      .campaign = 0, .share = 1, .member_count = static_cast<uint32_t>(indices.size()), .terms = out.terms};
  const features::Portrait merged = Merged(search.candidates, indices);
  out.assessment = Assess(merged, search.baseline, Label::kUnlabelled, whole);
  out.summaries = Summarize(merged, search.baseline, whole, out.assessment);
  out.members = std::move(group.members);
  return out;
}

void MarkGrouped(const std::vector<LinkGroup>& groups, std::vector<bool>& is_grouped) {
  for (const LinkGroup& group : groups) {
    for (const GroupMember& member : group) is_grouped[member.index] = true;
  }
}

// Completes the groups, and takes out those of which too little is left.
void CompleteAll(const RotationSearch& search, RotationSearch::Origin origin, std::vector<bool>& is_grouped,
                 std::vector<LinkGroup>& groups, std::vector<CampaignLink>& links) {
  MarkGrouped(groups, is_grouped);
  for (LinkGroup& group : groups) {
    for (const GroupMember& member : group) is_grouped[member.index] = true;
    search.Complete(origin, is_grouped, group, links);
  }
  std::erase_if(groups, [&](const LinkGroup& group) {
    const bool is_group = group.size() >= kRhythmGroupMin;
    for (const GroupMember& member : group) is_grouped[member.index] = is_group;
    return !is_group;
  });
}

// Groups of accounts that take turns. Those of known campaigns are only held against a sample of themselves.
std::vector<LinkGroup> FindRotations(std::span<const CampaignCandidate> candidates, int64_t time_unix_nano,
                                     const ParallelFor& parallel_for, std::vector<CampaignLink>& links,
                                     std::vector<bool>& is_grouped) {
  const RotationSearch search(candidates, time_unix_nano, parallel_for, is_grouped);
  const auto is_declared = [&](const LinkGroup& group) { return IsDeclared(candidates, group); };
  std::vector<LinkGroup> groups = search.KnownGroups();
  std::erase_if(groups, is_declared);
  CompleteAll(search, RotationSearch::Origin::kKnown, is_grouped, groups, links);
  const std::vector<CampaignLink> new_links = search.FindLinks(is_grouped);
  std::vector<LinkGroup> new_groups = FindLinkGroups(candidates.size(), new_links, kRhythmGroupMin);
  std::erase_if(new_groups, is_declared);
  CompleteAll(search, RotationSearch::Origin::kLinked, is_grouped, new_groups, links);
  links.insert(links.end(), new_links.begin(), new_links.end());
  for (LinkGroup& group : new_groups) groups.push_back(std::move(group));
  // Timers that keep hours take turns as well. They stay grouped, so that nothing else takes them for one.
  std::erase_if(groups, [&](const LinkGroup& group) {
    return OrderBeyondHabits(candidates, group).value_or(kBeyondHabitsMin) < kBeyondHabitsMin;
  });
  return groups;
}

// Groups of accounts that begin equally often, among those in no group.
std::vector<LinkGroup> FindRhythms(std::span<const CampaignCandidate> candidates, int64_t time_unix_nano,
                                   const ParallelFor& parallel_for, std::vector<CampaignLink>& links,
                                   std::vector<bool>& is_grouped) {
  const RhythmSearch search(candidates, time_unix_nano, parallel_for, is_grouped);
  links = search.FindLinks(is_grouped);
  std::vector<LinkGroup> groups = FindLinkGroups(candidates.size(), links, kRhythmGroupMin);
  std::erase_if(groups, [&](const LinkGroup& group) {
    const GroupRhythm rhythm = MeasureGroup(candidates, IndicesOf(group), time_unix_nano);
    return IsDeclared(candidates, group) || rhythm.among_members > kDispersionAmongMembersMax ||
           rhythm.from_day_to_day < kDispersionOfDaysMin;
  });
  MarkGrouped(groups, is_grouped);
  for (LinkGroup& group : groups) search.AddJoiners(is_grouped, group);
  return groups;
}

// All whose objects are to be counted.
std::vector<std::vector<uint32_t>> MembersAndPairs(std::span<const Group> groups, std::span<const CampaignLink> pairs) {
  std::vector<std::vector<uint32_t>> out;
  for (const Group& group : groups) out.push_back(IndicesOf(group.members));
  for (const CampaignLink& pair : pairs) out.push_back({pair.a, pair.b});
  return out;
}

// Candidates that only count for what is common.
std::vector<bool> LeftOut(std::span<const CampaignCandidate> candidates, int64_t time_unix_nano, SearchScope scope) {
  std::vector<bool> out(candidates.size(), false);
  if (scope == SearchScope::kEverybody) return out;
  const int64_t bins = scope <= SearchScope::kQuick ? kQuickNewcomerBins : kNewcomerBins;
  const int64_t first_bin = FirstBinOfNewcomers(candidates, time_unix_nano, bins);
  for (size_t i = 0; i < candidates.size(); ++i) out[i] = candidates[i].first_bin < first_bin;
  return out;
}

}  // namespace

std::vector<FoundCampaign> FindCampaigns(std::span<const CampaignCandidate> candidates, const Baseline& baseline,
                                         int64_t time_unix_nano, const ParallelFor& parallel_for, SearchScope scope) {
  std::vector<bool> is_grouped = LeftOut(candidates, time_unix_nano, scope);
  std::vector<CampaignLink> rhythm_links;
  std::vector<Group> groups;
  const auto add = [&](LinkGroup members, FoundBy found_by, CampaignEvidence evidence) {
    if (IsDeclared(candidates, members)) return;
    for (const GroupMember& member : members) is_grouped[member.index] = true;
    groups.push_back({std::move(members), found_by, evidence});
  };
  if (scope > SearchScope::kQuick) {
    std::vector<CampaignLink> even_links;
    for (LinkGroup& group : FindRotations(candidates, time_unix_nano, parallel_for, rhythm_links, is_grouped)) {
      groups.push_back({std::move(group), FoundBy::kTurns});
    }
    for (LinkGroup& group : FindRhythms(candidates, time_unix_nano, parallel_for, even_links, is_grouped)) {
      groups.push_back({std::move(group), FoundBy::kRhythm});
    }
    rhythm_links.insert(rhythm_links.end(), even_links.begin(), even_links.end());
  }
  if (scope >= SearchScope::kQuick) {
    for (QueueGroup& group : FindQueues(candidates, time_unix_nano, parallel_for, is_grouped)) {
      add(std::move(group.members), FoundBy::kOrder,
          Evidence(group.log_likelihood_ratio, kRhythmLimit, group.in_order, group.in_order_by_habit));
    }
  }
  if (scope <= SearchScope::kQuick) {
    for (size_t i = 0; i < candidates.size(); ++i) is_grouped[i] = is_grouped[i] || candidates[i].campaign != 0;
  } else {
    for (SynchronousGroup& group : FindSynchronousGroups(candidates, time_unix_nano, parallel_for, is_grouped)) {
      // Of a normal distribution.
      const double log_likelihood_ratio = group.deviation * group.deviation / 2;
      add(std::move(group.members), FoundBy::kSynchrony,
          Evidence(log_likelihood_ratio, kSynchronyLimit, group.deviation, 0));
    }
  }
  for (OnsetGroup& group : FindJointOnsets(candidates, baseline, parallel_for, is_grouped)) {
    const auto count = static_cast<double>(group.members.size());
    add(std::move(group.members), FoundBy::kOnset,
        Evidence(group.log_likelihood_ratio, kOnsetLimit, count, group.expected));
  }
  const RingSearch rings(candidates, baseline);
  const Search search{candidates, baseline, time_unix_nano, rings};
  CompleteRings(search, FoundBy::kOnset, is_grouped, groups);

  std::vector<CampaignLink> shared_links = FindPlainPairs(candidates, is_grouped);
  SharedObjects objects(candidates, MembersAndPairs(groups, shared_links));
  const auto compare = [&](uint32_t a, uint32_t b) { return objects.CompareKinds(candidates[a], candidates[b]); };
  std::erase_if(shared_links,
                [&](const CampaignLink& link) { return compare(link.a, link.b) == SharedKinds::kTooFew; });
  for (LinkGroup& group : FindLinkGroups(candidates.size(), shared_links, 2)) {
    // Strangers with one gift card often use the same defaults; three of them seldom do.
    const bool is_weak_pair = group.size() == 2 && compare(group[0].index, group[1].index) == SharedKinds::kWeak;
    if (!is_weak_pair) add(std::move(group), FoundBy::kSharing, {});
  }
  if (CompleteRings(search, FoundBy::kSharing, is_grouped, groups)) {
    objects = SharedObjects(candidates, MembersAndPairs(groups, {}));
  }
  std::vector<FoundCampaign> out;
  for (Group& group : groups) out.push_back(Weigh(search, objects, std::move(group), rhythm_links));
  std::sort(out.begin(), out.end(), [](const FoundCampaign& a, const FoundCampaign& b) {
    return a.members.front().index < b.members.front().index;
  });
  return out;
}

}  // namespace stillwatch::detector
