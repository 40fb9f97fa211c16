#include "detector/campaign_finder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "detector/onset.h"
#include "tests/detector/portrait_maker.h"
#include "tests/detector/relay_pool.h"

namespace stillwatch::detector {
namespace {

constexpr int kDays = 12;
constexpr int64_t kNow = kPoolStart + kDays * kNanosecondsPerDay;

double TermOf(const FoundCampaign& campaign, CampaignTerm term) {
  return static_cast<double>(campaign.terms[static_cast<size_t>(term)].log_odds);
}

std::vector<FoundCampaign> Find(const MadeAccounts& accounts) {
  return FindCampaigns(accounts.Candidates(), HonestBaseline(), kNow, SerialFor);
}

TEST(CampaignFinderTest, FindsAPoolAmongStrangersWithoutAnyText) {
  MadeAccounts accounts(1);
  AddStrangers(accounts, 100, kDays);
  const std::vector<size_t> pool = AddPool(accounts, 30, kDays, Dealing::kLeastRecentlyUsed);
  const auto found = Find(accounts);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_GE(found[0].members.size(), 28U);
  for (const GroupMember& member : found[0].members) EXPECT_GE(member.index, pool.front());
  EXPECT_GT(TermOf(found[0], CampaignTerm::kRhythm), 6);
  EXPECT_NE(found[0].assessment.verdict, Verdict::kClear);
}

TEST(CampaignFinderTest, ASilentPoolGivesEvidenceOfNoOtherKind) {
  MadeAccounts accounts(2);
  AddStrangers(accounts, 100, kDays);
  AddPool(accounts, 30, kDays, Dealing::kLeastRecentlyUsed);
  const auto found = Find(accounts);
  ASSERT_EQ(found.size(), 1U);
  for (const auto term : {CampaignTerm::kInfrastructure, CampaignTerm::kContent, CampaignTerm::kLifecycle}) {
    EXPECT_EQ(TermOf(found[0], term), 0);
  }
}

TEST(CampaignFinderTest, TurnsAloneAreNotCertainAtFirstSight) {
  for (const bool has_tools : {true, false}) {
    MadeAccounts accounts(2);
    accounts.SetToolCount(has_tools ? 3 : 0);
    AddPool(accounts, 30, 3, Dealing::kLeastRecentlyUsed);
    const auto found =
        FindCampaigns(accounts.Candidates(), HonestBaseline(), kPoolStart + 3 * kNanosecondsPerDay, SerialFor);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].is_certain, !has_tools) << "single requests around the clock are evidence of their own";
  }
}

TEST(CampaignFinderTest, CardsSharedWithinAPoolAreASecondFamily) {
  MadeAccounts accounts(3);
  AddStrangers(accounts, 100, kDays);
  const std::vector<size_t> pool = AddPool(accounts, 30, kDays, Dealing::kLeastRecentlyUsed);
  for (size_t i = 0; i < pool.size(); ++i) accounts.profile(pool[i]).payment = 1000 + i / 4;
  const auto found = Find(accounts);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_GT(TermOf(found[0], CampaignTerm::kInfrastructure), 2);
  EXPECT_EQ(found[0].assessment.verdict, Verdict::kAct);
}

TEST(CampaignFinderTest, ReplacingTheSuspendedIsEvidence) {
  MadeAccounts accounts(4);
  AddStrangers(accounts, 100, kDays);
  const std::vector<size_t> pool = AddPool(accounts, 30, kDays, Dealing::kLeastRecentlyUsed);
  const auto before = Find(accounts);
  for (size_t i = 0; i < 4; ++i) {
    const int64_t time = kNow - static_cast<int64_t>(i + 1) * kNanosecondsPerDay;
    accounts.profile(pool[i]).suspended_time_unix_nano = time;
    accounts.profile(pool[10 + i]).created_time_unix_nano = time + 6 * kNanosecondsPerHour;
  }
  const auto after = Find(accounts);
  ASSERT_EQ(before.size(), 1U);
  ASSERT_EQ(after.size(), 1U);
  EXPECT_EQ(TermOf(before[0], CampaignTerm::kLifecycle), 0);
  EXPECT_GT(TermOf(after[0], CampaignTerm::kLifecycle), 1.5);
}

TEST(CampaignFinderTest, ServiceAccountsOfAnEnterpriseAreNoCampaign) {
  MadeAccounts accounts(5);
  AddStrangers(accounts, 100, kDays);
  for (const size_t i : AddPool(accounts, 30, kDays, Dealing::kLeastRecentlyUsed)) {
    accounts.profile(i).organization = 7;
    accounts.profile(i).payment = 7;
  }
  EXPECT_TRUE(Find(accounts).empty());
}

// The group of `size` accounts that go up and down together among `stranger_count` agents, and ask with `tool_count`
// tools and one system prompt, if it is not 0. Nobody deals them out.
FoundCampaign FindTides(uint64_t seed, size_t size, size_t stranger_count, uint16_t tool_count, uint64_t system = 0) {
  MadeAccounts accounts(seed);
  accounts.SetToolCount(3);
  AddStrangers(accounts, stranger_count, kDays);
  accounts.SetMaxTokens(1024);
  accounts.SetToolCount(tool_count);
  accounts.SetSystem(system);
  AddPool(accounts, size, kDays, Dealing::kRandom);
  const auto found = Find(accounts);
  EXPECT_EQ(found.size(), 1U) << seed;
  if (found.size() != 1) return {};
  EXPECT_GT(TermOf(found[0], CampaignTerm::kSynchrony), 4) << seed;
  EXPECT_EQ(TermOf(found[0], CampaignTerm::kRhythm), 0) << seed;
  EXPECT_FALSE(found[0].is_certain) << seed;
  return found[0];
}

// Apps that react to the same news.
TEST(CampaignFinderTest, CustomersWhoFollowTheSameEventsAreSeenAndStayClear) {
  for (const uint64_t seed : {21, 22, 23, 24}) {
    EXPECT_EQ(FindTides(seed, 40, 100, 3).assessment.verdict, Verdict::kClear) << seed;
  }
}

// The same with requests that stand alone around the clock, over and over.
TEST(CampaignFinderTest, APoolThatDealsAtRandomIsFoundByItsTidesAndItsWork) {
  EXPECT_NE(FindTides(25, 40, 100, 0).assessment.verdict, Verdict::kClear);
}

// An application gives all its users one system prompt, and fails for all at once.
TEST(CampaignFinderTest, WhatOneApplicationGivesItsUsersIsNoEvidenceBesideTheirTides) {
  const FoundCampaign users = FindTides(26, 25, 1000, 3, 4711);
  EXPECT_EQ(TermOf(users, CampaignTerm::kContent), 0);
  EXPECT_EQ(users.assessment.verdict, Verdict::kClear);
}

// Monitors that sleep for all but two beats a day, and missed one: by its gaps each is a timer only after a week.
TEST(CampaignFinderTest, TimersThatKeepHoursAreHardlyEverAPool) {
  size_t group_count = 0;
  for (uint64_t seed = 41; seed < 61; ++seed) {
    MadeAccounts accounts(seed);
    AddStrangers(accounts, 60, 6);
    const auto hours_of = [](double hours) {
      return static_cast<int64_t>(hours * static_cast<double>(kNanosecondsPerHour));
    };
    std::uniform_real_distribution<double> uniform;
    for (int i = 0; i < 16; ++i) {
      const size_t account = accounts.Add();
      const double first = uniform(accounts.random());
      const int missed = i % 2 == 0 ? 4 : 7;
      for (int beat = 0; beat <= 10; ++beat) {
        if (beat == missed) continue;
        const double jitter = 0.07 * (uniform(accounts.random()) - 0.5);
        accounts.Request(account, kPoolStart + hours_of(24 * (beat / 2) + 2.44 * (beat % 2 + jitter) + first));
      }
    }
    group_count +=
        FindCampaigns(accounts.Candidates(), HonestBaseline(), kPoolStart + hours_of(5 * 24 + 1.2), SerialFor).size();
  }
  EXPECT_LE(group_count, 4U) << "of forty that take turns";
}

// A class shares an address, the day of its sign-up and the task; it has no organisation.
TEST(CampaignFinderTest, AClassBehindOneAddressStaysClear) {
  MadeAccounts accounts(6);
  AddStrangers(accounts, 100, kDays);
  for (int pupil = 0; pupil < 14; ++pupil) {
    const size_t account = accounts.Add();
    accounts.profile(account).signup = 99;
    for (int i = 0; i < 40; ++i) {
      const int64_t lesson = kPoolStart + (i / 10) * 2 * kNanosecondsPerDay;
      accounts.Request(account, lesson + static_cast<int64_t>(accounts.random()() % kNanosecondsPerHour), 500 + i % 3,
                       98);
    }
  }
  const auto found = Find(accounts);
  ASSERT_EQ(found.size(), 1U) << "it is seen";
  EXPECT_EQ(found[0].assessment.verdict, Verdict::kClear);
  EXPECT_LT(found[0].assessment.log_odds, HonestBaseline().review_log_odds - 2);
}

TEST(CampaignFinderTest, AFamilyWithOneCardAndHomeStaysClear) {
  MadeAccounts accounts(7);
  AddStrangers(accounts, 100, kDays);
  for (const size_t i : AddStrangers(accounts, 4, kDays)) {
    accounts.profile(i).payment = 55;
    accounts.Request(i, kNow - kNanosecondsPerHour, 0, 44);
    accounts.Request(i, kNow - kNanosecondsPerHour, 0, 44);
  }
  for (const FoundCampaign& family : Find(accounts)) EXPECT_EQ(family.assessment.verdict, Verdict::kClear);
}

// A stranger who began when a ring did has none of the ring's cards.
TEST(CampaignFinderTest, WhoSharesNothingWithARingBelongsLess) {
  constexpr int64_t kBegin = kPoolStart + 4 * kNanosecondsPerDay;
  MadeAccounts accounts(9);
  AddStrangers(accounts, 10, kDays);
  for (int i = 0; i < 150; ++i) {
    accounts.SetMaxTokens(2000 + static_cast<uint32_t>(i));
    const auto begin = static_cast<int64_t>(accounts.random()() % (11 * kNanosecondsPerDay));
    accounts.Request(accounts.Add(), kPoolStart + begin);
  }
  accounts.SetMaxTokens(1024);
  accounts.SetOutputTokens(1500);
  std::vector<size_t> ring;
  for (int64_t i = 0; i < 10; ++i) {
    ring.push_back(accounts.Add());
    std::vector<int64_t> times;
    for (int j = 0; j < 200; ++j) {
      const auto hours = static_cast<uint64_t>(5 + 2 * i);  // Each at a pace of its own.
      times.push_back(kBegin + static_cast<int64_t>(accounts.random()() % (hours * kNanosecondsPerHour)));
    }
    std::sort(times.begin(), times.end());
    for (const int64_t time : times) accounts.Request(ring.back(), time);
  }
  for (size_t i = 0; i + 1 < ring.size(); ++i) accounts.profile(ring[i]).payment = 77 + i / 3;
  const auto found = Find(accounts);
  const auto group = std::find_if(found.begin(), found.end(), [](const FoundCampaign& campaign) {
    return TermOf(campaign, CampaignTerm::kOnset) > 0;
  });
  ASSERT_NE(group, found.end());
  ASSERT_EQ(group->members.size(), ring.size());
  const float stranger = group->members.back().share;
  for (size_t i = 0; i + 1 < ring.size(); ++i) EXPECT_GT(group->members[i].share, 0.95F);
  EXPECT_LT(stranger, 0.8F);
  EXPECT_GT(stranger, 0);
}

// It did too little to be counted among those who began together, but has their card and their system prompt.
TEST(CampaignFinderTest, WhoDidLittleYetBelongsToTheRingItBeganWith) {
  MadeAccounts accounts(14);
  const auto add = [&accounts](double hour, int count) {
    const size_t account = accounts.Add();
    const uint64_t hours = 5 + accounts.random()() % 20;  // Each at a pace of its own.
    std::vector<int64_t> times = {0};
    for (int i = 1; i < count; ++i) {
      times.push_back(static_cast<int64_t>(accounts.random()() % (hours * kNanosecondsPerHour)));
    }
    std::sort(times.begin(), times.end());
    const auto begin = kPoolStart + static_cast<int64_t>(hour * static_cast<double>(kNanosecondsPerHour));
    for (const int64_t time : times) accounts.Request(account, begin + time);
    return account;
  };
  accounts.SetOutputTokens(1500);
  for (uint32_t i = 0; i < 200; ++i) {
    accounts.SetMaxTokens(i % 10 == 0 ? 1024 : 2000 + i);
    accounts.SetSystem(5000 + i);
    add(static_cast<double>(accounts.random()() % (24 * kDays)), 20);
  }
  accounts.SetMaxTokens(1024);
  accounts.SetSystem(78);
  std::vector<size_t> ring;
  for (int i = 0; i < 8; ++i) ring.push_back(add(100 + 0.5 * i, i < 6 ? 200 : 25));
  for (const size_t account : ring) accounts.profile(account).payment = 77;
  const auto found = Find(accounts);
  const auto candidates = accounts.Candidates();
  const auto onsets = FindJointOnsets(candidates, HonestBaseline(), SerialFor, std::vector<bool>(candidates.size()));
  ASSERT_EQ(onsets.size(), 1U);
  EXPECT_EQ(onsets[0].members.size(), 6U) << "by itself";
  ASSERT_EQ(found.size(), 1U) << "groups are disjoint";
  std::vector<size_t> members;
  for (const GroupMember& member : found[0].members) members.push_back(member.index);
  EXPECT_EQ(members, ring);
  EXPECT_GT(found[0].members.back().share, 0.9F);
  EXPECT_GT(TermOf(found[0], CampaignTerm::kOnset), 0);
}

TEST(CampaignFinderTest, TermsAddUpToTheGroupsLogOdds) {
  MadeAccounts accounts(8);
  AddStrangers(accounts, 60, kDays);
  AddPool(accounts, 20, kDays, Dealing::kLeastRecentlyUsed);
  const auto found = Find(accounts);
  ASSERT_EQ(found.size(), 1U);
  double sum = kBaseLogOdds;
  for (const Finding& finding : found[0].assessment.findings) sum += finding.log_odds;
  EXPECT_DOUBLE_EQ(sum, found[0].assessment.log_odds);
}

// Three turns of each, in three hours.
struct NewPool {
  std::vector<size_t> members;
  int64_t end = 0;
};
NewPool AddNewPool(MadeAccounts& accounts, size_t count) {
  NewPool pool;
  for (size_t i = 0; i < count; ++i) pool.members.push_back(accounts.Add());
  pool.end = kPoolStart + 3 * kNanosecondsPerDay;
  for (size_t i = 0; i < 4 * count; ++i) {
    accounts.Request(pool.members[i % count], pool.end);
    pool.end += static_cast<int64_t>(accounts.random()() % (3 * kNanosecondsPerMinute));
  }
  return pool;
}

TEST(CampaignFinderTest, AQuickSearchSeesTheOrderOfANewPool) {
  MadeAccounts accounts(31);
  AddStrangers(accounts, 60, 3);
  AddPool(accounts, 30, 3, Dealing::kLeastRecentlyUsed);
  const NewPool pool = AddNewPool(accounts, 40);
  for (size_t i = 0; i < pool.members.size(); ++i) accounts.profile(pool.members[i]).payment = 1000 + i / 4;
  auto candidates = accounts.Candidates();
  EXPECT_TRUE(FindCampaigns(candidates, HonestBaseline(), pool.end, SerialFor, SearchScope::kBrief).empty());
  const auto quick = [&] {
    return FindCampaigns(candidates, HonestBaseline(), pool.end, SerialFor, SearchScope::kQuick);
  };
  const auto found = quick();
  ASSERT_EQ(found.size(), 1U) << "the other pool is for a search among all";
  for (const GroupMember& member : found[0].members) EXPECT_GE(member.index, pool.members.front());
  EXPECT_GE(found[0].members.size(), 12U);
  EXPECT_TRUE(found[0].is_certain);
  EXPECT_GT(TermOf(found[0], CampaignTerm::kRhythm), 3);
  const CampaignEvidence& order = found[0].terms[static_cast<size_t>(CampaignTerm::kRhythm)];
  EXPECT_GT(order.value, 0.5F);
  EXPECT_LE(order.value, 1.0F);
  EXPECT_LT(order.population, order.value);
  EXPECT_GT(order.population, 0);
  EXPECT_TRUE(std::any_of(found[0].summaries.begin(), found[0].summaries.end(), [](const std::string& summary) {
    return summary.starts_with("the group of ") && summary.find("in the order of one queue") != std::string::npos;
  }));
  EXPECT_GT(TermOf(found[0], CampaignTerm::kInfrastructure), 1);
  EXPECT_NE(found[0].assessment.verdict, Verdict::kClear);

  // Members may join that way, but not leave for a group that only shares something.
  for (const size_t i : pool.members) candidates[i].campaign = 5;
  const auto again = quick();
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].members.size(), found[0].members.size());
  const auto all = FindCampaigns(candidates, HonestBaseline(), pool.end, SerialFor);
  EXPECT_EQ(all.size(), 2U);
}

TEST(CampaignFinderTest, ThingsSharedAreCertainIfMembersHaveMuchEvidenceOfTheirOwn) {
  for (const bool is_bulk : {true, false}) {
    MadeAccounts accounts(32);
    AddStrangers(accounts, 60, 3);
    accounts.SetOutputTokens(is_bulk ? 1500 : 100);
    accounts.SetToolCount(is_bulk ? 0 : 3);
    const int64_t begin = kPoolStart + 2 * kNanosecondsPerDay;
    for (uint64_t i = 0; i < 3; ++i) {
      const size_t account = accounts.Add();
      accounts.profile(account).payment = 7;
      accounts.profile(account).signup = 8;
      for (int j = 0; j < 200; ++j) {
        accounts.Request(account, begin + static_cast<int64_t>(j * 3 + i) * kNanosecondsPerMinute, 0, 9);
      }
    }
    const auto found = FindCampaigns(accounts.Candidates(), HonestBaseline(), begin + 11 * kNanosecondsPerHour,
                                     SerialFor, SearchScope::kQuick);
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].members.size(), 3U);
    EXPECT_EQ(found[0].is_certain, is_bulk);
  }
}

}  // namespace
}  // namespace stillwatch::detector
