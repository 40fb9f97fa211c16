#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "detector/campaign_finder.h"
#include "detector/parallel_for.h"
#include "tests/detector/four_threads_for.h"
#include "tests/detector/portrait_maker.h"
#include "tests/detector/relay_pool.h"

namespace stillwatch::detector {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

TEST(ParallelForTest, EachItemIsWorkedOnOnce) {
  for (const size_t count : {0, 1, 31, 32, 33, 1000}) {
    std::vector<int> times(count);
    ForSlices(FourThreadsFor, count, [&](size_t /*slice*/, size_t i) { ++times[i]; });
    EXPECT_THAT(times, Each(1)) << count;
  }
}

TEST(ParallelForTest, GatherKeepsTheOrderWhateverThreadWasFirst) {
  const auto twice_if_even = [](size_t i, std::vector<size_t>& out) {
    if (i % 2 == 0) out.insert(out.end(), {i, i});
  };
  EXPECT_THAT(Gather<size_t>(FourThreadsFor, 6, twice_if_even), ElementsAre(0, 0, 2, 2, 4, 4));
  EXPECT_EQ(Gather<size_t>(FourThreadsFor, 5000, twice_if_even), Gather<size_t>(SerialFor, 5000, twice_if_even));
}

TEST(ParallelForTest, ASearchForCampaignsFindsTheSameWithThreads) {
  constexpr int kDays = 5;
  MadeAccounts accounts(7);
  AddStrangers(accounts, 100, kDays);
  AddPool(accounts, 30, kDays, Dealing::kLeastRecentlyUsed);
  const auto find = [&](const ParallelFor& parallel_for) {
    return FindCampaigns(accounts.Candidates(), HonestBaseline(), kPoolStart + kDays * kNanosecondsPerDay,
                         parallel_for);
  };
  const auto alone = find(SerialFor);
  const auto together = find(FourThreadsFor);
  ASSERT_FALSE(alone.empty());
  ASSERT_EQ(together.size(), alone.size());
  for (size_t i = 0; i < alone.size(); ++i) {
    EXPECT_EQ(together[i].assessment.log_odds, alone[i].assessment.log_odds);
    ASSERT_EQ(together[i].members.size(), alone[i].members.size());
    for (size_t m = 0; m < alone[i].members.size(); ++m) {
      EXPECT_EQ(together[i].members[m].index, alone[i].members[m].index);
      EXPECT_EQ(together[i].members[m].share, alone[i].members[m].share);
    }
  }
}

}  // namespace
}  // namespace stillwatch::detector
