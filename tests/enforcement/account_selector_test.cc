#include "enforcement/account_selector.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace stillwatch::enforcement {
namespace {

using envoy::service::auth::v3::AttributeContext;

std::string Find(const std::vector<std::string>& places, const AttributeContext& attributes) {
  const Result<AccountSelector> selector = AccountSelector::Parse(places);
  EXPECT_TRUE(selector.ok()) << selector.status().message();
  return std::string(selector.value().Find(attributes));
}

AttributeContext FullContext() {
  AttributeContext attributes;
  (*attributes.mutable_context_extensions())["account_id"] = "of-the-route";
  (*attributes.mutable_request()->mutable_http()->mutable_headers())["x-account-id"] = "of-the-header";
  attributes.mutable_source()->set_principal("spiffe-name");
  auto& filters = *attributes.mutable_metadata_context()->mutable_filter_metadata();
  auto& claims =
      *(*filters["envoy.filters.http.jwt_authn"].mutable_fields())["payload"].mutable_struct_value()->mutable_fields();
  claims["sub"].set_string_value("of-the-token");
  claims["level"].set_number_value(3);
  auto& other = *(*filters["some.filter"].mutable_fields())["who"].mutable_struct_value()->mutable_fields();
  other["account"].set_string_value("of-the-filter");
  return attributes;
}

TEST(AccountSelectorTest, FindsTheAccountWhereItIsTold) {
  const AttributeContext attributes = FullContext();
  EXPECT_EQ(Find({"extension:account_id"}, attributes), "of-the-route");
  EXPECT_EQ(Find({"header:X-Account-Id"}, attributes), "of-the-header");
  EXPECT_EQ(Find({"jwt:sub"}, attributes), "of-the-token");
  EXPECT_EQ(Find({"metadata:some.filter/who/account"}, attributes), "of-the-filter");
  EXPECT_EQ(Find({"principal"}, attributes), "spiffe-name");
}

TEST(AccountSelectorTest, TheFirstPlaceThatHoldsATextCounts) {
  const AttributeContext attributes = FullContext();
  EXPECT_EQ(Find(DefaultAccountPlaces(), attributes), "of-the-route");
  EXPECT_EQ(Find({"extension:other", "jwt:level", "jwt:nothing", "header:x-account-id"}, attributes), "of-the-header");
}

TEST(AccountSelectorTest, AClaimMayStandInTheFiltersOwnMetadata) {
  AttributeContext attributes;
  auto& filters = *attributes.mutable_metadata_context()->mutable_filter_metadata();
  (*filters["envoy.filters.http.jwt_authn"].mutable_fields())["sub"].set_string_value("flat");
  EXPECT_EQ(Find({"jwt:sub"}, attributes), "flat");
}

TEST(AccountSelectorTest, NothingIsFoundWhereNothingIs) {
  EXPECT_EQ(Find(DefaultAccountPlaces(), {}), "");
  EXPECT_EQ(Find({"principal", "metadata:a/b"}, {}), "");
}

TEST(AccountSelectorTest, ATextTooLongForANameIsNone) {
  AttributeContext attributes;
  (*attributes.mutable_request()->mutable_http()->mutable_headers())["x-account-id"] = std::string(257, 'a');
  EXPECT_EQ(Find(DefaultAccountPlaces(), attributes), "");
}

TEST(AccountSelectorTest, UnknownPlacesAreRefused) {
  for (const char* place : {"", "cookie:a", "header:", "jwt:", "extension", "metadata:filter", "principal:x"}) {
    EXPECT_EQ(AccountSelector::Parse({place}).status().code(), Code::kInvalidArgument) << place;
  }
}

}  // namespace
}  // namespace stillwatch::enforcement
