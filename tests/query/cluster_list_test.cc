#include "query/cluster_list.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>

#include "tests/detector/relay_pool.h"

namespace stillwatch::query {
namespace {

using detector::kPoolStart;

// Three groups of four accounts each, with falling evidence; the last is clear.
class ClusterListTest : public ::testing::Test {
 protected:
  ClusterListTest() : accounts_(1) {
    detector::AddStrangers(accounts_, 12, 1);
    const auto candidates = accounts_.Candidates();
    const auto traffic_of = [](std::string_view) { return std::optional(detector::Traffic{24, kPoolStart}); };
    for (int day = 1; day <= 2; ++day) {
      book_.Update(std::vector<detector::FoundCampaign>{Group(0, 6), Group(4, 3), Group(8, -4)}, candidates, traffic_of,
                   kPoolStart + day * kNanosecondsPerDay);
    }
  }

  static detector::FoundCampaign Group(uint32_t first, double log_odds) {
    detector::FoundCampaign found;
    for (uint32_t i = first; i < first + 4; ++i) found.members.push_back({i, 0.5F});
    found.assessment.log_odds = log_odds;
    found.assessment.verdict = log_odds > 5 ? Verdict::kAct : log_odds > 0 ? Verdict::kReview : Verdict::kClear;
    found.assessment.findings[7].log_odds = 4;
    found.assessment.findings[3].log_odds = 5;
    found.summaries[7] = "weaker";
    found.summaries[3] = "stronger";
    return found;
  }

  v1::ListClustersResponse List(const v1::ListClustersRequest& request) {
    v1::ListClustersResponse response;
    const Status status = ListClusters(book_, is_benign_, request, response);
    EXPECT_TRUE(status.ok()) << status.message();
    return response;
  }

  detector::MadeAccounts accounts_;
  detector::CampaignBook book_;
  std::set<std::string, std::less<>> benign_;
  const IsBenign is_benign_ = [this](std::string_view account_id) { return benign_.contains(account_id); };
};

TEST_F(ClusterListTest, ListsByFallingRiskWithMembersAndEvidence) {
  const auto response = List({});
  ASSERT_EQ(response.clusters_size(), 3);
  const v1::Cluster& first = response.clusters(0);
  EXPECT_GT(first.risk(), response.clusters(1).risk());
  EXPECT_EQ(first.verdict(), v1::VERDICT_ACT);
  ASSERT_EQ(first.members_size(), 4);
  EXPECT_EQ(first.members(0).account_id(), "account-0000");
  EXPECT_EQ(first.members(0).share(), 0.5);
  ASSERT_EQ(first.evidence_size(), 2);
  EXPECT_EQ(first.evidence(0).summary(), "stronger");
  EXPECT_EQ(first.evidence(1).summary(), "weaker");
  EXPECT_GT(first.event_count(), 0U);
  EXPECT_EQ(first.first_act_time_unix_nano(), static_cast<uint64_t>(kPoolStart + 2 * kNanosecondsPerDay));
  EXPECT_EQ(response.clusters(1).first_act_time_unix_nano(), 0U);
}

TEST_F(ClusterListTest, WhoIsLabelledBenignIsNoMember) {
  benign_ = {"account-0001"};
  const auto response = List({});
  ASSERT_EQ(response.clusters_size(), 3);
  ASSERT_EQ(response.clusters(0).members_size(), 3);
  for (const v1::ClusterMember& member : response.clusters(0).members()) EXPECT_NE(member.account_id(), "account-0001");
  benign_ = {"account-0001", "account-0002", "account-0003"};
  EXPECT_EQ(List({}).clusters_size(), 2);
  v1::GetClusterRequest request;
  request.set_cluster_id(response.clusters(0).cluster_id());
  v1::GetClusterResponse cluster;
  EXPECT_EQ(GetCluster(book_, is_benign_, request, cluster).code(), Code::kNotFound);
  EXPECT_FALSE(cluster.has_cluster());
  benign_.clear();
  EXPECT_EQ(List({}).clusters(0).members_size(), 4);
}

TEST_F(ClusterListTest, LeavesOutGroupsBelowTheVerdictAskedFor) {
  v1::ListClustersRequest request;
  request.set_min_verdict(v1::VERDICT_REVIEW);
  EXPECT_EQ(List(request).clusters_size(), 2);
}

TEST_F(ClusterListTest, PagesHoldEveryGroupOnce) {
  v1::ListClustersRequest request;
  request.set_page_size(2);
  const auto first = List(request);
  ASSERT_EQ(first.clusters_size(), 2);
  request.set_page_token(first.next_page_token());
  const auto second = List(request);
  ASSERT_EQ(second.clusters_size(), 1);
  EXPECT_EQ(second.next_page_token(), "");
  EXPECT_NE(second.clusters(0).cluster_id(), first.clusters(1).cluster_id());
}

TEST_F(ClusterListTest, BadPagesAreRefused) {
  v1::ListClustersResponse response;
  v1::ListClustersRequest request;
  request.set_page_token("gone");
  EXPECT_EQ(ListClusters(book_, is_benign_, request, response).code(), Code::kInvalidArgument);
  request.clear_page_token();
  request.set_page_size(-1);
  EXPECT_EQ(ListClusters(book_, is_benign_, request, response).code(), Code::kInvalidArgument);
}

TEST_F(ClusterListTest, OneGroupIsFoundByItsId) {
  v1::GetClusterRequest request;
  request.set_cluster_id(List({}).clusters(1).cluster_id());
  v1::GetClusterResponse response;
  ASSERT_TRUE(GetCluster(book_, is_benign_, request, response).ok());
  EXPECT_EQ(response.cluster().cluster_id(), request.cluster_id());
  request.set_cluster_id("unknown");
  EXPECT_EQ(GetCluster(book_, is_benign_, request, response).code(), Code::kNotFound);
}

}  // namespace
}  // namespace stillwatch::query
