// Hypothesis: a training set is fetched in bulk: single requests, hundreds on a day on which the account works at all.
// Evidence: events per active day, far above the whole population's, in single requests whose prompts are new or are
//   sampled again on purpose.
// Honest look-alikes: batch jobs, backends and evaluation harnesses. So this only ever supports other evidence. Monitors
//   ask the same again and again and do not count. A pool that spreads its work stays below (see isolated_requests).
// Formula: limit · r · s · d, with r the robust z-score of log(1 + events per active day) in the whole population,
//   stretched from 1 to 3.5, s the share of single requests stretched from 0.6 to 0.95, and d the share of prompts that
//   are new or sampled again, 1 without text. Against everyone and not against the peers, because peers are grouped by
//   just this rate. As long as no population is known: a median of 6 a day and a spread of a factor of e.
// Source: of 314 real clients (ServeGen, 2505.09999) 131 are heavy without harvesting: rates support, they never decide.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "detector/detector.h"

namespace stillwatch::detector {
namespace {

using features::Feature;

constexpr double kLimit = 4.0;
const double kPriorMedian = std::log1p(6.0);
constexpr double kPriorSpread = 1.0;

double Novelty(const AccountView& account) {
  if (account.feature(Feature::kTextShare) < 0.5) return 1;
  return std::max(account.feature(Feature::kDistinctPromptShare), account.feature(Feature::kRepeatShare));
}

Finding Evaluate(const AccountView& account) {
  const double log_rate = account.feature(Feature::kLogEventsPerActiveDay);
  const bool is_cold = account.everyone.account_count == 0;
  const double median =
      is_cold ? kPriorMedian
              : static_cast<double>(account.everyone.scale.median[static_cast<size_t>(Feature::kLogEventsPerActiveDay)]);
  const double z = is_cold ? (log_rate - kPriorMedian) / kPriorSpread
                           : account.ZScore(Feature::kLogEventsPerActiveDay, account.everyone);
  return {.log_odds = kLimit * Stretch(z, 1, 3.5) * Stretch(account.feature(Feature::kSingleTurnShare), 0.6, 0.95) *
                      Novelty(account),
          .value = std::expm1(log_rate),
          .population = std::expm1(median)};
}

std::string Summarize(const AccountView&, const Finding& finding) {
  char text[160];
  std::snprintf(text, sizeof(text), "%.0f single requests on a day of work; %.0f requests are usual among all accounts",
                finding.value, finding.population);
  return text;
}

}  // namespace

const Detector kBulkRate = {"bulk_rate", Family::kVolume, kLimit, kCircumstantial, Evaluate, Summarize};

}  // namespace stillwatch::detector
