// What accounts have in common, and how surprising that is.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "detector/campaign_candidate.h"

namespace stillwatch::detector {

// Kinds of things that accounts can share.
// kParameters: the parameters of most of its requests. kClient: TLS fingerprint and user agent.
enum class ObjectKind : uint8_t {
  kPayment,
  kSignup,
  kAddress,
  kSystem,
  kHead,
  kPrompt,
  kConversation,
  kParameters,
  kClient
};
inline constexpr size_t kObjectKindCount = 9;

// Calls visit(hash) with each object of the kind that the account holds, at most 16.
// `state`: the account's. The second opens it itself.
template <typename Visit>
void VisitObjects(const CampaignCandidate& account, const LiveState& state, ObjectKind kind, const Visit& visit) {
  const features::LinkSketch& links = state.links;
  const auto visit_entries = [&visit](const auto& entries) {
    for (const auto& entry : entries) {
      if (entry.hash != 0) visit(entry.hash);
    }
  };
  switch (kind) {
    case ObjectKind::kPayment:
      if (account.payment != 0) visit(account.payment);
      return;
    case ObjectKind::kSignup:
      if (account.signup != 0) visit(account.signup);
      return;
    case ObjectKind::kAddress:
      return visit_entries(links.addresses().entries());
    case ObjectKind::kSystem:
      return visit_entries(links.systems().entries());
    case ObjectKind::kHead:
      return visit_entries(links.heads().entries());
    case ObjectKind::kPrompt:
      for (const uint64_t hash : links.prompts().hashes()) visit(hash);
      return;
    case ObjectKind::kConversation:
      for (const uint64_t hash : links.conversations().hashes()) visit(hash);
      return;
    case ObjectKind::kClient:
      return visit_entries(links.clients().entries());
    case ObjectKind::kParameters:
      for (const auto& entry : links.parameters().entries()) {
        if (2 * entry.count > state.portrait.event_count()) visit(entry.hash);
      }
      return;
  }
}
template <typename Visit>
void VisitObjects(const CampaignCandidate& account, ObjectKind kind, const Visit& visit) {
  // What its profile says is at hand.
  static const LiveState kNone;
  const bool is_of_profile = kind == ObjectKind::kPayment || kind == ObjectKind::kSignup;
  VisitObjects(account, is_of_profile ? kNone : *account.State(), kind, visit);
}

// How much two accounts share.
enum class SharedKinds : uint8_t { kTooFew, kWeak, kTwo };

// KL(share ‖ expected) of the binomial distribution, a log-likelihood ratio per case; 0 if there are not more than
// expected.
double BinomialDivergence(double share, double expected);

// How many members of a group share an object with another member, beside what chance would give.
struct Partners {
  double share = 0;     // Of the members, with a partner.
  double expected = 0;  // In a group of accounts drawn at random, with the same objects.
  // k · KL(share ‖ expected), the binomial's; 0 if there are fewer than expected.
  double log_likelihood_ratio = 0;
  std::vector<bool> has_partner;  // Of each member, in the group's order.
};

// Says of most hashes at once that they are not in a set: a Bloom filter with one hash function (Bloom 1970), since the
// hashes are uniform already. Threading: none of its own.
class HashSieve {
 public:
  // With 16 bits an entry one hash in 16 passes though it is not in the set.
  explicit HashSieve(size_t entry_count_max = 0)
      : bits_(std::bit_ceil(std::max<size_t>(16 * entry_count_max, 64)) / 64), mask_(64 * bits_.size() - 1) {}

  // Returns whether it may have been there before.
  bool Add(uint64_t hash) {
    uint64_t& word = bits_[(hash & mask_) / 64];
    const uint64_t bit = uint64_t{1} << hash % 64;
    const bool was_there = (word & bit) != 0;
    word |= bit;
    return was_there;
  }
  bool MayHold(uint64_t hash) const { return (bits_[(hash & mask_) / 64] >> hash % 64 & 1) != 0; }

 private:
  std::vector<uint64_t> bits_;
  uint64_t mask_;
};

// Counts how common the objects of some groups are among all accounts.
// A member finds a partner by chance with probability at most Σ (d − 1) · (k − 1) / (N − 1) over its objects, d of N
// accounts holding an object, k members in the group. What everybody has therefore counts for nothing. Each candidate
// counts for as many accounts as it stands for. Ownership: `candidates` must outlive it.
class SharedObjects {
 public:
  // `groups`: indices of candidates. Only of objects that their accounts hold can be asked.
  SharedObjects(std::span<const CampaignCandidate> candidates, std::span<const std::vector<uint32_t>> groups);

  // Whether the two accounts share two kinds of things that at most kHoldersMax accounts hold, all that is text counted
  // as one. Weakly if the second is but the parameters, which have few values: a twentieth of all accounts may have
  // them.
  SharedKinds CompareKinds(const CampaignCandidate& a, const CampaignCandidate& b) const;
  Partners PartnersIn(std::span<const uint32_t> group, ObjectKind kind) const;

 private:
  std::span<const CampaignCandidate> candidates_;
  absl::flat_hash_map<uint64_t, float> holder_counts_;  // By hash of kind and object; by weight.
  double account_count_ = 0;                            // By weight.
  HashSieve asked_;                                     // Holds the keys of holder_counts_.
};

// Pairs of accounts in no group that share payment, sign-up or address and are not declared to be together. In order,
// without ratios. Limits: what more than kHoldersMax accounts hold is common and links nobody.
inline constexpr size_t kHoldersMax = 16;
std::vector<CampaignLink> FindPlainPairs(std::span<const CampaignCandidate> candidates,
                                         const std::vector<bool>& is_grouped);

}  // namespace stillwatch::detector
