// Decodes one line of JSON into a message of usage.proto, after the proto3 JSON mapping.
#pragma once

#include <simdjson.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "proto/limits.h"
#include "proto/result.h"
#include "stillwatch/v1/usage.pb.h"

namespace stillwatch {

// A line of JSON may be twice as long as the texts of an event: escapes lengthen them.
inline constexpr size_t kJsonLineBytesMax = 2 * kEventBytesMax;
// Nesting of the known fields is 2; more leaves room for unknown ones and costs 16 bytes a level.
inline constexpr size_t kJsonDepthMax = 64;

// Decodes JSON objects into messages. Names are the proto's own or their lowerCamelCase form. A 64-bit integer may be a
// number or a string, an integral float is an integer, null means absent, and of a repeated key the last value counts.
// Unknown fields are ignored and added to `unknown_field_count`.
// Threading: one thread at a time. Ownership: keeps its buffers between calls; the message is cleared and reused, so
// that a message which is passed again costs no allocations.
// Errors: kInvalidArgument names the field and what was expected; the message then holds a part of the line.
// Limits: kJsonLineBytesMax, kJsonDepthMax. Input is never trusted: all of it is checked, unknown fields too.
class UsageJsonDecoder {
 public:
  UsageJsonDecoder();

  Status Decode(std::string_view line, v1::UsageEvent& event, uint64_t& unknown_field_count);
  Status Decode(std::string_view line, v1::AccountProfile& profile, uint64_t& unknown_field_count);
  Status Decode(std::string_view line, v1::ModelInfo& model, uint64_t& unknown_field_count);

 private:
  Result<simdjson::dom::object> Parse(std::string_view line);
  Status ParseError(size_t size, simdjson::error_code error);

  simdjson::dom::parser parser_;
  std::unique_ptr<char[]> padded_line_;  // simdjson reads past the end, so the line is copied to where it may.
  size_t capacity_bytes_ = 0;
};

}  // namespace stillwatch
