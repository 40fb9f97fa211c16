// Hypothesis: a training set is fetched in bulk: single requests, hundreds on a day on which the account works at
//   all.
// Evidence: events per active day, far above the quiet part of the population's, in single requests whose prompts
//   are new or are sampled again on purpose.
// Honest look-alikes: batch jobs, backends and evaluation harnesses. So this only ever supports other evidence.
//   Monitors ask the same again and again and do not count. A pool that spreads its work stays below (see
//   isolated_requests).
// Formula: limit · r · s · d, with r the log-ratio of 1 + events per active day to the lower quartile of the whole
//   population, stretched from 1.5 (4.5 times as many) to 4 (55 times), s the share of single requests stretched
//   from 0.6 to 0.95, and d the share of prompts that are new or sampled again, 1 without text. Against everyone and
//   not against the peers, because peers are grouped by just this rate; against the lower quartile, because a tenth
//   of thieves, who are all busy, moves a median and a spread, but hardly that. As long as no population is known: 6
//   a day.
// Source: of 314 real clients (ServeGen, 2505.09999) 131 are heavy without harvesting: rates support, they never
//   decide.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "detector/detector.h"

namespace stillwatch::detector {
namespace {

using features::Feature;

constexpr double kLimit = 4.0;
const double kPriorLogRate = std::log1p(6.0);

double Novelty(const AccountView& account) {
  if (account.feature(Feature::kTextShare) < 0.5) return 1;
  return std::max(account.feature(Feature::kDistinctPromptShare), account.feature(Feature::kRepeatShare));
}

Finding Evaluate(const AccountView& account) {
  const double log_rate = account.feature(Feature::kLogEventsPerActiveDay);
  const auto index = static_cast<size_t>(Feature::kLogEventsPerActiveDay);
  const double usual = account.everyone.account_count == 0
                           ? kPriorLogRate
                           : static_cast<double>(account.everyone.scale.lower_quartile[index]);
  return {.log_odds = kLimit * Stretch(log_rate - usual, 1.5, 4) *
                      Stretch(account.feature(Feature::kSingleTurnShare), 0.6, 0.95) * Novelty(account),
          .value = std::expm1(log_rate),
          .population = std::expm1(usual)};
}

std::string Summarize(const AccountView&, const Finding& finding) {
  char text[160];
  std::snprintf(text, sizeof(text),
                "%.0f single requests on a day of work; a quarter of all accounts send %.0f requests or less",
                finding.value, finding.population);
  return text;
}

}  // namespace

const Detector kBulkRate = {"bulk_rate", Family::kVolume, kLimit, kCircumstantial, Evaluate, Summarize};

}  // namespace stillwatch::detector
