// Which texts callers may send. Their UTF-8 was checked by protobuf's parser.
#pragma once

#include <string_view>

#include "proto/result.h"

namespace stillwatch::query {

// Errors: kInvalidArgument if `account_id` cannot be one: 1 to kNameBytesMax bytes without control characters.
Status CheckAccountId(std::string_view account_id);

// Errors: kInvalidArgument if `note` is longer than kNoteBytesMax bytes.
Status CheckNote(std::string_view note);

}  // namespace stillwatch::query
