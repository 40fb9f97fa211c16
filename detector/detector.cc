#include "detector/detector.h"

#include <algorithm>
#include <cmath>

namespace stillwatch::detector {

std::string_view FamilyName(Family family) {
  constexpr std::array<std::string_view, kFamilyCount> kNames = {
      "", "content", "timing", "volume", "parameters", "infrastructure", "lifecycle"};
  return kNames[static_cast<size_t>(family)];
}

double AccountView::ZScore(features::Feature which, const PeerBaseline& among) const {
  const auto index = static_cast<size_t>(which);
  const float spread = among.scale.spread[index];
  if (spread <= 0) return 0;
  return static_cast<double>((features[index] - among.scale.median[index]) / spread);
}

const std::array<const Detector*, kDetectorCount>& AllDetectors() {
  static constexpr std::array<const Detector*, kDetectorCount> kAll = {&kMarkerEProcess, &kTemplateSlot,
                                                                       &kRepeatedSampling, &kLogitTheft,
                                                                       &kPeakRate, &kIsolatedRequests, &kOutputShape,
                                                                       &kBulkRate, &kUnreadSpeed, &kYoungAccount,
                                                                       &kTopicCoverage, &kCampaignRhythm,
                                                                       &kCampaignInfrastructure, &kCampaignContent,
                                                                       &kCampaignLifecycle, &kCampaignPooled,
                                                                       &kCampaignSynchrony, &kCampaignOnset};
  return kAll;
}

double Saturate(double log_odds, double limit) { return limit * (1 - std::exp(-std::max(log_odds, 0.0) / limit)); }

double Stretch(double value, double from, double to) { return std::clamp((value - from) / (to - from), 0.0, 1.0); }

}  // namespace stillwatch::detector
