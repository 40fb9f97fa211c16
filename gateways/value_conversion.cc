#include "gateways/value_conversion.h"

#include <absl/time/time.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>

namespace stillwatch::gateways {
namespace {

// Beyond it a double is no integer any more, let alone a count.
constexpr double kExactMax = 9.0e18;

template <typename Number>
std::optional<Number> Parse(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<double> ToReal(const Value& value) {
  switch (value.kind) {
    case ValueKind::kInteger:
      return static_cast<double>(value.integer);
    case ValueKind::kReal:
      return value.real;
    case ValueKind::kText:
      return Parse<double>(value.text);
    default:
      return std::nullopt;
  }
}

std::optional<int64_t> ToInteger(const Value& value) {
  if (value.kind == ValueKind::kInteger || value.kind == ValueKind::kBool) return value.integer;
  if (value.kind == ValueKind::kText) {
    if (const std::optional<int64_t> exact = Parse<int64_t>(value.text)) return exact;
    if (value.text == "true" || value.text == "false") return value.text == "true" ? 1 : 0;
  }
  const std::optional<double> real = ToReal(value);
  if (!real || !(std::abs(*real) < kExactMax)) return std::nullopt;
  return std::llround(*real);
}

double NanosecondsIn(TimeUnit unit) {
  switch (unit) {
    case TimeUnit::kSeconds:
      return 1e9;
    case TimeUnit::kMilliseconds:
      return 1e6;
    case TimeUnit::kMicroseconds:
      return 1e3;
    default:
      return 1;
  }
}

std::optional<uint64_t> ToMilliseconds(const Value& value, TimeUnit unit) {
  const std::optional<double> number = ToReal(value);
  if (!number) return std::nullopt;
  const double milliseconds = unit == TimeUnit::kOwn ? *number : *number * NanosecondsIn(unit) / 1e6;
  if (!(milliseconds >= 0 && milliseconds < kExactMax)) return std::nullopt;
  return static_cast<uint64_t>(std::llround(milliseconds));
}

std::optional<uint64_t> ToRealBits(const Value& value) {
  const std::optional<double> real = ToReal(value);
  if (!real || !std::isfinite(*real)) return std::nullopt;
  return std::bit_cast<uint64_t>(*real == 0 ? 0.0 : *real);
}

// The first text of a JSON list: ["stop"] to stop. Texts with escapes are no names.
std::string_view FirstOfList(std::string_view json) {
  const size_t open = json.find('"');
  if (open == std::string_view::npos || json.find_first_not_of("[ \t\r\n") != open) return {};
  const size_t close = json.find_first_of("\"\\", open + 1);
  if (close == std::string_view::npos || json[close] != '"') return {};
  return json.substr(open + 1, close - open - 1);
}

}  // namespace

bool IsEmpty(const Value& value) {
  const std::string_view text = value.text;
  if (value.kind == ValueKind::kText) return text.empty() || text == "-" || text == "null";
  return value.kind == ValueKind::kJson && (text.empty() || text == "[]" || text == "{}");
}

std::optional<int64_t> ToNanoseconds(const Value& value, TimeUnit unit) {
  if (unit == TimeUnit::kOwn || unit == TimeUnit::kNanoseconds) {
    const std::optional<int64_t> exact = ToInteger(value);
    if (exact) return exact;
  } else if (const std::optional<double> number = ToReal(value)) {
    const auto per_unit = static_cast<int64_t>(NanosecondsIn(unit));
    const double whole = std::floor(*number);
    if (!(std::abs(whole) < kExactMax / static_cast<double>(per_unit))) return std::nullopt;
    // In two parts: a double holds seconds since 1970 to the microsecond, but not their nanoseconds.
    return static_cast<int64_t>(whole) * per_unit + std::llround((*number - whole) * static_cast<double>(per_unit));
  }
  absl::Time time;
  if (value.kind != ValueKind::kText ||
      !absl::ParseTime(absl::RFC3339_full, {value.text.data(), value.text.size()}, &time, nullptr)) {
    return std::nullopt;
  }
  return absl::ToUnixNanos(time);
}

std::optional<uint64_t> ToNumber(Target target, const Value& value, TimeUnit unit) {
  if (target.is_duration()) return ToMilliseconds(value, unit);
  if (target == Target(NumberField::kTemperature) || target == Target(NumberField::kTopP)) return ToRealBits(value);
  const std::optional<int64_t> integer = target.is_time() ? ToNanoseconds(value, unit) : ToInteger(value);
  if (!integer) return std::nullopt;
  if (*integer < 0 && target != Target(NumberField::kSeed)) return std::nullopt;
  return static_cast<uint64_t>(*integer);
}

std::string_view ToText(const Value& value, std::string& scratch) {
  switch (value.kind) {
    case ValueKind::kText:
      return value.text;
    case ValueKind::kJson:
      return FirstOfList(value.text);
    case ValueKind::kBool:
      return value.integer != 0 ? "true" : "false";
    case ValueKind::kInteger:
      return scratch = std::to_string(value.integer);
    case ValueKind::kReal:
      break;
  }
  const std::optional<int64_t> integer = ToInteger(value);
  scratch =
      integer && static_cast<double>(*integer) == value.real ? std::to_string(*integer) : std::to_string(value.real);
  return scratch;
}

std::string HashSecret(std::string_view secret) {
  constexpr std::string_view kScheme = "Bearer ";
  if (secret.starts_with(kScheme)) secret.remove_prefix(kScheme.size());
  std::array<unsigned char, SHA256_DIGEST_LENGTH> hash{};
  SHA256(reinterpret_cast<const unsigned char*>(secret.data()), secret.size(), hash.data());
  std::string out;
  for (const unsigned char byte : hash) {
    out += "0123456789abcdef"[byte >> 4];
    out += "0123456789abcdef"[byte & 15];
  }
  return out;
}

}  // namespace stillwatch::gateways
