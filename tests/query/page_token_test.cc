#include "query/page_token.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "proto/limits.h"

namespace stillwatch::query {
namespace {

constexpr PageQuery kQuery = {"verdict >= review", "risk desc"};

SortKey MakeKey() { return {0xfedcba9876543210, "account-1"}; }

TEST(PageTokenTest, RoundTrips) {
  for (const SortKey& key : {MakeKey(), SortKey{0, ""}, SortKey{std::numeric_limits<uint64_t>::max(), "ä"},
                             SortKey{1, std::string(kNameBytesMax, 'x')}}) {
    const Result<SortKey> decoded = DecodePageToken(kQuery, EncodePageToken(kQuery, key));
    ASSERT_TRUE(decoded.ok()) << decoded.status().message();
    EXPECT_EQ(decoded.value(), key);
  }
}

TEST(PageTokenTest, IsMadeOfLettersThatNeedNoEscape) {
  const std::string token = EncodePageToken(kQuery, MakeKey());
  EXPECT_EQ(token.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
            std::string::npos);
}

TEST(PageTokenTest, OfAnotherQueryIsRefused) {
  const std::string token = EncodePageToken(kQuery, MakeKey());
  for (const PageQuery& other :
       {PageQuery{"verdict >= act", kQuery.order_by}, PageQuery{kQuery.filter, "risk"},
        PageQuery{"", "verdict >= reviewrisk desc"}, PageQuery{"verdict >= reviewrisk desc", ""}}) {
    EXPECT_EQ(DecodePageToken(other, token).status().code(), Code::kInvalidArgument) << other.filter;
  }
}

TEST(PageTokenTest, EveryChangedLetterIsFound) {
  const std::string token = EncodePageToken(kQuery, MakeKey());
  for (size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_EQ(DecodePageToken(kQuery, changed).status().code(), Code::kInvalidArgument) << i;
  }
}

TEST(PageTokenTest, EveryCutIsFound) {
  const std::string token = EncodePageToken(kQuery, MakeKey());
  for (size_t size = 0; size < token.size(); ++size) {
    EXPECT_EQ(DecodePageToken(kQuery, token.substr(0, size)).status().code(), Code::kInvalidArgument) << size;
  }
}

TEST(PageTokenTest, NoiseIsRefused) {
  for (const std::string& noise : {std::string("next"), std::string("????"), std::string(100'000, 'A')}) {
    EXPECT_EQ(DecodePageToken(kQuery, noise).status().code(), Code::kInvalidArgument);
  }
}

}  // namespace
}  // namespace stillwatch::query
