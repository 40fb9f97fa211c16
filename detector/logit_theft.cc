// Hypothesis: the last layer of a model can be read off its log-probabilities by asking the same prompts with ever
//   different logit_bias.
// Evidence: many requests with logit_bias and log-probabilities (or one output token) over few prompts.
// Honest look-alikes: classifiers that bias towards their labels: one bias, a new prompt each time; evaluations, which
//   ask the same prompts with one bias again. So requests count beyond the number of different prompts, and in full only
//   if the bias varies in size.
// Formula: n = (requests − 1.3 · different prompts)⁺, a sixteenth of it if fewer than three sizes were seen, and
//   nothing without text then; log-odds log(1000) · log2(1 + n) / log2(65), so that 64 reach the review budget and
//   256 nearly that of act, but half of a review at most if fewer than three sizes were seen. 1.3 is two standard errors
//   of the sketch that counts the prompts (9 %), and some retries.
// Source: Carlini et al., "Stealing part of a production language model", 2403.06634.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "detector/detector.h"

namespace stillwatch::detector {
namespace {

constexpr double kLimit = 10;
constexpr double kFixedBiasLimit = 3.5;
constexpr double kReviewRequests = 64;
constexpr int kVaryingSizes = 3;

Finding Evaluate(const AccountView& account) {
  const double requests = account.portrait.total(features::Counter::kLogit);
  const double excess = std::max(requests - 1.3 * account.portrait.DistinctLogitPrompts(), 0.0);
  Finding finding;
  const bool is_varied = account.portrait.DistinctLogitBiasSizes() >= kVaryingSizes;
  // A fixed bias over prompts that cannot be told apart says nothing: a classifier whose gateway sends no text.
  const bool knows_prompts = account.feature(features::Feature::kTextShare) >= 0.5;
  finding.value = is_varied ? excess : knows_prompts ? excess / 16 : 0;
  const double log_odds = -std::log(kReviewBudget) * std::log2(1 + finding.value) / std::log2(1 + kReviewRequests);
  finding.log_odds = std::min(is_varied ? kLimit : kFixedBiasLimit, log_odds);
  return finding;
}

std::string Summarize(const AccountView& account, const Finding&) {
  char text[200];
  std::snprintf(text, sizeof(text), "%.0f requests with logit_bias and log-probabilities over about %.0f prompts",
                account.portrait.total(features::Counter::kLogit), account.portrait.DistinctLogitPrompts());
  return text;
}

}  // namespace

const Detector kLogitTheft = {"logit_theft", Family::kParameters, kLimit, 1, Evaluate, Summarize};

}  // namespace stillwatch::detector
