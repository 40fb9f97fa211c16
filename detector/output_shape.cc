// Hypothesis: a harvester pays for answers: short single requests, long answers, again and again.
// Evidence: the account's output tokens exceed its input tokens, and its usual answer is longer than the
//   population's, in single requests that are sampled, while applications mostly send more than they get (documents,
//   context, history), and evaluations ask for answers that can be checked, which are short.
// Honest look-alikes: writing assistants, small sets of synthetic examples, and evaluation harnesses, which mostly
//   decode greedily for the sake of repeatability: at temperature 0 it counts a third. Graders harvest with short
//   answers and are not seen. So this only ever supports other evidence.
// Formula: limit · r · l · s · n · t, with r the log-ratio of output to input tokens above the peers' median or 0,
//   whichever is larger, stretched from 0 to 1 (e times as much out as in), l the log-ratio of the median answer to
//   the median account's, stretched from 0 to log 4, s the share of single requests stretched from 0.6 to 0.95, n
//   the number of events stretched from 10 to 30, and t = (1 + 2 · share at a temperature above 0) / 3.
// Source: Alpaca's and R1's distillation sets (52 k and 800 k answers; 2501.12948): what is trained on is the
//   output.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "detector/detector.h"

namespace stillwatch::detector {
namespace {

using features::Feature;

constexpr double kLimit = 5.0;
// The usual answer as long as no population is known, in tokens; of real chat traffic (ServeGen, 2505.09999).
constexpr double kPriorAnswerTokens = 150;

double UsualLogAnswer(const AccountView& account) {
  if (account.everyone.account_count == 0) return std::log1p(kPriorAnswerTokens);
  return static_cast<double>(account.everyone.scale.median[static_cast<size_t>(Feature::kLogOutputTokens)]);
}

Finding Evaluate(const AccountView& account) {
  const auto ratio_index = static_cast<size_t>(Feature::kOutputInputRatio);
  const double ratio = account.feature(Feature::kOutputInputRatio);
  const double median = static_cast<double>(account.peers.scale.median[ratio_index]);
  const double log_answer = account.feature(Feature::kLogOutputTokens);
  const double usual = UsualLogAnswer(account);
  Finding finding;
  finding.value = std::expm1(log_answer);
  finding.population = std::expm1(usual);
  const double excess = ratio - std::clamp(median, 0.0, 0.5);
  finding.log_odds = kLimit * Stretch(excess, 0, 1) * Stretch(log_answer - usual, 0, std::log(4.0)) *
                     Stretch(account.feature(Feature::kSingleTurnShare), 0.6, 0.95) *
                     Stretch(account.portrait.total(features::Counter::kEvent), 10, 30) *
                     (1 + 2 * account.feature(Feature::kSampledShare)) / 3;
  return finding;
}

std::string Summarize(const AccountView& account, const Finding& finding) {
  char text[200];
  std::snprintf(text, sizeof(text),
                "answers of %.0f tokens, %.1f tokens out for each token in, to single requests; %.0f tokens are usual",
                finding.value, std::exp(account.feature(Feature::kOutputInputRatio)), finding.population);
  return text;
}

}  // namespace

const Detector kOutputShape = {"output_shape", Family::kVolume, kLimit, kCircumstantial, Evaluate, Summarize};

}  // namespace stillwatch::detector
