// One JSON object on one line.
#pragma once

#include <charconv>
#include <concepts>
#include <string>
#include <string_view>
#include <utility>

namespace stillwatch::sample {

// Builds a JSON object field by field; an empty text is left out, as an unknown value is in the format.
class JsonLine {
 public:
  JsonLine& Text(std::string_view name, std::string_view value) {
    if (value.empty()) return *this;
    Name(name);
    AppendQuoted(value);
    return *this;
  }
  JsonLine& Number(std::string_view name, std::integral auto value) {
    Name(name);
    line_ += std::to_string(value);
    return *this;
  }
  JsonLine& Hundredths(std::string_view name, int value) {
    Name(name);
    char digits[32];  // Shortest form that reads back the same: the standard fixes every digit.
    line_.append(digits, std::to_chars(digits, digits + sizeof(digits), value / 100.0).ptr);
    return *this;
  }
  JsonLine& Bool(std::string_view name, bool value) {
    Name(name);
    line_ += value ? "true" : "false";
    return *this;
  }
  std::string Take() { return std::move(line_ += "}\n"); }

 private:
  void Name(std::string_view name) {
    line_ += line_.size() > 1 ? "," : "";
    AppendQuoted(name);
    line_ += ':';
  }
  void AppendQuoted(std::string_view text) {
    constexpr std::string_view kHex = "0123456789abcdef";
    line_ += '"';
    for (const char c : text) {
      if (c == '"' || c == '\\') {
        (line_ += '\\') += c;
      } else if (static_cast<unsigned char>(c) < 0x20) {
        ((line_ += "\\u00") += kHex[c >> 4]) += kHex[c & 15];
      } else {
        line_ += c;
      }
    }
    line_ += '"';
  }

  std::string line_ = "{";
};

}  // namespace stillwatch::sample
