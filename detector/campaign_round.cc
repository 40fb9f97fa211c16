// The engine's search for campaigns.
#include <algorithm>

#include "detector/campaign_finder.h"
#include "detector/scoring_engine.h"

namespace stillwatch::detector {
namespace {

using features::LinkSketch;

// Of so many rounds one looks at all accounts, the others at newcomers: pools and rings show in their first days, when
// an early alarm is worth most, and newcomers are few.
constexpr int64_t kFullSearchRounds = 4;
constexpr int64_t kNewcomerBins = 3 * LinkSketch::kBinsPerDay;
// Every so many rounds the known campaigns are forgotten, so that what was found in parts is found as one.
constexpr int64_t kWholeSearchRounds = 4 * kFullSearchRounds;

// Who began more than three days ago, or on the first day of the log, when all seem to.
std::vector<bool> AllButNewcomers(std::span<const CampaignCandidate> candidates, int64_t time_unix_nano) {
  const int64_t first_bin = std::max(LinkSketch::BinOf(time_unix_nano) - kNewcomerBins, FirstKnownOnset(candidates));
  std::vector<bool> out;
  for (const CampaignCandidate& candidate : candidates) out.push_back(candidate.first_bin < first_bin);
  return out;
}

}  // namespace

// Searches once in each span of `campaign_round_nano` of event time, at the first tick in it.
void ScoringEngine::SearchCampaignsIfDue(int64_t time_unix_nano) {
  const int64_t round = time_unix_nano / options_.campaign_round_nano;
  if (round <= last_campaign_round_) return;
  last_campaign_round_ = round;
  const std::shared_ptr<const Baseline> current = baseline();
  std::array<std::vector<CampaignCandidate>, kPartitionCount> parts;
  parallel_for_(kPartitionCount, [&](size_t partition) {
    (*partitions_)[partition].CollectCandidates(time_unix_nano, parts[partition]);
    std::sort(parts[partition].begin(), parts[partition].end());
  });
  // A partition is the hash's highest bits, so one after the other they are in order.
  std::vector<CampaignCandidate> candidates;
  for (const auto& part : parts) candidates.insert(candidates.end(), part.begin(), part.end());
  CampaignBook next = *campaigns();
  std::vector<bool> is_left_out;
  auto scope = SearchScope::kEverybody;
  if (round % kFullSearchRounds != 0) {
    scope = SearchScope::kNewcomers;
    is_left_out = AllButNewcomers(candidates, time_unix_nano);
  } else if (round % kWholeSearchRounds != 0) {
    for (CampaignCandidate& candidate : candidates) {
      candidate.campaign = next.MembershipOf(candidate.account_id).campaign;
    }
  }
  const std::vector<FoundCampaign> found =
      FindCampaigns(candidates, *current, time_unix_nano, parallel_for_, is_left_out);
  const std::vector<std::string> touched = next.Update(found, candidates, time_unix_nano, scope);
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
