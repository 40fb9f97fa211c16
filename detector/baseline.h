// What is normal: the population that an account is held against.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "detector/peer_group.h"
#include "features/feature_matrix.h"
#include "features/portrait.h"

namespace stillwatch::detector {

// An account with a marker in so many of its prompts uses it as a habit.
inline constexpr float kMarkedShare = 0.2F;

// What is normal in one peer group.
struct PeerBaseline {
  uint64_t account_count = 0;  // Accounts it was computed from; 0: too few, it holds the shipped priors.
  features::RobustScale scale;
  // Upper bound of the share of events with each marker among honest peers.
  std::array<float, features::kMarkerCount> marker_null_share{};
  features::MarkerRatios marker_ratios;
  // Share of the accounts that have each marker in kMarkedShare of their prompts or more.
  std::array<float, features::kMarkerCount> marked_account_share{};
};

// Number of detectors (detector/detector.h).
inline constexpr size_t kDetectorCount = 18;

// What is normal in the whole population, as of one tick. Plain memory: checkpointed as it is.
// Threading: immutable once computed.
struct Baseline {
  int64_t time_unix_nano = 0;
  std::array<PeerBaseline, kPeerGroupCount> groups;
  PeerBaseline everyone;
  // What the evidence of each detector is worth in this population, in (0, 1] (detector/calibration.h).
  std::array<double, kDetectorCount> weights{};
  // Log-odds from which the verdicts are given, base included.
  double review_log_odds = 0;
  double act_log_odds = 0;
};
static_assert(std::is_trivially_copyable_v<Baseline>);

// Budgets of false positives that the thresholds keep.
inline constexpr double kReviewBudget = 1e-3;
inline constexpr double kActBudget = 1e-4;
// Prior odds that an account harvests, as log-odds: with 1 in 1,000 the log-odds reach 0 where evidence reaches the
// review budget.
inline constexpr double kBaseLogOdds = -6.906754778648554;  // log(0.001 / 0.999)

// The baseline of a daemon that has seen nothing yet.
Baseline PriorBaseline();

// Computes the baseline from a sample of accounts: their features, their groups. Accounts with fewer than
// kEventsForBaseline events must not be in it. A group with fewer than kPeersForBaseline members takes the statistics of
// the whole sample, and the whole sample, if that is as small, the priors.
inline constexpr uint64_t kEventsForBaseline = 8;
inline constexpr size_t kPeersForBaseline = 30;
Baseline ComputeBaseline(int64_t time_unix_nano, const features::FeatureMatrix& features,
                         std::span<const uint8_t> groups);

}  // namespace stillwatch::detector
