#include "detector/turns.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace stillwatch::detector {
namespace {

TEST(IsTimerTest, EqualGapsAreATimersAndUnequalOnesAreNot) {
  EXPECT_TRUE(IsTimer(std::vector<int64_t>{0, 100, 200, 301, 400}));
  EXPECT_TRUE(IsTimer(std::vector<int64_t>{0, 3, 7, 11, 15, 18})) << "a gap of a few ticks is known to one of them";
  EXPECT_FALSE(IsTimer(std::vector<int64_t>{0, 100, 250, 300, 480}));
}

TEST(CompareTurnsTest, TwoThatStrictlyTakeTurnsAreLinkedAndBurstsAreNot) {
  std::vector<int64_t> a, b, bursts;
  std::mt19937_64 random(1);
  int64_t tick = 1000;
  for (int i = 0; i < 30; ++i) {
    a.push_back(tick += static_cast<int64_t>(random() % 400));
    b.push_back(tick += static_cast<int64_t>(random() % 400));
    bursts.push_back(1000 + i / 5 * 2000 + i % 5);
  }
  const auto turns = CompareTurns(a, b);
  ASSERT_TRUE(turns);
  EXPECT_GT(turns->switched, 0.95);
  EXPECT_GT(turns->log_likelihood_ratio, 8);
  EXPECT_FALSE(CompareTurns(a, bursts));
  EXPECT_FALSE(CompareTurns(a, {}));
}

// The same as ages at that tick.
std::vector<int32_t> AgesOf(const std::vector<int64_t>& starts, int64_t now) {
  std::vector<int32_t> ages;
  for (auto start = starts.rbegin(); start != starts.rend(); ++start)
    ages.push_back(static_cast<int32_t>(now - *start));
  return ages;
}

TEST(KeepSwitchingTest, RejectsNoPairThatIsLinkedAndMostStrangers) {
  std::mt19937_64 random(2);
  int linked = 0;
  int rejected = 0;
  constexpr int kRounds = 2000;
  for (int round = 0; round < kRounds; ++round) {
    // From strict turns, on the left, to pure chance.
    const auto chance_percent = static_cast<uint64_t>(round % 100);
    std::vector<int64_t> a, b;
    int64_t tick = 1000;
    while (a.size() + b.size() < 20 + random() % 100 || a.size() < 6 || b.size() < 6) {
      tick += 1 + static_cast<int64_t>(random() % 400);
      const bool is_a = random() % 100 < chance_percent ? random() % 2 == 0 : b.size() >= a.size();
      (is_a ? a : b).push_back(tick);
    }
    const bool may_be = KeepSwitching(AgesOf(a, tick), AgesOf(b, tick));
    // Whoever switches in nearly all turns also does so in the newest ones.
    const auto turns = CompareTurns(a, b);
    if (turns && turns->switched > 0.9) {
      ++linked;
      EXPECT_TRUE(may_be) << round;
    }
    if (!turns) rejected += !may_be;
  }
  EXPECT_GT(linked, 100);
  EXPECT_GT(rejected, kRounds / 4);
}

}  // namespace
}  // namespace stillwatch::detector
