#include "enforcement/guardrail.h"

#include <gtest/gtest.h>

#include <string>

namespace stillwatch::enforcement {
namespace {

class GuardrailTest : public ::testing::Test {
 protected:
  http::Response Ask(const std::string& body, Guardrail::TakeUsage take_usage = nullptr) {
    const Guardrail guardrail(
        [](std::string_view id) {
          query::CheckAnswer answer;
          if (id == "thief" || id == "1007" || id == "18446744073709551615") answer.permission = Permission::kRefused;
          if (id == "shadowed") answer.permission = Permission::kAllowedInShadow;
          return answer;
        },
        {"metadata._user", "request.json.user"}, std::move(take_usage));
    http::Response answer;
    answer.status = 0;
    http::Request request;
    request.body = body;
    guardrail.Answer(std::move(request), http::Responder([&answer](http::Response response) { answer = response; }));
    return answer;
  }
};

TEST_F(GuardrailTest, AnAccountThatIsRefusedGetsAFalseVerdict) {
  EXPECT_EQ(Ask(R"({"metadata":{"_user":"thief"}})").body, R"({"verdict":false})");
  EXPECT_EQ(Ask(R"({"metadata":{"_user":"honest"}})").body, R"({"verdict":true})");
}

TEST_F(GuardrailTest, AnAccountMayBeAWholeNumber) {
  EXPECT_EQ(Ask(R"({"metadata":{"_user":1007}})").body, R"({"verdict":false})");
  EXPECT_EQ(Ask(R"({"metadata":{"_user":18446744073709551615}})").body, R"({"verdict":false})");
  EXPECT_EQ(Ask(R"({"metadata":{"_user":7}})").body, R"({"verdict":true})");
}

TEST_F(GuardrailTest, TheFirstPlaceThatHoldsATextCounts) {
  EXPECT_EQ(Ask(R"({"metadata":{"_user":1.5},"request":{"json":{"user":"thief"}}})").body, R"({"verdict":false})");
  EXPECT_EQ(Ask(R"({"metadata":{"_user":"honest"},"request":{"json":{"user":"thief"}}})").body, R"({"verdict":true})");
}

TEST_F(GuardrailTest, WhoeverIsNotToldGoesOn) {
  for (const char* body : {"{}", R"({"metadata":null})", R"({"metadata":{"_user":""}})", R"({"request":[]})"}) {
    EXPECT_EQ(Ask(body).body, R"({"verdict":true})") << body;
  }
}

TEST_F(GuardrailTest, ShadowModeMarksTheAnswer) {
  const http::Response response = Ask(R"({"metadata":{"_user":"shadowed"}})");
  EXPECT_EQ(response.body, R"({"verdict":true})");
  ASSERT_EQ(response.headers.size(), 1u);
  EXPECT_EQ(response.headers[0].first, "x-stillwatch-verdict");
}

TEST_F(GuardrailTest, WhatIsNoJsonObjectIsRefused) {
  for (const char* body : {"", "[]", "{", "\"thief\""}) EXPECT_EQ(Ask(body).status, 400) << body;
}

TEST_F(GuardrailTest, UsageIsTakenBeforeTheAnswer) {
  std::string taken;
  const auto take = [&taken](const http::Request& request, std::function<void(const Status&)> done) {
    taken = request.body;
    done(Status());
  };
  EXPECT_EQ(Ask(R"({"metadata":{"_user":"thief"}})", take).body, R"({"verdict":false})");
  EXPECT_EQ(taken, R"({"metadata":{"_user":"thief"}})");
  const auto fail = [](const http::Request&, std::function<void(const Status&)> done) {
    done({Code::kUnavailable, "the daemon is stopping"});
  };
  EXPECT_EQ(Ask(R"({"metadata":{"_user":"honest"}})", fail).status, 503);
}

}  // namespace
}  // namespace stillwatch::enforcement
