#include "detector/synchrony.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "tests/detector/four_threads_for.h"
#include "tests/detector/relay_pool.h"

namespace stillwatch::detector {
namespace {

constexpr int kDays = 14;
constexpr int64_t kNow = kPoolStart + kDays * kNanosecondsPerDay;

std::vector<SynchronousGroup> Find(const MadeAccounts& accounts, const ParallelFor& parallel_for = SerialFor) {
  const auto candidates = accounts.Candidates();
  return FindSynchronousGroups(candidates, kNow, parallel_for, std::vector<bool>(candidates.size(), false));
}

// Adds `count` customers who do nothing at the times that `is_on(i, time)` says no to.
void AddStrangersWhile(MadeAccounts& accounts, int count, const std::function<bool(int i, int64_t time)>& is_on) {
  for (int i = 0; i < count; ++i) {
    const size_t account = accounts.Add();
    for (const int64_t time : accounts.UnevenTimes(kDays, 24)) {
      if (is_on(i, time)) accounts.Request(account, time);
    }
  }
}

size_t CountMembersIn(const SynchronousGroup& group, const std::vector<size_t>& accounts) {
  return static_cast<size_t>(std::count_if(group.members.begin(), group.members.end(), [&](const auto& member) {
    return std::find(accounts.begin(), accounts.end(), member.index) != accounts.end();
  }));
}

TEST(SynchronyTest, APoolThatDealsAtRandomIsToldFromStrangersWhoWorkTheSameWay) {
  for (const uint64_t seed : {1, 2, 3}) {
    MadeAccounts accounts(seed);
    AddStrangers(accounts, 200, kDays);
    accounts.SetMaxTokens(1024);
    AddStrangers(accounts, 30, kDays);
    const std::vector<size_t> pool = AddPool(accounts, 40, kDays, Dealing::kRandom);
    const auto found = Find(accounts);
    ASSERT_EQ(found.size(), 1U) << seed;
    EXPECT_GE(CountMembersIn(found[0], pool), 34U) << seed;
    EXPECT_GE(CountMembersIn(found[0], pool) + 2, found[0].members.size()) << seed;
    EXPECT_GT(found[0].deviation, 20) << seed;
    EXPECT_TRUE(std::is_sorted(found[0].members.begin(), found[0].members.end(),
                               [](const auto& x, const auto& y) { return x.index < y.index; }));
    for (const GroupMember& member : found[0].members) {
      EXPECT_GT(member.share, 0.9F);
      EXPECT_LE(member.share, 1.0F);
    }
  }
}

TEST(SynchronyTest, StrangersAreNoGroupHoweverUnevenEachIs) {
  for (const uint64_t seed : {4, 5, 6, 7}) {
    MadeAccounts accounts(seed);
    AddStrangers(accounts, 300, kDays);
    EXPECT_TRUE(Find(accounts).empty()) << seed;
  }
}

// Batch jobs: nothing for days, then everything at once.
TEST(SynchronyTest, StrangersWithJobsOfHundredsAreNoGroup) {
  for (const uint64_t seed : {8, 9, 10}) {
    MadeAccounts accounts(seed);
    for (int i = 0; i < 60; ++i) {
      const size_t account = accounts.Add();
      for (int64_t hour = 0; hour < 24 * kDays; ++hour) {
        const bool is_job = accounts.random()() % 40 == 0;
        for (uint64_t j = 0; j < (is_job ? 60U : accounts.random()() % 2); ++j) {
          accounts.Request(account, kPoolStart + hour * kNanosecondsPerHour + static_cast<int64_t>(j) * 1'000'000'000);
        }
      }
    }
    EXPECT_TRUE(Find(accounts).empty()) << seed;
  }
}

TEST(SynchronyTest, PoolsWithOneSettingAreToldApart) {
  MadeAccounts accounts(11);
  AddStrangers(accounts, 100, kDays);
  accounts.SetMaxTokens(1024);
  const std::vector<size_t> one = AddPool(accounts, 60, kDays, Dealing::kRandom);
  const std::vector<size_t> two = AddPool(accounts, 40, kDays, Dealing::kRandom);
  auto found = Find(accounts);
  ASSERT_EQ(found.size(), 2U);
  if (found[0].members.front().index >= two.front()) std::swap(found[0], found[1]);
  EXPECT_GE(CountMembersIn(found[0], one), 50U);
  EXPECT_GE(CountMembersIn(found[1], two), 30U);
  EXPECT_LE(CountMembersIn(found[0], two) + CountMembersIn(found[1], one), 2U);
}

TEST(SynchronyTest, WhoWorksInAnotherWayIsNotCompared) {
  MadeAccounts accounts(12);
  AddStrangers(accounts, 100, kDays);
  std::vector<size_t> pool;
  for (int i = 0; i < 40; ++i) pool.push_back(accounts.Add());
  for (const int64_t time : accounts.UnevenTimes(kDays, 24 * 40)) {
    const size_t which = accounts.random()() % pool.size();
    accounts.SetMaxTokens(static_cast<uint32_t>(which));  // Each with parameters of its own.
    accounts.Request(pool[which], time);
  }
  EXPECT_TRUE(Find(accounts).empty());
}

// Of two hours and a little for twelve hours a day, started together: two or three in each span, in all at once.
TEST(SynchronyTest, TimersAreNoGroup) {
  MadeAccounts accounts(13);
  AddStrangers(accounts, 400, kDays);
  accounts.SetMaxTokens(1024);
  for (int i = 0; i < 40; ++i) {
    const size_t account = accounts.Add();
    constexpr int64_t kPeriod = 8'571'000'000'000;
    for (int64_t time = kPoolStart + static_cast<int64_t>(i) * 1'000'000'000; time < kNow; time += kPeriod) {
      const bool is_on = time % kNanosecondsPerDay < kNanosecondsPerDay / 2;
      if (is_on) accounts.Request(account, time + static_cast<int64_t>(accounts.random()() % 100'000'000'000));
    }
  }
  EXPECT_TRUE(Find(accounts).empty());
}

TEST(SynchronyTest, OfficesThatRestOnTheWeekendAreNoGroup) {
  MadeAccounts accounts(14);
  AddStrangers(accounts, 200, kDays);
  accounts.SetMaxTokens(1024);
  AddStrangersWhile(accounts, 60, [](int, int64_t time) {
    const int64_t weekday = (time / kNanosecondsPerDay + 4) % 7;
    return weekday != 0 && weekday != 6;
  });
  EXPECT_TRUE(Find(accounts).empty());
}

// Projects that begin with the log and end after about ten days.
TEST(SynchronyTest, AccountsThatFellSilentAreNoGroup) {
  MadeAccounts accounts(19);
  AddStrangers(accounts, 400, kDays);
  accounts.SetMaxTokens(1024);
  AddStrangersWhile(accounts, 40,
                    [](int i, int64_t time) { return time < kPoolStart + (230 + i) * kNanosecondsPerHour; });
  EXPECT_TRUE(Find(accounts).empty());
}

TEST(SynchronyTest, WhatEverybodyDoesTogetherIsNoGroup) {
  MadeAccounts accounts(15);
  AddStrangersWhile(accounts, 200, [](int, int64_t time) {
    return (time - kPoolStart) / kNanosecondsPerHour % 67 < 55;  // The service itself was down.
  });
  EXPECT_TRUE(Find(accounts).empty());
}

TEST(SynchronyTest, AccountsOfOneOrganizationAreLeftOut) {
  MadeAccounts accounts(16);
  AddStrangers(accounts, 100, kDays);
  accounts.SetMaxTokens(1024);
  for (const size_t i : AddPool(accounts, 40, kDays, Dealing::kRandom)) accounts.profile(i).organization = 7;
  EXPECT_TRUE(Find(accounts).empty());
}

TEST(SynchronyTest, WhoIsInAGroupAlreadyStaysOut) {
  MadeAccounts accounts(17);
  AddStrangers(accounts, 100, kDays);
  accounts.SetMaxTokens(1024);
  const std::vector<size_t> pool = AddPool(accounts, 60, kDays, Dealing::kRandom);
  const auto candidates = accounts.Candidates();
  std::vector<bool> is_grouped(candidates.size(), false);
  for (size_t i = 0; i < 20; ++i) is_grouped[pool[i]] = true;
  const auto found = FindSynchronousGroups(candidates, kNow, SerialFor, is_grouped);
  ASSERT_EQ(found.size(), 1U);
  for (const GroupMember& member : found[0].members) EXPECT_FALSE(is_grouped[member.index]);
}

TEST(SynchronyTest, ThreadsDoNotChangeWhatIsFound) {
  MadeAccounts accounts(18);
  AddStrangers(accounts, 100, kDays);
  accounts.SetMaxTokens(1024);
  AddPool(accounts, 40, kDays, Dealing::kRandom);
  AddPool(accounts, 30, kDays, Dealing::kRandom);
  const auto one = Find(accounts);
  const auto four = Find(accounts, FourThreadsFor);
  ASSERT_EQ(one.size(), four.size());
  ASSERT_FALSE(one.empty());
  for (size_t i = 0; i < one.size(); ++i) {
    EXPECT_EQ(one[i].deviation, four[i].deviation);
    ASSERT_EQ(one[i].members.size(), four[i].members.size());
    for (size_t j = 0; j < one[i].members.size(); ++j) {
      EXPECT_EQ(one[i].members[j].index, four[i].members[j].index);
      EXPECT_EQ(one[i].members[j].share, four[i].members[j].share);
    }
  }
}

TEST(SynchronyTest, NothingIsFoundAmongNobody) { EXPECT_TRUE(FindSynchronousGroups({}, kNow, SerialFor, {}).empty()); }

}  // namespace
}  // namespace stillwatch::detector
