// Hypothesis: what is harvested is read by programs: the next request comes before a person could have read the
//   answer.
// Evidence: the share of requests that follow an answer sooner than skimming it takes, in single requests whose
//   prompts are new or are sampled again on purpose.
// Honest look-alikes: every batch job, and evaluation harnesses. So this only ever supports other evidence.
// Formula: limit · u · s · t, with u the share of unread answers above the peers' median, over what is left above
//   it, s the share of single requests stretched from 0.6 to 0.95, and t = (1 + 2 · share at a temperature above 0)
//   / 3: sampled answers are for reading or for training, greedy ones mostly for processing.
// Source: reading speed, Brysbaert 2019 (10.1016/j.jml.2019.104047); features/portrait.cc says what counts as
//   unread.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "detector/detector.h"

namespace stillwatch::detector {
namespace {

using features::Feature;

constexpr double kLimit = 0.7;

Finding Evaluate(const AccountView& account) {
  Finding finding;
  finding.value = account.feature(Feature::kUnreadShare);
  finding.population = static_cast<double>(account.peers.scale.median[static_cast<size_t>(Feature::kUnreadShare)]);
  // A population of programs leaves nothing to tell.
  const double usual = std::min(finding.population, 0.5);
  finding.log_odds = kLimit * Stretch(finding.value, usual, 1) *
                     Stretch(account.feature(Feature::kSingleTurnShare), 0.6, 0.95) *
                     (1 + 2 * account.feature(Feature::kSampledShare)) / 3;
  return finding;
}

std::string Summarize(const AccountView&, const Finding& finding) {
  char text[160];
  std::snprintf(
      text, sizeof(text),
      "%.0f %% of its answers were followed by a request before anyone could read them; among its peers %.0f %%",
      100 * finding.value, 100 * finding.population);
  return text;
}

}  // namespace

const Detector kUnreadSpeed = {"unread_speed", Family::kTiming, kLimit, kCircumstantial, Evaluate, Summarize};

}  // namespace stillwatch::detector
