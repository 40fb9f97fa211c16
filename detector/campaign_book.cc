#include "detector/campaign_book.h"

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

namespace stillwatch::detector {
namespace {

// Of the members that a campaign had, as many make a group its successor.
constexpr size_t kSuccessorDivisor = 3;

// Who was found and did nothing since, suspended perhaps, is what it was.
constexpr int64_t kSilentStay = 90 * kNanosecondsPerDay;

int64_t StayOf(const CampaignMember& member) {
  return std::min<int64_t>(member.found_count, CampaignBook::kMemberDaysMax) * kNanosecondsPerDay;
}

// Searches soon after each other see nearly the same, so what both find was found once.
int64_t SpanOf(int64_t time_unix_nano) { return time_unix_nano / (3 * kNanosecondsPerHour); }

uint64_t NumberFor(std::string_view first_member, int64_t time_unix_nano) {
  const uint64_t number = HashName(std::string(first_member) + '@' + std::to_string(time_unix_nano));
  return number == 0 ? 1 : number;
}

// For each group the old campaign that it continues, if any. The largest overlaps choose first.
std::vector<const Campaign*> Predecessors(std::span<const FoundCampaign> found,
                                          std::span<const CampaignCandidate> candidates, std::span<const Campaign> old,
                                          const CampaignBook::Places& places) {
  std::vector<std::tuple<size_t, uint64_t, size_t, uint32_t>> overlaps;  // Count, number, group, campaign.
  for (size_t group = 0; group < found.size(); ++group) {
    std::vector<size_t> counts(old.size());
    for (const GroupMember& member : found[group].members) {
      const auto place = places.find(candidates[member.index].account_id);
      if (place != places.end()) ++counts[place->second.first];
    }
    for (uint32_t i = 0; i < old.size(); ++i) {
      if (counts[i] == 0 ||
          counts[i] * kSuccessorDivisor < std::min(old[i].members.size(), found[group].members.size())) {
        continue;
      }
      overlaps.emplace_back(counts[i], old[i].number, group, i);
    }
  }
  std::sort(overlaps.rbegin(), overlaps.rend());
  std::vector<const Campaign*> out(found.size(), nullptr);
  std::vector<bool> is_taken(old.size(), false);
  for (const auto& [count, number, group, campaign] : overlaps) {
    if (out[group] != nullptr || is_taken[campaign]) continue;
    out[group] = &old[campaign];
    is_taken[campaign] = true;
  }
  return out;
}

// Puts what a search found into the campaign, which has no members yet.
void Refresh(const FoundCampaign& found, std::span<const CampaignCandidate> candidates, int64_t time_unix_nano,
             const Campaign* predecessor, const CampaignBook::Places& places, SearchScope scope, Campaign& campaign) {
  for (const GroupMember& member : found.members) {
    const std::string_view account_id = candidates[member.index].account_id;
    uint32_t found_count = 1;
    if (const auto place = places.find(account_id); place != places.end() && predecessor != nullptr) {
      const CampaignMember* before = predecessor->members.data() + place->second.second;
      const bool is_same = place->second.second < predecessor->members.size() && before->account_id == account_id;
      if (is_same) {
        const bool is_same_span = SpanOf(before->last_found_time_unix_nano) == SpanOf(time_unix_nano);
        found_count = before->found_count + (is_same_span ? 0 : 1);
      }
    }
    if (found.is_certain) found_count = std::max(found_count, kFoundCountMin);
    campaign.members.push_back({std::string(account_id), member.share, time_unix_nano, found_count});
  }
  campaign.last_found_time_unix_nano = time_unix_nano;
  const bool knows_more = predecessor != nullptr && predecessor->log_odds > found.assessment.log_odds;
  if (scope != SearchScope::kEverybody && knows_more) return;
  campaign.terms = found.terms;
  campaign.findings = found.assessment.findings;
  campaign.summaries = found.summaries;
  campaign.log_odds = found.assessment.log_odds;
  campaign.verdict = found.assessment.verdict;
}

using Traffics = absl::flat_hash_map<std::string, std::optional<Traffic>>;  // By account.

void CountEvents(const Traffics& traffics, int64_t time_unix_nano, Campaign& campaign) {
  campaign.event_count = 0;
  size_t member_count = 0;
  for (const CampaignMember& member : campaign.members) {
    if (!member.counts()) continue;
    ++member_count;
    if (const std::optional<Traffic>& traffic = traffics.at(member.account_id)) {
      campaign.event_count += traffic->event_count;
    }
  }
  if (member_count < 2) campaign.verdict = Verdict::kClear;
  if (campaign.verdict >= Verdict::kReview && campaign.first_review_time_unix_nano == 0) {
    campaign.first_review_time_unix_nano = time_unix_nano;
    campaign.events_at_first_review = campaign.event_count;
  }
  if (campaign.verdict >= Verdict::kAct && campaign.first_act_time_unix_nano == 0) {
    campaign.first_act_time_unix_nano = time_unix_nano;
    campaign.events_at_first_act = campaign.event_count;
  }
}

}  // namespace

std::vector<std::string> CampaignBook::Update(std::span<const FoundCampaign> found,
                                              std::span<const CampaignCandidate> candidates,
                                              const TrafficOf& traffic_of, int64_t time_unix_nano, SearchScope scope) {
  const std::vector<const Campaign*> predecessors = Predecessors(found, candidates, campaigns_, places_);
  absl::flat_hash_set<std::string_view> is_found;
  std::vector<bool> is_met(campaigns_.size(), scope > SearchScope::kQuick);
  for (size_t i = 0; i < found.size(); ++i) {
    if (predecessors[i] != nullptr) is_met[static_cast<size_t>(predecessors[i] - campaigns_.data())] = true;
    for (const GroupMember& member : found[i].members) {
      const std::string_view account_id = candidates[member.index].account_id;
      is_found.insert(account_id);
      if (const auto place = places_.find(account_id); place != places_.end()) is_met[place->second.first] = true;
    }
  }
  Traffics traffics;  // Of the accounts that are or may become members of a campaign that was met.
  for (const std::string_view account_id : is_found) traffics.emplace(std::string(account_id), traffic_of(account_id));
  for (size_t i = 0; i < campaigns_.size(); ++i) {
    if (!is_met[i]) continue;
    for (const CampaignMember& member : campaigns_[i].members) {
      if (!traffics.contains(member.account_id)) traffics.emplace(member.account_id, traffic_of(member.account_id));
    }
  }

  std::vector<Campaign> next;
  absl::flat_hash_map<uint64_t, size_t> index_of;  // By number.
  for (size_t i = 0; i < found.size(); ++i) {
    Campaign campaign;
    const std::string_view first = candidates[found[i].members.front().index].account_id;
    campaign.number = NumberFor(first, time_unix_nano);
    campaign.first_found_time_unix_nano = time_unix_nano;
    if (predecessors[i] != nullptr) {
      campaign = *predecessors[i];
      campaign.members.clear();
    }
    Refresh(found[i], candidates, time_unix_nano, predecessors[i], places_, scope, campaign);
    index_of.emplace(campaign.number, next.size());
    next.push_back(std::move(campaign));
  }
  std::vector<Campaign> unmet;
  for (size_t i = 0; i < campaigns_.size(); ++i) {
    Campaign& old = campaigns_[i];
    if (!is_met[i]) {
      unmet.push_back(std::move(old));
      continue;
    }
    // An account of which nothing is known any more was labelled benign.
    std::erase_if(old.members, [&](const CampaignMember& member) {
      const std::optional<Traffic>& traffic = traffics.at(member.account_id);
      if (is_found.contains(member.account_id) || !traffic) return true;
      const bool is_silent = traffic->last_time_unix_nano <= member.last_found_time_unix_nano;
      return time_unix_nano - member.last_found_time_unix_nano > (is_silent ? kSilentStay : StayOf(member));
    });
    if (const auto same = index_of.find(old.number); same != index_of.end()) {
      auto& members = next[same->second].members;
      members.insert(members.end(), old.members.begin(), old.members.end());
    } else if (old.members.size() > 1) {
      next.push_back(std::move(old));
    }
  }
  for (Campaign& campaign : next) {
    std::sort(campaign.members.begin(), campaign.members.end(),
              [](const CampaignMember& a, const CampaignMember& b) { return a.account_id < b.account_id; });
    CountEvents(traffics, time_unix_nano, campaign);
  }
  std::move(unmet.begin(), unmet.end(), std::back_inserter(next));
  campaigns_ = std::move(next);
  IndexMembers();
  std::vector<std::string> touched;
  for (const auto& [account_id, traffic] : traffics) touched.push_back(account_id);
  std::sort(touched.begin(), touched.end());
  return touched;
}

void CampaignBook::IndexMembers() {
  std::sort(campaigns_.begin(), campaigns_.end(), [](const Campaign& a, const Campaign& b) {
    return a.log_odds != b.log_odds ? a.log_odds > b.log_odds : a.number < b.number;
  });
  places_.clear();
  for (uint32_t i = 0; i < campaigns_.size(); ++i) {
    for (uint32_t j = 0; j < campaigns_[i].members.size(); ++j) {
      places_.try_emplace(campaigns_[i].members[j].account_id, i, j);
    }
  }
}

bool CampaignBook::Forget(std::string_view account_id) {
  if (!places_.contains(account_id)) return false;
  for (Campaign& campaign : campaigns_) {
    std::erase_if(campaign.members, [&](const CampaignMember& member) { return member.account_id == account_id; });
  }
  std::erase_if(campaigns_, [](const Campaign& campaign) { return campaign.members.empty(); });
  IndexMembers();
  return true;
}

uint64_t CampaignBook::NumberOf(std::string_view account_id) const {
  const auto place = places_.find(account_id);
  if (place == places_.end()) return 0;
  const Campaign& campaign = campaigns_[place->second.first];
  return campaign.members[place->second.second].counts() ? campaign.number : 0;
}

uint64_t CampaignBook::FirmNumberOf(std::string_view account_id) const {
  const auto place = places_.find(account_id);
  if (place == places_.end()) return 0;
  const Campaign& campaign = campaigns_[place->second.first];
  const auto shows = [&](CampaignTerm term) { return campaign.terms[static_cast<size_t>(term)].log_odds > 0; };
  const bool has_rhythm = shows(CampaignTerm::kRhythm) || shows(CampaignTerm::kSynchrony);
  return has_rhythm || campaign.members[place->second.second].counts() ? campaign.number : 0;
}

Membership CampaignBook::MembershipOf(std::string_view account_id) const {
  if (NumberOf(account_id) == 0) return {};
  const auto place = places_.find(account_id);
  const Campaign& campaign = campaigns_[place->second.first];
  Membership out;
  out.campaign = campaign.number;
  out.share = campaign.members[place->second.second].share;
  out.member_count = static_cast<uint32_t>(campaign.CountMembers());
  out.terms = campaign.terms;
  return out;
}

}  // namespace stillwatch::detector
