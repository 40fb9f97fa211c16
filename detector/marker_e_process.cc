// Hypothesis: who trains a model on ours asks, again and again, for what training needs: reasoning steps, hidden
//   traces, grades, batches of tasks, harder versions of prompts, turns of a simulated user.
// Evidence: prompts with such a phrase come in a share far above the upper bound of the account's peers.
// Honest look-alikes: evaluation harnesses, pipelines with a model as judge, small sets of synthetic examples.
//   Content alone therefore never reaches the review threshold.
// Formula: for each class of phrases the e-process of features/e_process.h against the peers' null share; the
//   largest, less log(number of classes) for having looked at all of them, bent to at most log(1 / share of all
//   accounts that use such phrases in a fifth of their prompts).
// Source: Shin, Ramdas, Rinaldo, "E-detectors" (2022); Bonferroni over e-values: Vovk, Wang, "E-values" (2021).
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <tuple>

#include "detector/calibration.h"
#include "detector/detector.h"

namespace stillwatch::detector {
namespace {

// A likelihood ratio of 55: one family alone does not suffice for review.
constexpr double kLimit = 4.0;

constexpr std::array<std::string_view, features::kMarkerCount> kWords = {
    "ask for the steps of the reasoning",     "ask for hidden reasoning word for word", "let the model grade answers",
    "ask for many tasks or examples at once", "ask for harder or rewritten prompts",    "let the model play the user"};

// What a class of phrases is worth where many accounts use it as a habit: at most the inverse of their share, less
// those that may be thieves. A quarter of the limit is left in any case, so that a flood of thieves does not silence
// it.
double Worth(size_t marker, const AccountView& account) {
  const double share = static_cast<double>(account.everyone.marked_account_share[marker]) - kThiefShareMax;
  return share <= 0 ? kLimit : std::clamp(-std::log(share), kLimit / 4, kLimit);
}

double LogOddsOf(size_t marker, const AccountView& account) {
  const double log_e = account.portrait.e_process(static_cast<features::Marker>(marker)).LogValue();
  return Saturate(log_e - std::log(double{features::kMarkerCount}), Worth(marker, account));
}

size_t StrongestMarker(const AccountView& account) {
  size_t strongest = 0;
  double log_odds = LogOddsOf(0, account);
  for (size_t i = 1; i < features::kMarkerCount; ++i) {
    if (const double other = LogOddsOf(i, account); other > log_odds)
      std::tie(strongest, log_odds) = std::tie(i, other);
  }
  return strongest;
}

Finding Evaluate(const AccountView& account) {
  const size_t marker = StrongestMarker(account);
  const double texts = account.portrait.total(features::Counter::kText);
  return {.log_odds = LogOddsOf(marker, account),
          .value = texts > 0 ? account.portrait.marked(static_cast<features::Marker>(marker)) / texts : 0,
          .population = static_cast<double>(account.peers.marker_null_share[marker])};
}

std::string Summarize(const AccountView& account, const Finding& finding) {
  const std::string_view words = kWords[StrongestMarker(account)];
  char text[200];
  std::snprintf(text, sizeof(text), "%.0f %% of its prompts %.*s; among its peers at most %.0f %% do",
                100 * finding.value, static_cast<int>(words.size()), words.data(), 100 * finding.population);
  return text;
}

}  // namespace

const Detector kMarkerEProcess = {"marker_e_process", Family::kContent, kLimit, kCircumstantial, Evaluate, Summarize};

}  // namespace stillwatch::detector
