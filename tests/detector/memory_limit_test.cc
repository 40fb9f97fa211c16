// An engine that has hardly any memory says what one without limits says.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "detector/scoring_engine.h"
#include "tests/detector/deployment.h"
#include "tests/detector/engine_dump.h"
#include "tests/detector/world.h"

namespace stillwatch::detector {
namespace {

constexpr size_t kEventCount = 8000;

const World& SmallWorld() {
  static const World world = MakeWorld(2, kEventCount);
  return world;
}

class MemoryLimitTest : public ::testing::TestWithParam<size_t> {};

TEST_P(MemoryLimitTest, MakesNoDifference) {
  std::mt19937_64 random(GetParam());
  const std::vector<size_t> order = ShuffledOrder(SmallWorld(), 60 * kNanosecondsPerSecond, 1);
  Deployment steady;
  Deployment limited({.state_bytes_max = GetParam()});
  StateCounters most;
  for (size_t begin = 0; begin < kEventCount; begin += 400) {
    const auto batch = MakeBatch(SmallWorld(), std::span(order).subspan(begin, 400));
    steady.Take(batch);
    limited.Take(batch);
    const StateCounters states = limited.engine().counters().states;
    most.packed_count = std::max(most.packed_count, states.packed_count);
    most.stored_count = std::max(most.stored_count, states.stored_count);
    if (random() % 2 == 0) limited.Save(random() % 3 == 0 ? Deployment::Saving::kOnItsWay : Deployment::Saving::kConfirmed);
    if (begin % 2000 == 0) limited.SetLabel("chat-1", Label::kBenign);
    if (begin % 2000 == 0) steady.SetLabel("chat-1", Label::kBenign);
    if (random() % 8 == 0) limited.Restart();
    ExpectSame(limited.engine(), steady.engine(), "after event " + std::to_string(begin + 400));
    if (HasFailure()) return;
  }
  EXPECT_GT(most.packed_count, 0U);
  EXPECT_GT(most.stored_count, 0U);
  EXPECT_EQ(limited.engine().counters().states.lost_count, 0U);
}

INSTANTIATE_TEST_SUITE_P(MemoryLimit, MemoryLimitTest, ::testing::Values(64, 100'000, 400'000));

TEST(MemoryLimitTest, ACheckpointOfAnotherVersionLeavesNothingBehind) {
  Deployment deployment;
  const std::vector<size_t> order = TimeOrder(SmallWorld());
  deployment.Take(MakeBatch(SmallWorld(), std::span(order).first(2000)));
  deployment.Save();
  storage::WriteGroup group;
  group.Put(storage::Table::kMeta, "checkpoint", "\x01 of another version");
  group.Put(storage::Table::kAccounts, "chat-1", "a record under a key of another version");
  ASSERT_TRUE(deployment.store().Commit(group).ok());
  EXPECT_EQ(deployment.Restart(), 2000U) << "the whole log is replayed";
  deployment.Save();
  EXPECT_EQ(deployment.Restart(), 0U);
}

}  // namespace
}  // namespace stillwatch::detector
