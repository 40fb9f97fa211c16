#include "gateways/portkey_usage.h"

#include <gtest/gtest.h>

#include <bit>
#include <string>

#include "tests/gateways/intake_harness.h"

namespace stillwatch::gateways {
namespace {

// As @portkey-ai/gateway 1.15 sends it, with an answer of ten seconds before kNow.
constexpr char kAfter[] =
    R"({"request":{"json":{"model":"small-1","temperature":0.7,"n":2,"seed":-3,"max_tokens":50,"top_logprobs":5,)"
    R"("logit_bias":{"1":2,"3":4},"tools":[{}],"user":"end-user","messages":[{"role":"system","content":"Be brief."},)"
    R"({"role":"user","content":"First."},{"role":"assistant","content":"Yes?"},)"
    R"({"role":"user","content":[{"type":"text","text":"Say "},{"type":"text","text":"hello."}]}]},)"
    R"("text":"Say hello.","isStreamingRequest":false},"response":{"json":{"id":"chatcmpl-1","created":1779999990,)"
    R"("model":"small-1-2025","choices":[{"index":0,"message":{"role":"assistant","content":"Hello."},)"
    R"("finish_reason":"stop"}],"usage":{"prompt_tokens":11,"completion_tokens":7,)"
    R"("prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":2}}},)"
    R"("text":"Hello.","statusCode":200},"provider":"openai","requestType":"chatComplete",)"
    R"("metadata":{"_user":"acct-1"},"eventType":"afterRequestHook"})";

class PortkeyUsageTest : public ::testing::Test {
 protected:
  // What is on disk after these bodies, in one batch or none.
  std::vector<std::shared_ptr<UsageBatch>> Take(const std::vector<std::string>& bodies) {
    for (const std::string& body : bodies) {
      http::Request request;
      request.body = body;
      request.peer = "203.0.113.5:4000";
      usage_.Take(request, [this](const Status& status) { done_ += status.ok() ? "ok " : "failed "; });
    }
    harness_.pipeline->Drain();
    return harness_.ReadLog();
  }
  std::shared_ptr<UsageBatch> TakeOne(const std::string& body) {
    const auto blocks = Take({body});
    return blocks.size() == 1 && blocks[0]->size() == 1 ? blocks[0] : nullptr;
  }

  IntakeHarness harness_;
  PortkeyUsage usage_{harness_.resources, harness_.catalog};
  std::string done_;
};

TEST_F(PortkeyUsageTest, EveryFieldThatIsToldArrives) {
  const auto event = TakeOne(kAfter);
  ASSERT_NE(event, nullptr);
  EXPECT_EQ(done_, "ok ");
  const auto text = [&](TextField field) { return event->text(0, field); };
  EXPECT_EQ(text(TextField::kEventId), "chatcmpl-1");
  EXPECT_EQ(text(TextField::kAccountId), "acct-1");
  EXPECT_EQ(text(TextField::kEndUserId), "end-user");
  EXPECT_EQ(text(TextField::kOperationName), "chat");
  EXPECT_EQ(text(TextField::kRequestModel), "small-1");
  EXPECT_EQ(text(TextField::kResponseModel), "small-1-2025");
  EXPECT_EQ(text(TextField::kFinishReason), "stop");
  EXPECT_EQ(event->time_unix_nano(0), 1'779'999'990 * kNanosecondsPerSecond);
  const auto number = [&](NumberField field) { return event->has(0, field) ? event->number(0, field) : 999'999; };
  EXPECT_EQ(std::bit_cast<double>(number(NumberField::kTemperature)), 0.7);
  EXPECT_EQ(number(NumberField::kChoiceCount), 2U);
  EXPECT_EQ(static_cast<int64_t>(number(NumberField::kSeed)), -3);
  EXPECT_EQ(number(NumberField::kMaxTokens), 50U);
  EXPECT_EQ(number(NumberField::kTopLogprobs), 5U);
  EXPECT_EQ(number(NumberField::kLogitBiasCount), 2U);
  EXPECT_EQ(number(NumberField::kToolCount), 1U);
  EXPECT_EQ(number(NumberField::kStream), 0U);
  EXPECT_EQ(number(NumberField::kMessageCount), 3U);
  EXPECT_EQ(number(NumberField::kInputTokens), 11U);
  EXPECT_EQ(number(NumberField::kOutputTokens), 7U);
  EXPECT_EQ(number(NumberField::kCacheReadInputTokens), 4U);
  EXPECT_EQ(number(NumberField::kReasoningTokens), 2U);
  EXPECT_EQ(number(NumberField::kStatusCode), 200U);
  UsageBatch digested;
  digested.AddRow();
  harness_.digester.Digest("Be brief.", "Say \nhello.", "Hello.", digested, 0);
  for (const NumberField field : {NumberField::kSystemHash, NumberField::kPromptHash, NumberField::kCompletionHash}) {
    EXPECT_EQ(number(field), digested.number(0, field));
  }
}

TEST_F(PortkeyUsageTest, WhatIsNotToldStaysUnknown) {
  const auto event =
      TakeOne(R"({"request":{"json":{"temperature":"hot","n":-1,"user":"acct-1"}},"response":{"statusCode":500}})");
  ASSERT_NE(event, nullptr);
  EXPECT_EQ(event->text(0, TextField::kAccountId), "acct-1");
  EXPECT_EQ(event->time_unix_nano(0), kNow);
  EXPECT_EQ(event->number(0, NumberField::kStatusCode), 500U);
  for (const NumberField field : {NumberField::kTemperature, NumberField::kChoiceCount, NumberField::kInputTokens,
                                  NumberField::kStream, NumberField::kMessageCount, NumberField::kPromptHash}) {
    EXPECT_FALSE(event->has(0, field));
  }
}

TEST_F(PortkeyUsageTest, ACallThatIsStillToComeIsNoneAndIsCountedAsSuch) {
  EXPECT_TRUE(Take({R"({"metadata":{"_user":"a"},"response":{"json":{},"statusCode":null},"eventType":"beforeRequestHook"})",
                    R"({"metadata":{"_user":"a"},"response":{"statusCode":200},"eventType":"beforeRequestHook"})", "{}"})
                  .empty());
  EXPECT_EQ(done_, "ok ok ok ");
  EXPECT_EQ(harness_.sources.Note("portkey", "203.0.113.5")->ignored, 3U);
}

TEST_F(PortkeyUsageTest, TheSameAnswerCountsOnceAndOneOfNobodyNot) {
  const auto blocks = Take({kAfter, kAfter, R"({"response":{"statusCode":200}})"});
  ASSERT_EQ(blocks.size(), 1U);
  EXPECT_EQ(blocks[0]->size(), 1U);
  EXPECT_EQ(done_, "ok ok ok ");
  const auto source = harness_.sources.Note("portkey", "203.0.113.5");
  EXPECT_EQ(source->accepted, 1U);
  EXPECT_EQ(source->duplicate, 1U);
}

TEST_F(PortkeyUsageTest, AnAnswersTimeOfAnotherClockIsNotBelieved) {
  std::vector<std::string> bodies;
  for (const char* created : {"1779990000", "1880000000", "18446744073709551615"}) {
    bodies.push_back(R"({"metadata":{"_user":"a"},"response":{"statusCode":200,"json":{"id":")" + std::string(created) +
                     R"(","created":)" + created + "}}}");
  }
  size_t count = 0;
  for (const auto& block : Take(bodies)) {
    for (size_t row = 0; row < block->size(); ++row, ++count) EXPECT_EQ(block->time_unix_nano(row), kNow);
  }
  EXPECT_EQ(count, bodies.size());
}

TEST_F(PortkeyUsageTest, TheAccountStandsWhereTheMappingSays) {
  const char kBody[] = R"({"metadata":{"_user":"a","tenant":"t"},"request":{"json":{"user":"b"}}})";
  EXPECT_EQ(usage_.AccountIn(kBody), "a");
  EXPECT_EQ(usage_.AccountIn(R"({"metadata":{"_user":1.5},"request":{"json":{"user":"b"}}})"), "b");
  MappingTable table = MappingTable::BuiltIn();
  ASSERT_TRUE(table.Merge("[listeners.portkey]\naccount_id = [\"metadata.tenant\", \"...\"]\n", "own.toml").ok());
  ListenerCatalog catalog(std::move(table));
  EXPECT_EQ(PortkeyUsage(harness_.resources, catalog).AccountIn(kBody), "t");
}

TEST_F(PortkeyUsageTest, AnAccountMayBeAWholeNumber) {
  EXPECT_EQ(usage_.AccountIn(R"({"metadata":{"_user":1007}})"), "1007");
  EXPECT_EQ(usage_.AccountIn(R"({"metadata":{"_user":18446744073709551615}})"), "18446744073709551615");
}

TEST_F(PortkeyUsageTest, WhereNoAccountIsToldNoneIsFound) {
  for (const char* body : {"{}", R"({"metadata":null})", R"({"metadata":{"_user":""}})", R"({"request":[]})"}) {
    EXPECT_EQ(usage_.AccountIn(body), "") << body;
  }
  for (const char* body : {"", "[]", "{", "\"thief\""}) EXPECT_EQ(usage_.AccountIn(body), std::nullopt) << body;
}

// The gateway asks for the account under which its calls are counted, and no other.
TEST_F(PortkeyUsageTest, ASecretIsAskedForAsItIsCounted) {
  MappingTable table = MappingTable::BuiltIn();
  ASSERT_TRUE(
      table.Merge("[listeners.portkey]\naccount_id = [{ key = \"metadata.key\", hash = true }]\n", "own.toml").ok());
  IntakeHarness harness;
  ListenerCatalog catalog(std::move(table));
  PortkeyUsage usage(harness.resources, catalog);
  http::Request request;
  request.body = R"({"metadata":{"key":"Bearer sk-1"},"response":{"statusCode":200}})";
  usage.Take(request, [](const Status&) {});
  harness.pipeline->Drain();
  const auto blocks = harness.ReadLog();
  ASSERT_EQ(blocks.size(), 1U);
  EXPECT_EQ(usage.AccountIn(request.body), blocks[0]->text(0, TextField::kAccountId));
  EXPECT_EQ(usage.AccountIn(request.body)->size(), 64U);
}

}  // namespace
}  // namespace stillwatch::gateways
