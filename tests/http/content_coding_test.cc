#include "http/content_coding.h"

#include <gtest/gtest.h>

#include "tests/http/compression.h"

namespace stillwatch::http {
namespace {

constexpr size_t kPlenty = 1 << 20;

const std::string kText = [] {
  std::string text;
  for (int i = 0; i < 2000; ++i) text += std::to_string(i * i) + " ";
  return text;
}();

TEST(ContentCodingTest, UndoesWhatSendersDo) {
  EXPECT_EQ(DecodeContent("", kText, kPlenty).value(), kText);
  EXPECT_EQ(DecodeContent("identity", kText, kPlenty).value(), kText);
  EXPECT_EQ(DecodeContent("gzip", Compress(kText, Coding::kGzip), kPlenty).value(), kText);
  EXPECT_EQ(DecodeContent("deflate", Compress(kText, Coding::kZlib), kPlenty).value(), kText);
  EXPECT_EQ(DecodeContent("deflate", Compress(kText, Coding::kBare), kPlenty).value(), kText);
  EXPECT_EQ(DecodeContent("gzip", Compress("", Coding::kGzip), kPlenty).value(), "");
}

TEST(ContentCodingTest, MembersOfGzipFollowEachOther) {
  EXPECT_EQ(DecodeContent("gzip", Compress(kText, Coding::kGzip) + Compress("end", Coding::kGzip), kPlenty).value(),
            kText + "end");
}

TEST(ContentCodingTest, SizeIsBounded) {
  for (const char* coding : {"gzip", "deflate", "identity"}) {
    const std::string body = coding == std::string("gzip")      ? Compress(kText, Coding::kGzip)
                             : coding == std::string("deflate") ? Compress(kText, Coding::kZlib)
                                                                : kText;
    EXPECT_EQ(DecodeContent(coding, body, kText.size()).value(), kText) << coding;
    EXPECT_EQ(DecodeContent(coding, body, kText.size() - 1).status().code(), Code::kResourceExhausted) << coding;
  }
}

TEST(ContentCodingTest, DamageIsFound) {
  const std::string whole = Compress(kText, Coding::kGzip);
  for (size_t length = 0; length < whole.size(); length += 97) {
    EXPECT_EQ(DecodeContent("gzip", whole.substr(0, length), kPlenty).status().code(), Code::kInvalidArgument)
        << length;
  }
  std::string flipped = whole;
  flipped[whole.size() - 6] ^= 1;  // In the checksum.
  EXPECT_EQ(DecodeContent("gzip", flipped, kPlenty).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(DecodeContent("gzip", whole + "rest", kPlenty).status().code(), Code::kInvalidArgument);
}

TEST(ContentCodingTest, OtherCodingsAreNamed) {
  const Status status = DecodeContent("br", kText, kPlenty).status();
  EXPECT_EQ(status.code(), Code::kUnimplemented);
  EXPECT_NE(status.message().find("\"br\""), std::string::npos);
}

}  // namespace
}  // namespace stillwatch::http
