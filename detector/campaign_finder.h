// Finds coordinated groups among all accounts, and weighs the evidence for each.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "detector/baseline.h"
#include "detector/campaign_candidate.h"
#include "detector/fusion.h"
#include "detector/link_groups.h"
#include "detector/membership.h"
#include "detector/parallel_for.h"

namespace stillwatch::detector {

// A group as of one moment.
struct FoundCampaign {
  LinkGroup members;  // share: see GroupMember.
  // Its members take turns or began together, and half of them have evidence of their own, so that it need not be found
  // twice.
  bool is_certain = false;
  std::array<CampaignEvidence, kCampaignTermCount> terms{};
  // Of the members' merged portrait, with the terms; what is said of the group as a whole.
  Assessment assessment;
  // A sentence for each finding of the assessment that is worth one, in the order of AllDetectors(); empty for others.
  std::array<std::string, kDetectorCount> summaries;
};

// Groups of at least this many are told from chance by their rhythm alone: one linked pair in a thousand is chance, but
// not four accounts that are all linked.
inline constexpr size_t kRhythmGroupMin = 4;

// How much of an effort a search is.
// kBrief: for onsets and things shared, among newcomers of the last day; costs little, so that it can be made often.
// kQuick: for the order of queues too. kNewcomers: in all ways among newcomers. kEverybody: in all ways among all.
enum class SearchScope : uint8_t { kBrief, kQuick, kNewcomers, kEverybody };
inline constexpr int64_t kQuickNewcomerBins = features::LinkSketch::kBinsPerDay;

// Looks for groups in six ways, each among those that are in none yet. By turns: accounts that take turns
// (rotation_links.h). By rhythm: accounts dealt out from one queue (rhythm_links.h). By order: new accounts that keep
// the order of one queue (queue_order.h). By tides: accounts with the same settings that go up and down together
// (synchrony.h). By onset: accounts with the same settings and evidence of their own that began together (onset.h). By
// things shared: payment, sign-up, address, texts, conversations (shared_objects.h); that also holds for families,
// classes and agencies, so it weighs little by itself, and most where the members' merged traffic looks like a harvest.
// Groups found in the last two ways are completed by what else their members have in common (ring.h). What is found in
// one way is then tested for all else: a group that its rhythm shows must not share payments by chance. Groups whose
// members mostly declare one organisation are no campaign. `candidates` in their order. With less than everybody in
// scope the others only count for what is common; a brief search leaves members of campaigns out, and so does a quick
// one, but for queues, to which it adds. A pure function; groups are disjoint and in order of their first member.
std::vector<FoundCampaign> FindCampaigns(std::span<const CampaignCandidate> candidates, const Baseline& baseline,
                                         int64_t time_unix_nano, const ParallelFor& parallel_for,
                                         SearchScope scope = SearchScope::kEverybody);

}  // namespace stillwatch::detector
