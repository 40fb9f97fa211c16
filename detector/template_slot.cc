// Hypothesis: bulk harvesting fills a template: the first words stay, the slots never come twice.
// Evidence: the most frequent beginning has a large share of the prompts, and nearly all prompts differ, in single
//   requests without a conversation, by more than is usual among the account's peers.
// Honest look-alikes: every application with a prompt template. So this only ever supports other evidence.
// Formula: share of the top beginning × share of different prompts × share of single requests; its difference from the
//   product of the peers' medians, in units of the spread of a share that is known from `text` prompts.
// Source: threat reports of 2026 (repeated templates); Wang et al. 2212.10560 (templates of self-instruct).
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "detector/detector.h"

namespace stillwatch::detector {
namespace {

using features::Feature;

constexpr double kLimit = 1.5;
// With fewer prompts no template can be told from chance.
constexpr double kTextsMin = 20;

Finding Evaluate(const AccountView& account) {
  const auto median = [&account](Feature which) {
    return static_cast<double>(account.peers.scale.median[static_cast<size_t>(which)]);
  };
  Finding finding;
  finding.value = account.feature(Feature::kTopHeadShare) * account.feature(Feature::kDistinctPromptShare) *
                  account.feature(Feature::kSingleTurnShare);
  finding.population =
      median(Feature::kTopHeadShare) * median(Feature::kDistinctPromptShare) * median(Feature::kSingleTurnShare);
  const double texts = account.portrait.total(features::Counter::kText);
  if (texts < kTextsMin || account.peers.account_count == 0) return finding;
  const double standard_error = std::sqrt(std::max(finding.population * (1 - finding.population), 0.05) / texts);
  const double z = (finding.value - finding.population) / (standard_error + 0.15);
  finding.log_odds = Saturate(z - 2, kLimit);
  return finding;
}

std::string Summarize(const AccountView&, const Finding& finding) {
  char text[200];
  std::snprintf(text, sizeof(text),
                "%.0f %% of its requests fill one template with a new slot each; among its peers %.0f %% do",
                100 * finding.value, 100 * finding.population);
  return text;
}

}  // namespace

const Detector kTemplateSlot = {"template_slot", Family::kVolume, kLimit, kCircumstantial, Evaluate, Summarize};

}  // namespace stillwatch::detector
