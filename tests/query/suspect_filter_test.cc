#include "query/suspect_filter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace stillwatch::query {
namespace {

using detector::AccountSummary;

AccountSummary MakeAccount() {
  return {.account_id = "acct \"7\"",
          .organization_id = "org-1",
          .risk = 0.25,
          .verdict = Verdict::kReview,
          .label = Label::kUnlabelled,
          .event_count = 100};
}

bool Matches(std::string_view text, const AccountSummary& account = MakeAccount()) {
  const Result<SuspectFilter> filter = SuspectFilter::Parse(text);
  EXPECT_TRUE(filter.ok()) << text << ": " << filter.status().message();
  return filter.ok() && filter.value().Matches(account);
}

TEST(SuspectFilterTest, EmptyMatchesEveryAccount) {
  EXPECT_TRUE(Matches(""));
  EXPECT_TRUE(Matches(" \t\n"));
}

struct OperatorCase {
  const char* op;
  bool below, equal, above;  // Whether a value below, equal to and above the operand matches.
};

class SuspectFilterOperatorTest : public ::testing::TestWithParam<OperatorCase> {};

TEST_P(SuspectFilterOperatorTest, ComparesNumbersVerdictsAndTexts) {
  const auto& [op, below, equal, above] = GetParam();
  const auto expect = [&](const std::string& field, const std::vector<std::string>& operands) {
    // The account's own value lies above the first operand, equals the second, and lies below the third.
    EXPECT_EQ(Matches(field + op + operands[0]), above) << field;
    EXPECT_EQ(Matches(field + op + operands[1]), equal) << field;
    EXPECT_EQ(Matches(field + op + operands[2]), below) << field;
  };
  expect("risk", {"0.2", "0.25", "3e-1"});
  expect("event_count", {"99", "100", "18446744073709551615"});
  expect("verdict", {"clear", "review", "act"});
  expect("organization_id", {"org-0", "org-1", "org-10"});
  expect("account_id", {"'acct'", "'acct \"7\"'", "b"});
}

INSTANTIATE_TEST_SUITE_P(All, SuspectFilterOperatorTest,
                         ::testing::Values(OperatorCase{"=", false, true, false}, OperatorCase{"!=", true, false, true},
                                           OperatorCase{"<", true, false, false}, OperatorCase{"<=", true, true, false},
                                           OperatorCase{">", false, false, true},
                                           OperatorCase{">=", false, true, true}));

TEST(SuspectFilterTest, LabelsCompareByName) {
  AccountSummary account = MakeAccount();
  EXPECT_TRUE(Matches("label = unlabelled"));
  EXPECT_TRUE(Matches("label != benign"));
  account.label = Label::kBenign;
  EXPECT_TRUE(Matches("label = \"benign\"", account));
  EXPECT_FALSE(Matches("label = confirmed", account));
}

TEST(SuspectFilterTest, AllTermsMustHold) {
  EXPECT_TRUE(Matches("verdict >= review AND risk<0.5 AND organization_id=org-1"));
  EXPECT_FALSE(Matches("verdict >= review AND risk<0.1 AND organization_id=org-1"));
  EXPECT_FALSE(Matches("verdict = act AND risk<0.5"));
}

TEST(SuspectFilterTest, QuotedTextsMayHoldAnything) {
  AccountSummary account = MakeAccount();
  EXPECT_TRUE(Matches(R"(account_id = "acct \"7\"")"));
  account.account_id = R"(a AND b \ = 'c')";
  EXPECT_TRUE(Matches(R"(account_id = "a AND b \\ = 'c'")", account));
  account.organization_id = "";
  EXPECT_TRUE(Matches("organization_id = ''", account));
}

struct WrongCase {
  const char* text;
  int position;
};

class WrongFilterTest : public ::testing::TestWithParam<WrongCase> {};

TEST_P(WrongFilterTest, IsRefusedWithItsPosition) {
  const Result<SuspectFilter> filter = SuspectFilter::Parse(GetParam().text);
  ASSERT_FALSE(filter.ok());
  EXPECT_EQ(filter.status().code(), Code::kInvalidArgument);
  EXPECT_NE(filter.status().message().find("byte " + std::to_string(GetParam().position) + ":"), std::string::npos)
      << filter.status().message();
}

INSTANTIATE_TEST_SUITE_P(
    All, WrongFilterTest,
    ::testing::Values(WrongCase{"colour = red", 1}, WrongCase{"verdict", 8}, WrongCase{"verdict review", 9},
                      WrongCase{"verdict == review", 9}, WrongCase{"verdict =! review", 9}, WrongCase{"verdict >=", 11},
                      WrongCase{"verdict >= suspect", 12}, WrongCase{"verdict >= REVIEW", 12},
                      WrongCase{"verdict = 2", 11}, WrongCase{"label >= benign", 7}, WrongCase{"label = good", 9},
                      WrongCase{"risk > high", 8}, WrongCase{"risk > nan", 8}, WrongCase{"risk > inf", 8},
                      WrongCase{"risk > 0.5x", 8}, WrongCase{"event_count > -1", 15},
                      WrongCase{"event_count > 1.5", 15}, WrongCase{"event_count > 18446744073709551616", 15},
                      WrongCase{"account_id = \"x", 14}, WrongCase{"account_id = \"x\\\"", 14},
                      WrongCase{"risk > 0.5 risk < 1", 12}, WrongCase{"risk > 0.5 OR risk < 1", 12},
                      WrongCase{"risk > 0.5 and risk < 1", 12}, WrongCase{"risk > 0.5 AND", 15},
                      WrongCase{"risk > 0.5 AND AND", 16}, WrongCase{"AND risk > 0.5", 1},
                      WrongCase{"account_id = \"x\"y", 17}, WrongCase{"= 1", 1}));

TEST(SuspectFilterTest, LengthIsBounded) {
  const std::string prefix = "account_id = ";
  EXPECT_TRUE(SuspectFilter::Parse(prefix + std::string(kFilterBytesMax - prefix.size(), 'x')).ok());
  EXPECT_EQ(SuspectFilter::Parse(prefix + std::string(kFilterBytesMax - prefix.size() + 1, 'x')).status().code(),
            Code::kInvalidArgument);
}

// Whatever bytes come, they are parsed or refused, and what is parsed decides about an account.
TEST(SuspectFilterTest, RandomPiecesNeverBreakTheParser) {
  const std::vector<std::string> pieces = {"verdict", "label", "risk",   "event_count", "account_id", " ",    "  ",
                                           "=",       "!=",    "<",      ">=",          "AND",        "\"",   "'",
                                           "\\",      "0.5",   "review", "benign",      "\xff",       "\n",   "-",
                                           "1e999",   "x",     "(",      ")",           "NOT",        "\x01", "12"};
  std::mt19937 random(20240607);
  int parsed_count = 0;
  for (int round = 0; round < 200'000; ++round) {
    std::string text;
    for (size_t count = random() % 12; count > 0; --count) text += pieces[random() % pieces.size()];
    const Result<SuspectFilter> filter = SuspectFilter::Parse(text);
    if (filter.ok()) {
      ++parsed_count;
      static_cast<void>(filter.value().Matches(MakeAccount()));
    } else {
      ASSERT_EQ(filter.status().code(), Code::kInvalidArgument) << text;
    }
  }
  EXPECT_GT(parsed_count, 0);
}

std::vector<std::string> Ordered(std::string_view order_by) {
  std::vector<AccountSummary> accounts;
  for (const auto& [id, risk, events] :
       {std::tuple("b", 0.5, 10u), std::tuple("a", 0.5, 30u), std::tuple("c", 1e-300, 20u), std::tuple("d", 0.0, 20u),
        std::tuple("e", 1.0, 0u)}) {
    accounts.push_back({.account_id = id, .organization_id = "", .risk = risk, .event_count = events});
  }
  const Result<SuspectOrder> order = SuspectOrder::Parse(order_by);
  EXPECT_TRUE(order.ok()) << order_by;
  if (!order.ok()) return {};
  std::vector<SortKey> keys;
  for (const AccountSummary& account : accounts) keys.push_back(order.value().KeyOf(account));
  std::sort(keys.begin(), keys.end());
  std::vector<std::string> ids;
  for (const SortKey& key : keys) ids.push_back(key.account_id);
  return ids;
}

TEST(SuspectOrderTest, OrdersByFieldThenByAccountId) {
  using Ids = std::vector<std::string>;
  EXPECT_EQ(Ordered(""), (Ids{"e", "a", "b", "c", "d"}));
  EXPECT_EQ(Ordered("risk desc"), (Ids{"e", "a", "b", "c", "d"}));
  EXPECT_EQ(Ordered("risk"), (Ids{"d", "c", "a", "b", "e"}));
  EXPECT_EQ(Ordered("event_count desc"), (Ids{"a", "c", "d", "b", "e"}));
  EXPECT_EQ(Ordered("event_count"), (Ids{"e", "b", "c", "d", "a"}));
  EXPECT_EQ(Ordered("account_id"), (Ids{"a", "b", "c", "d", "e"}));
}

TEST(SuspectOrderTest, UnknownOrderIsRefused) {
  for (const char* text : {"verdict", "risk asc", "risk DESC", " ", "risk, account_id"}) {
    EXPECT_EQ(SuspectOrder::Parse(text).status().code(), Code::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace stillwatch::query
