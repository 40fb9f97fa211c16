#include "detector/link_groups.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace stillwatch::detector {
namespace {

constexpr double kSimilarityMin = 0.4;
constexpr double kLinkedShareMin = 0.25;
constexpr double kFirmShare = 0.5;

using Neighbours = std::vector<std::vector<uint32_t>>;  // Ascending, each vertex its own neighbour.

Neighbours NeighboursOf(size_t vertex_count, std::span<const CampaignLink> links) {
  Neighbours out(vertex_count);
  for (const CampaignLink& link : links) {
    for (const uint32_t vertex : {link.a, link.b}) {
      if (out[vertex].empty()) out[vertex].push_back(vertex);
    }
    out[link.a].push_back(link.b);
    out[link.b].push_back(link.a);
  }
  for (auto& neighbours : out) std::sort(neighbours.begin(), neighbours.end());
  return out;
}

size_t CountCommon(const std::vector<uint32_t>& a, const std::vector<uint32_t>& b) {
  size_t count = 0;
  for (auto x = a.begin(), y = b.begin(); x != a.end() && y != b.end();) {
    if (*x == *y) ++count;
    const bool step_x = *x <= *y;
    const bool step_y = *y <= *x;
    x += step_x;
    y += step_y;
  }
  return count;
}

uint32_t Root(std::vector<uint32_t>& parents, uint32_t vertex) {
  while (parents[vertex] != vertex) vertex = parents[vertex] = parents[parents[vertex]];
  return vertex;
}

// Keeps those with enough links into the group.
LinkGroup Trim(const std::vector<uint32_t>& vertices, const Neighbours& neighbours) {
  LinkGroup out;
  const auto possible = static_cast<double>(vertices.size()) - 1;
  for (const uint32_t vertex : vertices) {
    const auto links = static_cast<double>(CountCommon(vertices, neighbours[vertex])) - 1;
    if (links < kLinkedShareMin * possible) continue;
    out.push_back({vertex, static_cast<float>(std::min(1.0, links / (kFirmShare * possible)))});
  }
  return out;
}

}  // namespace

std::vector<LinkGroup> FindLinkGroups(size_t vertex_count, std::span<const CampaignLink> links,
                                      size_t member_count_min) {
  const Neighbours neighbours = NeighboursOf(vertex_count, links);
  std::vector<uint32_t> parents(vertex_count);
  std::iota(parents.begin(), parents.end(), 0);
  for (const CampaignLink& link : links) {
    const auto& a = neighbours[link.a];
    const auto& b = neighbours[link.b];
    const double similarity =
        static_cast<double>(CountCommon(a, b)) / std::sqrt(static_cast<double>(a.size() * b.size()));
    if (similarity < kSimilarityMin) continue;
    const uint32_t x = Root(parents, link.a);
    const uint32_t y = Root(parents, link.b);
    parents[std::max(x, y)] = std::min(x, y);
  }
  std::vector<std::vector<uint32_t>> components(vertex_count);
  for (uint32_t vertex = 0; vertex < vertex_count; ++vertex) {
    if (!neighbours[vertex].empty()) components[Root(parents, vertex)].push_back(vertex);
  }
  std::vector<LinkGroup> out;
  for (const auto& component : components) {
    if (component.size() < member_count_min) continue;
    LinkGroup group = Trim(component, neighbours);
    if (group.size() >= member_count_min) out.push_back(std::move(group));
  }
  return out;
}

}  // namespace stillwatch::detector
