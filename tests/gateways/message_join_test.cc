#include "gateways/message_join.h"

#include <gtest/gtest.h>

namespace stillwatch::gateways {
namespace {

TEST(MessageJoinTest, MessagesWaitForTheirCall) {
  MessageJoin join([] { return int64_t{1}; });
  join.Add("source", "a", {{"user", "first"}});
  join.Add("source", "b", {{"user", "other"}});
  join.Add("source", "a", {{"", "second"}});
  const std::vector<OtlpMessage> messages = join.Take("a");
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[0].text, "first");
  EXPECT_EQ(messages[1].text, "second");
  EXPECT_TRUE(messages[1].is_answer());
  EXPECT_TRUE(join.Take("a").empty());
  EXPECT_EQ(join.Take("b").size(), 1u);
  EXPECT_EQ(join.held_bytes(), 0u);
}

TEST(MessageJoinTest, TheOldestGoBeyondTheBound) {
  MessageJoin join([] { return int64_t{1}; }, 10'000);
  size_t dropped = 0;
  for (int i = 0; i < 100; ++i) {
    dropped += join.Add("source", std::to_string(i), {{"user", std::string(1000, 'x')}});
    EXPECT_LE(join.held_bytes(), 10'000u);
  }
  EXPECT_TRUE(join.Take("0").empty());
  EXPECT_EQ(join.Take("99").size(), 1u);
  EXPECT_GT(dropped, 80u);
}

TEST(MessageJoinTest, TextIsNotKeptForLong) {
  int64_t now = 1;
  MessageJoin join([&now] { return now; });
  EXPECT_EQ(join.Add("source", "old", {{"user", "text"}}), 0u);
  now += MessageJoin::kAgeNanoMax + 1;
  EXPECT_EQ(join.Add("source", "new", {{"user", "text"}}), 1u);
  EXPECT_TRUE(join.Take("old").empty());
  EXPECT_EQ(join.Take("new").size(), 1u);

  join.Add("source", "last", {{"user", "text"}});
  EXPECT_EQ(join.DropOld(), 0u);
  now += MessageJoin::kAgeNanoMax + 1;
  EXPECT_EQ(join.DropOld(), 1u);
  EXPECT_EQ(join.held_bytes(), 0u);
}

TEST(MessageJoinTest, ACallThatComesAgainIsNotTakenForTheOldOne) {
  int64_t now = 1;
  MessageJoin join([&now] { return now; });
  join.Add("source", "call", {{"user", "text"}});
  EXPECT_EQ(join.Take("call").size(), 1u);
  now += MessageJoin::kAgeNanoMax;
  join.Add("source", "call", {{"user", "text"}});
  now += 2;
  join.Add("source", "other", {{"user", "text"}});
  EXPECT_EQ(join.Take("call").size(), 1u);
}

TEST(MessageJoinTest, AnswersAreExpectedOfSourcesThatTellThem) {
  int64_t now = 1;
  MessageJoin join([&now] { return now; });
  EXPECT_FALSE(join.Expects("source", "call"));
  join.Add("source", "call", {{"user", "question"}});
  EXPECT_TRUE(join.Expects("source", "call"));
  EXPECT_TRUE(join.Expects("source", "other"));
  EXPECT_FALSE(join.Expects("silent", "call"));
  join.Add("source", "call", {{"", "answer"}});
  EXPECT_FALSE(join.Expects("source", "call"));
  now += MessageJoin::kAgeNanoMax + 1;
  EXPECT_FALSE(join.Expects("source", "other"));
}

}  // namespace
}  // namespace stillwatch::gateways
