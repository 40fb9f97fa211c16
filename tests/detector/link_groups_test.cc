#include "detector/link_groups.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>

namespace stillwatch::detector {
namespace {

// Links all vertices from `begin` to `end`.
void Join(uint32_t begin, uint32_t end, std::vector<CampaignLink>& links) {
  for (uint32_t a = begin; a < end; ++a) {
    for (uint32_t b = a + 1; b < end; ++b) links.push_back({a, b, 10});
  }
}

std::vector<LinkGroup> Groups(size_t vertex_count, std::vector<CampaignLink> links, size_t member_count_min) {
  std::sort(links.begin(), links.end(),
            [](const CampaignLink& x, const CampaignLink& y) { return std::tie(x.a, x.b) < std::tie(y.a, y.b); });
  return FindLinkGroups(vertex_count, links, member_count_min);
}

TEST(LinkGroupsTest, AChanceLinkJoinsNoTwoGroups) {
  std::vector<CampaignLink> links;
  Join(0, 8, links);
  Join(8, 20, links);
  links.push_back({7, 8, 10});
  const auto groups = Groups(20, links, 4);
  ASSERT_EQ(groups.size(), 2U);
  EXPECT_EQ(groups[0].size(), 8U);
  EXPECT_EQ(groups[1].size(), 12U);
}

TEST(LinkGroupsTest, MembersOfADenseGroupBelongFirmly) {
  std::vector<CampaignLink> links;
  Join(2, 8, links);
  const auto groups = Groups(10, links, 4);
  ASSERT_EQ(groups.size(), 1U);
  for (const GroupMember& member : groups[0]) EXPECT_EQ(member.share, 1);
}

TEST(LinkGroupsTest, ChainsAndSmallGroupsAreNone) {
  std::vector<CampaignLink> chain;
  for (uint32_t i = 0; i < 30; ++i) chain.push_back({i, i + 1, 10});
  EXPECT_TRUE(Groups(31, chain, 12).empty());
  std::vector<CampaignLink> trio;
  Join(0, 3, trio);
  EXPECT_TRUE(Groups(3, trio, 4).empty());
  EXPECT_EQ(Groups(3, trio, 2).size(), 1U);
}

TEST(LinkGroupsTest, WhoHasFewLinksIntoAGroupIsLeftOut) {
  std::vector<CampaignLink> links;
  Join(0, 16, links);
  links.push_back({0, 16, 10});
  links.push_back({1, 16, 10});
  const auto groups = Groups(17, links, 4);
  ASSERT_EQ(groups.size(), 1U);
  EXPECT_EQ(groups[0].size(), 16U);
}

}  // namespace
}  // namespace stillwatch::detector
