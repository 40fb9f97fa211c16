// Hypothesis: a harvester takes as much as it gets: its busiest minute is far above that of accounts of the same kind.
// Evidence: requests in the busiest minute, as a robust z-score of the logarithm among the account's peers.
// Honest look-alikes: batch jobs and launches. Real sweeps also run as slow as 4 a minute, so its absence says nothing.
// Formula: (z − 2) / 2.
// Source: of 314 real clients (ServeGen, 2505.09999) peaks separate people (median 2 a minute) from sweeps (23) better
//   than burstiness does.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "detector/detector.h"

namespace stillwatch::detector {
namespace {

constexpr double kLimit = 1.0;

Finding Evaluate(const AccountView& account) {
  using features::Feature;
  Finding finding;
  finding.value = account.portrait.PeakPerMinute();
  finding.population = std::expm1(
      static_cast<double>(account.peers.scale.median[static_cast<size_t>(Feature::kLogPeakPerMinute)]));
  finding.log_odds = Saturate((account.ZScore(Feature::kLogPeakPerMinute) - 2) / 2, kLimit);
  return finding;
}

std::string Summarize(const AccountView&, const Finding& finding) {
  char text[160];
  std::snprintf(text, sizeof(text), "%.0f requests in its busiest minute; %.0f is usual among its peers", finding.value,
                finding.population);
  return text;
}

}  // namespace

const Detector kPeakRate = {"peak_rate", Family::kTiming, kLimit, kCircumstantial, Evaluate, Summarize};

}  // namespace stillwatch::detector
