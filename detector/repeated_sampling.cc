// Hypothesis: training wants several different answers to a prompt, to keep the best or to learn the distribution.
// Evidence: many different prompts are asked again at a temperature above 0, or with several choices at once, in a share
//   above the peers'.
// Honest look-alikes: monitors (one prompt, so few different ones), retries after errors (few), self-consistency in
//   evaluation harnesses (many: only other evidence tells them apart).
// Formula: n · KL(share ‖ null), the log-likelihood ratio of the binomial share of repeats against the larger of 10 %
//   and the peers' median, counted from 10 repeated prompts on.
// Source: rejection sampling for distillation, DeepSeek-R1 report 2501.12948; self-consistency, Wang et al. 2203.11171.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "detector/detector.h"

namespace stillwatch::detector {
namespace {

// Self-consistency in honest evaluations looks the same, so it adds little.
constexpr double kLimit = 1.0;
constexpr double kRepeatedPromptsMin = 10;
// Retries and "try again" of honest users.
constexpr double kNullShareMin = 0.1;

double Divergence(double p, double q) {
  const auto term = [](double a, double b) { return a <= 0 ? 0 : a * std::log(a / b); };
  return term(p, q) + term(1 - p, 1 - q);
}

Finding Evaluate(const AccountView& account) {
  Finding finding;
  const double texts = account.portrait.total(features::Counter::kText);
  finding.population = std::clamp(
      static_cast<double>(account.peers.scale.median[static_cast<size_t>(features::Feature::kRepeatShare)]),
      kNullShareMin, 0.9);
  if (texts == 0) return finding;
  finding.value = std::min(account.portrait.total(features::Counter::kRepeat) / texts, 1.0);
  const double repeated = account.portrait.DistinctRepeatedPrompts();
  if (finding.value <= finding.population || repeated < kRepeatedPromptsMin) return finding;
  // Repeats of one prompt hang together, so it is the prompts that count, not the events.
  finding.log_odds = Saturate(repeated * Divergence(finding.value, finding.population), kLimit);
  return finding;
}

std::string Summarize(const AccountView& account, const Finding& finding) {
  char text[200];
  std::snprintf(text, sizeof(text),
                "%.0f %% of its prompts are sampled again, about %.0f different ones; among its peers up to %.0f %% are",
                100 * finding.value, account.portrait.DistinctRepeatedPrompts(), 100 * finding.population);
  return text;
}

}  // namespace

const Detector kRepeatedSampling = {"repeated_sampling", Family::kParameters, kLimit, kCircumstantial, Evaluate, Summarize};

}  // namespace stillwatch::detector
