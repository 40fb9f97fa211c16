// What bodies of LiteLLM and Kong become by the table of names.
#include "gateways/json_record.h"

#include <gtest/gtest.h>

#include <bit>
#include <string>

#include "gateways/json_body.h"
#include "tests/gateways/gateway_bodies.h"
#include "tests/gateways/intake_harness.h"

namespace stillwatch::gateways {
namespace {

class JsonRecordTest : public ::testing::Test {
 protected:
  // The one event of a body, by the mapping of `listener`.
  std::shared_ptr<UsageBatch> EventOf(std::string_view body, const std::string& listener) {
    EventBuilder builder(*harness_.catalog.mapper(listener), harness_.digester, kNow + kNanosecondsPerDay);
    Record record;
    const auto take = [&](uint32_t, const simdjson::dom::object& message, std::string_view text) {
      if (listener == "kong") {
        FillFromKong(message, text, record);
      } else {
        FillFromLiteLlm(message, record);
      }
      EXPECT_EQ(builder.Add(record, {}), EventBuilder::Outcome::kEvent);
    };
    EXPECT_TRUE(ForEachJson(body, take, [](uint32_t, const std::string& reason) { ADD_FAILURE() << reason; }).ok());
    for (const ingest::Rejection& rejection : builder.rejections()) ADD_FAILURE() << rejection.message;
    EXPECT_EQ(builder.unusable_field_count(), 0U);
    return builder.TakeBatch();
  }

  IntakeHarness harness_;
};

TEST_F(JsonRecordTest, EveryFieldOfLiteLlmIsFilled) {
  const auto event = EventOf(kLiteLlmPayload, "litellm");
  ASSERT_EQ(event->size(), 1U);
  EXPECT_EQ(event->text(0, TextField::kEventId), "chatcmpl-1");
  EXPECT_EQ(event->text(0, TextField::kAccountId), "user-1");
  EXPECT_EQ(event->text(0, TextField::kOrganizationId), "org-1");
  EXPECT_EQ(event->text(0, TextField::kApiKeyId), "hash-of-key");
  EXPECT_EQ(event->text(0, TextField::kEndUserId), "end-1");
  EXPECT_EQ(event->text(0, TextField::kClientAddress), "203.0.113.8");
  EXPECT_EQ(event->text(0, TextField::kOperationName), "chat");
  EXPECT_EQ(event->text(0, TextField::kRequestModel), "large");
  EXPECT_EQ(event->text(0, TextField::kResponseModel), "gpt-large-2026-06-01");
  EXPECT_EQ(event->text(0, TextField::kOutputType), "json");
  EXPECT_EQ(event->text(0, TextField::kFinishReason), "stop");
  EXPECT_EQ(event->time_unix_nano(0), 1'780'000'000'250'000'000);
  EXPECT_EQ(event->number(0, NumberField::kDurationMs), 3500U);
  EXPECT_EQ(event->number(0, NumberField::kTimeToFirstTokenMs), 500U);
  EXPECT_EQ(std::bit_cast<double>(event->number(0, NumberField::kTemperature)), 0.7);
  EXPECT_EQ(std::bit_cast<double>(event->number(0, NumberField::kTopP)), 0.9);
  EXPECT_EQ(event->number(0, NumberField::kMaxTokens), 256U);
  EXPECT_EQ(event->number(0, NumberField::kChoiceCount), 2U);
  EXPECT_EQ(event->number(0, NumberField::kSeed), 7U);
  EXPECT_EQ(event->number(0, NumberField::kTopLogprobs), 5U);
  EXPECT_EQ(event->number(0, NumberField::kLogitBiasCount), 2U);
  EXPECT_EQ(event->number(0, NumberField::kStream), 1U);
  EXPECT_EQ(event->number(0, NumberField::kToolCount), 1U);
  EXPECT_EQ(event->number(0, NumberField::kMessageCount), 1U);
  EXPECT_EQ(event->number(0, NumberField::kInputTokens), 120U);
  EXPECT_EQ(event->number(0, NumberField::kOutputTokens), 60U);
  EXPECT_EQ(event->number(0, NumberField::kCacheReadInputTokens), 40U);
  EXPECT_EQ(event->number(0, NumberField::kReasoningTokens), 16U);
  EXPECT_EQ(event->number(0, NumberField::kStatusCode), 200U);
  UsageBatch digest;
  digest.AddRow();
  harness_.digester.Digest("Be brief.", "What is a daemon?", "A program that waits.", digest, 0);
  for (const NumberField field : {NumberField::kSystemHash, NumberField::kPromptHash, NumberField::kCompletionHash}) {
    EXPECT_EQ(event->number(0, field), digest.number(0, field));
  }
}

TEST_F(JsonRecordTest, WhatLiteLlmDoesNotSayIsUnknown) {
  const auto event = EventOf(kLiteLlmFailure, "litellm");
  ASSERT_EQ(event->size(), 1U);
  EXPECT_EQ(event->number(0, NumberField::kStatusCode), 429U);
  EXPECT_EQ(event->text(0, TextField::kErrorType), "RateLimitError");
  EXPECT_EQ(event->text(0, TextField::kOperationName), "chat");
  EXPECT_EQ(event->number(0, NumberField::kDurationMs), 500U);
  EXPECT_TRUE(event->has(0, NumberField::kStream));
  for (const NumberField field :
       {NumberField::kTemperature, NumberField::kTopP, NumberField::kMaxTokens, NumberField::kChoiceCount,
        NumberField::kSeed, NumberField::kTopLogprobs, NumberField::kLogitBiasCount, NumberField::kToolCount,
        NumberField::kCacheReadInputTokens, NumberField::kReasoningTokens, NumberField::kCompletionHash,
        NumberField::kSystemHash}) {
    EXPECT_FALSE(event->has(0, field)) << Target(field).name();
  }
  for (const TextField field : {TextField::kOrganizationId, TextField::kEndUserId, TextField::kClientAddress,
                                TextField::kOutputType, TextField::kFinishReason, TextField::kConversationId}) {
    EXPECT_EQ(event->text(0, field), "") << Target(field).name();
  }
}

TEST_F(JsonRecordTest, EveryFieldOfKongIsFilled) {
  const auto event = EventOf(kKongEntry, "kong");
  ASSERT_EQ(event->size(), 1U);
  EXPECT_EQ(event->text(0, TextField::kEventId), "kong-request-1");
  EXPECT_EQ(event->text(0, TextField::kAccountId), "account-9");
  EXPECT_EQ(event->text(0, TextField::kApiKeyId), "credential-1");
  EXPECT_EQ(event->text(0, TextField::kEndUserId), "end-2");
  EXPECT_EQ(event->text(0, TextField::kClientAddress), "203.0.113.10");
  EXPECT_EQ(event->text(0, TextField::kUserAgent), "python/1.2");
  EXPECT_EQ(event->text(0, TextField::kOperationName), "chat");
  EXPECT_EQ(event->text(0, TextField::kRequestModel), "large");
  EXPECT_EQ(event->text(0, TextField::kResponseModel), "gpt-large-2026");
  EXPECT_EQ(event->text(0, TextField::kFinishReason), "stop");
  EXPECT_EQ(event->time_unix_nano(0), 1'780'000'000'250'000'000);
  EXPECT_EQ(event->number(0, NumberField::kDurationMs), 1500U);
  EXPECT_EQ(event->number(0, NumberField::kTimeToFirstTokenMs), 350U);
  EXPECT_EQ(std::bit_cast<double>(event->number(0, NumberField::kTemperature)), 0.5);
  EXPECT_EQ(event->number(0, NumberField::kMaxTokens), 99U);
  EXPECT_EQ(event->number(0, NumberField::kChoiceCount), 1U);
  EXPECT_EQ(event->number(0, NumberField::kStream), 1U);
  EXPECT_EQ(event->number(0, NumberField::kInputTokens), 120U);
  EXPECT_EQ(event->number(0, NumberField::kOutputTokens), 60U);
  EXPECT_EQ(event->number(0, NumberField::kCacheReadInputTokens), 40U);
  EXPECT_EQ(event->number(0, NumberField::kReasoningTokens), 16U);
  EXPECT_EQ(event->number(0, NumberField::kStatusCode), 200U);
  EXPECT_TRUE(event->has(0, NumberField::kPromptHash));
  EXPECT_TRUE(event->has(0, NumberField::kCompletionHash));
}

TEST_F(JsonRecordTest, WhatKongDoesNotSayIsUnknown) {
  const auto event = EventOf(kKongPlainEntry, "kong");
  ASSERT_EQ(event->size(), 1U);
  EXPECT_EQ(event->text(0, TextField::kAccountId), "c-uuid-2");
  EXPECT_EQ(event->number(0, NumberField::kStatusCode), 404U);
  for (const NumberField field : {NumberField::kInputTokens, NumberField::kOutputTokens, NumberField::kTemperature,
                                  NumberField::kTimeToFirstTokenMs, NumberField::kStream, NumberField::kPromptHash}) {
    EXPECT_FALSE(event->has(0, field)) << Target(field).name();
  }
  for (const TextField field : {TextField::kOperationName, TextField::kRequestModel, TextField::kResponseModel,
                                TextField::kUserAgent, TextField::kApiKeyId}) {
    EXPECT_EQ(event->text(0, field), "") << Target(field).name();
  }
}

}  // namespace
}  // namespace stillwatch::gateways
