// Both encodings of OTLP give the same records.
#include "gateways/otlp_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <sstream>

#include "opentelemetry/proto/collector/logs/v1/logs_service.pb.h"
#include "opentelemetry/proto/collector/trace/v1/trace_service.pb.h"

namespace stillwatch::gateways {
namespace {

using opentelemetry::proto::collector::logs::v1::ExportLogsServiceRequest;
using opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest;
using opentelemetry::proto::common::v1::AnyValue;
using opentelemetry::proto::common::v1::KeyValue;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

// An item in words: source, call, KEY=KIND:VALUE …, ROLE>TEXT ….
std::vector<std::string> InWords(const OtlpItem& item) {
  std::vector<std::string> words = {item.source_name, item.call_id};
  for (const Field& field : item.record.fields()) {
    std::ostringstream out;
    out << field.key << "="
        << "tirbj"[static_cast<size_t>(field.value.kind)] << ":";
    if (field.value.kind == ValueKind::kInteger || field.value.kind == ValueKind::kBool) out << field.value.integer;
    if (field.value.kind == ValueKind::kReal) out << field.value.real;
    words.push_back(out.str() + std::string(field.value.text));
  }
  for (const OtlpMessage& message : item.messages) words.push_back(message.role + ">" + message.text);
  return words;
}

std::vector<std::vector<std::string>> Read(OtlpSignal signal, std::string_view body, bool is_json) {
  std::vector<std::vector<std::string>> items;
  const auto take = [&items](OtlpItem& item) { items.push_back(InWords(item)); };
  const Status status = is_json ? ReadOtlpJson(signal, body, take) : ReadOtlpProtobuf(signal, body, take);
  EXPECT_TRUE(status.ok()) << status.message();
  return items;
}

AnyValue& Add(google::protobuf::RepeatedPtrField<KeyValue>& attributes, const std::string& key) {
  KeyValue& attribute = *attributes.Add();
  attribute.set_key(key);
  return *attribute.mutable_value();
}

const std::string kCallId = "0102030405060708090a0b0c0d0e0f10a1a2a3a4a5a6a7a8";

ExportTraceServiceRequest Traces() {
  ExportTraceServiceRequest request;
  auto& group = *request.add_resource_spans();
  Add(*group.mutable_resource()->mutable_attributes(), "service.name").set_string_value("gateway");
  auto& span = *group.add_scope_spans()->add_spans();
  span.set_trace_id("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10");
  span.set_span_id("\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8");
  span.set_start_time_unix_nano(1'770'000'000'000'000'001);
  span.set_end_time_unix_nano(1'770'000'000'000'000'009);
  auto& attributes = *span.mutable_attributes();
  Add(attributes, "text").set_string_value("a \"b\"");
  Add(attributes, "integer").set_int_value(-7);
  Add(attributes, "real").set_double_value(0.5);
  Add(attributes, "bool").set_bool_value(true);
  AnyValue& list = Add(attributes, "list");
  list.mutable_array_value()->add_values()->set_string_value("stop");
  list.mutable_array_value()->add_values()->set_int_value(3);
  KeyValue& member = *list.mutable_array_value()->add_values()->mutable_kvlist_value()->add_values();
  member.set_key("k");
  member.mutable_value()->set_bool_value(false);
  AnyValue& object = Add(attributes, "object");
  KeyValue& inner = *object.mutable_kvlist_value()->add_values();
  inner.set_key("inner");
  inner.mutable_value()->set_string_value("deep");
  Add(attributes, "empty");
  auto& event = *span.add_events();
  event.set_name("gen_ai.user.message");
  Add(*event.mutable_attributes(), "content").set_string_value("Hi");
  auto& other = *span.add_events();
  other.set_name("exception");
  Add(*other.mutable_attributes(), "exception.type").set_string_value("Timeout");
  return request;
}

const char* const kTracesJson =
    R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"gateway"}}]},
  "scopeSpans":[{"scope":{"name":"x"},"spans":[{"traceId":"0102030405060708090A0B0C0D0E0F10","spanId":"a1a2a3a4a5a6a7a8","name":"chat","kind":3,
  "startTimeUnixNano":"1770000000000000001","endTimeUnixNano":1770000000000000009,"attributes":[
  {"key":"text","value":{"stringValue":"a \"b\""}},{"key":"integer","value":{"intValue":"-7"}},{"key":"real","value":{"doubleValue":0.5}},
  {"key":"bool","value":{"boolValue":true}},
  {"key":"list","value":{"arrayValue":{"values":[{"stringValue":"stop"},{"intValue":3},{"kvlistValue":{"values":[{"key":"k","value":{"boolValue":false}}]}}]}}},
  {"key":"object","value":{"kvlistValue":{"values":[{"key":"inner","value":{"stringValue":"deep"}}]}}},{"key":"empty","value":{}}],
  "events":[{"name":"gen_ai.user.message","attributes":[{"key":"content","value":{"stringValue":"Hi"}}]},
  {"name":"exception","attributes":[{"key":"exception.type","value":{"stringValue":"Timeout"}}]}]}]}]}]})";

TEST(OtlpReaderTest, BothEncodingsOfTracesGiveTheSame) {
  for (const auto& items :
       {Read(OtlpSignal::kTraces, Traces().SerializeAsString(), false), Read(OtlpSignal::kTraces, kTracesJson, true)}) {
    ASSERT_EQ(items.size(), 1u);
    EXPECT_THAT(items[0], ElementsAre("gateway", kCallId, "resource.service.name=t:gateway",
                                      "span.start_time_unix_nano=i:1770000000000000001",
                                      "span.end_time_unix_nano=i:1770000000000000009", "text=t:a \"b\"", "integer=i:-7",
                                      "real=r:0.5", "bool=b:1", R"(list=j:["stop",3,{"k":false}])",
                                      "object.inner=t:deep", "exception.type=t:Timeout", "user>Hi"));
  }
}

TEST(OtlpReaderTest, BothEncodingsOfLogsGiveTheSame) {
  ExportLogsServiceRequest request;
  auto& log = *request.add_resource_logs()->add_scope_logs()->add_log_records();
  log.set_trace_id("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10");
  log.set_span_id("\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8");
  log.set_observed_time_unix_nano(5);
  Add(*log.mutable_attributes(), "event.name").set_string_value("gen_ai.choice");
  KeyValue& message = *log.mutable_body()->mutable_kvlist_value()->add_values();
  message.set_key("message");
  KeyValue& content = *message.mutable_value()->mutable_kvlist_value()->add_values();
  content.set_key("content");
  content.mutable_value()->set_string_value("Hello!");
  const char* json = R"({"resourceLogs":[{"scopeLogs":[{"logRecords":[{"observedTimeUnixNano":"5",
    "traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"a1a2a3a4a5a6a7a8",
    "attributes":[{"key":"event.name","value":{"stringValue":"gen_ai.choice"}}],
    "body":{"kvlistValue":{"values":[{"key":"message","value":{"kvlistValue":{"values":[{"key":"content","value":{"stringValue":"Hello!"}}]}}}]}}}]}]}]})";
  for (const auto& items :
       {Read(OtlpSignal::kLogs, request.SerializeAsString(), false), Read(OtlpSignal::kLogs, json, true)}) {
    ASSERT_EQ(items.size(), 1u);
    EXPECT_THAT(items[0], UnorderedElementsAre("", kCallId, "event.name=t:gen_ai.choice",
                                               "body.message.content=t:Hello!", "log.time_unix_nano=i:5", ">Hello!"));
  }
}

TEST(OtlpReaderTest, IdsThatAreNoneGiveNoCallId) {
  ExportTraceServiceRequest request = Traces();
  request.mutable_resource_spans(0)->mutable_scope_spans(0)->mutable_spans(0)->set_trace_id(std::string(16, '\0'));
  EXPECT_EQ(Read(OtlpSignal::kTraces, request.SerializeAsString(), false)[0][1], "");
  for (const char* id : {"", "00000000000000000000000000000000", "0102", "0102030405060708090a0b0c0d0e0fzz"}) {
    std::string json = kTracesJson;
    json.replace(json.find("0102030405060708090A0B0C0D0E0F10"), 32, id);
    EXPECT_EQ(Read(OtlpSignal::kTraces, json, true)[0][1], "") << id;
  }
}

TEST(OtlpReaderTest, CutAndForeignBytesAreRefused) {
  const auto ignore = [](OtlpItem&) {};
  const std::string bytes = Traces().SerializeAsString();
  for (size_t length = 1; length < bytes.size(); ++length) {
    EXPECT_FALSE(ReadOtlpProtobuf(OtlpSignal::kTraces, bytes.substr(0, length), ignore).ok()) << length;
  }
  for (const char* json : {"", "[]", "{", R"({"resourceSpans":3})", R"({"resourceSpans":[3]})",
                           R"({"resourceSpans":[{"scopeSpans":{}}]})"}) {
    EXPECT_EQ(ReadOtlpJson(OtlpSignal::kTraces, json, ignore).code(), Code::kInvalidArgument) << json;
  }
  EXPECT_EQ(ReadOtlpJson(OtlpSignal::kTraces, {}, ignore).code(), Code::kInvalidArgument);
}

TEST(OtlpReaderTest, DeepAndHugeValuesAreHarmless) {
  ExportTraceServiceRequest request = Traces();
  auto& span = *request.mutable_resource_spans(0)->mutable_scope_spans(0)->mutable_spans(0);
  AnyValue* deep = &Add(*span.mutable_attributes(), "deep");
  AnyValue* list = &Add(*span.mutable_attributes(), "nested");
  for (int i = 0; i < 10'000; ++i) {
    KeyValue& member = *deep->mutable_kvlist_value()->add_values();
    member.set_key("k");
    deep = member.mutable_value();
    list = list->mutable_array_value()->add_values();
  }
  deep->set_string_value("bottom");
  list->set_string_value("bottom");
  for (int i = 0; i < 100'000; ++i) Add(*span.mutable_attributes(), std::to_string(i)).set_int_value(i);
  EXPECT_EQ(Read(OtlpSignal::kTraces, request.SerializeAsString(), false).size(), 1u);

  std::string json = kTracesJson;
  std::string nested = R"({"stringValue":"bottom"})";
  for (int i = 0; i < 100; ++i) nested = R"({"kvlistValue":{"values":[{"key":"k","value":)" + nested + "}]}}";
  json.replace(json.find(R"("value":{})"), 10, R"("value":)" + nested);
  EXPECT_EQ(Read(OtlpSignal::kTraces, json, true).size(), 1u);
  const std::string brackets(2'000'000, '[');
  EXPECT_EQ(ReadOtlpJson(OtlpSignal::kTraces, R"({"resourceSpans":)" + brackets, [](OtlpItem&) {}).code(),
            Code::kInvalidArgument);
}

TEST(OtlpReaderTest, DamageIsHarmless) {
  const std::string bytes = Traces().SerializeAsString();
  for (uint32_t seed = 0; seed < 20'000; ++seed) {
    std::minstd_rand random(seed + 1);
    std::string damaged = seed % 2 == 0 ? bytes : std::string(kTracesJson);
    for (uint32_t i = 0; i <= seed % 4; ++i) damaged[random() % damaged.size()] = static_cast<char>(random());
    const auto check = [seed](OtlpItem& item) {
      EXPECT_TRUE(item.call_id.empty() || item.call_id.size() == kCallId.size()) << seed;
      for (const Field& field : item.record.fields()) EXPECT_LE(field.key.size(), 4096u) << seed;
    };
    const Status status = seed % 2 == 0 ? ReadOtlpProtobuf(OtlpSignal::kTraces, damaged, check)
                                        : ReadOtlpJson(OtlpSignal::kTraces, damaged, check);
    EXPECT_TRUE(status.ok() || status.code() == Code::kInvalidArgument) << seed;
  }
}

TEST(OtlpReaderTest, CapturesOfAnyFormAreTold) {
  ExportLogsServiceRequest logs;
  logs.add_resource_logs()->add_scope_logs()->add_log_records()->set_time_unix_nano(7);
  for (const std::string& body :
       {Traces().SerializeAsString(), std::string(kTracesJson), logs.SerializeAsString(),
        std::string(R"( {"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":7}]}]}]})")}) {
    int count = 0;
    EXPECT_TRUE(ReadOtlpCapture(body, [&count](OtlpItem&) { ++count; }).ok());
    EXPECT_EQ(count, 1);
  }
}

}  // namespace
}  // namespace stillwatch::gateways
