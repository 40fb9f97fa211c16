#include "enforcement/portkey_usage.h"

#include <gtest/gtest.h>

#include <string>

#include "proto/limits.h"

namespace stillwatch::enforcement {
namespace {

constexpr int64_t kNow = 1'750'000'010 * kNanosecondsPerSecond;

// As @portkey-ai/gateway 1.15 sends it.
constexpr char kAfter[] =
    R"({"request":{"json":{"model":"small-1","temperature":0.7,"n":2,"seed":-3,"max_tokens":50,"top_logprobs":5,)"
    R"("logit_bias":{"1":2,"3":4},"tools":[{}],"user":"end-user","messages":[{"role":"system","content":"Be brief."},)"
    R"({"role":"user","content":"First."},{"role":"assistant","content":"Yes?"},)"
    R"({"role":"user","content":[{"type":"text","text":"Say "},{"type":"text","text":"hello."}]}]},)"
    R"("text":"Say hello.","isStreamingRequest":false},"response":{"json":{"id":"chatcmpl-1","created":1750000000,)"
    R"("model":"small-1-2025","choices":[{"index":0,"message":{"role":"assistant","content":"Hello."},)"
    R"("finish_reason":"stop"}],"usage":{"prompt_tokens":11,"completion_tokens":7,)"
    R"("prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":2}}},)"
    R"("text":"Hello.","statusCode":200},"provider":"openai","requestType":"chatComplete",)"
    R"("metadata":{"_user":"acct-1"},"eventType":"afterRequestHook"})";

TEST(PortkeyUsageTest, EveryFieldThatIsToldArrives) {
  const auto event = PortkeyUsage(kAfter, "acct-1", kNow);
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->event_id(), "portkey/chatcmpl-1");
  EXPECT_EQ(event->account_id(), "acct-1");
  EXPECT_EQ(event->time_unix_nano(), 1'750'000'000'000'000'000u);
  EXPECT_EQ(event->operation_name(), "chat");
  EXPECT_EQ(event->request_model(), "small-1");
  EXPECT_EQ(event->response_model(), "small-1-2025");
  EXPECT_EQ(event->end_user_id(), "end-user");
  EXPECT_EQ(event->temperature(), 0.7);
  EXPECT_EQ(event->choice_count(), 2u);
  EXPECT_EQ(event->seed(), -3);
  EXPECT_EQ(event->max_tokens(), 50u);
  EXPECT_EQ(event->top_logprobs(), 5u);
  EXPECT_EQ(event->logit_bias_count(), 2u);
  EXPECT_EQ(event->tool_count(), 1u);
  EXPECT_FALSE(event->stream());
  EXPECT_EQ(event->system_prompt(), "Be brief.");
  EXPECT_EQ(event->prompt(), "Say hello.");
  EXPECT_EQ(event->completion(), "Hello.");
  EXPECT_EQ(event->message_count(), 3u);
  EXPECT_EQ(event->finish_reason(), "stop");
  EXPECT_EQ(event->input_tokens(), 11u);
  EXPECT_EQ(event->output_tokens(), 7u);
  EXPECT_EQ(event->cache_read_input_tokens(), 4u);
  EXPECT_EQ(event->reasoning_tokens(), 2u);
  EXPECT_EQ(event->status_code(), 200u);
}

TEST(PortkeyUsageTest, WhatIsNotToldStaysUnknown) {
  const auto event = PortkeyUsage(R"({"request":{"json":{"temperature":"hot","n":-1}},"response":{"statusCode":500}})",
                                  "acct-1", kNow);
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->time_unix_nano(), static_cast<uint64_t>(kNow));
  EXPECT_EQ(event->status_code(), 500u);
  EXPECT_FALSE(event->has_temperature());
  EXPECT_FALSE(event->has_choice_count());
  EXPECT_FALSE(event->has_input_tokens());
  EXPECT_FALSE(event->has_stream());
  EXPECT_FALSE(event->has_message_count());
  EXPECT_EQ(event->prompt(), "");
  EXPECT_FALSE(event->event_id().empty());
}

TEST(PortkeyUsageTest, ACallThatIsStillToComeIsNone) {
  EXPECT_FALSE(
      PortkeyUsage(R"({"response":{"json":{},"statusCode":null},"eventType":"beforeRequestHook"})", "a", kNow));
  EXPECT_FALSE(PortkeyUsage(R"({"response":{"statusCode":200},"eventType":"beforeRequestHook"})", "a", kNow));
  for (const char* body : {"", "[]", "{}", "nonsense"}) EXPECT_FALSE(PortkeyUsage(body, "a", kNow)) << body;
}

TEST(PortkeyUsageTest, AnAnswersTimeOfAnotherClockIsNotBelieved) {
  for (const char* created : {"1749990000", "1850000000", "18446744073709551615"}) {
    const std::string body = std::string(R"({"response":{"statusCode":200,"json":{"created":)") + created + "}}}";
    EXPECT_EQ(PortkeyUsage(body, "a", kNow)->time_unix_nano(), static_cast<uint64_t>(kNow)) << created;
  }
}

}  // namespace
}  // namespace stillwatch::enforcement
