#include "gateways/otlp_reader.h"

#include <algorithm>
#include <bit>
#include <string>
#include <utility>
#include <vector>

#include "opentelemetry/proto/collector/logs/v1/logs_service.pb.h"
#include "opentelemetry/proto/collector/trace/v1/trace_service.pb.h"
#include "proto/json_writer.h"
#include "proto/wire_reader.h"

namespace stillwatch::gateways {
namespace {

namespace common = opentelemetry::proto::common::v1;
using opentelemetry::proto::logs::v1::LogRecord;
using opentelemetry::proto::trace::v1::Span;

constexpr int kNestingMax = 8;
constexpr size_t kTraceIdBytes = 16;
constexpr size_t kSpanIdBytes = 8;

std::string ToHex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    out += "0123456789abcdef"[static_cast<uint8_t>(c) >> 4];
    out += "0123456789abcdef"[static_cast<uint8_t>(c) & 15];
  }
  return out;
}

bool IsId(std::string_view bytes, size_t size) {
  return bytes.size() == size && std::ranges::any_of(bytes, [](char c) { return c != 0; });
}

std::string CallId(std::string_view trace_id, std::string_view span_id) {
  if (!IsId(trace_id, kTraceIdBytes) || !IsId(span_id, kSpanIdBytes)) return {};
  return ToHex(trace_id) + ToHex(span_id);
}

// Goes through the fields of a message; `read` returns false for bytes that cannot be.
template <typename Read>
bool ForEachField(std::string_view message, const Read& read) {
  WireReader reader(message);
  uint32_t field = 0;
  WireType type{};
  while (!reader.empty()) {
    if (!reader.ReadTag(field, type) || !read(reader, field, type)) return false;
  }
  return true;
}

struct Attribute {
  std::string_view key;
  std::string_view value;  // An AnyValue.
};

bool ReadAttribute(std::string_view message, Attribute& out) {
  return ForEachField(message, [&out](WireReader& reader, uint32_t field, WireType type) {
    if (type != WireType::kBytes || field > common::KeyValue::kValueFieldNumber) return reader.Skip(field, type);
    return reader.ReadBytes(field == common::KeyValue::kKeyFieldNumber ? out.key : out.value);
  });
}

// An AnyValue of one type; a list or an object as its bytes.
struct Any {
  int kind = 0;  // Field number, 0 if it is empty.
  Value value;
  std::string_view nested;
};

bool ReadAny(std::string_view message, Any& out) {
  return ForEachField(message, [&out](WireReader& reader, uint32_t field, WireType type) {
    uint64_t number = 0;
    const int kind = static_cast<int>(field);
    if (kind == common::AnyValue::kStringValueFieldNumber && type == WireType::kBytes) {
      out.kind = kind;
      std::string_view text;
      const bool is_read = reader.ReadBytes(text);
      out.value = Value::Text(text);
      return is_read;
    }
    if ((kind == common::AnyValue::kBoolValueFieldNumber || kind == common::AnyValue::kIntValueFieldNumber) &&
        type == WireType::kVarint) {
      out.kind = kind;
      const bool is_read = reader.ReadVarint(number);
      out.value = kind == common::AnyValue::kBoolValueFieldNumber ? Value::Bool(number != 0)
                                                                  : Value::Integer(static_cast<int64_t>(number));
      return is_read;
    }
    if (kind == common::AnyValue::kDoubleValueFieldNumber && type == WireType::kFixed64) {
      out.kind = kind;
      const bool is_read = reader.ReadFixed64(number);
      out.value = Value::Real(std::bit_cast<double>(number));
      return is_read;
    }
    if ((kind == common::AnyValue::kArrayValueFieldNumber || kind == common::AnyValue::kKvlistValueFieldNumber) &&
        type == WireType::kBytes) {
      out.kind = kind;
      return reader.ReadBytes(out.nested);
    }
    return reader.Skip(field, type);
  });
}

bool AppendJson(std::string_view message, int depth, std::string& json);

// The values of a list, or the members of an object.
bool AppendEntries(const Any& any, int depth, std::string& json) {
  const bool is_list = any.kind == common::AnyValue::kArrayValueFieldNumber;
  json += is_list ? '[' : '{';
  bool is_first = true;
  const bool is_read = ForEachField(any.nested, [&](WireReader& reader, uint32_t field, WireType type) {
    if (field != 1 || type != WireType::kBytes) return reader.Skip(field, type);
    std::string_view entry;
    if (!reader.ReadBytes(entry)) return false;
    if (!std::exchange(is_first, false)) json += ',';
    if (is_list) return AppendJson(entry, depth + 1, json);
    Attribute member;
    if (!ReadAttribute(entry, member)) return false;
    AppendJsonString(json, member.key);
    json += ':';
    return AppendJson(member.value, depth + 1, json);
  });
  json += is_list ? ']' : '}';
  return is_read;
}

bool AppendJson(std::string_view message, int depth, std::string& json) {
  Any any;
  if (!ReadAny(message, any)) return false;
  if (any.kind == 0 || depth > kNestingMax) {
    json += "null";
  } else if (any.kind == common::AnyValue::kArrayValueFieldNumber ||
             any.kind == common::AnyValue::kKvlistValueFieldNumber) {
    return AppendEntries(any, depth, json);
  } else if (any.value.kind == ValueKind::kText) {
    AppendJsonString(json, any.value.text);
  } else if (any.value.kind == ValueKind::kBool) {
    json += any.value.integer != 0 ? "true" : "false";
  } else {
    json += any.value.kind == ValueKind::kInteger ? std::to_string(any.value.integer)
                                                  : JsonWriter().Number(any.value.real).Take();
  }
  return true;
}

// Adds a value, the members of an object one by one.
bool AddAny(std::string_view key, std::string_view message, int depth, Record& record) {
  Any any;
  if (!ReadAny(message, any)) return false;
  if (any.kind == common::AnyValue::kArrayValueFieldNumber) {
    std::string json;
    if (!AppendEntries(any, depth, json)) return false;
    record.Add(key, Value::Json(record.Own(std::move(json))));
  } else if (any.kind == common::AnyValue::kKvlistValueFieldNumber) {
    if (depth >= kNestingMax) return true;
    return ForEachField(any.nested, [&](WireReader& reader, uint32_t field, WireType type) {
      if (field != 1 || type != WireType::kBytes) return reader.Skip(field, type);
      std::string_view entry;
      Attribute member;
      if (!reader.ReadBytes(entry) || !ReadAttribute(entry, member)) return false;
      return AddAny(record.Own(std::string(key) + "." + std::string(member.key)), member.value, depth + 1, record);
    });
  } else if (any.kind != 0) {
    record.Add(key, any.value);
  }
  return true;
}

bool AddAttribute(WireReader& reader, std::string_view prefix, Record& record) {
  std::string_view entry;
  Attribute attribute;
  if (!reader.ReadBytes(entry) || !ReadAttribute(entry, attribute)) return false;
  const std::string_view key =
      prefix.empty() ? attribute.key : record.Own(std::string(prefix) + std::string(attribute.key));
  return AddAny(key, attribute.value, 0, record);
}

// An event of a span: a message of its own, or attributes like the span's.
bool ReadSpanEvent(std::string_view message, OtlpItem& item) {
  std::string_view name;
  Record event;
  const bool is_read = ForEachField(message, [&](WireReader& reader, uint32_t field, WireType type) {
    if (type != WireType::kBytes) return reader.Skip(field, type);
    if (field == Span::Event::kNameFieldNumber) return reader.ReadBytes(name);
    if (field == Span::Event::kAttributesFieldNumber) return AddAttribute(reader, "", event);
    return reader.Skip(field, type);
  });
  AddSpanEvent(name, event, item);
  return is_read;
}

bool ReadSpan(std::string_view message, OtlpItem& item) {
  std::string_view trace_id;
  std::string_view span_id;
  std::vector<std::string_view> events;
  const bool is_read = ForEachField(message, [&](WireReader& reader, uint32_t field, WireType type) {
    uint64_t time = 0;
    if (type == WireType::kFixed64) {
      if (field == Span::kTraceIdFieldNumber) return false;  // A log record begins so.
      if (!reader.ReadFixed64(time)) return false;
      const auto nanoseconds = Value::Integer(static_cast<int64_t>(time));
      if (field == Span::kStartTimeUnixNanoFieldNumber) item.record.Add("span.start_time_unix_nano", nanoseconds);
      if (field == Span::kEndTimeUnixNanoFieldNumber) item.record.Add("span.end_time_unix_nano", nanoseconds);
      return true;
    }
    if (type != WireType::kBytes) return reader.Skip(field, type);
    if (field == Span::kTraceIdFieldNumber) return reader.ReadBytes(trace_id);
    if (field == Span::kSpanIdFieldNumber) return reader.ReadBytes(span_id);
    if (field == Span::kAttributesFieldNumber) return AddAttribute(reader, "", item.record);
    if (field == Span::kEventsFieldNumber) return reader.ReadBytes(events.emplace_back());
    return reader.Skip(field, type);
  });
  item.call_id = CallId(trace_id, span_id);
  // After the attributes, which come first where both have a key.
  return is_read && std::ranges::all_of(events, [&item](std::string_view event) { return ReadSpanEvent(event, item); });
}

bool ReadLogRecord(std::string_view message, OtlpItem& item) {
  std::string_view trace_id;
  std::string_view span_id;
  std::string_view name;
  uint64_t time = 0;
  uint64_t observed_time = 0;
  const bool is_read = ForEachField(message, [&](WireReader& reader, uint32_t field, WireType type) {
    if (type == WireType::kFixed64 && field == LogRecord::kTimeUnixNanoFieldNumber) return reader.ReadFixed64(time);
    if (type == WireType::kFixed64 && field == LogRecord::kObservedTimeUnixNanoFieldNumber) {
      return reader.ReadFixed64(observed_time);
    }
    if (type != WireType::kBytes) return reader.Skip(field, type);
    if (field == LogRecord::kTraceIdFieldNumber) return reader.ReadBytes(trace_id);
    if (field == LogRecord::kSpanIdFieldNumber) return reader.ReadBytes(span_id);
    if (field == LogRecord::kEventNameFieldNumber) return reader.ReadBytes(name);
    if (field == LogRecord::kAttributesFieldNumber) return AddAttribute(reader, "", item.record);
    if (field != LogRecord::kBodyFieldNumber) return reader.Skip(field, type);
    std::string_view body;
    return reader.ReadBytes(body) && AddAny("body", body, 0, item.record);
  });
  if (!is_read) return false;
  FinishLogRecord(name, static_cast<int64_t>(time != 0 ? time : observed_time), item);
  item.call_id = CallId(trace_id, span_id);
  return true;
}

// What all items of a resource share.
struct ResourceFields {
  Record record;
  std::string source_name;
};

bool ReadResource(std::string_view message, ResourceFields& out) {
  const bool is_read = ForEachField(message, [&out](WireReader& reader, uint32_t field, WireType type) {
    if (field != 1 || type != WireType::kBytes) return reader.Skip(field, type);
    return AddAttribute(reader, "resource.", out.record);
  });
  out.source_name = SourceNameOf(out.record);
  return is_read;
}

// ResourceSpans and ResourceLogs, ScopeSpans and ScopeLogs have the same numbers.
constexpr uint32_t kResourceField = 1;
constexpr uint32_t kScopesField = 2;
constexpr uint32_t kItemsField = 2;

bool ReadScope(OtlpSignal signal, std::string_view message, const ResourceFields& resource, OtlpItem& item,
               const TakeOtlpItem& take) {
  return ForEachField(message, [&](WireReader& reader, uint32_t field, WireType type) {
    if (field != kItemsField || type != WireType::kBytes) return reader.Skip(field, type);
    std::string_view bytes;
    BeginItem(resource.record, resource.source_name, item);
    const bool is_read =
        reader.ReadBytes(bytes) && (signal == OtlpSignal::kTraces ? ReadSpan(bytes, item) : ReadLogRecord(bytes, item));
    if (is_read) take(item);
    return is_read;
  });
}

bool ReadResourceItems(OtlpSignal signal, std::string_view message, OtlpItem& item, const TakeOtlpItem& take) {
  ResourceFields resource;
  std::vector<std::string_view> scopes;
  const bool is_read = ForEachField(message, [&](WireReader& reader, uint32_t field, WireType type) {
    std::string_view bytes;
    if (type != WireType::kBytes || (field != kResourceField && field != kScopesField)) return reader.Skip(field, type);
    if (field == kScopesField) return reader.ReadBytes(scopes.emplace_back());
    return reader.ReadBytes(bytes) && ReadResource(bytes, resource);
  });
  return is_read && std::ranges::all_of(
                        scopes, [&](std::string_view scope) { return ReadScope(signal, scope, resource, item, take); });
}

}  // namespace

Status ReadOtlpProtobuf(OtlpSignal signal, std::string_view body, const TakeOtlpItem& take) {
  OtlpItem item;
  const bool is_read = ForEachField(body, [&](WireReader& reader, uint32_t field, WireType type) {
    if (field != 1 || type != WireType::kBytes) return reader.Skip(field, type);
    std::string_view bytes;
    return reader.ReadBytes(bytes) && ReadResourceItems(signal, bytes, item, take);
  });
  if (is_read) return Status();
  return {Code::kInvalidArgument,
          std::string("the bytes are no request to export ") + (signal == OtlpSignal::kTraces ? "traces" : "logs")};
}

}  // namespace stillwatch::gateways
