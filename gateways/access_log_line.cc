#include "gateways/access_log_line.h"

#include <array>
#include <cstring>
#include <utility>

#include "gateways/content_id.h"
#include "gateways/json_fields.h"
#include "gateways/json_parsing.h"
#include "gateways/request_path.h"
#include "gateways/syslog_message.h"
#include "gateways/value_conversion.h"

namespace stillwatch::gateways {
namespace {

// The first of the record's fields of this key.
const Value* Find(const Record& record, std::string_view key) {
  for (const Field& field : record.fields()) {
    if (field.key == key) return &field.value;
  }
  return nullptr;
}

// nginx and Caddy write when the answer was done; a call counts from when it arrived.
void AddArrivalTime(Record& record) {
  using Keys = std::pair<std::string_view, std::string_view>;
  for (const auto& [end_key, duration_key] : {Keys{"msec", "request_time"}, Keys{"ts", "duration"}}) {
    const Value* end = Find(record, end_key);
    const Value* duration = Find(record, duration_key);
    if (end == nullptr || duration == nullptr) continue;
    const std::optional<int64_t> end_nano = ToNanoseconds(*end, TimeUnit::kSeconds);
    const std::optional<int64_t> duration_nano = ToNanoseconds(*duration, TimeUnit::kSeconds);
    if (!end_nano || !duration_nano || *duration_nano < 0 || *duration_nano > *end_nano) continue;
    return record.Add("arrival_time", Value::Integer(*end_nano - *duration_nano));
  }
}

// Caddy writes a header as the list of its values; of these the first counts.
void AddHeaders(const simdjson::dom::object& object, Record& record) {
  simdjson::dom::object headers;
  if (object.at_pointer("/request/headers").get_object().get(headers) != simdjson::SUCCESS) return;
  for (const auto& [name, values] : headers) {
    std::string_view first;
    if (values.at_pointer("/0").get_string().get(first) != simdjson::SUCCESS) continue;
    record.Add(record.Own("request.headers." + std::string(name)), Value::Text(record.Own(std::string(first))));
  }
}

void AddOperation(Record& record) {
  for (const std::string_view key : {"path", "uri", "request_uri", "request.uri"}) {
    const Value* path = Find(record, key);
    if (path == nullptr || path->kind != ValueKind::kText) continue;
    const std::string_view operation = OperationOfPath(path->text);
    if (!operation.empty()) return record.Add("operation", Value::Text(operation));
  }
}

}  // namespace

void AccessLogLineReader::Fill(const simdjson::dom::object& object, std::string_view text,
                               const std::optional<LinePlace>& place, Record& record) {
  record.Clear();
  ContentId id;
  if (place) id.Add(place->inode).Add(place->offset);
  record.Add("line_id", Value::Text(record.Own(id.Add(text).Finish())));
  AddHeaders(object, record);
  AddJsonFields(object, "", record);
  AddArrivalTime(record);
  AddOperation(record);
}

Status AccessLogLineReader::Read(std::string_view line, const std::optional<LinePlace>& place, Record& record) {
  const std::optional<SyslogMessage> message = ParseSyslog(line);
  if (!message) return Status(Code::kInvalidArgument, "the syslog header is broken");
  Result<simdjson::dom::object> object = ParseJsonObject(message->content, kLineDepthMax, parser_, padded_);
  if (!object.ok()) return object.status();
  Fill(*object, message->content, place, record);
  for (const auto& [key, value] : {std::pair("timestamp", message->timestamp), std::pair("syslog.host", message->host),
                                   std::pair("syslog.program", message->program)}) {
    if (!value.empty()) record.Add(key, Value::Text(value));
  }
  return Status();
}

}  // namespace stillwatch::gateways
