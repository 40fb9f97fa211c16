#include "features/hyperloglog.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace stillwatch::features {
namespace {

constexpr int kSeedCount = 200;

// Root mean square of the relative error of the estimate over many streams of `count` different hashes.
template <int kIndexBits>
double RelativeError(size_t count) {
  double sum = 0;
  for (int seed = 0; seed < kSeedCount; ++seed) {
    std::mt19937_64 random(static_cast<uint64_t>(seed));
    HyperLogLog<kIndexBits> sketch;
    for (size_t i = 0; i < count; ++i) sketch.Add(random());
    const double error = sketch.Estimate() / static_cast<double>(count) - 1;
    sum += error * error;
  }
  return std::sqrt(sum / kSeedCount);
}

class HyperLogLogErrorTest : public ::testing::TestWithParam<size_t> {};

TEST_P(HyperLogLogErrorTest, StaysWithinTheStandardError) {
  // 200 streams leave an uncertainty of 5 % in the error itself; where linear counting hands over, it is a little
  // larger.
  constexpr double kMargin = 1.35;
  EXPECT_LT(RelativeError<6>(GetParam()), kMargin * 1.04 / 8);
  EXPECT_LT(RelativeError<7>(GetParam()), kMargin * 1.04 / std::sqrt(128));
  EXPECT_LT(RelativeError<8>(GetParam()), kMargin * 1.04 / 16);
}

INSTANTIATE_TEST_SUITE_P(HyperLogLog, HyperLogLogErrorTest, ::testing::Values(10, 100, 200, 700, 3000, 20'000));

TEST(HyperLogLogTest, SmallCountsAreNearlyExact) {
  std::mt19937_64 random(1);
  HyperLogLog<8> sketch;
  EXPECT_EQ(sketch.Estimate(), 0);
  for (int i = 1; i <= 12; ++i) {
    sketch.Add(random());
    EXPECT_NEAR(sketch.Estimate(), i, 1.5);
  }
}

TEST(HyperLogLogTest, RepeatedHashesChangeNothing) {
  std::mt19937_64 random(2);
  HyperLogLog<6> sketch;
  const uint64_t hash = random();
  EXPECT_TRUE(sketch.Add(hash));
  const double once = sketch.Estimate();
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(sketch.Add(hash));
  EXPECT_EQ(sketch.Estimate(), once);
}

TEST(HyperLogLogTest, MergeEqualsTheSketchOfTheUnion) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    std::mt19937_64 random(seed);
    HyperLogLog<6> left, right, both;
    for (int i = 0; i < 500; ++i) {
      const uint64_t hash = random();
      if (i % 3 != 0) left.Add(hash);
      if (i % 3 != 1) right.Add(hash);
      both.Add(hash);
    }
    HyperLogLog<6> merged = left;
    merged.Merge(right);
    EXPECT_EQ(merged.Estimate(), both.Estimate());
    right.Merge(left);
    EXPECT_EQ(right.Estimate(), both.Estimate());
    merged.Merge(left);
    EXPECT_EQ(merged.Estimate(), both.Estimate()) << "merging again must not count again";
  }
}

TEST(HyperLogLogTest, ExtremeHashesAreCounted) {
  HyperLogLog<6> sketch;
  EXPECT_TRUE(sketch.Add(0));
  EXPECT_TRUE(sketch.Add(~uint64_t{0}));
  EXPECT_NEAR(sketch.Estimate(), 2, 0.1);
}

}  // namespace
}  // namespace stillwatch::features
