#include "detector/fusion.h"

#include <algorithm>
#include <cmath>

namespace stillwatch::detector {
namespace {

Verdict Decide(const Assessment& assessment, const Baseline& baseline, Label label, const Membership& membership) {
  if (label == Label::kBenign) return Verdict::kClear;
  if (label == Label::kConfirmed) return Verdict::kAct;
  if (assessment.log_odds < baseline.review_log_odds) return Verdict::kClear;
  const bool may_act =
      CountFamilies(assessment) >= kFamilyCountMin && ProbabilityOfOwnDoing(assessment, membership) >= kOwnDoingMin;
  return assessment.log_odds >= baseline.act_log_odds && may_act ? Verdict::kAct : Verdict::kReview;
}

}  // namespace

size_t CountFamilies(const Assessment& assessment) {
  std::array<double, kFamilyCount> families{};
  for (size_t i = 0; i < kDetectorCount; ++i) {
    families[static_cast<size_t>(AllDetectors()[i]->family)] += assessment.findings[i].log_odds;
  }
  return static_cast<size_t>(
      std::count_if(families.begin(), families.end(), [](double sum) { return sum >= kFamilyLogOddsMin; }));
}

double ProbabilityOfOwnDoing(const Assessment& assessment, const Membership& membership) {
  if (membership.share <= 0) return 1;
  double own_log_odds = kBaseLogOdds;
  for (size_t i = 0; i < kDetectorCount; ++i) {
    if (!AllDetectors()[i]->is_of_group) own_log_odds += assessment.findings[i].log_odds;
  }
  const double stranger = 1 - static_cast<double>(membership.share);
  return 1 - stranger * (1 - RiskOf(own_log_odds, Label::kUnlabelled));
}

double LabelLogOdds(Label label) {
  constexpr double kDecisive = 30;
  return label == Label::kConfirmed ? kDecisive : label == Label::kBenign ? -kDecisive : 0;
}

double RiskOf(double log_odds, Label label) { return label == Label::kBenign ? 0 : 1 / (1 + std::exp(-log_odds)); }

double WeightFor(size_t detector, bool has_text, const Baseline& baseline) {
  const bool is_as_shipped = has_text || AllDetectors()[detector]->shipped_weight == 1;
  return baseline.weights[detector] * (is_as_shipped ? 1 : kCircumstantialWithoutText / kCircumstantial);
}

Assessment Assess(const features::Portrait& portrait, const Baseline& baseline, Label label,
                  const Membership& membership) {
  Assessment out = Examine(portrait, baseline, membership);
  for (size_t i = 0; i < kDetectorCount; ++i) {
    out.findings[i].log_odds *= WeightFor(i, out.has_text, baseline);
    out.log_odds += out.findings[i].log_odds;
  }
  out.log_odds += LabelLogOdds(label);
  out.verdict = Decide(out, baseline, label, membership);
  return out;
}

Assessment Examine(const features::Portrait& portrait, const Baseline& baseline, const Membership& membership) {
  Assessment out;
  const features::FeatureRow row = features::ExtractFeatures(portrait);
  out.peer_group = PeerGroupOf(row);
  out.has_text = row[static_cast<size_t>(features::Feature::kTextShare)] >= 0.5F;
  const AccountView view{portrait, row, baseline.groups[out.peer_group], baseline.everyone, membership};
  for (size_t i = 0; i < kDetectorCount; ++i) out.findings[i] = AllDetectors()[i]->evaluate(view);
  return out;
}

}  // namespace stillwatch::detector
