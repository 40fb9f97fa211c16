#include "proto/json_writer.h"

#include <charconv>
#include <cmath>

#include "proto/utf8.h"

namespace stillwatch {
namespace {

void AppendControlCharacter(std::string& json, char c) {
  constexpr std::string_view kHexDigits = "0123456789abcdef";
  switch (c) {
    case '\n':
      json += "\\n";
      return;
    case '\r':
      json += "\\r";
      return;
    case '\t':
      json += "\\t";
      return;
    default:
      json += "\\u00";
      json += kHexDigits[static_cast<unsigned char>(c) >> 4];
      json += kHexDigits[static_cast<unsigned char>(c) & 15];
  }
}

}  // namespace

void AppendJsonString(std::string& json, std::string_view text) {
  json += '"';
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    const size_t count = Utf8SequenceBytes(text.substr(i));
    if (count == 0) {
      json += kReplacementCharacter;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      AppendControlCharacter(json, c);
    } else {
      if (c == '"' || c == '\\') json += '\\';
      json += text.substr(i, count);
    }
    i += count == 0 ? 1 : count;
  }
  json += '"';
}

void JsonWriter::Separate() {
  if (std::exchange(follows_name_, false)) return;
  if (has_value_.back()) json_ += ',';
  has_value_.back() = true;
}

JsonWriter& JsonWriter::Begin(char bracket) {
  Separate();
  json_ += bracket;
  has_value_.push_back(false);
  return *this;
}

JsonWriter& JsonWriter::End(char bracket) {
  json_ += bracket;
  has_value_.pop_back();
  return *this;
}

JsonWriter& JsonWriter::Name(std::string_view name) {
  Separate();
  AppendJsonString(json_, name);
  json_ += ':';
  follows_name_ = true;
  return *this;
}

JsonWriter& JsonWriter::Text(std::string_view value) {
  Separate();
  AppendJsonString(json_, value);
  return *this;
}

JsonWriter& JsonWriter::Count(uint64_t value) {
  Separate();
  json_ += std::to_string(value);
  return *this;
}

JsonWriter& JsonWriter::Time(int64_t unix_nano) { return Text(std::to_string(unix_nano)); }

JsonWriter& JsonWriter::Number(double value) {
  Separate();
  if (!std::isfinite(value)) {
    json_ += "null";
    return *this;
  }
  char digits[32];  // The shortest form of a double takes at most 24 characters.
  json_.append(digits, std::to_chars(digits, digits + sizeof(digits), value).ptr);
  return *this;
}

}  // namespace stillwatch
