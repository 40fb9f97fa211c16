// How much evidence is worth in this deployment: weights and thresholds from its own, mostly honest, traffic.
#pragma once

#include <array>
#include <span>

#include "detector/baseline.h"
#include "proto/records.h"

namespace stillwatch::detector {

// The evidence of one account of the sample, by detector, not weighed.
struct SampledEvidence {
  std::array<double, kDetectorCount> log_odds{};
  bool has_text = true;
  Label label = Label::kUnlabelled;
};

// The weights of a deployment that has seen nothing yet.
std::array<double, kDetectorCount> ShippedWeights();

// Share of the accounts that may harvest without moving what is normal.
inline constexpr double kThiefShareMax = 0.03;

// Sets the weights and the thresholds of `baseline` from a sample of accounts, in which labels are the truth: confirmed
// accounts have no say, benign ones are false positives where they exceed a threshold.
// Weights: a finding with a likelihood ratio L says that among honest accounts at most 1 / L have one like it. Where
// more than that, and kThiefShareMax, do, it is brought down to what the population shows. Shipped weights come on top.
// Thresholds: those of the budgets, log(1 / budget), or higher where more than kThiefShareMax of the accounts exceed
// them.
void Calibrate(std::span<const SampledEvidence> sample, Baseline& baseline);

}  // namespace stillwatch::detector
