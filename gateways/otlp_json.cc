#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

#include "gateways/otlp_reader.h"

namespace stillwatch::gateways {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

constexpr int kNestingMax = 8;
constexpr size_t kTraceIdDigits = 32;
constexpr size_t kSpanIdDigits = 16;

// Protobuf's JSON names are in camel case; those of the .proto files are read, too.
struct Name {
  const char* camel;
  const char* snake;
};

template <typename T>
bool Get(const object& members, const Name& name, T& out) {
  return members[name.camel].get(out) == simdjson::SUCCESS || members[name.snake].get(out) == simdjson::SUCCESS;
}

std::string_view TextOf(const object& members, const Name& name) {
  std::string_view text;
  if (!Get(members, name, text)) return {};
  return text;
}

// A 64-bit integer, as a number or, as the standard has it, a text. 0 if it is neither.
int64_t IntegerOf(const element& value) {
  int64_t integer = 0;
  uint64_t large = 0;
  std::string_view text;
  if (value.get(integer) == simdjson::SUCCESS) return integer;
  if (value.get(large) == simdjson::SUCCESS) return static_cast<int64_t>(large);
  if (value.get(text) == simdjson::SUCCESS) std::from_chars(text.data(), text.data() + text.size(), integer);
  return integer;
}

int64_t IntegerOf(const object& members, const Name& name) {
  element value;
  return Get(members, name, value) ? IntegerOf(value) : 0;
}

std::string IdOf(const object& members, const Name& name, size_t digit_count) {
  std::string id(TextOf(members, name));
  std::ranges::transform(id, id.begin(),
                         [](char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c; });
  const bool is_hex = id.find_first_not_of("0123456789abcdef") == std::string::npos;
  const bool is_set = id.find_first_not_of('0') != std::string::npos;
  return id.size() == digit_count && is_hex && is_set ? id : std::string();
}

std::string CallIdOf(const object& members) {
  const std::string trace_id = IdOf(members, {"traceId", "trace_id"}, kTraceIdDigits);
  const std::string span_id = IdOf(members, {"spanId", "span_id"}, kSpanIdDigits);
  return trace_id.empty() || span_id.empty() ? std::string() : trace_id + span_id;
}

// Calls `use` for each value of a list, or each member of an object, of an AnyValue.
template <typename Use>
bool ForEachEntry(const object& any, const Name& name, const Use& use) {
  object nested;
  array values;
  if (!Get(any, name, nested)) return false;
  if (nested["values"].get(values) != simdjson::SUCCESS) return true;
  for (const element& value : values) {
    object entry;
    if (value.get(entry) == simdjson::SUCCESS) use(entry);
  }
  return true;
}

constexpr Name kArray = {"arrayValue", "array_value"};
constexpr Name kObject = {"kvlistValue", "kvlist_value"};

// The value of a scalar AnyValue; false for another or an empty one.
bool ReadScalar(const object& any, Value& out) {
  element value;
  std::string_view text;
  bool is_true = false;
  double real = 0;
  if (Get(any, {"stringValue", "string_value"}, text)) {
    out = Value::Text(text);
  } else if (Get(any, {"boolValue", "bool_value"}, is_true)) {
    out = Value::Bool(is_true);
  } else if (Get(any, {"intValue", "int_value"}, value)) {
    out = Value::Integer(IntegerOf(value));
  } else if (Get(any, {"doubleValue", "double_value"}, real)) {
    out = Value::Real(real);
  } else {
    return false;
  }
  return true;
}

void AppendJson(const object& any, int depth, std::string& json) {
  if (depth > kNestingMax) {
    json += "null";
    return;
  }
  bool is_first = true;
  const auto separate = [&json, &is_first] {
    if (!is_first) json += ',';
    is_first = false;
  };
  const size_t begin = json.size();
  json += '[';
  if (ForEachEntry(any, kArray, [&](const object& entry) { separate(), AppendJson(entry, depth + 1, json); })) {
    json += ']';
    return;
  }
  json[begin] = '{';
  const bool is_object = ForEachEntry(any, kObject, [&](const object& entry) {
    element key;
    object value;
    if (entry["key"].get(key) != simdjson::SUCCESS || entry["value"].get(value) != simdjson::SUCCESS) return;
    separate();
    json += simdjson::minify(key) + ":";
    AppendJson(value, depth + 1, json);
  });
  if (is_object) {
    json += '}';
    return;
  }
  json.resize(begin);
  element scalar;
  for (const Name& name : {Name{"stringValue", "string_value"}, Name{"boolValue", "bool_value"},
                           Name{"intValue", "int_value"}, Name{"doubleValue", "double_value"}}) {
    if (!Get(any, name, scalar)) continue;
    json += simdjson::minify(scalar);
    return;
  }
  json += "null";
}

void AddAny(std::string_view key, const object& any, int depth, Record& record) {
  Value value;
  if (ReadScalar(any, value)) return record.Add(key, value);
  element ignored;
  if (Get(any, kArray, ignored)) {
    std::string json;
    AppendJson(any, depth, json);
    return record.Add(key, Value::Json(record.Own(std::move(json))));
  }
  if (depth >= kNestingMax) return;
  ForEachEntry(any, kObject, [&](const object& entry) {
    object member;
    if (entry["value"].get(member) != simdjson::SUCCESS) return;
    const std::string name(TextOf(entry, {"key", "key"}));
    AddAny(record.Own(std::string(key) + "." + name), member, depth + 1, record);
  });
}

void AddAttributes(const object& members, std::string_view prefix, Record& record) {
  array attributes;
  if (members["attributes"].get(attributes) != simdjson::SUCCESS) return;
  for (const element& each : attributes) {
    object attribute;
    object value;
    if (each.get(attribute) != simdjson::SUCCESS || attribute["value"].get(value) != simdjson::SUCCESS) continue;
    const std::string_view key = TextOf(attribute, {"key", "key"});
    AddAny(prefix.empty() ? key : record.Own(std::string(prefix) + std::string(key)), value, 0, record);
  }
}

void ReadSpan(const object& span, OtlpItem& item) {
  item.call_id = CallIdOf(span);
  item.record.Add("span.start_time_unix_nano",
                  Value::Integer(IntegerOf(span, {"startTimeUnixNano", "start_time_unix_nano"})));
  item.record.Add("span.end_time_unix_nano",
                  Value::Integer(IntegerOf(span, {"endTimeUnixNano", "end_time_unix_nano"})));
  AddAttributes(span, "", item.record);
  array events;
  if (span["events"].get(events) != simdjson::SUCCESS) return;
  for (const element& each : events) {
    object members;
    if (each.get(members) != simdjson::SUCCESS) continue;
    Record event;
    AddAttributes(members, "", event);
    AddSpanEvent(TextOf(members, {"name", "name"}), event, item);
  }
}

void ReadLogRecord(const object& log, OtlpItem& item) {
  item.call_id = CallIdOf(log);
  AddAttributes(log, "", item.record);
  object body;
  if (log["body"].get(body) == simdjson::SUCCESS) AddAny("body", body, 0, item.record);
  int64_t time = IntegerOf(log, {"timeUnixNano", "time_unix_nano"});
  if (time == 0) time = IntegerOf(log, {"observedTimeUnixNano", "observed_time_unix_nano"});
  FinishLogRecord(TextOf(log, {"eventName", "event_name"}), time, item);
}

// The objects of a list at `name`; false if there is something else.
template <typename Use>
bool ForEachObject(const object& members, const Name& name, const Use& use) {
  element list;
  array objects;
  if (!Get(members, name, list) || list.is_null()) return true;
  if (list.get(objects) != simdjson::SUCCESS) return false;
  for (const element& each : objects) {
    object entry;
    if (each.get(entry) != simdjson::SUCCESS || !use(entry)) return false;
  }
  return true;
}

bool ReadItems(OtlpSignal signal, const object& request, const TakeOtlpItem& take) {
  const bool is_trace = signal == OtlpSignal::kTraces;
  const Name resources = is_trace ? Name{"resourceSpans", "resource_spans"} : Name{"resourceLogs", "resource_logs"};
  const Name scopes = is_trace ? Name{"scopeSpans", "scope_spans"} : Name{"scopeLogs", "scope_logs"};
  const Name items = is_trace ? Name{"spans", "spans"} : Name{"logRecords", "log_records"};
  OtlpItem item;
  return ForEachObject(request, resources, [&](const object& group) {
    Record shared;
    object resource;
    if (group["resource"].get(resource) == simdjson::SUCCESS) AddAttributes(resource, "resource.", shared);
    const std::string source_name = SourceNameOf(shared);
    return ForEachObject(group, scopes, [&](const object& scope) {
      return ForEachObject(scope, items, [&](const object& each) {
        BeginItem(shared, source_name, item);
        is_trace ? ReadSpan(each, item) : ReadLogRecord(each, item);
        take(item);
        return true;
      });
    });
  });
}

}  // namespace

Status ReadOtlpJson(OtlpSignal signal, std::string_view body, const TakeOtlpItem& take) {
  if (body.empty()) return {Code::kInvalidArgument, "the body is empty"};  // simdjson copies it, even from nowhere.
  simdjson::dom::parser parser;
  object request;
  const simdjson::error_code error = parser.parse(body.data(), body.size()).get(request);
  if (error != simdjson::SUCCESS)
    return {Code::kInvalidArgument, std::string("the body is no JSON object: ") + simdjson::error_message(error)};
  if (ReadItems(signal, request, take)) return Status();
  return {Code::kInvalidArgument,
          std::string("the JSON is no request to export ") + (signal == OtlpSignal::kTraces ? "traces" : "logs")};
}

Status ReadOtlpCapture(std::string_view body, const TakeOtlpItem& take) {
  const size_t first = body.find_first_not_of(" \t\r\n");
  const bool is_json = first != std::string_view::npos && body[first] == '{';
  if (is_json) {
    const bool is_logs = body.find("\"resourceLogs\"") != std::string_view::npos ||
                         body.find("\"resource_logs\"") != std::string_view::npos;
    return ReadOtlpJson(is_logs ? OtlpSignal::kLogs : OtlpSignal::kTraces, body, take);
  }
  // A span begins with bytes where a log record has a number, so that only one of both can be read.
  const Status status = ReadOtlpProtobuf(OtlpSignal::kTraces, body, take);
  return status.ok() ? status : ReadOtlpProtobuf(OtlpSignal::kLogs, body, take);
}

}  // namespace stillwatch::gateways
