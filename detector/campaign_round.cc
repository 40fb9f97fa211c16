// The engine's search for campaigns.
#include <algorithm>
#include <array>

#include "detector/campaign_finder.h"
#include "detector/scoring_engine.h"

namespace stillwatch::detector {
namespace {

// Of so many rounds one is more than brief, and looks for queues; of so many one looks at newcomers in all ways; of so
// many at everybody.
constexpr int64_t kQuickSearchRounds = 2;
constexpr int64_t kNewcomerSearchRounds = 18;
constexpr int64_t kFullSearchRounds = 4 * kNewcomerSearchRounds;
// Every so many rounds the known campaigns are forgotten, so that what was found in parts is found as one.
constexpr int64_t kWholeSearchRounds = 4 * kFullSearchRounds;

// Accounts by which a quick search judges how common things are, beside the newcomers.
constexpr size_t kSampledCount = 1024;

// Newcomers that a quick search looks at, about: where a day brings more it looks at those of the last hours, since it
// must cost little however many come.
constexpr size_t kQuickNewcomersMax = 8192;

// Drops the oldest newcomers, those who began from `first_bin` on, but for the newest bin.
void KeepNewest(int64_t first_bin, std::vector<CampaignCandidate>& candidates) {
  std::array<size_t, kQuickNewcomerBins + 1> counts{};
  for (const CampaignCandidate& candidate : candidates) {
    if (candidate.first_bin < first_bin) continue;
    ++counts[static_cast<size_t>(std::min(candidate.first_bin - first_bin, kQuickNewcomerBins))];
  }
  int64_t kept_bins = 0;
  for (size_t total = 0; kept_bins <= kQuickNewcomerBins; ++kept_bins) {
    total += counts[static_cast<size_t>(kQuickNewcomerBins - kept_bins)];
    if (total > kQuickNewcomersMax && kept_bins > 0) break;
  }
  const int64_t first_kept = first_bin + kQuickNewcomerBins + 1 - kept_bins;
  std::erase_if(candidates, [&](const CampaignCandidate& candidate) {
    return candidate.first_bin >= first_bin && candidate.first_bin < first_kept;
  });
}

SearchScope ScopeOf(int64_t round) {
  if (round % kFullSearchRounds == 0) return SearchScope::kEverybody;
  if (round % kNewcomerSearchRounds == 0) return SearchScope::kNewcomers;
  return round % kQuickSearchRounds == 0 ? SearchScope::kQuick : SearchScope::kBrief;
}

}  // namespace

// All candidates in their order; for a quick search newcomers, and a sample that stands for the others.
std::vector<CampaignCandidate> ScoringEngine::CollectCandidates(int64_t time_unix_nano, SearchScope scope) const {
  const bool is_quick = scope <= SearchScope::kQuick;
  const int64_t first_bin = is_quick ? features::LinkSketch::BinOf(time_unix_nano) - kQuickNewcomerBins : 0;
  std::array<std::vector<CampaignCandidate>, kPartitionCount> parts;
  parallel_for_(kPartitionCount, [&](size_t partition) {
    (*partitions_)[partition].CollectCandidates(time_unix_nano, first_bin, kSampledCount / kPartitionCount,
                                                parts[partition]);
    std::sort(parts[partition].begin(), parts[partition].end());
  });
  // A partition is the hash's highest bits, so one after the other they are in order.
  std::vector<CampaignCandidate> out;
  for (const auto& part : parts) out.insert(out.end(), part.begin(), part.end());
  if (is_quick) KeepNewest(first_bin, out);
  return out;
}

// Searches once in each span of `campaign_round_nano` of event time, at the first tick in it.
void ScoringEngine::SearchCampaignsIfDue(int64_t time_unix_nano) {
  const int64_t round = time_unix_nano / options_.campaign_round_nano;
  if (round <= last_campaign_round_) return;
  last_campaign_round_ = round;
  const std::shared_ptr<const Baseline> current = baseline();
  const SearchScope scope = ScopeOf(round);
  CampaignBook next = *campaigns();
  std::vector<CampaignCandidate> candidates = CollectCandidates(time_unix_nano, scope);
  const bool is_anew = round % kWholeSearchRounds == 0 || scope == SearchScope::kNewcomers;
  if (!is_anew) {
    for (CampaignCandidate& candidate : candidates) {
      // Few of its members may share a card, and are no campaign of their own.
      candidate.campaign =
          scope <= SearchScope::kQuick ? next.FirmNumberOf(candidate.account_id) : next.NumberOf(candidate.account_id);
    }
  }
  const std::vector<FoundCampaign> found = FindCampaigns(candidates, *current, time_unix_nano, parallel_for_, scope);
  const auto traffic_of = [this](std::string_view account_id) {
    return PartitionFor(account_id).TrafficOf(account_id);
  };
  const std::vector<std::string> touched = next.Update(found, candidates, traffic_of, time_unix_nano, scope);
  for (const std::string& account_id : touched) {
    PartitionFor(account_id).SetMembership(account_id, next.MembershipOf(account_id), *current, time_unix_nano);
  }
  SetCampaigns(std::move(next));
}

std::shared_ptr<const CampaignBook> ScoringEngine::campaigns() const {
  const std::lock_guard lock(baseline_mutex_);
  return campaigns_;
}

void ScoringEngine::SetCampaigns(CampaignBook campaigns) {
  const std::lock_guard lock(baseline_mutex_);
  campaigns_ = std::make_shared<const CampaignBook>(std::move(campaigns));
}

}  // namespace stillwatch::detector
