// One message of a gateway, as it came: a flat list of keys and values.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace stillwatch::gateways {

// How the sender wrote a value. kJson is the text of a JSON array or object.
enum class ValueKind : uint8_t { kText, kInteger, kReal, kBool, kJson };

struct Value {
  ValueKind kind = ValueKind::kText;
  std::string_view text;  // Of kText and kJson.
  int64_t integer = 0;    // Of kInteger; 0 or 1 of kBool.
  double real = 0;        // Of kReal.

  static Value Text(std::string_view text) { return {ValueKind::kText, text, 0, 0}; }
  static Value Json(std::string_view text) { return {ValueKind::kJson, text, 0, 0}; }
  static Value Integer(int64_t integer) { return {ValueKind::kInteger, {}, integer, 0}; }
  static Value Real(double real) { return {ValueKind::kReal, {}, 0, real}; }
  static Value Bool(bool value) { return {ValueKind::kBool, {}, value ? 1 : 0, 0}; }
};

struct Field {
  std::string_view key;
  Value value;
};

// Holds what one message said, and nothing of what it did not: there are no defaults. Members of objects are fields of
// their own, their names joined by dots; arrays are one field of kJson. Of a key that comes twice the first one counts.
// Threading: none of its own. Ownership: keys and texts are views of the message's bytes, or of texts given to Own.
class Record {
 public:
  void Add(std::string_view key, Value value) { fields_.push_back({key, value}); }
  // Keeps a text that is not in the message's bytes, until Clear.
  std::string_view Own(std::string text) { return owned_.emplace_back(std::move(text)); }
  // As a new one, with the memory of the old.
  void Clear() {
    fields_.clear();
    owned_.clear();
  }

  std::span<const Field> fields() const { return fields_; }

 private:
  std::vector<Field> fields_;
  std::deque<std::string> owned_;
};

}  // namespace stillwatch::gateways
