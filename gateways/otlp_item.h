// One span or log record, whatever its encoding.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateways/record.h"

namespace stillwatch::gateways {

// A message of a conversation that was told as an event of its own (gen_ai.user.message, gen_ai.choice, …).
struct OtlpMessage {
  std::string role;  // Empty for an answer of the model.
  std::string text;

  bool is_answer() const { return role.empty(); }
};

// Attributes stand under their own keys, those of the resource with "resource." before, members of objects after a dot,
// lists as JSON.
struct OtlpItem {
  std::string source_name;  // service.name of the resource.
  std::string call_id;      // Trace id and span id in hexadecimal digits; empty if one is missing.
  Record record;
  std::vector<OtlpMessage> messages;
};

// Makes the item one of that resource, with nothing else in it. The resource's record must outlive it.
void BeginItem(const Record& resource, const std::string& source_name, OtlpItem& item);
// The name under which a resource is counted.
std::string SourceNameOf(const Record& resource);
// The role of an event of that name; nothing if it is no message, "" for an answer.
std::optional<std::string_view> RoleOfEvent(std::string_view event_name);
// Adds the message of an event with these fields, if it has a text.
void AddEventMessage(std::string_view role, const Record& event, OtlpItem& item);
// Adds what a span's event says: a message of its own, or attributes like the span's.
void AddSpanEvent(std::string_view name, const Record& event, OtlpItem& item);
// Adds time and, for an event that is a message, the message. `name`: the record's own, if it has one.
void FinishLogRecord(std::string_view name, int64_t time_unix_nano, OtlpItem& item);
// Adds messages to the record, under names that the mapping knows.
void AddMessageFields(const std::vector<OtlpMessage>& messages, Record& record);

}  // namespace stillwatch::gateways
