// Hypothesis: a harvester sweeps over whatever there is to ask: prompts that have less in common than those of any
//   one application, yet each sent alone and never followed up, as no person's conversation is.
// Evidence: two of its prompts are as unlike each other as prompts of unrelated people, in single, sampled requests.
// Honest look-alikes: general assistants without conversations, some evaluation harnesses. So this only ever
//   supports other evidence. The other side of coverage, one template with ever new slots, is template_slot's.
// Formula: limit · c · s · n · t, with c the mean similarity of two different prompts stretched from 0.2, that of
//   one application's prompts, down to 0.05, that of unrelated prompts in one language, s the share of single
//   requests stretched from 0.6 to 0.95, n the number of sketched prompts stretched from 10 to 30 and t = (1 + 2 ·
//   share at a temperature above 0) / 3. Silent without sketches: no text, or digests of version 1.
// Source: mean embeddings of random features, Rahimi and Recht 2007; for extraction windows 2606.05725; coverage as
//   a sign of extraction, 1711.07221.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "detector/detector.h"

namespace stillwatch::detector {
namespace {

using features::Feature;

constexpr double kLimit = 1.0;
constexpr double kApplicationCohesion = 0.2;
constexpr double kUnrelatedCohesion = 0.05;

Finding Evaluate(const AccountView& account) {
  Finding finding;
  finding.value = account.feature(Feature::kPromptCohesion);
  finding.population = static_cast<double>(account.peers.scale.median[static_cast<size_t>(Feature::kPromptCohesion)]);
  finding.log_odds = kLimit * Stretch(-finding.value, -kApplicationCohesion, -kUnrelatedCohesion) *
                     Stretch(account.feature(Feature::kSingleTurnShare), 0.6, 0.95) *
                     Stretch(static_cast<double>(account.portrait.sketched_count()), 10, 30) *
                     (1 + 2 * account.feature(Feature::kSampledShare)) / 3;
  return finding;
}

std::string Summarize(const AccountView&, const Finding& finding) {
  char text[200];
  std::snprintf(
      text, sizeof(text),
      "its prompts have next to nothing in common (similarity %.2f, among its peers %.2f), and none follows up",
      finding.value, finding.population);
  return text;
}

}  // namespace

const Detector kTopicCoverage = {"topic_coverage", Family::kContent, kLimit, kCircumstantial, Evaluate, Summarize};

}  // namespace stillwatch::detector
