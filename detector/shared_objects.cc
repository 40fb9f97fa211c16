#include "detector/shared_objects.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <tuple>
#include <utility>

namespace stillwatch::detector {
namespace {

// Kinds whose objects are few enough to go through all their holders.
constexpr std::array kPlainKinds = {ObjectKind::kPayment, ObjectKind::kSignup, ObjectKind::kAddress};
constexpr std::array kTextKinds = {ObjectKind::kSystem, ObjectKind::kHead, ObjectKind::kPrompt};

// Kinds apart from each other: an address and a prompt may by chance have the same hash.
uint64_t Key(ObjectKind kind, uint64_t hash) {
  return hash + (static_cast<uint64_t>(kind) + 1) * 0x9E3779B97F4A7C15;  // The golden ratio, as in Fibonacci hashing.
}

}  // namespace

double BinomialDivergence(double share, double expected) {
  if (share <= expected) return 0;
  const double rest = share < 1 ? (1 - share) * std::log((1 - share) / (1 - expected)) : 0;
  return share * std::log(share / expected) + rest;
}

SharedObjects::SharedObjects(std::span<const CampaignCandidate> candidates,
                             std::span<const std::vector<uint32_t>> groups)
    : candidates_(candidates) {
  for (const CampaignCandidate& account : candidates) account_count_ += static_cast<double>(account.weight);
  const auto visit_keys = [](const CampaignCandidate& account, const auto& body) {
    const StateView state = account.State();
    for (size_t kind = 0; kind < kObjectKindCount; ++kind) {
      const auto which = static_cast<ObjectKind>(kind);
      VisitObjects(account, *state, which, [&](uint64_t hash) { body(Key(which, hash)); });
    }
  };
  for (const std::vector<uint32_t>& group : groups) {
    for (const uint32_t member : group) {
      visit_keys(candidates[member], [this](uint64_t key) { holder_counts_.try_emplace(key, 0); });
    }
  }
  if (holder_counts_.empty()) return;
  asked_ = HashSieve(holder_counts_.size());
  for (const auto& [key, count] : holder_counts_) asked_.Add(key);
  for (const CampaignCandidate& account : candidates) {
    visit_keys(account, [this, &account](uint64_t key) {
      if (!asked_.MayHold(key)) return;
      if (const auto found = holder_counts_.find(key); found != holder_counts_.end()) found->second += account.weight;
    });
  }
}

SharedKinds SharedObjects::CompareKinds(const CampaignCandidate& a, const CampaignCandidate& b) const {
  const auto share = [&](ObjectKind kind) {
    constexpr auto kFew = static_cast<double>(kHoldersMax);
    const double holders_max = kind == ObjectKind::kParameters ? std::max(kFew, account_count_ / 20) : kFew;
    std::vector<uint64_t> ours;
    VisitObjects(a, kind, [&](uint64_t hash) {
      if (static_cast<double>(holder_counts_.at(Key(kind, hash))) <= holders_max) ours.push_back(hash);
    });
    bool found = false;
    VisitObjects(b, kind, [&](uint64_t hash) { found |= std::find(ours.begin(), ours.end(), hash) != ours.end(); });
    return found;
  };
  auto kinds = std::count_if(kPlainKinds.begin(), kPlainKinds.end(), share);
  if (kinds < 2) kinds += std::any_of(kTextKinds.begin(), kTextKinds.end(), share);
  if (kinds < 2) kinds += share(ObjectKind::kConversation);
  if (kinds >= 2) return SharedKinds::kTwo;
  return kinds == 1 && share(ObjectKind::kParameters) ? SharedKinds::kWeak : SharedKinds::kTooFew;
}

Partners SharedObjects::PartnersIn(std::span<const uint32_t> group, ObjectKind kind) const {
  absl::flat_hash_map<uint64_t, uint32_t> holders;
  for (const uint32_t member : group) {
    VisitObjects(candidates_[member], kind, [&](uint64_t hash) { ++holders[hash]; });
  }
  const auto count = static_cast<double>(group.size());
  const double others = std::max(account_count_, 2.0) - 1;
  Partners out;
  double partnered = 0;
  double expected = 0;
  for (const uint32_t member : group) {
    bool has_partner = false;
    double chance = 0;
    VisitObjects(candidates_[member], kind, [&](uint64_t hash) {
      has_partner |= holders[hash] > 1;
      chance += (static_cast<double>(holder_counts_.at(Key(kind, hash))) - 1) * (count - 1) / others;
    });
    partnered += has_partner;
    out.has_partner.push_back(has_partner);
    expected += std::min(chance, 1.0);
  }
  out.share = partnered / count;
  // Nothing is rarer than once among all accounts.
  out.expected = std::clamp(expected / count, 1 / (others + 1), 1.0);
  out.log_likelihood_ratio = count * BinomialDivergence(out.share, out.expected);
  return out;
}

std::vector<CampaignLink> FindPlainPairs(std::span<const CampaignCandidate> candidates,
                                         const std::vector<bool>& is_grouped) {
  std::vector<CampaignLink> pairs;
  for (const ObjectKind kind : kPlainKinds) {
    HashSieve seen(4 * candidates.size());
    HashSieve seen_twice(candidates.size());
    bool has_any = false;
    for (uint32_t i = 0; i < candidates.size(); ++i) {
      if (is_grouped[i]) continue;
      VisitObjects(candidates[i], kind, [&](uint64_t hash) {
        if (!seen.Add(hash)) return;
        seen_twice.Add(hash);
        has_any = true;
      });
    }
    if (!has_any) continue;
    std::vector<std::pair<uint64_t, uint32_t>> holders;  // Of what more than one account may hold.
    for (uint32_t i = 0; i < candidates.size(); ++i) {
      VisitObjects(candidates[i], kind, [&](uint64_t hash) {
        if (seen_twice.MayHold(hash)) holders.emplace_back(hash, i);
      });
    }
    std::sort(holders.begin(), holders.end());
    for (size_t begin = 0, end = 0; begin < holders.size(); begin = end) {
      float count = 0;
      for (; end < holders.size() && holders[end].first == holders[begin].first; ++end) {
        count += candidates[holders[end].second].weight;
      }
      if (count > static_cast<float>(kHoldersMax)) continue;
      for (size_t i = begin; i < end; ++i) {
        if (is_grouped[holders[i].second]) continue;
        for (size_t j = i + 1; j < end; ++j) {
          if (!is_grouped[holders[j].second]) pairs.push_back({holders[i].second, holders[j].second, 0});
        }
      }
    }
  }
  const auto in_order = [](const CampaignLink& x, const CampaignLink& y) {
    return std::tie(x.a, x.b) < std::tie(y.a, y.b);
  };
  std::sort(pairs.begin(), pairs.end(), in_order);
  const auto is_same = [](const CampaignLink& x, const CampaignLink& y) { return x.a == y.a && x.b == y.b; };
  pairs.erase(std::unique(pairs.begin(), pairs.end(), is_same), pairs.end());
  std::erase_if(pairs,
                [&](const CampaignLink& pair) { return AreDeclaredTogether(candidates[pair.a], candidates[pair.b]); });
  return pairs;
}

}  // namespace stillwatch::detector
