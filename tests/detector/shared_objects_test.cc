#include "detector/shared_objects.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "tests/detector/relay_pool.h"

namespace stillwatch::detector {
namespace {

class SharedObjectsTest : public ::testing::Test {
 protected:
  SharedObjectsTest() : accounts_(1) { AddStrangers(accounts_, 200, 1); }

  Partners PartnersOf(const std::vector<uint32_t>& group, ObjectKind kind) const {
    const auto candidates = accounts_.Candidates();
    const std::vector<std::vector<uint32_t>> groups = {group};
    return SharedObjects(candidates, groups).PartnersIn(group, kind);
  }

  static std::vector<CampaignLink> FindPairs(const std::vector<CampaignCandidate>& candidates) {
    return FindPlainPairs(candidates, std::vector<bool>(candidates.size(), false));
  }

  MadeAccounts accounts_;
};

TEST_F(SharedObjectsTest, ACardOfTwoInAGroupIsNoChance) {
  accounts_.profile(3).payment = accounts_.profile(4).payment = 77;
  const Partners partners = PartnersOf({3, 4, 5, 6}, ObjectKind::kPayment);
  EXPECT_EQ(partners.share, 0.5);
  EXPECT_LT(partners.expected, 0.02);
  EXPECT_GT(partners.log_likelihood_ratio, 4);
}

TEST_F(SharedObjectsTest, WhatEverybodyHasSaysNothing) {
  for (size_t i = 0; i < 200; ++i) accounts_.profile(i).payment = 77;
  EXPECT_EQ(PartnersOf({3, 4, 5, 6}, ObjectKind::kPayment).log_likelihood_ratio, 0);
}

TEST_F(SharedObjectsTest, StrangersShareNothing) {
  for (const ObjectKind kind : {ObjectKind::kPayment, ObjectKind::kPrompt, ObjectKind::kAddress}) {
    EXPECT_EQ(PartnersOf({3, 4, 5, 6}, kind).log_likelihood_ratio, 0);
  }
}

TEST_F(SharedObjectsTest, PairsShareAPaymentThatFewHave) {
  accounts_.profile(3).payment = accounts_.profile(4).payment = 77;
  for (size_t i = 100; i < 100 + kHoldersMax + 1; ++i) accounts_.profile(i).payment = 78;
  const auto pairs = FindPairs(accounts_.Candidates());
  ASSERT_EQ(pairs.size(), 1U);
  EXPECT_EQ(pairs[0].a, 3U);
  EXPECT_EQ(pairs[0].b, 4U);
}

TEST_F(SharedObjectsTest, WhoIsInAGroupMakesNoPairButCountsAsAHolder) {
  for (const size_t i : {3, 4, 5}) accounts_.profile(i).payment = 77;
  const auto candidates = accounts_.Candidates();
  std::vector<bool> is_grouped(candidates.size(), false);
  is_grouped[5] = true;
  const auto pairs = FindPlainPairs(candidates, is_grouped);
  ASSERT_EQ(pairs.size(), 1U);
  EXPECT_EQ(pairs[0].a, 3U);
  EXPECT_EQ(pairs[0].b, 4U);
  is_grouped[4] = true;
  EXPECT_TRUE(FindPlainPairs(candidates, is_grouped).empty());
  is_grouped = std::vector<bool>(candidates.size(), true);
  is_grouped[3] = is_grouped[4] = false;
  for (size_t i = 100; i < 100 + kHoldersMax; ++i) accounts_.profile(i).payment = 77;
  EXPECT_TRUE(FindPlainPairs(accounts_.Candidates(), is_grouped).empty()) << "it is common";
}

// A search looks at a sample of those who are not newcomers.
TEST_F(SharedObjectsTest, WhoStandsForManyMakesWhatItHasCommon) {
  for (const size_t i : {3, 4, 50}) accounts_.profile(i).payment = 77;
  const std::vector<uint32_t> group = {3, 4, 5, 6};
  const std::vector<std::vector<uint32_t>> groups = {group};
  auto candidates = accounts_.Candidates();
  EXPECT_EQ(FindPairs(candidates).size(), 3U);
  const Partners alone = SharedObjects(candidates, groups).PartnersIn(group, ObjectKind::kPayment);
  candidates[50].weight = 20;
  EXPECT_TRUE(FindPairs(candidates).empty());
  const Partners common = SharedObjects(candidates, groups).PartnersIn(group, ObjectKind::kPayment);
  // Of 219 accounts 22 have it, three of 200 had.
  EXPECT_NEAR(common.expected / alone.expected, 21.0 / 2 * 199 / 218, 1e-6);
  EXPECT_LT(common.log_likelihood_ratio, alone.log_likelihood_ratio);
}

TEST_F(SharedObjectsTest, MembersOfOneDeclaredOrganisationMakeNoPair) {
  accounts_.profile(3).payment = accounts_.profile(4).payment = 77;
  accounts_.profile(3).organization = accounts_.profile(4).organization = 5;
  EXPECT_TRUE(FindPairs(accounts_.Candidates()).empty());
}

TEST_F(SharedObjectsTest, OneCardAloneIsOneKind) {
  accounts_.profile(3).payment = accounts_.profile(4).payment = 77;
  const auto compare = [this] {
    const auto candidates = accounts_.Candidates();
    const std::vector<std::vector<uint32_t>> groups = {{3, 4}};
    return SharedObjects(candidates, groups).CompareKinds(candidates[3], candidates[4]);
  };
  EXPECT_EQ(compare(), SharedKinds::kTooFew) << "all accounts have the same parameters, so these say nothing";
  for (const size_t i : {3, 4}) accounts_.Request(i, kPoolStart, 0, 4321);
  EXPECT_EQ(compare(), SharedKinds::kTwo) << "a card and an address";
}

TEST(HashSieveTest, HoldsAllThatWasAddedAndLittleElse) {
  std::mt19937_64 random(3);
  HashSieve sieve(1000);
  std::vector<uint64_t> hashes(1000);
  for (uint64_t& hash : hashes) sieve.Add(hash = random());
  for (const uint64_t hash : hashes) {
    EXPECT_TRUE(sieve.MayHold(hash));
    EXPECT_TRUE(sieve.Add(hash));
  }
  int passed = 0;
  for (int i = 0; i < 10'000; ++i) passed += sieve.MayHold(random());
  EXPECT_LT(passed, 1000) << "one in 16 at most, give or take";
  EXPECT_FALSE(HashSieve().MayHold(random()));
}

}  // namespace
}  // namespace stillwatch::detector
