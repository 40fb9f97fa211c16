#include "detector/onset.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/detector/four_threads_for.h"
#include "tests/detector/portrait_maker.h"
#include "tests/detector/relay_pool.h"

namespace stillwatch::detector {
namespace {

constexpr int kDays = 14;
constexpr uint32_t kUsual = 1024;  // Tokens of an answer at most.

// Adds an account that begins at `hour` of the log and sends `count` single requests, three minutes apart: bulk work,
// or with tools an agent's.
size_t AddWorker(MadeAccounts& accounts, double hour, int count = 200) {
  const size_t account = accounts.Add();
  accounts.SetOutputTokens(1500);
  const auto begin = kPoolStart + static_cast<int64_t>(hour * static_cast<double>(kNanosecondsPerHour));
  for (int i = 0; i < count; ++i) accounts.Request(account, begin + i * 3 * kNanosecondsPerMinute);
  return account;
}

// Accounts that begin at any time of two weeks, with parameters of their own or, every tenth, the usual ones.
void AddArrivals(MadeAccounts& accounts, int count) {
  for (int i = 0; i < count; ++i) {
    accounts.SetMaxTokens(i % 10 == 0 ? kUsual : 2000 + static_cast<uint32_t>(i));
    AddWorker(accounts, static_cast<double>(accounts.random()() % (24 * kDays)));
  }
  accounts.SetMaxTokens(kUsual);
}

// Accounts that begin in the hours from `hour` on, with parameters of their own, and do next to nothing.
void AddPassers(MadeAccounts& accounts, int count, int hour, int hours) {
  for (int i = 0; i < count; ++i) {
    accounts.SetMaxTokens(5000 + static_cast<uint32_t>(i));
    AddWorker(accounts, hour + static_cast<int>(accounts.random()() % static_cast<uint64_t>(hours)), 1);
  }
  accounts.SetMaxTokens(kUsual);
}

std::vector<OnsetGroup> Find(const MadeAccounts& accounts, const ParallelFor& parallel_for = SerialFor) {
  const auto candidates = accounts.Candidates();
  return FindJointOnsets(candidates, HonestBaseline(), parallel_for, std::vector<bool>(candidates.size(), false));
}

TEST(OnsetTest, AccountsThatBeginTheSameBulkWorkWithinHoursAreAGroup) {
  MadeAccounts accounts(1);
  AddArrivals(accounts, 150);
  std::vector<size_t> ring;
  for (int i = 0; i < 9; ++i) ring.push_back(AddWorker(accounts, 100 + 0.6 * i));
  const auto found = Find(accounts);
  ASSERT_EQ(found.size(), 1U);
  size_t ours = 0;
  for (const GroupMember& member : found[0].members) {
    ours += std::find(ring.begin(), ring.end(), member.index) != ring.end();
    EXPECT_GT(member.share, 0.7F);
    EXPECT_LT(member.share, 1.0F);
  }
  EXPECT_EQ(ours, ring.size());
  EXPECT_LE(found[0].members.size(), ring.size() + 1);
  EXPECT_GT(found[0].log_likelihood_ratio, 9);
  EXPECT_GT(found[0].expected, 0);
  EXPECT_LT(found[0].expected, 2);
}

TEST(OnsetTest, ThoseWhoBeginAtAnyTimeAreNone) {
  for (const uint64_t seed : {2, 3, 4, 5, 22, 23, 24, 25}) {
    MadeAccounts accounts(seed);
    AddArrivals(accounts, 150);
    for (int i = 0; i < 40; ++i) AddWorker(accounts, static_cast<double>(accounts.random()() % (24 * kDays)));
    EXPECT_TRUE(Find(accounts).empty()) << seed;
  }
}

TEST(OnsetTest, TwoAreNone) {
  MadeAccounts accounts(6);
  AddArrivals(accounts, 900);
  accounts.SetMaxTokens(99);
  for (int i = 0; i < 2; ++i) AddWorker(accounts, 100 + 0.1 * i);
  EXPECT_TRUE(Find(accounts).empty());
}

TEST(OnsetTest, ThreeAreOneOnlyIfEachHasMuchEvidenceOfItsOwn) {
  MadeAccounts accounts(14);
  AddArrivals(accounts, 900);
  accounts.SetMaxTokens(99);
  for (int i = 0; i < 3; ++i) AddWorker(accounts, 100 + 0.1 * i);
  EXPECT_TRUE(Find(accounts).empty());
  accounts.SetMaxTokens(98);
  accounts.SetMarkers((1U << features::kMarkerCount) - 1);
  for (int i = 0; i < 3; ++i) AddWorker(accounts, 200 + 0.1 * i);
  const auto found = Find(accounts);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].members.size(), 3U);
  EXPECT_EQ(found[0].members[0].index, 903U);
}

TEST(OnsetTest, WhoHasNoEvidenceOfItsOwnIsNotCounted) {
  MadeAccounts accounts(7);
  AddArrivals(accounts, 150);
  accounts.SetToolCount(3);
  for (int i = 0; i < 12; ++i) AddWorker(accounts, 100 + 0.4 * i, 40);
  EXPECT_TRUE(Find(accounts).empty());
}

TEST(OnsetTest, OtherParametersAreOtherWork) {
  MadeAccounts accounts(8);
  AddArrivals(accounts, 150);
  for (uint32_t i = 0; i < 12; ++i) {
    accounts.SetMaxTokens(5000 + i);
    AddWorker(accounts, 100 + 0.4 * i);
  }
  EXPECT_TRUE(Find(accounts).empty());
}

// A launch: whoever begins, begins then.
TEST(OnsetTest, WhereEverybodyBeginsNobodyStandsOut) {
  MadeAccounts accounts(9);
  for (int i = 0; i < 200; ++i) {
    accounts.SetMaxTokens(i % 5 == 0 ? kUsual : 2000 + static_cast<uint32_t>(i));
    const bool is_launch = i % 4 != 0;
    AddWorker(accounts, is_launch ? 100 + 5.0 * (i % 7) / 7 : static_cast<double>(accounts.random()() % (24 * kDays)));
  }
  EXPECT_TRUE(Find(accounts).empty());
}

// When those who were there in the first hours began is not known.
TEST(OnsetTest, TheFirstHoursOfTheLogAreNoBeginning) {
  MadeAccounts accounts(10);
  AddArrivals(accounts, 150);
  AddWorker(accounts, 0);
  for (int i = 0; i < 12; ++i) AddWorker(accounts, 1 + 0.4 * i);
  EXPECT_TRUE(Find(accounts).empty());
  // Who was there before seems to begin on the first day, too, and most of them early.
  AddPassers(accounts, 200, 6, 6);
  AddPassers(accounts, 50, 12, 12);
  for (int i = 0; i < 12; ++i) AddWorker(accounts, 18 + 0.4 * i);
  EXPECT_EQ(Find(accounts).size(), 1U);
}

// Users of a tool that came into use and out of it within days, while all accounts begin at any time.
TEST(OnsetTest, ASpanIsHeldAgainstTheDaysAround) {
  int found = 0;
  for (uint64_t seed = 30; seed < 42; ++seed) {
    MadeAccounts accounts(seed);
    AddArrivals(accounts, 150);
    AddPassers(accounts, 1500, 0, 24 * kDays);
    for (int i = 0; i < 80; ++i) {
      AddWorker(accounts, static_cast<double>(96 + accounts.random()() % 96 + accounts.random()() % 96));
    }
    found += Find(accounts).empty() ? 0 : 1;
  }
  EXPECT_LE(found, 1);
}

TEST(OnsetTest, AccountsOfOneOrganizationAreLeftOut) {
  MadeAccounts accounts(11);
  AddArrivals(accounts, 400);
  for (int i = 0; i < 12; ++i) accounts.profile(AddWorker(accounts, 100 + 0.4 * i)).organization = 7;
  EXPECT_TRUE(Find(accounts).empty());
}

TEST(OnsetTest, WhoIsInAGroupAlreadyStaysOut) {
  MadeAccounts accounts(12);
  AddArrivals(accounts, 150);
  std::vector<size_t> ring;
  for (int i = 0; i < 12; ++i) ring.push_back(AddWorker(accounts, 100 + 0.4 * i));
  const auto candidates = accounts.Candidates();
  std::vector<bool> is_grouped(candidates.size(), false);
  EXPECT_EQ(FindJointOnsets(candidates, HonestBaseline(), SerialFor, is_grouped).size(), 1U);
  for (size_t i = 0; i < 10; ++i) is_grouped[ring[i]] = true;
  EXPECT_TRUE(FindJointOnsets(candidates, HonestBaseline(), SerialFor, is_grouped).empty());
}

TEST(OnsetTest, TwoRingsAreTwoGroupsOnAnyNumberOfThreads) {
  MadeAccounts accounts(13);
  AddArrivals(accounts, 150);
  for (int i = 0; i < 10; ++i) AddWorker(accounts, 100 + 0.4 * i);
  for (int i = 0; i < 10; ++i) AddWorker(accounts, 200 + 0.4 * i);
  const auto one = Find(accounts);
  const auto four = Find(accounts, FourThreadsFor);
  ASSERT_EQ(one.size(), 2U);
  ASSERT_EQ(four.size(), 2U);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(one[i].log_likelihood_ratio, four[i].log_likelihood_ratio);
    ASSERT_EQ(one[i].members.size(), four[i].members.size());
    for (size_t j = 0; j < one[i].members.size(); ++j) {
      EXPECT_EQ(one[i].members[j].index, four[i].members[j].index);
      EXPECT_EQ(one[i].members[j].share, four[i].members[j].share);
    }
  }
}

TEST(OnsetTest, NothingIsFoundAmongNobody) {
  EXPECT_TRUE(FindJointOnsets({}, HonestBaseline(), SerialFor, {}).empty());
}

}  // namespace
}  // namespace stillwatch::detector
