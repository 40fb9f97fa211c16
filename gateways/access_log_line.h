// A line of a web server's access log as a record.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "gateways/record.h"
#include "proto/result.h"

namespace stillwatch::gateways {

// Where a line of a file stands.
struct LinePlace {
  uint64_t inode = 0;
  uint64_t offset = 0;
};

// Reads lines of JSON, with or without a syslog header, into records. Beside the line's own keys a record has
// "line_id", "operation" (from the path, if it is one of a model's), "arrival_time" (nanoseconds; of a line that tells
// when the call ended and how long it took), and of the header "timestamp", "syslog.host" and "syslog.program". The id
// is the same for the same line at the same place, or, without a place, for the same words. Threading: one thread at a
// time. Ownership: a record is valid as long as its line, until the next one. Errors: kInvalidArgument says what is wrong with the line:
// its header, its encoding, its JSON. Limits: JSON is nested at most kLineDepthMax deep.
class AccessLogLineReader {
 public:
  static constexpr size_t kLineDepthMax = 64;

  Status Read(std::string_view line, const std::optional<LinePlace>& place, Record& record);
  // The same for an object that was parsed already; `text` is what its id is made of.
  static void Fill(const simdjson::dom::object& object, std::string_view text, const std::optional<LinePlace>& place,
                   Record& record);

 private:
  simdjson::dom::parser parser_;
  std::string padded_;
};

}  // namespace stillwatch::gateways
