#include "gateways/event_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>

namespace stillwatch::gateways {
namespace {

using ::testing::HasSubstr;
using Outcome = EventBuilder::Outcome;

constexpr int64_t kNow = 1'780'000'000'000'000'000;
constexpr int64_t kTime = kNow - 1'000'000'000;

const features::PromptDigester& Digester() {
  static const auto phrases = features::PhraseEngine::Compile(features::PhraseEngine::BuiltInList()).value();
  static const features::PromptDigester digester(features::DigestKey::BuiltIn(), *phrases);
  return digester;
}

class EventBuilderTest : public ::testing::Test {
 protected:
  // A call with what is required, to which tests add.
  Record Call() {
    Record record;
    record.Add("span.start_time_unix_nano", Value::Integer(kTime));
    record.Add("user.id", Value::Text("acct"));
    record.Add("gen_ai.request.model", Value::Text("model"));
    return record;
  }
  std::string_view text(TextField field, size_t row = 0) { return builder_.batch().text(row, field); }
  uint64_t number(NumberField field) { return builder_.batch().number(0, field); }
  bool has(NumberField field) { return builder_.batch().has(0, field); }

  MappingTable table_ = MappingTable::BuiltIn();
  RecordMapper mapper_{table_, "otlp"};
  EventBuilder builder_{mapper_, Digester(), kNow};
};

TEST_F(EventBuilderTest, UnknownStaysUnknown) {
  Record record = Call();
  ASSERT_EQ(builder_.Add(record, "id"), Outcome::kEvent);
  EXPECT_EQ(text(TextField::kEventId), "id");
  EXPECT_EQ(text(TextField::kAccountId), "acct");
  EXPECT_EQ(text(TextField::kRequestModel), "model");
  EXPECT_EQ(builder_.batch().presence()[0], uint64_t{1} << static_cast<size_t>(NumberField::kTimeUnixNano));
  for (const TextField field : {TextField::kResponseModel, TextField::kFinishReason, TextField::kOperationName}) {
    EXPECT_EQ(text(field), "");
  }
}

TEST_F(EventBuilderTest, OldAndNewNamesMix) {
  Record record = Call();
  record.Add("gen_ai.usage.prompt_tokens", Value::Text("12"));
  record.Add("llm.token_count.completion", Value::Real(5));
  record.Add("gen_ai.request.temperature", Value::Integer(1));
  record.Add("llm.invocation_parameters",
             Value::Text(R"({"top_p":0.5,"n":3,"seed":-4,"logit_bias":{"1":2,"3":4},"stream":true,"user":"someone"})"));
  record.Add("gen_ai.response.finish_reasons", Value::Json(R"(["stop"])"));
  record.Add("gen_ai.response.time_to_first_chunk", Value::Real(0.125));
  record.Add("span.end_time_unix_nano", Value::Integer(kTime + 1'500'000'000));
  record.Add("llm.tools.0.tool.json_schema", Value::Text("{}x"));
  record.Add("llm.tools.4.tool.json_schema", Value::Text("{}x"));
  record.Add("llm.request.type", Value::Text("completion"));
  ASSERT_EQ(builder_.Add(record, "id"), Outcome::kEvent);
  EXPECT_EQ(number(NumberField::kInputTokens), 12u);
  EXPECT_EQ(number(NumberField::kOutputTokens), 5u);
  EXPECT_EQ(number(NumberField::kTemperature), std::bit_cast<uint64_t>(1.0));
  EXPECT_EQ(number(NumberField::kTopP), std::bit_cast<uint64_t>(0.5));
  EXPECT_EQ(number(NumberField::kChoiceCount), 3u);
  EXPECT_EQ(number(NumberField::kSeed), static_cast<uint64_t>(-4));
  EXPECT_EQ(number(NumberField::kLogitBiasCount), 2u);
  EXPECT_EQ(number(NumberField::kStream), 1u);
  EXPECT_EQ(number(NumberField::kTimeToFirstTokenMs), 125u);
  EXPECT_EQ(number(NumberField::kDurationMs), 1500u);
  EXPECT_EQ(number(NumberField::kToolCount), 5u);
  EXPECT_EQ(text(TextField::kFinishReason), "stop");
  EXPECT_EQ(text(TextField::kEndUserId), "someone");
  EXPECT_EQ(text(TextField::kOperationName), "text_completion");
  EXPECT_EQ(builder_.unusable_field_count(), 0u);
}

TEST_F(EventBuilderTest, ANumberWhereAnObjectIsUsualIsNoObject) {
  Record record = Call();
  record.Add("metadata", Value::Integer(7));
  record.Add("llm.invocation_parameters", Value::Text("{"));
  ASSERT_EQ(builder_.Add(record, "id"), Outcome::kEvent);
  EXPECT_FALSE(has(NumberField::kTopP));
}

TEST_F(EventBuilderTest, TheFirstSelectorOfTheListWinsAndEmptyOnesAreNone) {
  Record record;
  record.Add("span.start_time_unix_nano", Value::Integer(kTime));
  record.Add("gen_ai.request.model", Value::Text("model"));
  record.Add("consumer.id", Value::Text("third"));
  record.Add("enduser.id", Value::Text("second"));
  record.Add("user.id", Value::Text(""));
  ASSERT_EQ(builder_.Add(record, "id"), Outcome::kEvent);
  EXPECT_EQ(text(TextField::kAccountId), "second");
}

TEST_F(EventBuilderTest, ValuesThatAreNoneMakeTheFieldUnknown) {
  Record record = Call();
  record.Add("gen_ai.request.temperature", Value::Text("auto"));
  record.Add("gen_ai.request.max_tokens", Value::Integer(-1));
  record.Add("gen_ai.request.top_p", Value::Real(17));
  record.Add("gen_ai.response.model", Value::Text(std::string_view("a\nb")));
  record.Add("gen_ai.usage.input_tokens", Value::Integer(3));
  ASSERT_EQ(builder_.Add(record, "id"), Outcome::kEvent);
  EXPECT_FALSE(has(NumberField::kTemperature));
  EXPECT_FALSE(has(NumberField::kMaxTokens));
  EXPECT_FALSE(has(NumberField::kTopP));
  EXPECT_EQ(text(TextField::kResponseModel), "");
  EXPECT_EQ(number(NumberField::kInputTokens), 3u);
  EXPECT_EQ(builder_.unusable_field_count(), 4u);
}

TEST_F(EventBuilderTest, WithoutAccountOrTimeTheRecordIsRejectedAndTheRestKept) {
  Record anonymous;
  anonymous.Add("span.start_time_unix_nano", Value::Integer(kTime));
  anonymous.Add("gen_ai.request.model", Value::Text("model"));
  EXPECT_EQ(builder_.Add(anonymous, "1"), Outcome::kRejected);
  Record good = Call();
  EXPECT_EQ(builder_.Add(good, "2"), Outcome::kEvent);
  Record timeless;
  timeless.Add("user.id", Value::Text("acct"));
  timeless.Add("gen_ai.request.model", Value::Text("model"));
  EXPECT_EQ(builder_.Add(timeless, "3"), Outcome::kRejected);
  Record future = Call();
  future.Clear();
  future.Add("span.start_time_unix_nano", Value::Integer(2 * kNow));
  future.Add("user.id", Value::Text("acct"));
  future.Add("gen_ai.request.model", Value::Text("model"));
  EXPECT_EQ(builder_.Add(future, "4"), Outcome::kRejected);

  EXPECT_EQ(builder_.event_count(), 1u);
  EXPECT_EQ(text(TextField::kEventId), "2");
  ASSERT_EQ(builder_.rejections().size(), 3u);
  EXPECT_EQ(builder_.rejections()[0].index, 0u);
  EXPECT_EQ(builder_.rejections()[0].reason, ingest::RejectReason::kMissingField);
  EXPECT_THAT(builder_.rejections()[0].message, HasSubstr("account_id"));
  EXPECT_EQ(builder_.rejections()[1].index, 2u);
  EXPECT_EQ(builder_.rejections()[2].reason, ingest::RejectReason::kTimeInFuture);
}

TEST_F(EventBuilderTest, WhatIsNoCallIsIgnored) {
  Record other;
  other.Add("span.start_time_unix_nano", Value::Integer(kTime));
  other.Add("user.id", Value::Text("acct"));
  other.Add("http.route", Value::Text("/v1/chat"));
  EXPECT_EQ(builder_.Add(other, "1"), Outcome::kIgnored);
  Record agent = Call();
  agent.Add("gen_ai.operation.name", Value::Text("invoke_agent"));
  EXPECT_EQ(builder_.Add(agent, "2"), Outcome::kIgnored);
  Record chat = Call();
  chat.Add("gen_ai.operation.name", Value::Text("chat"));
  EXPECT_EQ(builder_.Add(chat, "3"), Outcome::kEvent);
  EXPECT_EQ(builder_.ignored_count(), 2u);
  EXPECT_EQ(builder_.call_count(), 1u);
}

TEST_F(EventBuilderTest, MessagesBecomeTheDigestOfTheirTexts) {
  Record listed = Call();
  listed.Add("gen_ai.system_instructions", Value::Json(R"([{"type":"text","content":"Be brief."}])"));
  listed.Add("gen_ai.input.messages",
             Value::Text(R"([{"role":"user","parts":[{"type":"text","content":"Name a colour."}]}])"));
  listed.Add(
      "gen_ai.output.messages",
      Value::Json(R"([{"role":"assistant","parts":[{"type":"text","content":"Red."}],"finish_reason":"stop"}])"));
  Record numbered = Call();
  numbered.Add("llm.input_messages.0.message.role", Value::Text("system"));
  numbered.Add("llm.input_messages.0.message.content", Value::Text("Be brief."));
  numbered.Add("llm.input_messages.1.message.role", Value::Text("user"));
  numbered.Add("llm.input_messages.1.message.contents.0.message_content.text", Value::Text("Name a colour."));
  numbered.Add("llm.output_messages.0.message.content", Value::Text("Red."));
  ASSERT_EQ(builder_.Add(listed, "1"), Outcome::kEvent);
  ASSERT_EQ(builder_.Add(numbered, "2"), Outcome::kEvent);

  UsageBatch expected;
  expected.AddRow();
  Digester().Digest("Be brief.", "Name a colour.", "Red.", expected, 0);
  for (size_t row = 0; row < 2; ++row) {
    for (size_t field = static_cast<size_t>(NumberField::kSystemHash); field < kNumberFieldCount; ++field) {
      const auto column = static_cast<NumberField>(field);
      EXPECT_EQ(builder_.batch().number(row, column), expected.number(0, column)) << row << " " << field;
    }
    EXPECT_EQ(builder_.batch().number(row, NumberField::kMessageCount), 1u);
  }
  EXPECT_EQ(text(TextField::kFinishReason), "stop");
}

TEST_F(EventBuilderTest, TheSameMessageTwiceHasTheSameIdAndAnotherOneAnother) {
  Record first = Call();
  Record again = Call();
  Record other = Call();
  other.Add("gen_ai.usage.input_tokens", Value::Integer(1));
  for (Record* record : {&first, &again, &other}) ASSERT_EQ(builder_.Add(*record, ""), Outcome::kEvent);
  EXPECT_NE(text(TextField::kEventId, 0), "");
  EXPECT_EQ(text(TextField::kEventId, 0), text(TextField::kEventId, 1));
  EXPECT_NE(text(TextField::kEventId, 0), text(TextField::kEventId, 2));
}

TEST_F(EventBuilderTest, SecretsAreHashed) {
  ASSERT_TRUE(table_.Merge("[listeners.otlp]\napi_key_id = [{ key = \"authorization\", hash = true }]\n", "file").ok());
  const RecordMapper mapper(table_, "otlp");
  EventBuilder builder(mapper, Digester(), kNow);
  Record record = Call();
  record.Add("authorization", Value::Text("Bearer sk-secret"));
  ASSERT_EQ(builder.Add(record, "id"), Outcome::kEvent);
  EXPECT_EQ(builder.batch().text(0, TextField::kApiKeyId).size(), 64u);
}

TEST_F(EventBuilderTest, OutcomesNameKeysValuesAndProblems) {
  Record record = Call();
  record.Add("gen_ai.request.temperature", Value::Text("auto"));
  record.Add("gen_ai.usage.input_tokens", Value::Text("12"));
  std::vector<FieldOutcome> outcomes;
  ASSERT_EQ(builder_.Add(record, "id", &outcomes), Outcome::kEvent);
  const auto find = [&](std::string_view key) {
    for (const FieldOutcome& outcome : outcomes) {
      if (outcome.key == key) return outcome;
    }
    return FieldOutcome();
  };
  EXPECT_EQ(find("gen_ai.usage.input_tokens").target, Target(NumberField::kInputTokens));
  EXPECT_EQ(find("gen_ai.usage.input_tokens").value, "12");
  EXPECT_EQ(find("gen_ai.usage.input_tokens").problem, "");
  EXPECT_NE(find("gen_ai.request.temperature").problem, "");
}

}  // namespace
}  // namespace stillwatch::gateways
