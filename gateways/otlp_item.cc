#include "gateways/otlp_item.h"

#include <algorithm>

namespace stillwatch::gateways {
namespace {

const Value* Find(const Record& record, std::string_view key) {
  const auto found = std::ranges::find(record.fields(), key, &Field::key);
  return found == record.fields().end() ? nullptr : &found->value;
}

}  // namespace

void BeginItem(const Record& resource, const std::string& source_name, OtlpItem& item) {
  item.source_name = source_name;
  item.call_id.clear();
  item.messages.clear();
  item.record.Clear();
  for (const Field& field : resource.fields()) item.record.Add(field.key, field.value);
}

std::string SourceNameOf(const Record& resource) {
  const Value* name = Find(resource, "resource.service.name");
  return name == nullptr ? std::string() : std::string(name->text);
}

std::optional<std::string_view> RoleOfEvent(std::string_view event_name) {
  if (event_name == "gen_ai.system.message") return "system";
  if (event_name == "gen_ai.user.message") return "user";
  if (event_name == "gen_ai.assistant.message") return "assistant";
  if (event_name == "gen_ai.tool.message") return "tool";
  if (event_name == "gen_ai.choice") return "";
  return std::nullopt;
}

void AddEventMessage(std::string_view role, const Record& event, OtlpItem& item) {
  for (const char* key : {"body.content", "body.message.content", "body.message", "content", "message.content", "message", "body"}) {
    const Value* text = Find(event, key);
    if (text == nullptr || text->text.empty()) continue;
    item.messages.push_back({std::string(role), std::string(text->text)});
    return;
  }
}

void AddSpanEvent(std::string_view name, const Record& event, OtlpItem& item) {
  if (const std::optional<std::string_view> role = RoleOfEvent(name)) return AddEventMessage(*role, event, item);
  for (const Field& field : event.fields()) {
    Value value = field.value;
    value.text = item.record.Own(std::string(value.text));
    item.record.Add(item.record.Own(std::string(field.key)), value);
  }
}

void FinishLogRecord(std::string_view name, int64_t time_unix_nano, OtlpItem& item) {
  item.record.Add("log.time_unix_nano", Value::Integer(time_unix_nano));
  if (name.empty()) {
    const Value* attribute = Find(item.record, "event.name");
    if (attribute != nullptr) name = attribute->text;
  }
  if (const std::optional<std::string_view> role = RoleOfEvent(name)) AddEventMessage(*role, item.record, item);
}

void AddMessageFields(const std::vector<OtlpMessage>& messages, Record& record) {
  for (size_t i = 0; i < messages.size(); ++i) {
    const std::string key = (messages[i].is_answer() ? "span.answers." : "span.messages.") + std::to_string(i);
    if (!messages[i].is_answer()) record.Add(record.Own(key + ".role"), Value::Text(record.Own(messages[i].role)));
    record.Add(record.Own(key + ".content"), Value::Text(record.Own(messages[i].text)));
  }
}

}  // namespace stillwatch::gateways
