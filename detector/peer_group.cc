#include "detector/peer_group.h"

#include <array>
#include <cmath>

namespace stillwatch::detector {
namespace {

constexpr std::array<std::string_view, kPeerGroupCount> kNames = {
    "conversations, below 10 a day",   "conversations, 10 to 99 a day",   "conversations, 100 and more a day",
    "agents with tools, below 10 a day", "agents with tools, 10 to 99 a day", "agents with tools, 100 and more a day",
    "single requests, below 10 a day", "single requests, 10 to 99 a day", "single requests, 100 and more a day"};

}  // namespace

size_t PeerGroupOf(const features::FeatureRow& row) {
  const auto value = [&row](features::Feature feature) { return row[static_cast<size_t>(feature)]; };
  size_t mode = 0;
  if (value(features::Feature::kSingleTurnShare) >= 0.5F) mode = 2;
  if (value(features::Feature::kToolShare) >= 0.5F) mode = 1;
  const float log_rate = value(features::Feature::kLogEventsPerActiveDay);
  const size_t volume = log_rate < std::log1p(10.0F) ? 0 : log_rate < std::log1p(100.0F) ? 1 : 2;
  return mode * kVolumeCount + volume;
}

std::string_view PeerGroupName(size_t group) { return kNames[group]; }

}  // namespace stillwatch::detector
