#include "detector/rhythm_links.h"

#include <gtest/gtest.h>

#include "tests/detector/relay_pool.h"

namespace stillwatch::detector {
namespace {

constexpr int kDays = 12;
constexpr int64_t kNow = kPoolStart + kDays * kNanosecondsPerDay;

std::vector<uint32_t> Indices(const std::vector<size_t>& accounts) { return {accounts.begin(), accounts.end()}; }

// Agents that wake up by themselves about once an hour.
std::vector<size_t> AddTimers(MadeAccounts& accounts, int count) {
  std::uniform_real_distribution<double> jitter(0.6, 1.4);
  std::vector<size_t> timers;
  for (int i = 0; i < count; ++i) {
    timers.push_back(accounts.Add());
    for (double hour = 0; hour < kDays * 24; hour += jitter(accounts.random())) {
      accounts.Request(timers.back(),
                       kPoolStart + static_cast<int64_t>(hour * static_cast<double>(kNanosecondsPerHour)));
    }
  }
  return timers;
}

std::vector<CampaignLink> LinksOf(const MadeAccounts& accounts, int64_t time_unix_nano = kNow) {
  const auto candidates = accounts.Candidates();
  return RhythmSearch(candidates, time_unix_nano, SerialFor).FindLinks(std::vector<bool>(candidates.size(), false));
}

TEST(RhythmLinksTest, AccountsDealtOutFromOneQueueAreNearlyAllLinked) {
  MadeAccounts accounts(1);
  AddPool(accounts, 20, kDays, Dealing::kLeastRecentlyUsed);
  EXPECT_GT(LinksOf(accounts).size(), 170U) << "of 190 pairs";
}

TEST(RhythmLinksTest, StrangersAreNot) {
  MadeAccounts accounts(2);
  AddStrangers(accounts, 150, kDays);
  EXPECT_LE(LinksOf(accounts).size(), 1U) << "of 11,175 pairs";
}

TEST(RhythmLinksTest, TimersOfOneRateAreNot) {
  MadeAccounts accounts(3);
  AddTimers(accounts, 40);
  EXPECT_LE(LinksOf(accounts).size(), 2U) << "of 780 pairs";
}

// Some are, by chance; what they have together is then no group (campaign_finder_test.cc).
TEST(RhythmLinksTest, CustomersWhoFollowTheSameEventsAreMostlyNot) {
  MadeAccounts accounts(4);
  AddPool(accounts, 40, kDays, Dealing::kRandom);
  EXPECT_LE(LinksOf(accounts).size(), 195U) << "of 780 pairs";
}

TEST(RhythmLinksTest, ServiceAccountsOfOneDeclaredOrganisationAreNot) {
  MadeAccounts accounts(5);
  for (const size_t i : AddPool(accounts, 20, kDays, Dealing::kLeastRecentlyUsed)) accounts.profile(i).organization = 7;
  EXPECT_TRUE(LinksOf(accounts).empty());
}

TEST(RhythmLinksTest, TwoDaysAreTooFew) {
  MadeAccounts accounts(6);
  AddPool(accounts, 20, 2, Dealing::kLeastRecentlyUsed);
  EXPECT_TRUE(LinksOf(accounts, kPoolStart + 2 * kNanosecondsPerDay).empty());
}

TEST(RhythmLinksTest, WhoIsServedFromTheSameQueueJoinsAGroupAndStrangersDoNot) {
  MadeAccounts accounts(8);
  const auto pool = Indices(AddPool(accounts, 20, kDays, Dealing::kLeastRecentlyUsed));
  AddStrangers(accounts, 100, kDays);
  const auto candidates = accounts.Candidates();
  LinkGroup group;
  std::vector<bool> is_grouped(candidates.size(), false);
  for (size_t i = 0; i < 12; ++i) {
    group.push_back({pool[i], 1});
    is_grouped[pool[i]] = true;
  }
  RhythmSearch(candidates, kNow, SerialFor).AddJoiners(is_grouped, group);
  EXPECT_GE(group.size(), 19U);
  EXPECT_LE(group.size(), 20U);
  for (const GroupMember& member : group) EXPECT_LE(member.index, pool.back());
}

TEST(GroupRhythmTest, WhatIsDealtOutGoesUpAndDownAsAWholeAndTimersDoNot) {
  MadeAccounts accounts(9);
  const auto pool = Indices(AddPool(accounts, 20, kDays, Dealing::kLeastRecentlyUsed));
  const auto timers = Indices(AddTimers(accounts, 20));
  const auto candidates = accounts.Candidates();
  EXPECT_GT(MeasureGroup(candidates, pool, kNow).from_day_to_day, 3);
  EXPECT_LT(MeasureGroup(candidates, timers, kNow).among_members, 0.5);
  EXPECT_LT(MeasureGroup(candidates, timers, kNow).from_day_to_day, 0.6);
}

TEST(GroupRhythmTest, IsBelowOneAmongMembersForWhatIsDealtOutOneForChanceAndAboveForStrangers) {
  MadeAccounts accounts(7);
  const auto pool = Indices(AddPool(accounts, 20, kDays, Dealing::kLeastRecentlyUsed));
  const auto chance = Indices(AddPool(accounts, 20, kDays, Dealing::kRandom));
  const auto strangers = Indices(AddStrangers(accounts, 20, kDays));
  const auto candidates = accounts.Candidates();
  EXPECT_LT(MeasureGroup(candidates, pool, kNow).among_members, 0.2);
  EXPECT_NEAR(MeasureGroup(candidates, chance, kNow).among_members, 1, 0.15);
  EXPECT_GT(MeasureGroup(candidates, strangers, kNow).among_members, 1.3);
}

}  // namespace
}  // namespace stillwatch::detector
