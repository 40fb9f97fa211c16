#include "detector/calibration.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "detector/detector.h"
#include "detector/fusion.h"

namespace stillwatch::detector {
namespace {

// A detector that fires for a third of the accounts is still worth a quarter: taste, not arithmetic, but a flood of
// thieves must not silence a detector.
constexpr double kWeightMin = 0.25;
// Whoever floods the population must not move the thresholds out of reach: at most by a factor of 10 in the odds.
const double kRaiseMax = std::log(10.0);

// Points of a detector's scale at which it is held to its word.
constexpr std::array<double, 4> kCheckedShares = {0.25, 0.5, 0.75, 0.95};

double WeightOf(size_t detector, std::span<const SampledEvidence> sample) {
  double weight = 1;  // Of the claim itself.
  for (const double checked : kCheckedShares) {
    const double claimed = checked * AllDetectors()[detector]->limit;
    const auto loud =
        static_cast<double>(std::count_if(sample.begin(), sample.end(), [&](const SampledEvidence& account) {
          return account.label != Label::kConfirmed && account.log_odds[detector] >= claimed;
        }));
    const double share = loud / static_cast<double>(sample.size()) - kThiefShareMax;
    if (share > 0) weight = std::min(weight, -std::log(share) / claimed);
  }
  return std::max(weight, kWeightMin) * AllDetectors()[detector]->shipped_weight;
}

// The value that at most `count` of the values exceed. Values must be sorted, largest first.
double Exceeded(const std::vector<double>& sorted, size_t count) { return count < sorted.size() ? sorted[count] : 0; }

}  // namespace

std::array<double, kDetectorCount> ShippedWeights() {
  std::array<double, kDetectorCount> weights{};
  for (size_t i = 0; i < kDetectorCount; ++i) weights[i] = AllDetectors()[i]->shipped_weight;
  return weights;
}

void Calibrate(std::span<const SampledEvidence> sample, Baseline& baseline) {
  baseline.weights = ShippedWeights();
  if (sample.size() < kPeersForBaseline) return;
  for (size_t i = 0; i < kDetectorCount; ++i) baseline.weights[i] = WeightOf(i, sample);
  std::vector<double> all;
  std::vector<double> benign;
  for (const SampledEvidence& account : sample) {
    if (account.label == Label::kConfirmed) continue;
    double sum = 0;
    for (size_t i = 0; i < kDetectorCount; ++i) sum += WeightFor(i, account.has_text, baseline) * account.log_odds[i];
    (account.label == Label::kBenign ? benign : all).push_back(sum);
  }
  std::sort(all.begin(), all.end(), std::greater<>());
  std::sort(benign.begin(), benign.end(), std::greater<>());
  const auto threshold = [&](double budget) {
    const auto allowed = [&](double share) { return static_cast<size_t>(share * static_cast<double>(sample.size())); };
    const double wanted = std::max(Exceeded(all, allowed(kThiefShareMax + budget)), Exceeded(benign, allowed(budget)));
    const double raise = wanted + std::log(budget);
    return kBaseLogOdds - std::log(budget) + std::clamp(raise, 0.0, kRaiseMax);
  };
  baseline.review_log_odds = threshold(kReviewBudget);
  baseline.act_log_odds =
      std::max(threshold(kActBudget), baseline.review_log_odds + std::log(kReviewBudget / kActBudget));
}

}  // namespace stillwatch::detector
