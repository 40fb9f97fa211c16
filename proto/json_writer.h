// Writes JSON.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stillwatch {

// Appends `text` as a JSON string. Bytes that are no UTF-8 become U+FFFD.
void AppendJsonString(std::string& json, std::string_view text);

// Writes one JSON value after the other, with the commas between them. A count is a number; a time is a string, as the
// proto3 JSON mapping has it, because most readers of JSON would round it.
// Threading: none of its own. Errors: none; begin and end, name and value must match, as in the text itself.
class JsonWriter {
 public:
  JsonWriter& BeginObject() { return Begin('{'); }
  JsonWriter& EndObject() { return End('}'); }
  JsonWriter& BeginList() { return Begin('['); }
  JsonWriter& EndList() { return End(']'); }
  // The name of the value that follows.
  JsonWriter& Name(std::string_view name);

  JsonWriter& Text(std::string_view value);
  JsonWriter& Count(uint64_t value);
  JsonWriter& Time(int64_t unix_nano);
  // The shortest number that reads back as `value`; null if it is not finite.
  JsonWriter& Number(double value);

  // What was written; the writer begins anew.
  std::string Take() {
    has_value_ = {false};
    return std::exchange(json_, {});
  }

 private:
  JsonWriter& Begin(char bracket);
  JsonWriter& End(char bracket);
  // Before a value: a comma, unless it is the first of its list or follows its name.
  void Separate();

  std::string json_;
  std::vector<bool> has_value_ = {false};  // Of each open object or list, innermost last.
  bool follows_name_ = false;
};

}  // namespace stillwatch
