// From the value that a sender wrote to the value that a field holds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "gateways/mapping_table.h"
#include "gateways/record.h"
#include "gateways/target.h"

namespace stillwatch::gateways {

// True for what senders write where they know nothing: "", "-", "null", an empty list.
bool IsEmpty(const Value& value);

// The number as UsageBatch holds it: an integer, a double's bits for temperature and top_p, milliseconds for durations,
// nanoseconds since 1970 for moments. Integers may come as numbers, as text, or, rounded, as doubles; moments also as
// RFC 3339. Nothing if the value is no such number; ranges are checked elsewhere.
std::optional<uint64_t> ToNumber(Target target, const Value& value, TimeUnit unit);

// Nanoseconds of a moment that may come in `unit`, or as RFC 3339.
std::optional<int64_t> ToNanoseconds(const Value& value, TimeUnit unit);

// The text of a value that is one: of a list its first text. `scratch` holds it if it is not in the value itself.
std::string_view ToText(const Value& value, std::string& scratch);

// SHA-256 of a secret, in hexadecimal digits; the word "Bearer" before it is not part of it.
std::string HashSecret(std::string_view secret);

}  // namespace stillwatch::gateways
