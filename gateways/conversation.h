// From lists of messages to the texts that are digested.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "gateways/record_mapper.h"

namespace stillwatch::gateways {

// The texts of one call. An empty text is unknown.
struct Conversation {
  std::string system_prompt;
  std::string prompt;  // The newest message of the user.
  std::string completion;
  std::string finish_reason;
  std::optional<uint32_t> message_count;  // Of the input, the system's not counted.

  void Clear();
};

// Reads messages in the forms in which they are sent: lists of {role, content} or {role, parts}, whole requests and
// answers of the usual APIs, and plain text. What is in none of these forms adds nothing. Only text is read: no images,
// no calls of tools, no reasoning. Threading: none of its own. Limits: what simdjson takes; nested deeper than its
// 1,024 levels is taken for plain text.
class ConversationReader {
 public:
  void ReadSystem(std::string_view text, Conversation& out);
  void ReadInput(std::string_view text, Conversation& out);
  void ReadOutput(std::string_view text, Conversation& out);
  void ReadInput(std::span<const NumberedMessage> messages, Conversation& out);
  void ReadOutput(std::span<const NumberedMessage> messages, Conversation& out);
  // Entries of a JSON list or object; nothing if it is neither.
  std::optional<uint64_t> CountEntries(std::string_view json);

 private:
  bool Parse(std::string_view text, simdjson::dom::element& out);
  std::string ContentOf(std::string_view text);

  simdjson::dom::parser parser_;
};

}  // namespace stillwatch::gateways
