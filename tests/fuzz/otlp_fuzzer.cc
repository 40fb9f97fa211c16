// OpenTelemetry's traces and logs in both encodings, and what their fields and conversations become.
#include <memory>

#include "features/phrase_engine.h"
#include "gateways/event_builder.h"
#include "gateways/mapping_table.h"
#include "gateways/otlp_reader.h"
#include "gateways/record_mapper.h"
#include "opentelemetry/proto/collector/trace/v1/trace_service.pb.h"
#include "tests/fuzz/fuzz_target.h"

using namespace stillwatch;
using namespace stillwatch::gateways;
using opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest;
using opentelemetry::proto::common::v1::KeyValue;

namespace {

// What every run shares.
struct Shared {
  MappingTable table = MappingTable::BuiltIn();
  RecordMapper mapper{table, "otlp"};
  std::unique_ptr<features::PhraseEngine> phrases =
      features::PhraseEngine::Compile(features::PhraseEngine::BuiltInList()).value();
  features::PromptDigester digester{features::DigestKey::BuiltIn(), *phrases};
};

constexpr char kMessages[] =
    R"([{"role":"system","content":"Be brief."},{"role":"user","parts":[{"type":"text","content":"Hi"}]}])";

constexpr char kJson[] =
    R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"gateway"}}]},)"
    R"("scopeSpans":[{"spans":[{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"a1a2a3a4a5a6a7a8",)"
    R"("startTimeUnixNano":"1780000000000000001","attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},)"
    R"({"key":"user.id","value":{"stringValue":"a"}},{"key":"gen_ai.usage.input_tokens","value":{"intValue":"7"}},)"
    R"({"key":"gen_ai.request.temperature","value":{"doubleValue":0.5}},{"key":"gen_ai.response.finish_reasons",)"
    R"("value":{"arrayValue":{"values":[{"stringValue":"stop"}]}}},{"key":"metadata","value":{"intValue":7}}],)"
    R"("events":[{"name":"gen_ai.user.message","attributes":[{"key":"content","value":{"stringValue":"Hi"}}]}]}]}]}],)"
    R"("resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":5,"body":{"kvlistValue":{"values":[{"key":"content",)"
    R"("value":{"stringValue":"Hello"}}]}},"attributes":[{"key":"event.name","value":{"stringValue":"gen_ai.choice"}}]}]}]}]})";

void AddText(KeyValue& attribute, const std::string& key, const std::string& text) {
  attribute.set_key(key);
  attribute.mutable_value()->set_string_value(text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Shared shared;
  constexpr int64_t kNow = 1'790'000'000'000'000'000;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  EventBuilder builder(shared.mapper, shared.digester, kNow);
  const auto take = [&builder](OtlpItem& item) {
    AddMessageFields(item.messages, item.record);
    builder.Add(item.record, item.call_id);
  };
  for (const OtlpSignal signal : {OtlpSignal::kTraces, OtlpSignal::kLogs}) {
    (void)ReadOtlpProtobuf(signal, body, take);
    (void)ReadOtlpJson(signal, body, take);
  }
  (void)ReadOtlpCapture(body, take);
  return 0;
}

std::vector<std::string> fuzz::Seeds() {
  ExportTraceServiceRequest request;
  auto& group = *request.add_resource_spans();
  AddText(*group.mutable_resource()->add_attributes(), "service.name", "gateway");
  auto& span = *group.add_scope_spans()->add_spans();
  span.set_trace_id(std::string(16, 't'));
  span.set_span_id(std::string(8, 's'));
  span.set_start_time_unix_nano(1'780'000'000'000'000'000);
  AddText(*span.add_attributes(), "gen_ai.operation.name", "chat");
  AddText(*span.add_attributes(), "user.id", "a");
  AddText(*span.add_attributes(), "gen_ai.input.messages", kMessages);
  KeyValue& list = *span.add_attributes();
  list.set_key("gen_ai.response.finish_reasons");
  list.mutable_value()->mutable_array_value()->add_values()->set_string_value("stop");
  auto& event = *span.add_events();
  event.set_name("gen_ai.choice");
  AddText(*event.add_attributes(), "content", "Hello");
  return {request.SerializeAsString(), kJson};
}
