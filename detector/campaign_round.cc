// The engine's search for campaigns.
#include <algorithm>

#include "detector/campaign_finder.h"
#include "detector/scoring_engine.h"

namespace stillwatch::detector {
namespace {

// Of so many rounds one is more than a quick one, and looks at newcomers in all ways; of so many at everybody.
constexpr int64_t kNewcomerSearchRounds = 6;
constexpr int64_t kFullSearchRounds = 4 * kNewcomerSearchRounds;
// Every so many rounds the known campaigns are forgotten, so that what was found in parts is found as one.
constexpr int64_t kWholeSearchRounds = 4 * kFullSearchRounds;

// Accounts by which a quick search judges how common things are, beside the newcomers.
constexpr size_t kSampledCount = 1024;

SearchScope ScopeOf(int64_t round) {
  if (round % kFullSearchRounds == 0) return SearchScope::kEverybody;
  return round % kNewcomerSearchRounds == 0 ? SearchScope::kNewcomers : SearchScope::kQuick;
}

}  // namespace

// All candidates in their order; for a quick search newcomers and members, and a sample that stands for the others.
std::vector<CampaignCandidate> ScoringEngine::CollectCandidates(int64_t time_unix_nano, SearchScope scope,
                                                                const CampaignBook& book) const {
  const bool is_quick = scope == SearchScope::kQuick;
  const int64_t first_bin = is_quick ? features::LinkSketch::BinOf(time_unix_nano) - kQuickNewcomerBins : 0;
  std::array<std::vector<CampaignCandidate>, kPartitionCount> parts;
  parallel_for_(kPartitionCount, [&](size_t partition) {
    (*partitions_)[partition].CollectCandidates(time_unix_nano, first_bin, kSampledCount / kPartitionCount,
                                                parts[partition]);
  });
  if (is_quick) {
    for (const auto& [account_id, place] : book.places()) {
      const size_t partition = PartitionOf(HashName(account_id));
      (*partitions_)[partition].CollectCandidate(account_id, time_unix_nano, parts[partition]);
    }
  }
  parallel_for_(kPartitionCount, [&](size_t partition) {
    std::vector<CampaignCandidate>& part = parts[partition];
    // A member of the sample stands for itself.
    std::sort(part.begin(), part.end(), [](const CampaignCandidate& a, const CampaignCandidate& b) {
      return a < b || (a.place == b.place && a.weight < b.weight);
    });
    const auto is_same = [](const CampaignCandidate& a, const CampaignCandidate& b) { return a.place == b.place; };
    part.erase(std::unique(part.begin(), part.end(), is_same), part.end());
  });
  // A partition is the hash's highest bits, so one after the other they are in order.
  std::vector<CampaignCandidate> out;
  for (const auto& part : parts) out.insert(out.end(), part.begin(), part.end());
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
  std::vector<CampaignCandidate> candidates = CollectCandidates(time_unix_nano, scope, next);
  const bool is_anew = round % kWholeSearchRounds == 0 || scope == SearchScope::kNewcomers;
  if (!is_anew) {
    for (CampaignCandidate& candidate : candidates) {
      // Few of its members may share a card, and are no campaign of their own.
      candidate.campaign = scope == SearchScope::kQuick ? next.FirmNumberOf(candidate.account_id)
                                                        : next.NumberOf(candidate.account_id);
    }
  }
  const std::vector<FoundCampaign> found = FindCampaigns(candidates, *current, time_unix_nano, parallel_for_, scope);
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
