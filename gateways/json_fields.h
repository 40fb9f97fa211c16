// JSON objects as fields of a record.
#pragma once

#include <simdjson.h>

#include <functional>
#include <string>
#include <string_view>

#include "gateways/record.h"

namespace stillwatch::gateways {

// Adds the members of `object` to the record, nested ones as PREFIX.NAME.NAME; nulls are left out, lists are kept as
// JSON. Texts are copied. Limits: objects nested deeper than kNestingMax are kept as JSON, and those of which
// `is_whole`, if given, says so by their key.
inline constexpr int kNestingMax = 8;
void AddJsonFields(const simdjson::dom::object& object, std::string_view prefix, Record& record,
                   const std::function<bool(std::string_view key)>& is_whole = nullptr);

}  // namespace stillwatch::gateways
