#include "enforcement/decision_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

namespace stillwatch::enforcement {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kNothing[] = R"({"new":[],"deleted":[]})";

class DecisionStreamTest : public ::testing::Test {
 protected:
  explicit DecisionStreamTest(EnforcementMode mode = EnforcementMode::kOn)
      : book_(
            {.mode = mode}, [this](std::string_view id) { return Standing(std::string(id)); }, [this] { return now_; }),
        stream_(book_, counters_, [this] { return now_; }) {}

  std::optional<detector::Standing> Standing(const std::string& id) { return detector::Standing{verdicts_[id], {}, 0}; }
  void SetVerdict(const std::string& id, Verdict verdict) {
    verdicts_[id] = verdict;
    book_.Reconsider(id);
  }
  std::string Pull(const std::string& query, const std::string& key = "one") {
    http::Request request;
    request.path = "/v1/decisions/stream";
    request.query = query;
    request.headers = {{"X-Api-Key", key}, {"User-Agent", "bouncer"}};
    request.peer = "127.0.0.1:" + std::to_string(++port_);
    const http::Response response = stream_.Pull(request);
    EXPECT_EQ(response.content_type, "application/json");
    return response.body;
  }
  std::string Query(const std::string& query) {
    http::Request request;
    request.query = query;
    return stream_.Query(request).body;
  }

  int64_t now_ = 1'000 * kNanosecondsPerHour;
  int port_ = 1000;
  std::map<std::string, Verdict> verdicts_;
  EnforcementCounters counters_;
  DecisionBook book_;
  DecisionStream stream_;
};

class ShadowStreamTest : public DecisionStreamTest {
 protected:
  ShadowStreamTest() : DecisionStreamTest(EnforcementMode::kShadow) {}
};

TEST_F(DecisionStreamTest, ADecisionHasTheFieldsOfCrowdSec) {
  SetVerdict("thief", Verdict::kAct);
  now_ += kNanosecondsPerMinute;
  EXPECT_EQ(Pull("startup=true"), R"({"new":[{"id":)" + std::to_string(book_.List()[0].id) +
                                      R"(,"origin":"stillwatch","type":"ban","scope":"account","value":"thief",)"
                                      R"("duration":"3h59m0s","scenario":"stillwatch/act"}],"deleted":[]})");
}

TEST_F(DecisionStreamTest, ABouncerGetsWhatChangedSinceItsLastPull) {
  EXPECT_EQ(Pull("startup=true"), kNothing);
  SetVerdict("thief", Verdict::kAct);
  EXPECT_THAT(Pull("startup=false"), HasSubstr(R"("value":"thief")"));
  EXPECT_EQ(Pull("startup=false"), kNothing);
  SetVerdict("thief", Verdict::kClear);
  const std::string ended = Pull("startup=false");
  EXPECT_THAT(ended, HasSubstr(R"("new":[],"deleted":[{"id":)"));
  EXPECT_THAT(ended, HasSubstr(R"("value":"thief")"));
  EXPECT_EQ(Pull("startup=false"), kNothing);
}

TEST_F(DecisionStreamTest, BouncersDoNotTakeChangesFromEachOther) {
  Pull("startup=true", "one");
  Pull("startup=true", "two");
  SetVerdict("thief", Verdict::kAct);
  EXPECT_THAT(Pull("startup=false", "one"), HasSubstr("thief"));
  EXPECT_THAT(Pull("startup=false", "two"), HasSubstr("thief"));
}

TEST_F(DecisionStreamTest, ABouncerThatIsNotKnownGetsEverythingAndWhatEndedLately) {
  SetVerdict("thief", Verdict::kAct);
  SetVerdict("pardoned", Verdict::kAct);
  SetVerdict("pardoned", Verdict::kClear);
  const std::string pulled = Pull("startup=false", "as after a restart");
  const size_t deleted = pulled.find("\"deleted\"");
  ASSERT_NE(deleted, std::string::npos);
  EXPECT_THAT(pulled.substr(0, deleted), HasSubstr("thief"));
  EXPECT_THAT(pulled.substr(deleted), HasSubstr("pardoned"));
}

TEST_F(DecisionStreamTest, WhatIsNotWantedIsNotSent) {
  SetVerdict("thief", Verdict::kAct);
  for (const char* query :
       {"scopes=ip,range", "origins=cscli", "scenarios_containing=ssh", "scenarios_not_containing=still"}) {
    EXPECT_EQ(Pull(std::string("startup=true&") + query), kNothing) << query;
  }
  for (const char* query : {"scopes=Account", "origins=stillwatch", "scenarios_containing=act,ssh",
                            "scenarios_not_containing=ssh", "scopes="}) {
    EXPECT_THAT(Pull(std::string("startup=true&") + query), HasSubstr("thief")) << query;
  }
}

TEST_F(DecisionStreamTest, ADecisionIsRepeatedWhenItIsRenewed) {
  SetVerdict("thief", Verdict::kAct);
  Pull("startup=true");
  now_ += 2 * kNanosecondsPerHour;
  EXPECT_THAT(Pull("startup=false"), HasSubstr(R"("duration":"4h0m0s")"));
}

TEST_F(DecisionStreamTest, WhoeverAskedLongestAgoIsForgotten) {
  Pull("startup=true", "first");
  for (size_t i = 0; i < kBouncerCountMax; ++i) Pull("startup=true", "key-" + std::to_string(i));
  SetVerdict("thief", Verdict::kAct);
  SetVerdict("thief", Verdict::kClear);
  EXPECT_THAT(Pull("startup=false", "first"), HasSubstr("thief"));
}

TEST_F(DecisionStreamTest, OneAccountCanBeAskedFor) {
  SetVerdict("thief", Verdict::kAct);
  EXPECT_THAT(Query("scope=account&value=thief"), HasSubstr(R"("value":"thief")"));
  EXPECT_EQ(Query("scope=account&value=other"), "null");
  EXPECT_EQ(Query("ip=192.0.2.1"), "null");
  EXPECT_THAT(Query(""), HasSubstr("thief"));
  EXPECT_EQ(counters_.answers[static_cast<size_t>(Interface::kDecisionQuery)][2], 1u);
}

TEST_F(ShadowStreamTest, NoDecisionBegins) {
  SetVerdict("thief", Verdict::kAct);
  EXPECT_EQ(Pull("startup=true"), kNothing);
  EXPECT_EQ(Query("value=thief"), "null");
  EXPECT_EQ(counters_.answers[static_cast<size_t>(Interface::kDecisionQuery)][1], 1u);
}

}  // namespace
}  // namespace stillwatch::enforcement
