// Hypothesis: who trains a model on ours asks, again and again, for what training needs: reasoning steps, hidden traces,
//   grades, batches of tasks, harder versions of prompts, turns of a simulated user.
// Evidence: prompts with such a phrase come in a share far above the upper bound of the account's peers.
// Honest look-alikes: evaluation harnesses, pipelines with a model as judge, small sets of synthetic examples. Content
//   alone therefore never reaches the review threshold.
// Formula: for each class of phrases the e-process of features/e_process.h against the peers' null share; the largest,
//   less log(number of classes) for having looked at all of them.
// Source: Shin, Ramdas, Rinaldo, "E-detectors" (2022); Bonferroni over e-values: Vovk, Wang, "E-values" (2021).
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "detector/detector.h"

namespace stillwatch::detector {
namespace {

// A likelihood ratio of 55: one family alone does not suffice for review.
constexpr double kLimit = 4.0;

constexpr std::array<std::string_view, features::kMarkerCount> kWords = {
    "ask for the steps of the reasoning", "ask for hidden reasoning word for word", "let the model grade answers",
    "ask for many tasks or examples at once", "ask for harder or rewritten prompts", "let the model play the user"};

size_t StrongestMarker(const features::Portrait& portrait) {
  size_t strongest = 0;
  for (size_t i = 1; i < features::kMarkerCount; ++i) {
    if (portrait.e_process(static_cast<features::Marker>(i)).LogValue() >
        portrait.e_process(static_cast<features::Marker>(strongest)).LogValue()) {
      strongest = i;
    }
  }
  return strongest;
}

Finding Evaluate(const AccountView& account) {
  const size_t marker = StrongestMarker(account.portrait);
  const auto which = static_cast<features::Marker>(marker);
  const double texts = account.portrait.total(features::Counter::kText);
  const double log_e = account.portrait.e_process(which).LogValue() - std::log(double{features::kMarkerCount});
  return {.log_odds = Saturate(log_e, kLimit),
          .value = texts > 0 ? account.portrait.marked(which) / texts : 0,
          .population = static_cast<double>(account.peers.marker_null_share[marker])};
}

std::string Summarize(const AccountView& account, const Finding& finding) {
  const std::string_view words = kWords[StrongestMarker(account.portrait)];
  char text[200];
  std::snprintf(text, sizeof(text), "%.0f %% of its prompts %.*s; among its peers at most %.0f %% do",
                100 * finding.value, static_cast<int>(words.size()), words.data(), 100 * finding.population);
  return text;
}

}  // namespace

const Detector kMarkerEProcess = {"marker_e_process", Family::kContent, kLimit, kCircumstantial, Evaluate, Summarize};

}  // namespace stillwatch::detector
