#include "query/cluster_list.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <string>
#include <vector>

#include "detector/detector.h"
#include "detector/fusion.h"
#include "query/score_conversion.h"

namespace stillwatch::query {
namespace {

using detector::Campaign;

void FillEvidence(const Campaign& campaign, v1::Cluster& out) {
  std::array<size_t, detector::kDetectorCount> order;
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return campaign.findings[a].log_odds > campaign.findings[b].log_odds; });
  for (const size_t i : order) {
    if (campaign.findings[i].log_odds < kEvidenceLogOddsMin) break;
    v1::Evidence& evidence = *out.add_evidence();
    evidence.set_detector(std::string(detector::AllDetectors()[i]->name));
    evidence.set_family(static_cast<v1::EvidenceFamily>(detector::AllDetectors()[i]->family));
    evidence.set_strength(campaign.findings[i].log_odds);
    evidence.set_summary(campaign.summaries[i]);
  }
}

// Fills `out`; false if that is no group to show, because less than two members are left.
bool FillCluster(const Campaign& campaign, const IsBenign& is_benign, v1::Cluster& out) {
  out.set_cluster_id(detector::CampaignId(campaign.number));
  out.set_risk(detector::RiskOf(campaign.log_odds, Label::kUnlabelled));
  out.set_verdict(ToProto(campaign.verdict));
  for (const detector::CampaignMember& member : campaign.members) {
    if (!member.counts() || is_benign(member.account_id)) continue;
    v1::ClusterMember& added = *out.add_members();
    added.set_account_id(member.account_id);
    added.set_share(static_cast<double>(member.share));
  }
  if (out.members_size() < 2) return false;
  FillEvidence(campaign, out);
  out.set_event_count(campaign.event_count);
  out.set_first_review_time_unix_nano(static_cast<uint64_t>(campaign.first_review_time_unix_nano));
  out.set_first_act_time_unix_nano(static_cast<uint64_t>(campaign.first_act_time_unix_nano));
  out.set_events_at_first_review(campaign.events_at_first_review);
  out.set_events_at_first_act(campaign.events_at_first_act);
  out.set_first_found_time_unix_nano(static_cast<uint64_t>(campaign.first_found_time_unix_nano));
  out.set_last_found_time_unix_nano(static_cast<uint64_t>(campaign.last_found_time_unix_nano));
  return true;
}

}  // namespace

Status ListClusters(const detector::CampaignBook& book, const IsBenign& is_benign,
                    const v1::ListClustersRequest& request, v1::ListClustersResponse& response) {
  if (request.page_size() < 0) return {Code::kInvalidArgument, "page_size: negative"};
  const int32_t page_size =
      request.page_size() == 0 ? kClusterPageSizeDefault : std::min(request.page_size(), kClusterPageSizeMax);
  bool is_behind_token = request.page_token().empty();
  for (const Campaign& campaign : book.campaigns()) {
    if (!is_behind_token) {
      is_behind_token = detector::CampaignId(campaign.number) == request.page_token();
      continue;
    }
    if (ToProto(campaign.verdict) < request.min_verdict()) continue;
    v1::Cluster cluster;
    if (!FillCluster(campaign, is_benign, cluster)) continue;
    if (response.clusters_size() == page_size) {
      response.set_next_page_token(response.clusters(page_size - 1).cluster_id());
      break;
    }
    response.add_clusters()->Swap(&cluster);
  }
  if (!is_behind_token) return {Code::kInvalidArgument, "page_token: stands at no group"};
  return {};
}

Status GetCluster(const detector::CampaignBook& book, const IsBenign& is_benign, const v1::GetClusterRequest& request,
                  v1::GetClusterResponse& response) {
  for (const Campaign& campaign : book.campaigns()) {
    if (detector::CampaignId(campaign.number) != request.cluster_id()) continue;
    if (FillCluster(campaign, is_benign, *response.mutable_cluster())) return {};
    response.clear_cluster();
    break;
  }
  return {Code::kNotFound, "cluster " + request.cluster_id() + " is not known"};
}

}  // namespace stillwatch::query
