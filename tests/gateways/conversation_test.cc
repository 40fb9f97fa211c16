#include "gateways/conversation.h"

#include <gtest/gtest.h>

#include <vector>

namespace stillwatch::gateways {
namespace {

Conversation Input(std::string_view text) {
  Conversation out;
  ConversationReader().ReadInput(text, out);
  return out;
}

Conversation Output(std::string_view text) {
  Conversation out;
  ConversationReader().ReadOutput(text, out);
  return out;
}

TEST(ConversationTest, ReadsTheFormsOfInput) {
  for (
      const char* text : {
          R"([{"role":"system","content":"Be brief."},{"role":"user","content":"old"},{"role":"assistant","content":"a"},{"role":"user","content":"Hi there"}])",
          R"([{"role":"system","parts":[{"type":"text","content":"Be brief."}]},{"role":"user","parts":[{"type":"text","content":"old"}]},{"role":"assistant","parts":[{"type":"text","content":"a"}]},{"role":"user","parts":[{"type":"text","content":"Hi there"}]}])",
          R"({"model":"m","system":[{"type":"text","text":"Be brief."}],"messages":[{"role":"user","content":"old"},{"role":"assistant","content":"a"},{"role":"user","content":[{"type":"text","text":"Hi there"},{"type":"image_url","image_url":{"url":"data:"}}]}]})",
          R"({"instructions":"Be brief.","input":[{"role":"user","content":[{"type":"input_text","text":"old"}]},{"role":"assistant","content":"a"},{"role":"user","content":"Hi there"}]})",
          R"({"system_instruction":{"parts":[{"text":"Be brief."}]},"contents":[{"role":"user","parts":[{"text":"old"}]},{"role":"model","parts":[{"text":"a"}]},{"role":"user","parts":[{"text":"Hi there"}]}]})",
      }) {
    const Conversation read = Input(text);
    EXPECT_EQ(read.system_prompt, "Be brief.") << text;
    EXPECT_EQ(read.prompt, "Hi there") << text;
    EXPECT_EQ(read.message_count, 3u) << text;
  }
}

TEST(ConversationTest, PlainTextIsAMessageOfTheUser) {
  for (const char* text : {"Hi there", R"({"prompt":"Hi there"})", R"(["Hi there"])", R"({"input":"Hi there"})"}) {
    EXPECT_EQ(Input(text).prompt, "Hi there") << text;
    EXPECT_EQ(Input(text).message_count, 1u) << text;
  }
  EXPECT_EQ(Input("{not json").prompt, "{not json");
  EXPECT_EQ(Input("[1] is a citation").prompt, "[1] is a citation");
}

TEST(ConversationTest, WithoutTextNothingIsKnown) {
  for (const char* text : {"[]", "[1,2]", R"([{"role":"user","content":[{"type":"image","data":"x"}]}])",
                           R"([{"role":"tool","content":"result"}])", R"({"messages":null})"}) {
    EXPECT_EQ(Input(text).prompt, "") << text;
  }
}

TEST(ConversationTest, ARequestWithoutMessagesHasNoneAndIsNone) {
  const Conversation read = Input(R"({"model":"m","temperature":0.5})");
  EXPECT_FALSE(read.message_count.has_value());
  EXPECT_EQ(read.prompt, "");
}

TEST(ConversationTest, ReadsTheFormsOfOutput) {
  for (
      const char* text : {
          "Hello!",
          R"([{"role":"assistant","parts":[{"type":"reasoning","content":"hm"},{"type":"text","content":"Hello!"}],"finish_reason":"stop"}])",
          R"({"id":"x","choices":[{"index":0,"message":{"role":"assistant","content":"Hello!"},"finish_reason":"stop"},{"index":1,"message":{"content":"other"}}]})",
          R"({"choices":[{"text":"Hello!","finish_reason":"stop"}]})",
          R"({"role":"assistant","content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"Hello!"}],"stop_reason":"stop"})",
          R"({"candidates":[{"content":{"parts":[{"text":"Hello!"}]},"finishReason":"stop"}]})",
          R"({"output":[{"type":"reasoning","summary":[]},{"type":"message","content":[{"type":"output_text","text":"Hello!"}]}]})",
          R"({"content":"Hello!","role":"assistant"})",
      }) {
    const Conversation read = Output(text);
    EXPECT_EQ(read.completion, "Hello!") << text;
    const bool is_told = std::string_view(text).find("stop") != std::string_view::npos;
    EXPECT_EQ(read.finish_reason, is_told ? "stop" : "") << text;
  }
}

TEST(ConversationTest, NumberedMessagesCountInTheirOrder) {
  const std::vector<NumberedMessage> messages = {
      {2, "user", R"([{"type":"text","text":"new"}])"}, {0, "system", "Be brief."}, {1, "user", "old"}};
  Conversation out;
  ConversationReader().ReadInput(messages, out);
  EXPECT_EQ(out.system_prompt, "Be brief.");
  EXPECT_EQ(out.prompt, "new");
  EXPECT_EQ(out.message_count, 2u);
}

TEST(ConversationTest, DeepNestingIsHarmless) {
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += R"({"messages":[)";
  EXPECT_EQ(Input(deep).prompt, deep);
  std::string closed = "\"deep\"";
  for (int i = 0; i < 400; ++i) closed = R"({"content":[)" + closed + "]}";
  EXPECT_EQ(Input(closed).prompt, "");
  std::string nested = R"({"role":"user","content":"inner"})";
  for (int i = 0; i < 400; ++i) nested = R"({"messages":[)" + nested + "]}";
  EXPECT_EQ(Input(nested).prompt, "inner");
}

TEST(ConversationTest, EntriesAreCounted) {
  ConversationReader reader;
  EXPECT_EQ(reader.CountEntries(R"([{"a":1},{"b":2}])"), 2u);
  EXPECT_EQ(reader.CountEntries(R"({"50256":-100,"11":5,"12":1})"), 3u);
  EXPECT_EQ(reader.CountEntries("text"), std::nullopt);
}

}  // namespace
}  // namespace stillwatch::gateways
