#include "detector/campaign_book.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "tests/detector/relay_pool.h"

namespace stillwatch::detector {
namespace {

class CampaignBookTest : public ::testing::Test {
 protected:
  CampaignBookTest() : accounts_(1) {
    AddStrangers(accounts_, 40, 1);
    candidates_ = accounts_.Candidates();
  }

  static FoundCampaign Group(std::initializer_list<uint32_t> members) {
    FoundCampaign found;
    for (const uint32_t member : members) found.members.push_back({member, 1});
    found.terms[0].log_odds = 5;
    found.assessment.log_odds = 3;
    found.assessment.verdict = Verdict::kReview;
    found.summaries[0] = "because";
    return found;
  }

  // A search `day` days after the start.
  std::vector<std::string> Search(double day, std::vector<FoundCampaign> found,
                                  SearchScope scope = SearchScope::kEverybody) {
    const auto traffic_of = [this](std::string_view account_id) {
      ++asked_count_;
      const auto place = std::find_if(candidates_.begin(), candidates_.end(), [&](const CampaignCandidate& candidate) {
        return candidate.account_id == account_id;
      });
      if (place == candidates_.end()) return std::optional<Traffic>();
      const StateView state = place->State();
      return std::optional<Traffic>({state->portrait.event_count(), state->portrait.last_time_unix_nano()});
    };
    return book_.Update(found, candidates_, traffic_of,
                        kPoolStart + static_cast<int64_t>(day * static_cast<double>(kNanosecondsPerDay)), scope);
  }
  uint64_t CampaignOf(uint32_t account) const { return book_.MembershipOf(candidates_[account].account_id).campaign; }

  MadeAccounts accounts_;
  std::vector<CampaignCandidate> candidates_;
  CampaignBook book_;
  int asked_count_ = 0;
};

TEST_F(CampaignBookTest, AGroupCountsOnceItWasFoundTwice) {
  Search(1, {Group({1, 2, 3, 4})});
  EXPECT_EQ(CampaignOf(1), 0U);
  EXPECT_EQ(book_.campaigns()[0].verdict, Verdict::kClear);
  Search(1.25, {Group({1, 2, 3, 4})});
  EXPECT_NE(CampaignOf(1), 0U);
  EXPECT_EQ(book_.campaigns()[0].verdict, Verdict::kReview);
  EXPECT_EQ(book_.campaigns()[0].first_review_time_unix_nano, kPoolStart + kNanosecondsPerDay * 5 / 4);
  EXPECT_GT(book_.campaigns()[0].events_at_first_review, 0U);
}

// Searches half an hour apart see nearly the same.
TEST_F(CampaignBookTest, FoundTwiceWithinThreeHoursIsFoundOnce) {
  for (const double hour : {0.0, 0.5, 1.0, 2.5}) {
    Search(1 + hour / 24, {Group({1, 2, 3, 4})}, SearchScope::kQuick);
    EXPECT_EQ(CampaignOf(1), 0U) << hour;
  }
  EXPECT_EQ(book_.campaigns()[0].members[0].found_count, 1U);
  Search(1 + 3.0 / 24, {Group({1, 2, 3, 4})});
  EXPECT_NE(CampaignOf(1), 0U);
  EXPECT_EQ(book_.campaigns()[0].members[0].found_count, 2U);
}

TEST_F(CampaignBookTest, AQuickSearchLeavesAloneWhatItDidNotComeAcross) {
  for (const double day : {1.0, 2.0}) Search(day, {Group({1, 2, 3, 4}), Group({11, 12, 13, 14})});
  const uint64_t number = CampaignOf(11);
  const std::string benign(candidates_[12].account_id);
  candidates_.erase(candidates_.begin() + 12);
  asked_count_ = 0;
  const auto touched = Search(3, {Group({3, 4, 5, 6})}, SearchScope::kQuick);
  EXPECT_EQ(asked_count_, 6) << "of the first campaign and those found";
  EXPECT_EQ(touched.size(), 6U);
  EXPECT_EQ(CampaignOf(11), number);
  EXPECT_EQ(book_.NumberOf(benign), number);
  Search(3.1, {}, SearchScope::kNewcomers);
  EXPECT_EQ(CampaignOf(11), number);
  EXPECT_EQ(book_.NumberOf(benign), 0U) << "the next other search has seen its label";
}

TEST_F(CampaignBookTest, WhatItsRhythmShowsIsFirmBeforeItCounts) {
  FoundCampaign sharing = Group({11, 12, 13});
  sharing.terms[static_cast<size_t>(CampaignTerm::kRhythm)].log_odds = 0;
  sharing.terms[static_cast<size_t>(CampaignTerm::kInfrastructure)].log_odds = 1;
  Search(1, {Group({1, 2, 3, 4}), sharing});
  const auto number_of = [&](uint32_t account) { return book_.NumberOf(candidates_[account].account_id); };
  const auto firm_number_of = [&](uint32_t account) { return book_.FirmNumberOf(candidates_[account].account_id); };
  EXPECT_EQ(number_of(1), 0U);
  EXPECT_NE(firm_number_of(1), 0U);
  EXPECT_EQ(firm_number_of(11), 0U);
  EXPECT_EQ(firm_number_of(20), 0U);
  Search(2, {Group({1, 2, 3, 4}), sharing});
  for (const uint32_t account : {1U, 11U}) {
    EXPECT_EQ(number_of(account), CampaignOf(account));
    EXPECT_EQ(firm_number_of(account), CampaignOf(account));
    EXPECT_NE(number_of(account), 0U);
  }
}

TEST_F(CampaignBookTest, KeepsItsNumberWhileMembersComeAndGo) {
  Search(1, {Group({1, 2, 3, 4})});
  Search(2, {Group({1, 2, 3, 4})});
  const uint64_t number = CampaignOf(1);
  Search(3, {Group({2, 3, 4, 5, 6})});
  Search(4, {Group({4, 5, 6, 7})});
  Search(5, {Group({4, 5, 6, 7})});
  EXPECT_EQ(CampaignOf(6), number);
  EXPECT_EQ(CampaignOf(7), number);
}

TEST_F(CampaignBookTest, TwoGroupsHaveDifferentNumbers) {
  Search(1, {Group({1, 2, 3, 4}), Group({11, 12, 13, 14})});
  Search(2, {Group({1, 2, 3, 4}), Group({11, 12, 13, 14})});
  EXPECT_NE(CampaignOf(1), CampaignOf(11));
}

TEST_F(CampaignBookTest, ASearchAmongNewcomersAddsAndTakesNothingBack) {
  Search(1, {Group({1, 2, 3, 4})});
  Search(2, {Group({1, 2, 3, 4})});
  const uint64_t number = CampaignOf(1);
  FoundCampaign weaker = Group({3, 4, 5});
  weaker.terms[0].log_odds = 1;
  weaker.assessment.log_odds = -2;
  weaker.assessment.verdict = Verdict::kClear;
  Search(2.1, {weaker}, SearchScope::kNewcomers);
  Search(2.2, {weaker}, SearchScope::kNewcomers);
  for (const uint32_t account : {1U, 3U, 5U}) {
    EXPECT_EQ(CampaignOf(account), number);
    EXPECT_EQ(book_.MembershipOf(candidates_[account].account_id).terms[0].log_odds, 5);
  }
  EXPECT_EQ(book_.campaigns()[0].verdict, Verdict::kReview);

  FoundCampaign stronger = Group({3, 4, 5});
  stronger.terms[0].log_odds = 7;
  stronger.assessment.log_odds = 4;
  Search(2.3, {stronger}, SearchScope::kNewcomers);
  EXPECT_EQ(book_.MembershipOf(candidates_[1].account_id).terms[0].log_odds, 7);
  Search(3, {weaker});
  EXPECT_EQ(book_.MembershipOf(candidates_[1].account_id).terms[0].log_odds, 1) << "a search among all knows best";
}

TEST_F(CampaignBookTest, WhatIsBeyondChanceCountsAtOnce) {
  FoundCampaign found = Group({1, 2, 3, 4});
  found.is_certain = true;
  Search(1, {found});
  EXPECT_NE(CampaignOf(1), 0U);
  EXPECT_EQ(book_.campaigns()[0].verdict, Verdict::kReview);
}

TEST_F(CampaignBookTest, WhoDidNothingSinceStays) {
  for (const double day : {1.0, 1.25}) Search(day, {Group({1, 2, 3, 4})});
  Search(60, {});
  EXPECT_NE(CampaignOf(1), 0U);
  Search(100, {});
  EXPECT_EQ(CampaignOf(1), 0U);
}

TEST_F(CampaignBookTest, WhoGoesOnAloneStaysAsManyDaysAsSearchesHadFoundIt) {
  for (const size_t account : {1, 2, 3, 4}) accounts_.Request(account, kPoolStart + 2 * kNanosecondsPerDay);
  Search(1, {Group({1, 2, 3, 4})});
  Search(1.25, {Group({1, 2, 3, 4})});
  Search(1.5, {Group({1, 2, 3, 4})});
  Search(4, {});
  EXPECT_NE(CampaignOf(1), 0U);
  const auto touched = Search(4.75, {});
  EXPECT_EQ(CampaignOf(1), 0U);
  EXPECT_TRUE(std::count(touched.begin(), touched.end(), candidates_[1].account_id)) << "its risk must be told";
  EXPECT_TRUE(book_.campaigns().empty());
}

TEST_F(CampaignBookTest, AForgottenAccountLeavesItsCampaign) {
  for (const int day : {1, 2}) Search(day, {Group({1, 2, 3, 4}), Group({5, 6, 7})});
  const uint64_t number = CampaignOf(2);
  const std::string id(candidates_[1].account_id);
  EXPECT_TRUE(book_.Forget(id));
  EXPECT_FALSE(book_.Forget(id));
  EXPECT_EQ(CampaignOf(1), 0U);
  EXPECT_EQ(CampaignOf(2), number);
  EXPECT_NE(CampaignOf(5), 0U);
  EXPECT_EQ(book_.Encode().find(id + '\0'), std::string::npos);
  for (const uint32_t account : {5, 6, 7}) book_.Forget(candidates_[account].account_id);
  EXPECT_EQ(book_.campaigns().size(), 1U);
}

TEST_F(CampaignBookTest, SurvivesEncoding) {
  Search(1, {Group({1, 2, 3, 4}), Group({11, 12, 13, 14, 15})});
  Search(2, {Group({1, 2, 3, 4})});
  const std::string bytes = book_.Encode();
  const auto decoded = CampaignBook::Decode(bytes);
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->Encode(), bytes);
  const Membership before = book_.MembershipOf(candidates_[2].account_id);
  const Membership after = decoded->MembershipOf(candidates_[2].account_id);
  EXPECT_EQ(before.campaign, after.campaign);
  EXPECT_EQ(before.terms[0].log_odds, after.terms[0].log_odds);
}

TEST_F(CampaignBookTest, BrokenBytesAreRefused) {
  Search(1, {Group({1, 2, 3, 4})});
  const std::string bytes = book_.Encode();
  for (size_t size = 2; size < bytes.size(); ++size) {
    EXPECT_FALSE(CampaignBook::Decode(std::string_view(bytes).substr(0, size)).has_value()) << size;
  }
  EXPECT_FALSE(CampaignBook::Decode("").has_value());
}

}  // namespace
}  // namespace stillwatch::detector
