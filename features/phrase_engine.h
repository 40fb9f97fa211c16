// Finds the phrases that give away what a prompt is for.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "proto/result.h"

namespace stillwatch::features {

// Searches a text for all phrases of a list at once (Hyperscan), whatever their number.
// The list: one phrase a line, `class<TAB>regular expression`; `#` begins a comment line. The
// case of ASCII letters does not matter; `.` is any byte of the UTF-8.
// Threading: Find from any thread. Errors: Compile names the line that it cannot use.
class PhraseEngine {
 public:
  static Result<std::unique_ptr<PhraseEngine>> Compile(std::string_view phrase_list);
  // The list that is built in, features/markers.txt.
  static std::string_view BuiltInList();

  virtual ~PhraseEngine() = default;
  // Bit set of the classes (Marker) that occur in `text`, which must be valid UTF-8.
  virtual uint32_t Find(std::string_view text) const = 0;
};

}  // namespace stillwatch::features
