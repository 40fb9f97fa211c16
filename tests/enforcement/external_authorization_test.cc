#include "enforcement/external_authorization.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace stillwatch::enforcement {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ExternalAuthorizationTest : public ::testing::Test {
 protected:
  envoy::service::auth::v3::CheckResponse Ask(const std::string& account_id,
                                              RefusalStatus refusal = RefusalStatus::kForbidden) {
    const ExternalAuthorization service(
        AccountSelector::Parse(DefaultAccountPlaces()).value(),
        [](std::string_view id) {
          query::CheckAnswer answer;
          if (id == "thief") answer = {{Verdict::kAct, Label::kUnlabelled, 5}, Permission::kRefused};
          if (id == "shadowed") answer = {{Verdict::kAct, Label::kUnlabelled, 5}, Permission::kAllowedInShadow};
          return answer;
        },
        refusal);
    envoy::service::auth::v3::CheckRequest request;
    if (!account_id.empty()) {
      (*request.mutable_attributes()->mutable_request()->mutable_http()->mutable_headers())["x-account-id"] =
          account_id;
    }
    envoy::service::auth::v3::CheckResponse response;
    service.Answer(request, response);
    return response;
  }
};

TEST_F(ExternalAuthorizationTest, OthersGoOn) {
  for (const char* account_id : {"", "honest"}) {
    const auto response = Ask(account_id);
    EXPECT_EQ(response.status().code(), grpc::StatusCode::OK);
    EXPECT_TRUE(response.has_status());
    EXPECT_FALSE(response.has_denied_response());
    EXPECT_EQ(response.ok_response().headers_size(), 0);
  }
}

TEST_F(ExternalAuthorizationTest, ARefusedClientLearnsThatAndNotWhy) {
  const auto response = Ask("thief");
  EXPECT_EQ(response.status().code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(response.denied_response().status().code(), 403);
  ASSERT_EQ(response.denied_response().headers_size(), 1);
  EXPECT_EQ(response.denied_response().headers(0).header().key(), "content-type");
  EXPECT_EQ(response.denied_response().headers(0).header().value(), "application/json");
  EXPECT_THAT(response.denied_response().body(), HasSubstr("\"account_under_review\""));
  for (const char* secret : {"verdict", "risk", "thief", "distil", "detector"}) {
    EXPECT_THAT(response.denied_response().body(), Not(HasSubstr(secret)));
  }
}

TEST_F(ExternalAuthorizationTest, TheStatusCanBeChosen) {
  EXPECT_EQ(Ask("thief", RefusalStatus::kTooManyRequests).denied_response().status().code(), 429);
}

TEST_F(ExternalAuthorizationTest, InShadowModeTheRequestGoesOnMarked) {
  const auto response = Ask("shadowed");
  EXPECT_EQ(response.status().code(), grpc::StatusCode::OK);
  EXPECT_FALSE(response.has_denied_response());
  ASSERT_EQ(response.ok_response().headers_size(), 1);
  EXPECT_EQ(response.ok_response().headers(0).header().key(), "x-stillwatch-verdict");
  EXPECT_EQ(response.ok_response().headers(0).header().value(), "act");
  EXPECT_EQ(response.dynamic_metadata().fields().at("verdict").string_value(), "act");
}

}  // namespace
}  // namespace stillwatch::enforcement
