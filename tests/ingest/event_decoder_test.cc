// Both wire forms, against the generated parser and against each other.
#include "ingest/event_decoder.h"

#include <grpcpp/support/slice.h>
#include <gtest/gtest.h>

#include <bit>

#include "proto/columns_writer.h"
#include "proto/event_fields.h"
#include "proto/limits.h"
#include "stillwatch/v1/ingest.pb.h"
#include "tests/proto/random_events.h"

namespace stillwatch::ingest {
namespace {

constexpr int64_t kNow = 1'780'000'000'000'000'000;

const features::PromptDigester& Digester() {
  static const auto phrases = features::PhraseEngine::Compile(features::PhraseEngine::BuiltInList()).value();
  static const features::PromptDigester digester(features::DigestKey::BuiltIn(), *phrases);
  return digester;
}

Result<DecodedBatch> Decode(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return EventDecoder(Digester(), [] { return kNow; }).Decode(grpc::ByteBuffer(&slice, 1), "stream");
}

std::string InRows(const std::vector<v1::UsageEvent>& events) {
  v1::StreamUsageRequest request;
  request.set_sequence(5);
  for (const v1::UsageEvent& event : events) *request.add_events() = event;
  return request.SerializeAsString();
}

std::string InColumns(const std::vector<v1::UsageEvent>& events) {
  ColumnsWriter writer;
  for (const v1::UsageEvent& event : events) writer.Add(event);
  v1::StreamUsageRequest request;
  request.set_sequence(5);
  EXPECT_TRUE(request.mutable_columns()->ParseFromString(writer.Finish()));
  return request.SerializeAsString();
}

// What reflection finds in `message` at the field of each rule, as the batch would hold it.
template <typename Message, size_t kCount>
void ExpectFields(const Message& message, const std::array<EventField, kCount>& rules, const UsageBatch& batch,
                  size_t row) {
  using Field = google::protobuf::FieldDescriptor;
  const auto& reflection = *message.GetReflection();
  for (size_t number = 0; number < kCount; ++number) {
    const EventField& rule = rules[number];
    const Field* field = message.GetDescriptor()->FindFieldByNumber(static_cast<int>(number));
    if (rule.kind == FieldKind::kName) {
      EXPECT_EQ(batch.text(row, rule.text_field()), reflection.GetString(message, field)) << field->name();
    }
    if (rule.kind != FieldKind::kNumber) continue;
    uint64_t value = 0;
    if (field->cpp_type() == Field::CPPTYPE_UINT32) value = reflection.GetUInt32(message, field);
    if (field->cpp_type() == Field::CPPTYPE_UINT64) value = reflection.GetUInt64(message, field);
    if (field->cpp_type() == Field::CPPTYPE_INT64) value = static_cast<uint64_t>(reflection.GetInt64(message, field));
    if (field->cpp_type() == Field::CPPTYPE_DOUBLE)
      value = std::bit_cast<uint64_t>(reflection.GetDouble(message, field));
    if (field->cpp_type() == Field::CPPTYPE_BOOL) value = reflection.GetBool(message, field) ? 1 : 0;
    const bool is_present = field->has_presence() ? reflection.HasField(message, field) : value != 0;
    EXPECT_EQ(batch.has(row, rule.number_field()), is_present) << field->name();
    EXPECT_EQ(batch.number(row, rule.number_field()), value) << field->name();
  }
}

bool HasText(const v1::UsageEvent& event) {
  return !event.system_prompt().empty() || !event.prompt().empty() || !event.completion().empty();
}

void ExpectEvent(const v1::UsageEvent& event, const UsageBatch& batch, size_t row) {
  ExpectFields(event, kEventFields, batch, row);
  if (!HasText(event)) return ExpectFields(event.content_digest(), kDigestFields, batch, row);
  UsageBatch digest;
  digest.AddRow();
  Digester().Digest(event.system_prompt(), event.prompt(), event.completion(), digest, 0);
  for (const EventField& rule : kDigestFields) {
    if (rule.kind != FieldKind::kNumber) continue;
    EXPECT_EQ(batch.number(row, rule.number_field()), digest.number(0, rule.number_field()));
  }
}

std::vector<v1::UsageEvent> SomeEvents(RandomEvents& random) {
  std::vector<v1::UsageEvent> events(1 + random.Below(60));
  for (v1::UsageEvent& event : events) event = random.Make();
  return events;
}

TEST(EventDecoderTest, BothFormsReadWhatTheGeneratedParserReads) {
  RandomEvents random(1);
  for (int round = 0; round < 100; ++round) {
    const std::vector<v1::UsageEvent> events = SomeEvents(random);
    for (const std::string& bytes : {InRows(events), InColumns(events)}) {
      Result<DecodedBatch> decoded = Decode(bytes);
      ASSERT_TRUE(decoded.ok()) << decoded.status().message();
      EXPECT_EQ(decoded->sequence, 5U);
      EXPECT_TRUE(decoded->rejections.empty());
      ASSERT_EQ(decoded->submitted.events->size(), events.size());
      for (size_t row = 0; row < events.size(); ++row) ExpectEvent(events[row], *decoded->submitted.events, row);
      if (HasFailure()) return;
    }
  }
}

// Makes one thing of an event wrong.
void Spoil(v1::UsageEvent& event, uint64_t how) {
  switch (how) {
    case 0:
      return event.clear_account_id();
    case 1:
      return event.clear_time_unix_nano();
    case 2:
      return event.set_time_unix_nano(1);
    case 3:
      return event.set_time_unix_nano(kNow + 2 * kClockSkewMax);
    case 4:
      return event.set_temperature(-1);
    case 5:
      return event.set_input_tokens(UINT64_MAX);
    case 6:
      return event.set_request_model(std::string(300, 'x'));
    case 7:
      return event.set_conversation_id("a\tb");
    default:
      event.clear_system_prompt();
      event.clear_prompt();
      event.clear_completion();
      event.mutable_content_digest()->set_version(3);
      event.mutable_content_digest()->set_prompt_hash(1);
  }
}

TEST(EventDecoderTest, BothFormsRejectTheSameEventsForTheSameReasons) {
  RandomEvents random(2);
  for (int round = 0; round < 200; ++round) {
    std::vector<v1::UsageEvent> events = SomeEvents(random);
    const uint64_t how = random.Below(9);
    for (v1::UsageEvent& event : events) {
      if (how == 8) event.clear_content_digest();  // Columns have digests of one version.
      if (random.Below(4) == 0) Spoil(event, how);
    }
    Result<DecodedBatch> rows = Decode(InRows(events));
    Result<DecodedBatch> columns = Decode(InColumns(events));
    ASSERT_TRUE(rows.ok() && columns.ok());
    ASSERT_EQ(rows->rejections.size(), columns->rejections.size()) << how;
    for (size_t i = 0; i < rows->rejections.size(); ++i) {
      EXPECT_EQ(rows->rejections[i].index, columns->rejections[i].index);
      EXPECT_EQ(rows->rejections[i].reason, columns->rejections[i].reason);
      EXPECT_EQ(rows->rejections[i].message, columns->rejections[i].message);
    }
    ASSERT_EQ(rows->submitted.events->size() + rows->rejections.size(), events.size());
    ASSERT_EQ(rows->submitted.events->size(), columns->submitted.events->size());
    for (size_t row = 0; row < rows->submitted.events->size(); ++row) {
      EXPECT_EQ(rows->submitted.events->text(row, TextField::kEventId),
                columns->submitted.events->text(row, TextField::kEventId));
    }
  }
}

TEST(EventDecoderTest, ABadNameIsBadEachTimeItComes) {
  RandomEvents random(3);
  std::vector<v1::UsageEvent> events = {random.Make(), random.Make(), random.Make()};
  for (v1::UsageEvent& event : events) event.set_api_key_id("bad\nname");
  events[1].set_api_key_id("good name");
  for (const std::string& bytes : {InRows(events), InColumns(events)}) {
    Result<DecodedBatch> decoded = Decode(bytes);
    ASSERT_TRUE(decoded.ok());
    ASSERT_EQ(decoded->rejections.size(), 2U);
    EXPECT_EQ(decoded->rejections[1].index, 2U);
    ASSERT_EQ(decoded->submitted.events->size(), 1U);
    EXPECT_EQ(decoded->submitted.events->text(0, TextField::kApiKeyId), "good name");
  }
}

// Damaged bytes: whatever is read must be safe, and where the generated parser reads the message as rows so do we.
TEST(EventDecoderTest, DamagedBytesAreNeverTrusted) {
  RandomEvents random(4);
  int agreed = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::vector<v1::UsageEvent> events = {random.Make(), random.Make()};
    std::string bytes = round % 2 == 0 ? InRows(events) : InColumns(events);
    for (uint64_t count = 1 + random.Below(3); count > 0; --count) {
      bytes[random.Below(bytes.size())] = static_cast<char>(random.Below(256));
    }
    if (random.Below(8) == 0) bytes.resize(random.Below(bytes.size()));
    Result<DecodedBatch> decoded = Decode(bytes);
    v1::StreamUsageRequest parsed;
    if (!parsed.ParseFromString(bytes) || parsed.has_columns() || !decoded.ok()) continue;
    ASSERT_EQ(decoded->submitted.events->size() + decoded->rejections.size(),
              static_cast<size_t>(parsed.events_size()));
    if (!decoded->rejections.empty()) continue;
    for (int row = 0; row < parsed.events_size(); ++row) {
      const v1::UsageEvent& event = parsed.events(row);
      if (event.event_id().empty() || event.user_agent().size() > kUserAgentBytesMax) continue;
      ExpectEvent(event, *decoded->submitted.events, static_cast<size_t>(row));
      ++agreed;
    }
    if (HasFailure()) return;
  }
  EXPECT_GT(agreed, 1000);
}

TEST(EventDecoderTest, MalformedColumnsEndTheBatch) {
  const auto code_of = [](const auto& change) {
    RandomEvents random(5);
    v1::UsageEvent event = random.Make();
    v1::StreamUsageRequest request;
    EXPECT_TRUE(request.ParseFromString(InColumns({event, event})));
    change(*request.mutable_columns());
    return Decode(request.SerializeAsString()).status().code();
  };
  EXPECT_EQ(code_of([](v1::UsageColumns&) {}), Code::kOk);
  EXPECT_EQ(code_of([](v1::UsageColumns& c) { c.set_row_count(1); }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](v1::UsageColumns& c) { c.set_row_count(10'001); }), Code::kResourceExhausted);
  EXPECT_EQ(code_of([](v1::UsageColumns& c) { c.mutable_texts(1)->add_codes(9); }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](v1::UsageColumns& c) { *c.add_texts() = c.texts(0); }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](v1::UsageColumns& c) { *c.add_numbers() = c.numbers(0); }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](v1::UsageColumns& c) { c.mutable_texts(0)->set_field(7); }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](v1::UsageColumns& c) { c.mutable_numbers(0)->set_field(2); }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](v1::UsageColumns& c) { c.mutable_numbers(0)->set_presence("\x01"); }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](v1::UsageColumns& c) { c.mutable_numbers(0)->set_presence("\x07"); }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](v1::UsageColumns& c) { c.mutable_numbers(0)->add_fixed(1); }), Code::kInvalidArgument);
  EXPECT_EQ(code_of([](v1::UsageColumns& c) { c.add_texts()->set_field(4000); }), Code::kOk);
}

TEST(EventDecoderTest, ABatchHasRowsOrColumns) {
  RandomEvents random(6);
  const std::vector<v1::UsageEvent> events = {random.Make()};
  EXPECT_EQ(Decode(InRows(events) + InColumns(events)).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(Decode(InColumns(events) + InColumns(events)).status().code(), Code::kInvalidArgument);
  EXPECT_TRUE(Decode("").ok());
}

grpc::ByteBuffer Buffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

DecodedMessages DecodeTogether(const std::vector<std::string>& messages) {
  std::vector<grpc::ByteBuffer> buffers;
  for (const std::string& message : messages) buffers.push_back(Buffer(message));
  return EventDecoder(Digester(), [] { return kNow; }).DecodeTogether(buffers, "stream");
}

void ExpectSameRow(const UsageBatch& first, size_t first_row, const UsageBatch& second, size_t second_row) {
  for (size_t field = 0; field < kTextFieldCount; ++field) {
    EXPECT_EQ(first.text(first_row, static_cast<TextField>(field)),
              second.text(second_row, static_cast<TextField>(field)));
  }
  for (size_t field = 0; field < kNumberFieldCount; ++field) {
    EXPECT_EQ(first.has(first_row, static_cast<NumberField>(field)),
              second.has(second_row, static_cast<NumberField>(field)));
    EXPECT_EQ(first.number(first_row, static_cast<NumberField>(field)),
              second.number(second_row, static_cast<NumberField>(field)));
  }
}

TEST(EventDecoderTest, MessagesTogetherAreWhatEachIsAlone) {
  RandomEvents random(8);
  std::vector<std::string> messages;
  for (uint64_t sequence = 1; sequence <= 40; ++sequence) {
    v1::StreamUsageRequest request;
    request.set_sequence(sequence);
    for (uint64_t i = 0; i < sequence % 4; ++i) {
      v1::UsageEvent& event = *request.add_events() = random.Make();
      if (sequence % 5 == 0) event.clear_event_id();
      if (sequence % 7 == 0 && i == 1) event.clear_account_id();
    }
    messages.push_back(request.SerializeAsString());
  }
  const DecodedMessages together = DecodeTogether(messages);
  ASSERT_TRUE(together.status.ok());
  ASSERT_EQ(together.messages.size(), messages.size());
  const UsageBatch& batch = *together.submitted.events;
  ASSERT_EQ(together.submitted.observed.observations.size(), batch.size());
  size_t row = 0;
  for (size_t i = 0; i < messages.size(); ++i) {
    SCOPED_TRACE(i);
    Result<DecodedBatch> alone = Decode(messages[i]);
    ASSERT_TRUE(alone.ok());
    const DecodedMessage& message = together.messages[i];
    EXPECT_EQ(message.sequence, alone->sequence);
    EXPECT_EQ(message.first_row, row);
    ASSERT_EQ(message.row_count, alone->submitted.events->size());
    EXPECT_EQ(message.rejections.size(), alone->rejections.size());
    for (size_t j = 0; j < message.row_count; ++j) ExpectSameRow(batch, row++, *alone->submitted.events, j);
  }
  EXPECT_EQ(row, batch.size());
}

TEST(EventDecoderTest, APromiseEndsABatch) {
  RandomEvents random(9);
  v1::StreamUsageRequest promise;
  promise.set_complete_through_unix_nano(1'700'000'000'000'000'000);
  const std::string message = InRows({random.Make()});
  const DecodedMessages decoded = DecodeTogether({message, promise.SerializeAsString(), message});
  EXPECT_TRUE(decoded.status.ok());
  EXPECT_EQ(decoded.messages.size(), 2U);
  EXPECT_EQ(decoded.submitted.complete_through_unix_nano, 1'700'000'000'000'000'000);
}

TEST(EventDecoderTest, ColumnsComeAlone) {
  RandomEvents random(10);
  const std::vector<v1::UsageEvent> events = {random.Make()};
  EXPECT_EQ(DecodeTogether({InRows(events), InColumns(events)}).messages.size(), 1U);
  EXPECT_EQ(DecodeTogether({InColumns(events), InRows(events)}).messages.size(), 1U);
}

TEST(EventDecoderTest, MessagesBeforeABadOneAreKept) {
  RandomEvents random(11);
  const std::string message = InRows({random.Make()});
  const DecodedMessages decoded = DecodeTogether({message, message, "\x0A", message});
  EXPECT_EQ(decoded.status.code(), Code::kInvalidArgument);
  EXPECT_EQ(decoded.messages.size(), 2U);
  EXPECT_EQ(decoded.submitted.events->size(), 2U);
  EXPECT_TRUE(DecodeTogether({"\x0A", message}).messages.empty());
}

TEST(EventDecoderTest, ABatchOfManyMessagesHasABound) {
  RandomEvents random(12);
  const std::string message = InRows(std::vector<v1::UsageEvent>(600, random.Make()));
  EXPECT_EQ(DecodeTogether({message, message, message}).messages.size(), 2U);
}

TEST(EventDecoderTest, DerivedIdsDependOnSourceSequenceAndPlaceOnly) {
  RandomEvents random(7);
  std::vector<v1::UsageEvent> events = {random.Make(), random.Make()};
  for (v1::UsageEvent& event : events) event.clear_event_id();
  Result<DecodedBatch> rows = Decode(InRows(events));
  events[0].clear_account_id();
  Result<DecodedBatch> columns = Decode(InColumns(events));
  ASSERT_EQ(rows->submitted.events->size(), 2U);
  ASSERT_EQ(columns->submitted.events->size(), 1U);
  EXPECT_NE(rows->submitted.events->text(0, TextField::kEventId), rows->submitted.events->text(1, TextField::kEventId));
  EXPECT_EQ(rows->submitted.events->text(1, TextField::kEventId),
            columns->submitted.events->text(0, TextField::kEventId));
}

}  // namespace
}  // namespace stillwatch::ingest
