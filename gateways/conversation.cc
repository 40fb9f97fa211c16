#include "gateways/conversation.h"

#include <algorithm>

namespace stillwatch::gateways {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

// Messages may hold lists of parts, which hold lists: deeper than any API goes.
constexpr int kPartsDepthMax = 6;

std::string_view TextAt(const object& members, const char* key) {
  std::string_view text;
  if (members[key].get(text) != simdjson::SUCCESS) return {};
  return text;
}

bool IsSystem(std::string_view role) { return role == "system" || role == "developer"; }
bool IsUser(std::string_view role) { return role.empty() || role == "user" || role == "human"; }

// Parts of a message that are no words of its author.
bool IsSilent(std::string_view type) {
  return type == "reasoning" || type == "thinking" || type == "tool_call" || type == "tool_use" ||
         type == "tool_call_response" || type == "tool_result" || type == "function_call";
}

void AppendContent(const element& content, int depth, std::string& out);

void AppendPart(const object& part, int depth, std::string& out) {
  if (IsSilent(TextAt(part, "type"))) return;
  for (const char* key : {"text", "content", "parts"}) {
    element inner;
    if (part[key].get(inner) == simdjson::SUCCESS && !inner.is_null()) return AppendContent(inner, depth + 1, out);
  }
}

// Appends the text of a message's content: a text, a part, or a list of them.
void AppendContent(const element& content, int depth, std::string& out) {
  std::string_view text;
  array parts;
  object part;
  if (content.get(text) == simdjson::SUCCESS) {
    if (!out.empty() && !text.empty()) out += '\n';
    out += text;
  } else if (depth >= kPartsDepthMax) {
    return;
  } else if (content.get(parts) == simdjson::SUCCESS) {
    for (const element& each : parts) AppendContent(each, depth + 1, out);
  } else if (content.get(part) == simdjson::SUCCESS) {
    AppendPart(part, depth, out);
  }
}

std::string ContentOf(const element& content) {
  std::string out;
  AppendContent(content, 0, out);
  return out;
}
std::string ContentOf(const object& message) {
  std::string out;
  AppendPart(message, 0, out);
  return out;
}

void AddMessage(std::string_view role, std::string text, Conversation& out) {
  if (IsSystem(role)) {
    if (!out.system_prompt.empty() && !text.empty()) out.system_prompt += '\n';
    out.system_prompt += text;
    return;
  }
  out.message_count = out.message_count.value_or(0) + 1;
  if (IsUser(role) && !text.empty()) out.prompt = std::move(text);
}

void ReadMessages(const element& input, Conversation& out);

// A message, or a request that holds messages.
void ReadInputObject(const object& members, Conversation& out) {
  for (const char* key : {"system", "instructions", "system_instruction", "systemInstruction"}) {
    element system;
    if (members[key].get(system) == simdjson::SUCCESS && !system.is_null())
      AddMessage("system", ContentOf(system), out);
  }
  for (const char* key : {"messages", "input", "prompt", "contents"}) {
    element inner;
    if (members[key].get(inner) == simdjson::SUCCESS && !inner.is_null()) return ReadMessages(inner, out);
  }
  std::string_view role = TextAt(members, "role");
  if (role.empty()) role = TextAt(members, "type");
  if (role == "text") role = "user";
  std::string content = ContentOf(members);
  if (role.empty() && content.empty()) return;  // A request that holds none.
  AddMessage(role, std::move(content), out);
}

void ReadMessages(const element& input, Conversation& out) {
  std::string_view text;
  array list;
  object members;
  if (input.get(text) == simdjson::SUCCESS) {
    AddMessage("user", std::string(text), out);
  } else if (input.get(members) == simdjson::SUCCESS) {
    ReadInputObject(members, out);
  } else if (input.get(list) == simdjson::SUCCESS) {
    for (const element& each : list) {
      if (each.get(text) == simdjson::SUCCESS) AddMessage("user", std::string(text), out);
      if (each.get(members) == simdjson::SUCCESS) ReadInputObject(members, out);
    }
  }
}

bool ReadAnswer(const element& output, int depth, Conversation& out);

// An answer, or what holds it; true if it had a text.
bool ReadAnswerObject(const object& members, int depth, Conversation& out) {
  for (const char* key : {"finish_reason", "stop_reason", "finishReason"}) {
    if (out.finish_reason.empty()) out.finish_reason = TextAt(members, key);
  }
  for (const char* key : {"choices", "candidates", "output", "message", "delta"}) {
    element inner;
    if (members[key].get(inner) == simdjson::SUCCESS && !inner.is_null()) return ReadAnswer(inner, depth + 1, out);
  }
  out.completion = ContentOf(members);
  return !out.completion.empty();
}

// Of several answers the first with a text is read.
bool ReadAnswer(const element& output, int depth, Conversation& out) {
  if (depth > kPartsDepthMax) return false;
  std::string_view text;
  array list;
  object members;
  if (output.get(text) == simdjson::SUCCESS) {
    out.completion = text;
    return !text.empty();
  }
  if (output.get(members) == simdjson::SUCCESS) return ReadAnswerObject(members, depth, out);
  if (output.get(list) != simdjson::SUCCESS) return false;
  for (const element& each : list) {
    if (ReadAnswer(each, depth + 1, out)) return true;
  }
  return false;
}

}  // namespace

void Conversation::Clear() {
  system_prompt.clear();
  prompt.clear();
  completion.clear();
  finish_reason.clear();
  message_count.reset();
}

// True for JSON that may hold messages; other text is a message itself.
bool ConversationReader::Parse(std::string_view text, element& out) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || (text[first] != '[' && text[first] != '{')) return false;
  return parser_.parse(text.data(), text.size()).get(out) == simdjson::SUCCESS;
}

std::string ConversationReader::ContentOf(std::string_view text) {
  element parsed;
  if (!Parse(text, parsed)) return std::string(text);
  std::string content = gateways::ContentOf(parsed);
  return content.empty() ? std::string(text) : content;
}

void ConversationReader::ReadSystem(std::string_view text, Conversation& out) {
  AddMessage("system", ContentOf(text), out);
}

void ConversationReader::ReadInput(std::string_view text, Conversation& out) {
  element parsed;
  if (Parse(text, parsed)) {
    ReadMessages(parsed, out);
  } else {
    AddMessage("user", std::string(text), out);
  }
}

void ConversationReader::ReadOutput(std::string_view text, Conversation& out) {
  element parsed;
  if (Parse(text, parsed)) {
    ReadAnswer(parsed, 0, out);
  } else {
    out.completion = text;
  }
}

void ConversationReader::ReadInput(std::span<const NumberedMessage> messages, Conversation& out) {
  std::vector<NumberedMessage> sorted(messages.begin(), messages.end());
  std::ranges::sort(sorted, {}, &NumberedMessage::number);
  for (const NumberedMessage& message : sorted) AddMessage(message.role, ContentOf(message.content), out);
}

void ConversationReader::ReadOutput(std::span<const NumberedMessage> messages, Conversation& out) {
  const auto first = std::ranges::min_element(messages, {}, &NumberedMessage::number);
  if (first != messages.end()) out.completion = ContentOf(first->content);
}

std::optional<uint64_t> ConversationReader::CountEntries(std::string_view json) {
  element parsed;
  if (!Parse(json, parsed)) return std::nullopt;
  array list;
  if (parsed.get(list) == simdjson::SUCCESS) return list.size();
  object members;
  if (parsed.get(members) == simdjson::SUCCESS) return members.size();
  return std::nullopt;
}

}  // namespace stillwatch::gateways
