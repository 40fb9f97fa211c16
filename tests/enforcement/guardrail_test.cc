#include "enforcement/guardrail.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace stillwatch::enforcement {
namespace {

class GuardrailTest : public ::testing::Test {
 protected:
  // Of a body that is the account's name, and "[" for one that is no object.
  http::Response Ask(const std::string& body, Guardrail::TakeUsage take_usage = nullptr) {
    const Guardrail guardrail(
        [](std::string_view id) {
          query::CheckAnswer answer;
          if (id == "thief") answer.permission = Permission::kRefused;
          if (id == "shadowed") answer.permission = Permission::kAllowedInShadow;
          return answer;
        },
        [](const std::string& text) { return text == "[" ? std::nullopt : std::optional(text); },
        std::move(take_usage));
    http::Response answer;
    answer.status = 0;
    http::Request request;
    request.body = body;
    guardrail.Answer(std::move(request), http::Responder([&answer](http::Response response) { answer = response; }));
    return answer;
  }
};

TEST_F(GuardrailTest, AnAccountThatIsRefusedGetsAFalseVerdict) {
  EXPECT_EQ(Ask("thief").body, R"({"verdict":false})");
  EXPECT_EQ(Ask("honest").body, R"({"verdict":true})");
}

TEST_F(GuardrailTest, WhoeverIsNotToldGoesOn) { EXPECT_EQ(Ask("").body, R"({"verdict":true})"); }

TEST_F(GuardrailTest, ShadowModeMarksTheAnswer) {
  const http::Response response = Ask("shadowed");
  EXPECT_EQ(response.body, R"({"verdict":true})");
  ASSERT_EQ(response.headers.size(), 1u);
  EXPECT_EQ(response.headers[0].first, "x-stillwatch-verdict");
}

TEST_F(GuardrailTest, WhatIsNoJsonObjectIsRefused) { EXPECT_EQ(Ask("[").status, 400); }

TEST_F(GuardrailTest, UsageIsTakenBeforeTheAnswer) {
  std::string taken;
  const auto take = [&taken](const http::Request& request, std::function<void(const Status&)> done) {
    taken = request.body;
    done(Status());
  };
  EXPECT_EQ(Ask("thief", take).body, R"({"verdict":false})");
  EXPECT_EQ(taken, "thief");
  const auto fail = [](const http::Request&, std::function<void(const Status&)> done) {
    done({Code::kUnavailable, "the daemon is stopping"});
  };
  EXPECT_EQ(Ask("honest", fail).status, 503);
}

}  // namespace
}  // namespace stillwatch::enforcement
