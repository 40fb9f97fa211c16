#include "detector/baseline.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "detector/calibration.h"

namespace stillwatch::detector {
namespace {

// Bounds of a marker's null share. Below the lower one a handful of chance matches would alarm; above the upper one
// thieves who are the majority of a group could hide in it.
constexpr float kNullShareMin = 0.02F;
constexpr float kNullShareMax = 0.10F;
// The null is twice the median account's share: as long as half of a group is honest, thieves do not move it.
constexpr double kNullQuantile = 0.5;
constexpr float kNullFactor = 2.0F;

float Quantile(std::vector<float> values, double share) {
  const auto index = static_cast<size_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + static_cast<ptrdiff_t>(index), values.end());
  return values[index];
}

void SetNull(size_t marker, float share, PeerBaseline& peers) {
  peers.marker_null_share[marker] = std::clamp(share, kNullShareMin, kNullShareMax);
  peers.marker_ratios[marker] =
      features::LikelihoodRatios::ForNull(static_cast<double>(peers.marker_null_share[marker]));
}

PeerBaseline ComputePeers(const features::FeatureMatrix& matrix, std::span<const uint32_t> rows) {
  PeerBaseline peers;
  peers.account_count = rows.size();
  peers.scale = matrix.ComputeScale(rows);
  for (size_t marker = 0; marker < features::kMarkerCount; ++marker) {
    const auto feature =
        static_cast<features::Feature>(static_cast<size_t>(features::Feature::kReasoningElicitationShare) + marker);
    const std::span<const float> column = matrix.column(feature);
    std::vector<float> shares;
    for (const uint32_t row : rows) {
      if (matrix.column(features::Feature::kTextShare)[row] > 0) shares.push_back(column[row]);
    }
    const auto marked = std::count_if(shares.begin(), shares.end(), [](float share) { return share >= kMarkedShare; });
    peers.marked_account_share[marker] =
        shares.empty() ? 0 : static_cast<float>(marked) / static_cast<float>(shares.size());
    SetNull(marker, shares.empty() ? 0 : kNullFactor * Quantile(std::move(shares), kNullQuantile), peers);
  }
  return peers;
}

}  // namespace

Baseline PriorBaseline() {
  Baseline baseline;
  // Nothing is known of the peers: markers count only far above the bound, and comparisons by z-score are left out.
  for (size_t marker = 0; marker < features::kMarkerCount; ++marker) SetNull(marker, 0.1F, baseline.everyone);
  baseline.groups.fill(baseline.everyone);
  baseline.weights = ShippedWeights();
  baseline.review_log_odds = kBaseLogOdds - std::log(kReviewBudget);
  baseline.act_log_odds = kBaseLogOdds - std::log(kActBudget);
  return baseline;
}

Baseline ComputeBaseline(int64_t time_unix_nano, const features::FeatureMatrix& features,
                         std::span<const uint8_t> groups) {
  Baseline baseline = PriorBaseline();
  baseline.time_unix_nano = time_unix_nano;
  std::vector<uint32_t> everyone;
  std::array<std::vector<uint32_t>, kPeerGroupCount> members;
  for (uint32_t row = 0; row < features.row_count(); ++row) {
    everyone.push_back(row);
    members[groups[row]].push_back(row);
  }
  if (everyone.size() < kPeersForBaseline) return baseline;
  baseline.everyone = ComputePeers(features, everyone);
  for (size_t group = 0; group < kPeerGroupCount; ++group) {
    baseline.groups[group] =
        members[group].size() < kPeersForBaseline ? baseline.everyone : ComputePeers(features, members[group]);
  }
  return baseline;
}

}  // namespace stillwatch::detector
