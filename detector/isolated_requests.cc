// Hypothesis: a pool that hands each request to its least recently used account leaves every account with single
//   requests far apart, at all hours, that never belong together: no sittings, no conversations.
// Evidence: gaps of half an hour and more between single requests, spread over the whole day, with ever new prompts.
// Honest look-alikes: monitors (the same prompt again and again, so they do not count), bots and backends with
//   little traffic. So this only ever supports other evidence.
// Formula: limit · s · h, with s the share of long gaps × share of single requests × share of different prompts
//   (where there is text), stretched from [0.4, 0.9] to [0, 1], and h the entropy of the hour of day, stretched from
//   3 bits (8 hours) to 4.4 (21 hours). Counted from 30 events on, where the entropy is known to about a tenth of a
//   bit.
// Source: threat reports of 2026 (load balancing over accounts); public relay software picks accounts by least
//   recent use.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "detector/detector.h"

namespace stillwatch::detector {
namespace {

using features::Feature;

constexpr double kLimit = 3.0;
constexpr double kEventsMin = 30;

double Isolation(double long_gaps, double single_turns, double texts, double distinct_prompts) {
  return long_gaps * single_turns * (texts >= 0.5 ? distinct_prompts : 1);
}

Finding Evaluate(const AccountView& account) {
  const auto median = [&account](Feature which) {
    return static_cast<double>(account.peers.scale.median[static_cast<size_t>(which)]);
  };
  Finding finding;
  finding.value = Isolation(account.feature(Feature::kIsolatedShare), account.feature(Feature::kSingleTurnShare),
                            account.feature(Feature::kTextShare), account.feature(Feature::kDistinctPromptShare));
  finding.population = Isolation(median(Feature::kIsolatedShare), median(Feature::kSingleTurnShare),
                                 median(Feature::kTextShare), median(Feature::kDistinctPromptShare));
  if (account.portrait.total(features::Counter::kEvent) < kEventsMin) return finding;
  finding.log_odds =
      kLimit * Stretch(finding.value, 0.4, 0.9) * Stretch(account.feature(Feature::kHourEntropy), 3.0, 4.4);
  return finding;
}

std::string Summarize(const AccountView& account, const Finding& finding) {
  char text[200];
  std::snprintf(text, sizeof(text),
                "%.0f %% of its requests stand alone, half an hour or more apart, over %.0f hours of the day; among its "
                "peers %.0f %% do",
                100 * finding.value, std::exp2(account.feature(Feature::kHourEntropy)), 100 * finding.population);
  return text;
}

}  // namespace

const Detector kIsolatedRequests = {"isolated_requests", Family::kTiming, kLimit, kCircumstantial, Evaluate, Summarize};

}  // namespace stillwatch::detector
