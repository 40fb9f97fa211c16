// From evidence to a verdict.
#pragma once

#include <array>
#include <cstdint>

#include "detector/baseline.h"
#include "detector/detector.h"
#include "proto/records.h"

namespace stillwatch::detector {

// What is said of one account at one moment.
struct Assessment {
  std::array<Finding, kDetectorCount> findings;  // In the order of AllDetectors().
  size_t peer_group = 0;
  bool has_text = false;  // At least half of its events had some.
  // kBaseLogOdds + the findings' log-odds + LabelLogOdds(label): a transparent sum.
  double log_odds = kBaseLogOdds;
  Verdict verdict = Verdict::kClear;
};

// What an analyst's label adds: enough to decide against any evidence.
double LabelLogOdds(Label label);

// Log-odds as a probability; 0 for a benign label.
double RiskOf(double log_odds, Label label);

// What a detector's finding is multiplied by: the baseline's weight, which is that of accounts with text, or more.
double WeightFor(size_t detector, bool has_text, const Baseline& baseline);

// How many families each add kFamilyLogOddsMin or more.
size_t CountFamilies(const Assessment& assessment);

// How likely it is that what is said of the account is true of itself: it belongs to its group, or its own evidence
// suffices. 1 without a group.
double ProbabilityOfOwnDoing(const Assessment& assessment, const Membership& membership);

// The findings before they are weighed; log-odds and verdict are those of an account without evidence.
Assessment Examine(const features::Portrait& portrait, const Baseline& baseline,
                   const Membership& membership = kNoMembership);

// Assesses a portrait: weighs the findings and adds them up. The verdict is review from the baseline's review threshold
// on, and act from its act threshold on if at least two families each add kFamilyLogOddsMin or more, and the account
// belongs to its group, or does the same without it, with at least kOwnDoingMin: somebody who may be in a group by
// chance is for people to look at. A label decides: benign is clear, confirmed is act.
inline constexpr double kFamilyLogOddsMin = 0.7;  // A likelihood ratio of 2.
inline constexpr size_t kFamilyCountMin = 2;
inline constexpr double kOwnDoingMin = 0.9;  // A probability; about that of the shipped act threshold.
Assessment Assess(const features::Portrait& portrait, const Baseline& baseline, Label label,
                  const Membership& membership = kNoMembership);

}  // namespace stillwatch::detector
