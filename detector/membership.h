// What an account's group says of it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

namespace stillwatch::detector {

// Kinds of evidence for a coordinated group, each a term of its members' risk.
enum class CampaignTerm : uint8_t { kRhythm, kInfrastructure, kContent, kLifecycle, kPooled, kSynchrony, kOnset };
inline constexpr size_t kCampaignTermCount = 7;

// One kind of evidence. All values are finite.
struct CampaignEvidence {
  float log_odds = 0;    // Not negative.
  float value = 0;       // What was found in the group.
  float population = 0;  // What chance, or independent accounts, would give.
};

// Most log-odds that each kind can add. Rhythm comes close to review by itself, because no honest customer who declares
// nothing deals out traffic. Users of one application go up and down together when it does, so that must not be enough
// for a review, which takes 6.9. It takes the members' own evidence to begin together. What was tested for in a group
// that was found otherwise: infrastructure, content, lifecycle.
inline constexpr double kRhythmLimit = 8;
inline constexpr double kSynchronyLimit = 6.5;
inline constexpr double kOnsetLimit = 3;
inline constexpr double kTestedLimit = 3;
inline constexpr double kPooledLimit = 4;

// An account's place in a group. Plain memory: checkpointed with the account.
struct Membership {
  uint64_t campaign = 0;  // 0: in no group.
  float share = 0;        // How firmly it belongs, above 0 to 1; its terms are the group's times this.
  uint32_t member_count = 0;
  std::array<CampaignEvidence, kCampaignTermCount> terms{};
  uint32_t unused = 0;  // Padding by name, so that a checkpoint holds no undefined bytes.

  const CampaignEvidence& term(CampaignTerm which) const { return terms[static_cast<size_t>(which)]; }
};
static_assert(sizeof(Membership) == 104);
static_assert(std::is_trivially_copyable_v<Membership>);

// The number as people and the API see it: 16 hexadecimal digits; empty for 0.
std::string CampaignId(uint64_t campaign);

}  // namespace stillwatch::detector
