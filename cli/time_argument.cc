#include "cli/time_argument.h"

#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <limits>
#include <optional>

#include "proto/limits.h"

namespace stillwatch::cli {
namespace {

Status NotATime(std::string_view text) {
  return Status(Code::kInvalidArgument, "\"" + std::string(text) +
                                            "\" is not a time: expected 2026-03-02T09:30:00Z, 2026-03-02, now, or an "
                                            "age such as -24h, -7d, -30m or -90s");
}

// Takes exactly `count` digits off the front of `text`.
std::optional<int> TakeDigits(std::string_view& text, size_t count) {
  if (text.size() < count) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(0, count)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(count);
  return value;
}

bool Take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

// Takes YYYY-MM-DD and gives its midnight in seconds.
std::optional<int64_t> TakeDate(std::string_view& text) {
  const auto year = TakeDigits(text, 4);
  if (!year || !Take(text, "-")) return std::nullopt;
  const auto month = TakeDigits(text, 2);
  if (!month || !Take(text, "-")) return std::nullopt;
  const auto day = TakeDigits(text, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch().count() * int64_t{86'400};
}

// Takes HH:MM and gives seconds.
std::optional<int64_t> TakeHoursAndMinutes(std::string_view& text) {
  const auto hours = TakeDigits(text, 2);
  if (!hours || *hours > 23 || !Take(text, ":")) return std::nullopt;
  const auto minutes = TakeDigits(text, 2);
  if (!minutes || *minutes > 59) return std::nullopt;
  return *hours * int64_t{3600} + *minutes * int64_t{60};
}

// Takes the digits after the point; those beyond the ninth are cut.
std::optional<int64_t> TakeFraction(std::string_view& text) {
  int64_t nanoseconds = 0;
  int64_t unit = kNanosecondsPerSecond / 10;
  size_t count = 0;
  while (count < text.size() && text[count] >= '0' && text[count] <= '9') {
    nanoseconds += unit * (text[count++] - '0');
    unit /= 10;
  }
  text.remove_prefix(count);
  return count > 0 ? std::optional(nanoseconds) : std::nullopt;
}

// Takes Z or ±HH:MM and gives the offset from UTC in seconds.
std::optional<int64_t> TakeOffset(std::string_view& text) {
  if (Take(text, "Zz")) return 0;
  const bool west = text.starts_with('-');
  if (!Take(text, "+-")) return std::nullopt;
  const auto seconds = TakeHoursAndMinutes(text);
  if (!seconds) return std::nullopt;
  return west ? -*seconds : *seconds;
}

std::optional<int64_t> ToNanoseconds(int64_t seconds, int64_t nanoseconds) {
  constexpr int64_t kSecondsMax = std::numeric_limits<int64_t>::max() / kNanosecondsPerSecond - 1;
  if (seconds < 0 || seconds > kSecondsMax) return std::nullopt;
  return seconds * kNanosecondsPerSecond + nanoseconds;
}

std::optional<int64_t> ReadCalendarTime(std::string_view text) {
  const auto date = TakeDate(text);
  if (!date) return std::nullopt;
  if (text.empty()) return ToNanoseconds(*date, 0);
  if (!Take(text, "Tt ")) return std::nullopt;
  const auto hours_and_minutes = TakeHoursAndMinutes(text);
  if (!hours_and_minutes || !Take(text, ":")) return std::nullopt;
  const auto seconds = TakeDigits(text, 2);
  if (!seconds || *seconds > 59) return std::nullopt;
  std::optional<int64_t> fraction = 0;
  if (Take(text, ".")) fraction = TakeFraction(text);
  if (!fraction) return std::nullopt;
  const auto offset = TakeOffset(text);
  if (!offset || !text.empty()) return std::nullopt;
  return ToNanoseconds(*date + *hours_and_minutes + *seconds - *offset, *fraction);
}

std::optional<int64_t> ReadAge(std::string_view text, int64_t now_unix_nano) {
  if (!Take(text, "-") || text.size() < 2) return std::nullopt;
  int64_t unit = 0;
  switch (text.back()) {
    case 'd':
      unit = kNanosecondsPerDay;
      break;
    case 'h':
      unit = kNanosecondsPerHour;
      break;
    case 'm':
      unit = kNanosecondsPerMinute;
      break;
    case 's':
      unit = kNanosecondsPerSecond;
      break;
    default:
      return std::nullopt;
  }
  uint32_t count = 0;
  const char* end = text.data() + text.size() - 1;
  const auto [stop, error] = std::from_chars(text.data(), end, count);
  if (error != std::errc() || stop != end || count > now_unix_nano / unit) return std::nullopt;
  return now_unix_nano - count * unit;
}

}  // namespace

Result<int64_t> ParseTime(std::string_view text, int64_t now_unix_nano) {
  if (text == "now") return now_unix_nano;
  const auto time = text.starts_with('-') ? ReadAge(text, now_unix_nano) : ReadCalendarTime(text);
  if (!time) return NotATime(text);
  return *time;
}

Result<int64_t> ParseLength(std::string_view text) {
  constexpr int64_t kYear = 365 * kNanosecondsPerDay;
  const auto time = ReadAge("-" + std::string(text), kYear);
  if (!time || *time == kYear) {
    return Status(Code::kInvalidArgument, "\"" + std::string(text) +
                                              "\" is not a length of time: expected one such as 90s, 30m, 12h or 7d, "
                                              "at most a year");
  }
  return (kYear - *time) / kNanosecondsPerSecond;
}

std::string FormatTime(uint64_t unix_nano) {
  if (unix_nano == 0) return "-";
  const std::chrono::sys_seconds time{std::chrono::seconds(unix_nano / static_cast<uint64_t>(kNanosecondsPerSecond))};
  const auto midnight = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(midnight);
  const std::chrono::hh_mm_ss clock(time - midnight);
  char text[40];
  std::snprintf(text, sizeof(text), "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text;
}

std::string FormatDuration(double seconds) {
  char text[48];
  const auto whole = static_cast<int64_t>(seconds);
  if (!(seconds >= 1)) {
    std::snprintf(text, sizeof(text), "%.0f ms", std::max(seconds, 0.0) * 1e3);
  } else if (seconds < 60) {
    std::snprintf(text, sizeof(text), "%.1f s", seconds);
  } else if (whole < 3600) {
    std::snprintf(text, sizeof(text), "%d min %02d s", static_cast<int>(whole / 60), static_cast<int>(whole % 60));
  } else {
    std::snprintf(text, sizeof(text), "%lld h %02d min", static_cast<long long>(whole / 3600),
                  static_cast<int>(whole / 60 % 60));
  }
  return text;
}

}  // namespace stillwatch::cli
