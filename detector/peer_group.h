// Who an account is compared with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "features/feature_matrix.h"

namespace stillwatch::detector {

// Groups accounts by how they work with the model (conversations, tools, single requests) and how much. Behaviour, not
// what an account says of itself, because that is free to choose.
inline constexpr size_t kModeCount = 3;    // conversation, agent, single request
inline constexpr size_t kVolumeCount = 3;  // below 10, below 100, and more events an active day
inline constexpr size_t kPeerGroupCount = kModeCount * kVolumeCount;

// Number of the account's group, below kPeerGroupCount.
size_t PeerGroupOf(const features::FeatureRow& row);
// For people: "single requests, 10 to 99 a day".
std::string_view PeerGroupName(size_t group);

}  // namespace stillwatch::detector
