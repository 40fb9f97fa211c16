#include "features/bit_counter.h"

#include <gtest/gtest.h>

#include <array>
#include <random>

namespace stillwatch::features {
namespace {

TEST(BitCounterTest, TheMajorityIsThatOfCountingBitByBit) {
  std::mt19937_64 random(1);
  for (const size_t count : {0, 1, 2, 3, 7, 8, 100, 1001, 65'535}) {
    BitCounter counter;
    std::array<size_t, 64> plain{};
    for (size_t i = 0; i < count; ++i) {
      const uint64_t word = random() & random();
      counter.Add(word | 1);
      for (size_t bit = 0; bit < 64; ++bit) plain[bit] += (word | 1) >> bit & 1;
    }
    EXPECT_EQ(counter.count(), count);
    for (size_t bit = 0; bit < 64; ++bit) {
      EXPECT_EQ(counter.Majority() >> bit & 1, plain[bit] > count / 2 ? 1U : 0U) << count << " words, bit " << bit;
    }
  }
}

}  // namespace
}  // namespace stillwatch::features
