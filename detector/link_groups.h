// Dense groups in a graph of links.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "detector/campaign_candidate.h"

namespace stillwatch::detector {

// A vertex of a group and how firmly it belongs: its links within the group over half of those that it could have, at
// most 1.
struct GroupMember {
  uint32_t index = 0;
  float share = 0;
};
using LinkGroup = std::vector<GroupMember>;  // By index.

// Finds groups of at least `member_count_min` vertices whose neighbourhoods overlap: two linked vertices are of one
// group if |N(a) ∩ N(b)| ≥ 0.4 · √(|N(a)| · |N(b)|), each counted as its own neighbour; so a chance link joins no two
// groups. A vertex must have links to a quarter of its group. Links must be sorted and between vertices below
// `vertex_count`. Source: SCAN, Xu et al., KDD 2007. Time: links times the degree.
std::vector<LinkGroup> FindLinkGroups(size_t vertex_count, std::span<const CampaignLink> links,
                                      size_t member_count_min);

}  // namespace stillwatch::detector
