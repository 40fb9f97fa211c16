#include "detector/rotation_links.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/detector/relay_pool.h"

namespace stillwatch::detector {
namespace {

constexpr int kDays = 3;
constexpr int64_t kNow = kPoolStart + kDays * kNanosecondsPerDay;

// Requests at `gap_hours` that vary by `jitter` of themselves.
std::vector<size_t> AddTimers(MadeAccounts& accounts, int count, double gap_hours, double jitter) {
  std::uniform_real_distribution<double> vary(1 - jitter, 1 + jitter);
  std::vector<size_t> timers;
  for (int i = 0; i < count; ++i) {
    timers.push_back(accounts.Add());
    double hour = gap_hours * i / count;
    for (; hour < kDays * 24; hour += gap_hours * vary(accounts.random())) {
      accounts.Request(timers.back(),
                       kPoolStart + static_cast<int64_t>(hour * static_cast<double>(kNanosecondsPerHour)));
    }
  }
  return timers;
}

std::vector<CampaignLink> LinksOf(const MadeAccounts& accounts, int64_t time_unix_nano = kNow) {
  const auto candidates = accounts.Candidates();
  return RotationSearch(candidates, time_unix_nano, SerialFor).FindLinks(std::vector<bool>(candidates.size(), false));
}

LinkGroup Complete(const MadeAccounts& accounts, const std::vector<size_t>& core) {
  const auto candidates = accounts.Candidates();
  std::vector<bool> is_grouped(candidates.size(), false);
  LinkGroup group;
  for (const size_t index : core) {
    group.push_back({static_cast<uint32_t>(index), 1});
    is_grouped[index] = true;
  }
  std::vector<CampaignLink> links;
  RotationSearch(candidates, kNow, SerialFor).Complete(RotationSearch::Origin::kLinked, is_grouped, group, links);
  return group;
}

TEST(RotationLinksTest, AccountsOfOneQueueAreNearlyAllLinkedAfterThreeDaysAndSomeAfterOne) {
  for (const int days : {1, kDays}) {
    MadeAccounts accounts(1);
    AddPool(accounts, 20, days, Dealing::kLeastRecentlyUsed);
    // Within one even day what a queue deals out could also be the accounts' own even pace.
    EXPECT_GT(LinksOf(accounts, kPoolStart + days * kNanosecondsPerDay).size(), days == 1 ? 20U : 150U)
        << "of 190 pairs";
  }
}

TEST(RotationLinksTest, StrangersAreNot) {
  MadeAccounts accounts(2);
  AddStrangers(accounts, 150, kDays);
  EXPECT_TRUE(LinksOf(accounts).empty()) << "of 11,175 pairs";
}

TEST(RotationLinksTest, CustomersWhoFollowTheSameEventsAreNot) {
  MadeAccounts accounts(3);
  AddPool(accounts, 40, kDays, Dealing::kRandom);
  EXPECT_TRUE(LinksOf(accounts).empty()) << "of 780 pairs";
}

TEST(RotationLinksTest, TimersOfOnePeriodAreNot) {
  MadeAccounts accounts(4);
  AddTimers(accounts, 40, 1, 0.03);
  EXPECT_TRUE(LinksOf(accounts).empty()) << "of 780 pairs";
}

TEST(RotationLinksTest, TimersThatKeepHoursAreNot) {
  MadeAccounts accounts(9);
  constexpr double kPeriodHours = 2;
  std::uniform_real_distribution<double> vary(0, 0.1);
  for (int i = 0; i < 5; ++i) {
    const size_t timer = accounts.Add();
    for (int day = 0; day < 14; ++day) {
      for (int turn = 0; turn < 2; ++turn) {
        const double hour = day * 24 + kPeriodHours * (turn + i / 5.0 + vary(accounts.random()));
        accounts.Request(timer, kPoolStart + static_cast<int64_t>(hour * static_cast<double>(kNanosecondsPerHour)));
      }
    }
  }
  EXPECT_TRUE(LinksOf(accounts, kPoolStart + 14 * kNanosecondsPerDay).empty()) << "of 10 pairs";
}

TEST(RotationLinksTest, MonitorsThatAskTheSameEachTimeAreNot) {
  for (const bool is_same : {true, false}) {
    MadeAccounts accounts(10);
    std::vector<size_t> monitors;
    for (int i = 0; i < 10; ++i) monitors.push_back(accounts.Add());
    size_t next = 0;
    for (const int64_t time : accounts.UnevenTimes(kDays, 240)) {
      accounts.Request(monitors[next++ % monitors.size()], time, is_same ? 42 : 0);
    }
    EXPECT_EQ(LinksOf(accounts).empty(), is_same);
  }
}

TEST(RotationLinksTest, AKnownPoolIsCompletedFromASampleOfItselfAndItsPartsBecomeOne) {
  MadeAccounts accounts(12);
  const auto pool = AddPool(accounts, 20, kDays, Dealing::kLeastRecentlyUsed);
  const auto strangers = AddStrangers(accounts, 20, kDays);
  for (size_t i = 0; i < 16; ++i) accounts.profile(pool[i]).campaign = 1 + i / 8;
  for (size_t i = 0; i < 5; ++i) accounts.profile(strangers[i]).campaign = 3;
  const auto candidates = accounts.Candidates();
  const RotationSearch search(candidates, kNow, SerialFor);
  std::vector<LinkGroup> groups = search.KnownGroups();
  ASSERT_EQ(groups.size(), 2U);
  std::vector<bool> is_grouped(candidates.size(), false);
  std::vector<CampaignLink> links;
  for (LinkGroup& group : groups) search.Complete(RotationSearch::Origin::kKnown, is_grouped, group, links);
  EXPECT_EQ(groups[0].size(), 20U);
  EXPECT_TRUE(groups[1].empty()) << "strangers of one campaign take no turns";
  EXPECT_FALSE(links.empty());
  EXPECT_TRUE(search.FindLinks(is_grouped).empty());
}

TEST(RotationLinksTest, AgentsThatWakeUpByThemselvesAreMostlyNot) {
  MadeAccounts accounts(5);
  AddTimers(accounts, 40, 1, 0.4);
  EXPECT_LE(LinksOf(accounts).size(), 8U) << "of 780 pairs";
}

TEST(RotationLinksTest, ServiceAccountsOfOneDeclaredOrganisationAreNot) {
  MadeAccounts accounts(6);
  for (const size_t i : AddPool(accounts, 20, kDays, Dealing::kLeastRecentlyUsed)) accounts.profile(i).organization = 7;
  EXPECT_TRUE(LinksOf(accounts).empty());
}

TEST(RotationLinksTest, TheRestOfAPoolJoinsItAndStrangersAndAgentsDoNot) {
  MadeAccounts accounts(7);
  const auto pool = AddPool(accounts, 20, kDays, Dealing::kLeastRecentlyUsed);
  AddStrangers(accounts, 60, kDays);
  AddTimers(accounts, 20, 1, 0.4);
  const LinkGroup group = Complete(accounts, {pool.begin(), pool.begin() + 12});
  EXPECT_EQ(group.size(), 20U);
  for (const GroupMember& member : group) EXPECT_LE(member.index, pool.back());
}

TEST(RotationLinksTest, WhoKeepsAPaceOfItsOwnIsDroppedFromAGroup) {
  MadeAccounts accounts(8);
  auto core = AddPool(accounts, 20, kDays, Dealing::kLeastRecentlyUsed);
  const size_t agent = AddTimers(accounts, 1, 1, 0.4).front();
  core.push_back(agent);
  for (const GroupMember& member : Complete(accounts, core)) EXPECT_NE(member.index, agent);
}

}  // namespace
}  // namespace stillwatch::detector
