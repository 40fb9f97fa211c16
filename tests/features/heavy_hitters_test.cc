#include "features/heavy_hitters.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>
#include <vector>

namespace stillwatch::features {
namespace {

constexpr size_t kCapacity = 8;
using Hitters = HeavyHitters<kCapacity>;

// Hashes 1, 2, … with probabilities in the ratio 1 : 2^-s : 3^-s …
std::vector<uint64_t> SkewedStream(uint64_t seed, double exponent, size_t count) {
  std::vector<double> weights;
  for (int rank = 1; rank <= 300; ++rank) weights.push_back(std::pow(rank, -exponent));
  std::mt19937_64 random(seed);
  std::discrete_distribution<uint64_t> draw(weights.begin(), weights.end());
  std::vector<uint64_t> stream(count);
  for (uint64_t& hash : stream) hash = 1 + draw(random);
  return stream;
}

std::map<uint64_t, uint64_t> ExactCounts(const std::vector<uint64_t>& stream) {
  std::map<uint64_t, uint64_t> counts;
  for (const uint64_t hash : stream) ++counts[hash];
  return counts;
}

uint64_t CountOf(const Hitters& hitters, uint64_t hash) {
  for (const Hitters::Entry& entry : hitters.entries()) {
    if (entry.hash == hash) return entry.count;
  }
  return 0;
}

// What Space-Saving promises of a stream of `total` hashes.
void ExpectGuarantee(const Hitters& hitters, const std::map<uint64_t, uint64_t>& exact, uint64_t total) {
  const uint64_t error_max = total / kCapacity;
  for (const auto& [hash, count] : exact) {
    if (count > error_max) {
      EXPECT_GE(CountOf(hitters, hash), count) << "a frequent hash is missing or too low: " << hash;
    }
  }
  for (const Hitters::Entry& entry : hitters.entries()) {
    if (entry.hash == 0) continue;
    const auto found = exact.find(entry.hash);
    ASSERT_NE(found, exact.end());
    EXPECT_GE(entry.count, found->second);
    EXPECT_LE(entry.count, found->second + error_max);
  }
}

class HeavyHittersTest : public ::testing::TestWithParam<double> {};

TEST_P(HeavyHittersTest, FrequentHashesAreKeptWithABoundedError) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const std::vector<uint64_t> stream = SkewedStream(seed, GetParam(), 5000);
    Hitters hitters;
    for (const uint64_t hash : stream) hitters.Add(hash);
    ExpectGuarantee(hitters, ExactCounts(stream), stream.size());
  }
}

TEST_P(HeavyHittersTest, MergingKeepsTheGuaranteeForTheJoinedStream) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    std::vector<uint64_t> joined = SkewedStream(seed, GetParam(), 4000);
    // The second half has other favourites.
    std::vector<uint64_t> other = SkewedStream(seed + 1000, GetParam(), 3000);
    for (uint64_t& hash : other) hash += 3;
    Hitters left, right;
    for (const uint64_t hash : joined) left.Add(hash);
    for (const uint64_t hash : other) right.Add(hash);
    joined.insert(joined.end(), other.begin(), other.end());
    Hitters merged = left;
    merged.Merge(right);
    ExpectGuarantee(merged, ExactCounts(joined), joined.size());
    right.Merge(left);
    for (const Hitters::Entry& entry : merged.entries()) EXPECT_EQ(CountOf(right, entry.hash), entry.count);
  }
}

INSTANTIATE_TEST_SUITE_P(HeavyHitters, HeavyHittersTest, ::testing::Values(0.3, 0.8, 1.2, 2.0));

TEST(HeavyHittersTest, FewHashesAreCountedExactly) {
  Hitters hitters;
  EXPECT_EQ(hitters.MaxCount(), 0U);
  for (uint64_t hash = 1; hash <= kCapacity; ++hash) {
    for (uint64_t i = 0; i < hash * 10; ++i) hitters.Add(hash);
  }
  for (uint64_t hash = 1; hash <= kCapacity; ++hash) EXPECT_EQ(CountOf(hitters, hash), hash * 10);
  EXPECT_EQ(hitters.MaxCount(), kCapacity * 10);
}

TEST(HeavyHittersTest, MergeOfFewHashesIsExactInEitherOrder) {
  Hitters left, right;
  left.Add(1, 5);
  left.Add(2, 3);
  right.Add(2, 4);
  right.Add(3, 1);
  Hitters merged = left;
  merged.Merge(right);
  right.Merge(left);
  for (const Hitters& both : {merged, right}) {
    EXPECT_EQ(CountOf(both, 1), 5U);
    EXPECT_EQ(CountOf(both, 2), 7U);
    EXPECT_EQ(CountOf(both, 3), 1U);
  }
}

}  // namespace
}  // namespace stillwatch::features
