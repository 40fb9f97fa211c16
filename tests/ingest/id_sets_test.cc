#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "ingest/bloom_filter.h"
#include "ingest/recent_ids.h"

namespace stillwatch::ingest {
namespace {

std::vector<storage::EventIdHash> MakeIds(const std::string& prefix, size_t count) {
  std::vector<storage::EventIdHash> ids;
  for (size_t i = 0; i < count; ++i) ids.push_back(storage::HashEventId(prefix + std::to_string(i)));
  return ids;
}

TEST(BloomFilterTest, KnowsWhatItHoldsAndHardlyAnythingElse) {
  constexpr size_t kCount = 200'000;
  BloomFilter filter(kCount);
  const auto ids = MakeIds("held-", kCount);
  filter.Add(ids);
  EXPECT_EQ(filter.free_count(), 0U);
  EXPECT_TRUE(std::all_of(ids.begin(), ids.end(), [&](const auto& id) { return filter.MayContain(id); }));
  const auto others = MakeIds("other-", kCount);
  const auto wrong = std::count_if(others.begin(), others.end(), [&](const auto& id) { return filter.MayContain(id); });
  EXPECT_LT(wrong, static_cast<ptrdiff_t>(kCount / 500));
  EXPECT_GT(wrong, 0) << "or it takes more room than it says";
}

TEST(BloomFilterTest, TheFirstAndTheLastIdHaveABlock) {
  for (const size_t capacity : {size_t{0}, size_t{1}, size_t{1000}, size_t{2'000'000}}) {
    BloomFilter filter(capacity);
    const storage::EventIdHash first = {0, 0};
    const storage::EventIdHash last = {UINT16_MAX, (uint64_t{1} << storage::kEventIdRestBits) - 1};
    EXPECT_FALSE(filter.MayContain(first));
    EXPECT_FALSE(filter.MayContain(last));
    filter.Add(std::vector{first, last});
    EXPECT_TRUE(filter.MayContain(first));
    EXPECT_TRUE(filter.MayContain(last));
  }
}

TEST(BloomFilterTest, MayBeAskedWhileItIsFilled) {
  constexpr size_t kCount = 20'000;
  BloomFilter filter(2 * kCount);
  const auto held = MakeIds("held-", kCount);
  filter.Add(held);
  const auto added = MakeIds("added-", kCount);
  std::thread adding([&] {
    for (const auto& id : added) filter.Add({&id, 1});
  });
  for (const auto& id : held) EXPECT_TRUE(filter.MayContain(id));
  adding.join();
  for (const auto& id : added) EXPECT_TRUE(filter.MayContain(id));
}

TEST(BloomFilterTest, MayBeFilledByAThreadForEachPart) {
  constexpr size_t kCount = 50'000;
  constexpr size_t kSlotsOfPart = (size_t{1} << 16) / BloomFilter::kPartCount;
  std::vector<std::vector<storage::EventIdHash>> parts(BloomFilter::kPartCount);
  const auto ids = MakeIds("id-", kCount);
  for (const auto& id : ids) parts[id.slot / kSlotsOfPart].push_back(id);
  BloomFilter filter(kCount);
  std::vector<std::thread> threads;
  for (size_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (size_t part = thread; part < parts.size(); part += 4) filter.AddOfPart(parts[part]);
    });
  }
  for (std::thread& thread : threads) thread.join();
  filter.CountAdded(kCount);
  EXPECT_EQ(filter.free_count(), 0U);
  for (const auto& id : ids) EXPECT_TRUE(filter.MayContain(id));
}

class RecentIdsTest : public testing::TestWithParam<size_t> {};

TEST_P(RecentIdsTest, GivesItsIdsBackInOrderSlotBySlot) {
  constexpr size_t kCount = 100'000;
  RecentIds ids(GetParam());
  std::set<storage::EventIdHash> expected;
  for (int time = 0; time < 2; ++time) {
    for (const auto& id : MakeIds("id-", kCount)) EXPECT_EQ(ids.Insert(id), expected.insert(id).second);
  }
  EXPECT_EQ(ids.size(), kCount);
  const auto removed = MakeIds("id-", 10);
  for (const auto& id : removed) {
    EXPECT_TRUE(ids.Contains(id));
    EXPECT_TRUE(ids.Remove(id));
    EXPECT_FALSE(ids.Remove(id));
    EXPECT_FALSE(ids.Contains(id));
    expected.erase(id);
  }
  std::vector<storage::EventIdHash> visited;
  int last_slot = -1;
  ids.VisitSlots([&](const std::vector<storage::EventIdHash>& of_slot) {
    ASSERT_FALSE(of_slot.empty());
    EXPECT_GT(of_slot.front().slot, last_slot);
    EXPECT_EQ(of_slot.front().slot, of_slot.back().slot);
    last_slot = of_slot.front().slot;
    visited.insert(visited.end(), of_slot.begin(), of_slot.end());
  });
  EXPECT_TRUE(std::equal(visited.begin(), visited.end(), expected.begin(), expected.end()));
  ids.Clear();
  EXPECT_EQ(ids.size(), 0U);
  EXPECT_FALSE(ids.Contains(visited.front()));
  EXPECT_TRUE(ids.Insert(visited.front()));
}

INSTANTIATE_TEST_SUITE_P(ExpectedCounts, RecentIdsTest, testing::Values(0, 1000, 100'000, 400'000));

}  // namespace
}  // namespace stillwatch::ingest
