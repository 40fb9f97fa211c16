// What a detector is: a hypothesis about harvesting, and the evidence for it in one account.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "detector/baseline.h"
#include "detector/membership.h"
#include "features/feature_matrix.h"
#include "features/portrait.h"

namespace stillwatch::detector {

// Numbers as in v1.EvidenceFamily.
enum class Family : uint8_t {
  kNone = 0,
  kContent = 1,
  kTiming = 2,
  kVolume = 3,
  kParameters = 4,
  kInfrastructure = 5,
  kLifecycle = 6,
};
inline constexpr size_t kFamilyCount = 7;
std::string_view FamilyName(Family family);

// Of an account in no group.
inline constexpr Membership kNoMembership{};

// What a detector sees: an account's portrait, its features, its peers, and its group.
struct AccountView {
  const features::Portrait& portrait;
  const features::FeatureRow& features;
  const PeerBaseline& peers;
  const PeerBaseline& everyone;  // The whole population.
  const Membership& membership = kNoMembership;

  double feature(features::Feature which) const { return static_cast<double>(features[static_cast<size_t>(which)]); }
  // Robust z-score against the peers or the whole population; 0 where there is no spread.
  double ZScore(features::Feature which) const { return ZScore(which, peers); }
  double ZScore(features::Feature which, const PeerBaseline& among) const;
};

// What a detector found. All values are finite.
struct Finding {
  double log_odds = 0;    // Adds to the account's risk; 0 if there is nothing to say, never negative.
  double value = 0;       // The account's value of the statistic.
  double population = 0;  // The value that is usual, or still allowed, among its peers.
};

// Findings on how an account works (rates, lengths, ages, phrases) hang together: one honest application in bulk use can
// show most of them, and their sum overstates. Untempered, the sum of 1 in 1,000 accounts of generated honest traffic
// (8,000 accounts of 25 kinds) exceeded 11 instead of log(1000) = 6.9: 0.63 keeps the budget. A finding that no honest use
// explains counts 1.
inline constexpr double kCircumstantial = 0.63;
// For an account without text there are fewer such terms to add up: of 1 in 1,000 honest ones the sum exceeded 7.6
// (4,000 accounts).
inline constexpr double kCircumstantialWithoutText = 0.85;

// Looks for one kind of harvesting. A detector is a pure function of the view: it has no state of its own.
// Each stands in a file of its own that opens with hypothesis, evidence, honest look-alikes, formula and source.
struct Detector {
  std::string_view name;
  Family family;
  double limit;  // No finding's log-odds exceed it.
  // What a finding is worth beside others: kCircumstantial or 1.
  double shipped_weight;
  Finding (*evaluate)(const AccountView& account);
  // A sentence for an analyst, for a finding with log_odds > 0.
  std::string (*summarize)(const AccountView& account, const Finding& finding);
  bool is_of_group = false;  // It tells of the account's group, so it counts as far as the account belongs.
};

extern const Detector kMarkerEProcess;
extern const Detector kTemplateSlot;
extern const Detector kRepeatedSampling;
extern const Detector kLogitTheft;
extern const Detector kPeakRate;
extern const Detector kIsolatedRequests;
extern const Detector kOutputShape;
extern const Detector kBulkRate;
extern const Detector kUnreadSpeed;
extern const Detector kYoungAccount;
extern const Detector kTopicCoverage;
extern const Detector kCampaignRhythm;
extern const Detector kCampaignInfrastructure;
extern const Detector kCampaignContent;
extern const Detector kCampaignLifecycle;
extern const Detector kCampaignPooled;
extern const Detector kCampaignSynchrony;
extern const Detector kCampaignOnset;

// All detectors, in the order in which their terms are listed.
const std::array<const Detector*, kDetectorCount>& AllDetectors();

// Bends evidence so that it never exceeds `limit`: limit · (1 − exp(−x / limit)). Keeps the order of accounts, and the
// value itself while it is small.
double Saturate(double log_odds, double limit);
// Maps [from, to] to [0, 1] and clamps what lies outside.
double Stretch(double value, double from, double to);

}  // namespace stillwatch::detector
