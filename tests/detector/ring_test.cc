#include "detector/ring.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/detector/portrait_maker.h"
#include "tests/detector/relay_pool.h"

namespace stillwatch::detector {
namespace {

constexpr uint32_t kUsual = 1024;  // Tokens of an answer at most.
constexpr uint64_t kCard = 77;
constexpr uint64_t kSystem = 78;
constexpr uint64_t kClient = 79;
constexpr double kOnsetHour = 150;

// What an account of the ring has; each may be left out.
struct Worker {
  double hour = kOnsetHour;
  uint64_t card = kCard;
  uint64_t system = kSystem;
  uint64_t client = kClient;
  uint32_t max_tokens = kUsual;
  int request_count = 200;
};

class RingTest : public ::testing::Test {
 protected:
  // 300 accounts begin at any time of two weeks; a tenth of them has the parameters of the ring.
  RingTest() : accounts_(1) {
    for (uint32_t i = 0; i < 300; ++i) {
      AddWorker({.hour = static_cast<double>(accounts_.random()() % (24 * 14)),
                 .card = 0,
                 .system = 1000 + i,
                 .client = i % 5 + 1,
                 .max_tokens = i % 10 == 0 ? kUsual : 2000 + i,
                 .request_count = 20});
    }
  }

  // Adds an account that sends single requests, three minutes apart.
  uint32_t AddWorker(const Worker& worker) {
    const size_t account = accounts_.Add();
    if (worker.card != 0) accounts_.profile(account).payment = worker.card;
    accounts_.SetMaxTokens(worker.max_tokens);
    accounts_.SetSystem(worker.system);
    accounts_.SetClient(worker.client);
    accounts_.SetOutputTokens(1500);
    const auto begin = kPoolStart + static_cast<int64_t>(worker.hour * static_cast<double>(kNanosecondsPerHour));
    for (int i = 0; i < worker.request_count; ++i) {
      accounts_.Request(account, begin + i * 3 * kNanosecondsPerMinute);
    }
    return static_cast<uint32_t>(account);
  }

  LinkGroup AddRing(size_t count, const Worker& worker = {}) {
    LinkGroup group;
    for (size_t i = 0; i < count; ++i) group.push_back({AddWorker(worker), 0.8F});
    return group;
  }

  // The indices of the group's members once it is complete.
  std::vector<uint32_t> Complete(const LinkGroup& group, bool is_by_onset = false) const {
    std::vector<uint32_t> out;
    for (const GroupMember& member : CompleteGroup(group, is_by_onset)) out.push_back(member.index);
    return out;
  }
  LinkGroup CompleteGroup(const LinkGroup& group, bool is_by_onset = false) const {
    const auto candidates = accounts_.Candidates();
    std::vector<bool> is_grouped(candidates.size(), false);
    for (const GroupMember& member : group) is_grouped[member.index] = true;
    const RingSearch rings(candidates, HonestBaseline());
    const auto window = rings.WindowOf(group);
    EXPECT_TRUE(window.has_value());
    return window ? rings.Complete(group, *window, is_by_onset, is_grouped) : LinkGroup{};
  }

  bool Joins(const Worker& worker) {
    const LinkGroup group = AddRing(5);
    const uint32_t other = AddWorker(worker);
    const std::vector<uint32_t> members = Complete(group);
    EXPECT_GE(members.size(), group.size());
    return std::find(members.begin(), members.end(), other) != members.end();
  }

  MadeAccounts accounts_;
};

TEST_F(RingTest, WhoHasAllTraitsJoins) { EXPECT_TRUE(Joins({})); }
TEST_F(RingTest, WhoPaysApartJoinsByItsWork) { EXPECT_TRUE(Joins({.card = 0})); }
TEST_F(RingTest, WhoAsksWithAnotherClientJoinsByItsCard) { EXPECT_TRUE(Joins({.client = 3})); }
TEST_F(RingTest, WhoBeganTheNextBinJoins) { EXPECT_TRUE(Joins({.hour = kOnsetHour + 4})); }
TEST_F(RingTest, WhoOnlyBeganThenStaysOut) {
  EXPECT_FALSE(Joins({.card = 0, .system = 1, .client = 3, .max_tokens = 1}));
}
TEST_F(RingTest, WhoOnlyHasItsParametersToo) { EXPECT_FALSE(Joins({.card = 0, .system = 1, .client = 3})); }
TEST_F(RingTest, WhoBeganDaysLaterStaysOut) { EXPECT_FALSE(Joins({.hour = kOnsetHour + 48})); }
TEST_F(RingTest, WhoHasNoEvidenceOfItsOwnStaysOut) { EXPECT_FALSE(Joins({.request_count = 1})); }

// Users of the same application have all of its traits.
TEST_F(RingTest, WhatManyStrangersHaveSaysLittle) {
  for (int i = 0; i < 100; ++i) AddWorker({.hour = static_cast<double>(i), .card = 0});
  EXPECT_FALSE(Joins({.card = 0}));
}

TEST_F(RingTest, AccountsOfAMembersOrganizationStayOut) {
  const LinkGroup group = AddRing(5);
  const uint32_t other = AddWorker({});
  accounts_.profile(other).organization = accounts_.profile(group[2].index).organization;
  EXPECT_EQ(Complete(group).size(), 5U);
}

TEST_F(RingTest, WhoIsInAnotherGroupStaysThere) {
  const LinkGroup group = AddRing(5);
  AddWorker({});
  const auto candidates = accounts_.Candidates();
  const RingSearch rings(candidates, HonestBaseline());
  const std::vector<bool> is_grouped(candidates.size(), true);
  EXPECT_EQ(rings.Complete(group, *rings.WindowOf(group), false, is_grouped).size(), 5U);
}

// Two of seven that an onset put together have none of the others' traits.
TEST_F(RingTest, StrangersOfAnOnsetAreLeftOut) {
  LinkGroup group = AddRing(5);
  const LinkGroup strangers = AddRing(2, {.card = 0, .system = 1, .client = 3});
  group.insert(group.end(), strangers.begin(), strangers.end());
  EXPECT_EQ(Complete(group, true).size(), 5U);
  EXPECT_EQ(Complete(group, false).size(), 7U) << "who was found otherwise is no stranger";
  for (const GroupMember& member : CompleteGroup(group, true)) EXPECT_GT(member.share, 0.9F);
}

TEST_F(RingTest, AnOnsetWithoutTraitsIsLeftAsItIs) {
  LinkGroup group;
  for (uint32_t i = 0; i < 5; ++i) {
    group.push_back({AddWorker({.card = 0, .system = 5000 + i, .client = i % 5 + 1}), 0.8F});
  }
  EXPECT_EQ(Complete(group, true).size(), 5U);
}

TEST_F(RingTest, AFewStrangersSayNothing) {
  MadeAccounts few(2);
  std::swap(few, accounts_);
  AddWorker({.hour = 0});
  const LinkGroup group = AddRing(5);
  AddWorker({});
  EXPECT_EQ(Complete(group).size(), 5U);
}

TEST_F(RingTest, AWindowTakesThreeMembersAndHalfOfTheGroup) {
  LinkGroup group = AddRing(2);
  const auto window_of = [&] { return RingSearch(accounts_.Candidates(), HonestBaseline()).WindowOf(group); };
  EXPECT_FALSE(window_of().has_value());
  group.push_back({AddWorker({.hour = kOnsetHour + 4}), 1});
  ASSERT_TRUE(window_of().has_value());
  EXPECT_EQ(window_of()->count, 3U);
  EXPECT_EQ(window_of()->end_bin - window_of()->begin_bin, 2);
  for (int i = 0; i < 3; ++i) group.push_back({AddWorker({.hour = 30.0 * (i + 1)}), 1});
  EXPECT_TRUE(window_of().has_value());
  group.push_back({AddWorker({.hour = 300}), 1});
  EXPECT_FALSE(window_of().has_value());
}

TEST_F(RingTest, ThatAllBeganTogetherSaysMoreTheFewerDid) {
  const LinkGroup group = AddRing(6);
  const auto ratio = [&] {
    const auto candidates = accounts_.Candidates();
    const RingSearch rings(candidates, HonestBaseline());
    EXPECT_GT(rings.ExpectedIn(group, *rings.WindowOf(group)), 0);
    return rings.OnsetRatio(group, *rings.WindowOf(group));
  };
  const double usual = ratio();
  EXPECT_GT(usual, 10);
  for (int i = 0; i < 100; ++i) AddWorker({.card = 0, .system = 1, .request_count = 1});
  EXPECT_LT(ratio(), usual - 5);
}

}  // namespace
}  // namespace stillwatch::detector
