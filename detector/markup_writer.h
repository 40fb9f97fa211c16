// Writes HTML and SVG in which nothing but our own literals is markup.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace stillwatch::detector {

// Writes markup piece by piece. Markup comes from literals only; everything else is text and escaped, so that no name
// in the logs can become markup, within elements or within quoted attributes.
// Threading: none of its own. Errors: none.
class MarkupWriter {
 public:
  template <size_t kBytes>
  MarkupWriter& Raw(const char (&literal)[kBytes]) {
    markup_.append(literal, kBytes - 1);
    return *this;
  }
  // What cannot be shown, or would change the direction or the look of what stands beside it, becomes U+FFFD.
  MarkupWriter& Text(std::string_view text);
  // A number in the notation of attributes, with up to two decimals.
  MarkupWriter& Number(double value);
  MarkupWriter& Add(const MarkupWriter& other) {
    markup_ += other.markup_;
    return *this;
  }

  const std::string& markup() const { return markup_; }
  std::string Take() { return std::exchange(markup_, {}); }

 private:
  std::string markup_;
};

// Numbers and times for people.
std::string FormatCount(uint64_t count);                // 1,234,567
std::string FormatDecimal(double value, int decimals);  // −1.50, with a true minus sign
std::string FormatRisk(double risk);                    // 0.9312; > 0.9999
std::string FormatUtc(int64_t time_unix_nano);          // 2026-03-02T09:30:00Z; "never" for 0
std::string FormatUtcDate(int64_t time_unix_nano);      // 2026-03-02
std::string FormatUtcClock(int64_t time_unix_nano);     // 09:30

}  // namespace stillwatch::detector
