#include "gateways/json_body.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace stillwatch::gateways {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Read {
  std::vector<std::string> taken;
  std::vector<uint32_t> refused;
  Status status;
};

Read ReadBody(const std::string& body) {
  Read out;
  out.status = ForEachJson(
      body,
      [&out](uint32_t line, const simdjson::dom::object& message, std::string_view /*text*/) {
        out.taken.push_back(std::to_string(line) + ":" + simdjson::minify(message));
      },
      [&out](uint32_t line, const std::string& reason) {
        EXPECT_FALSE(reason.empty());
        out.refused.push_back(line);
      });
  return out;
}

TEST(JsonBodyTest, TheThreeFormsAreRead) {
  EXPECT_THAT(ReadBody(" [ {\"a\": 1}, {\"b\": 2} ]\n").taken, ElementsAre("1:{\"a\":1}", "2:{\"b\":2}"));
  EXPECT_THAT(ReadBody("{\"a\":1}").taken, ElementsAre("1:{\"a\":1}"));
  EXPECT_THAT(ReadBody("{\n  \"a\": {\n    \"b\": 1\n  }\n}\n").taken, ElementsAre("1:{\"a\":{\"b\":1}}"));
  EXPECT_THAT(ReadBody("{\"a\":1}\r\n\n{\"b\":2}\n").taken, ElementsAre("1:{\"a\":1}", "3:{\"b\":2}"));
  EXPECT_THAT(ReadBody("").taken, IsEmpty());
  EXPECT_THAT(ReadBody("[]").taken, IsEmpty());
}

TEST(JsonBodyTest, ABadLineDoesNotStopTheOthers) {
  const Read read = ReadBody("{\"a\":1}\n{broken\n7\n{\"b\":2}");
  EXPECT_THAT(read.taken, ElementsAre("1:{\"a\":1}", "4:{\"b\":2}"));
  EXPECT_THAT(read.refused, ElementsAre(2, 3));
  EXPECT_TRUE(read.status.ok());
}

TEST(JsonBodyTest, AListWithWhatIsNoObjectIsReadAllTheSame) {
  const Read read = ReadBody("[{\"a\":1}, 7, {\"b\":2}]");
  EXPECT_THAT(read.taken, ElementsAre("1:{\"a\":1}", "3:{\"b\":2}"));
  EXPECT_THAT(read.refused, ElementsAre(2));
}

TEST(JsonBodyTest, ABrokenListIsRefusedWhole) {
  const Read read = ReadBody("[{\"a\":1}, {\"b\":");
  EXPECT_THAT(read.taken, IsEmpty());
  EXPECT_EQ(read.status.code(), Code::kInvalidArgument);
}

TEST(JsonBodyTest, DeepNestingIsRefused) {
  const std::string deep = std::string(kBodyDepthMax, '[') + std::string(kBodyDepthMax, ']');
  EXPECT_THAT(ReadBody("{\"a\":" + deep + "}\n{\"b\":1}").refused, ElementsAre(1));
  EXPECT_FALSE(ReadBody(std::string(1'000'000, '[')).status.ok());
}

}  // namespace
}  // namespace stillwatch::gateways
