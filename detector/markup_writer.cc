#include "detector/markup_writer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>

#include "proto/limits.h"
#include "proto/utf8.h"

namespace stillwatch::detector {
namespace {

// Controls, and the characters that hide, reorder or break lines: U+0080–9F, U+200B–F, U+2028–2E, U+2060–6F, U+FEFF.
bool IsUnsafe(std::string_view sequence) {
  const auto byte = [sequence](size_t i) { return static_cast<uint8_t>(sequence[i]); };
  if (sequence.size() == 1) return byte(0) < 0x20 || byte(0) == 0x7F;
  if (sequence.size() == 2) return byte(0) == 0xC2 && byte(1) < 0xA0;
  if (sequence.size() != 3) return false;
  if (byte(0) == 0xEF) return byte(1) == 0xBB && byte(2) == 0xBF;
  if (byte(0) != 0xE2) return false;
  if (byte(1) == 0x80) return (byte(2) >= 0x8B && byte(2) <= 0x8F) || (byte(2) >= 0xA8 && byte(2) <= 0xAE);
  return byte(1) == 0x81 && byte(2) >= 0xA0 && byte(2) <= 0xAF;
}

std::string_view EntityOf(char c) {
  switch (c) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    default:
      return {};
  }
}

struct Calendar {
  std::chrono::year_month_day date;
  std::chrono::hh_mm_ss<std::chrono::seconds> clock;

  explicit Calendar(int64_t time_unix_nano) {
    const std::chrono::sys_seconds time{std::chrono::seconds(time_unix_nano / kNanosecondsPerSecond)};
    const auto midnight = std::chrono::floor<std::chrono::days>(time);
    date = std::chrono::year_month_day(midnight);
    clock = std::chrono::hh_mm_ss<std::chrono::seconds>(time - midnight);
  }
};

}  // namespace

MarkupWriter& MarkupWriter::Text(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const size_t count = Utf8SequenceBytes(text.substr(i));
    const std::string_view sequence = text.substr(i, std::max<size_t>(count, 1));
    const std::string_view entity = EntityOf(sequence[0]);
    markup_ += count == 0 || IsUnsafe(sequence) ? kReplacementCharacter : entity.empty() ? sequence : entity;
    i += sequence.size();
  }
  return *this;
}

MarkupWriter& MarkupWriter::Number(double value) {
  std::array<char, 32> digits;
  const double rounded = std::round(value * 100) / 100 + 0.0;  // Plus zero: no "-0".
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), rounded).ptr;
  markup_.append(digits.data(), end);
  return *this;
}

std::string FormatCount(uint64_t count) {
  std::string text = std::to_string(count);
  for (size_t i = text.size(); i > 3;) text.insert(i -= 3, 1, ',');
  return text;
}

std::string FormatDecimal(double value, int decimals) {
  std::array<char, 400> digits;  // The longest double has 309 digits before the point.
  std::snprintf(digits.data(), digits.size(), "%.*f", decimals, std::fabs(value));
  const bool is_zero = std::string_view(digits.data()).find_first_not_of("0.") == std::string_view::npos;
  return (value < 0 && !is_zero ? "\u2212" : "") + std::string(digits.data());
}

std::string FormatRisk(double risk) { return risk > 0.9999 ? "> 0.9999" : FormatDecimal(risk, 4); }

std::string FormatUtcDate(int64_t time_unix_nano) {
  const Calendar calendar(time_unix_nano);
  std::array<char, 40> text;
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02u", static_cast<int>(calendar.date.year()),
                static_cast<unsigned>(calendar.date.month()), static_cast<unsigned>(calendar.date.day()));
  return text.data();
}

std::string FormatUtcClock(int64_t time_unix_nano) {
  const Calendar calendar(time_unix_nano);
  std::array<char, 40> text;
  std::snprintf(text.data(), text.size(), "%02d:%02d", static_cast<int>(calendar.clock.hours().count()),
                static_cast<int>(calendar.clock.minutes().count()));
  return text.data();
}

std::string FormatUtc(int64_t time_unix_nano) {
  if (time_unix_nano == 0) return "never";
  const auto seconds = static_cast<int>(Calendar(time_unix_nano).clock.seconds().count());
  std::array<char, 16> text;
  std::snprintf(text.data(), text.size(), ":%02dZ", seconds);
  return FormatUtcDate(time_unix_nano) + "T" + FormatUtcClock(time_unix_nano) + text.data();
}

}  // namespace stillwatch::detector
