// JSON from outside, parsed within bounds.
#pragma once

#include <simdjson.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "proto/result.h"

namespace stillwatch::gateways {

// Parses a document nested at most `depth_max` deep. `padded` keeps a copy behind whose end simdjson may read; document
// and views of it are valid until parser or copy are used again. Errors: kInvalidArgument, saying what is wrong.
Result<simdjson::dom::element> ParseJson(std::string_view text, size_t depth_max, simdjson::dom::parser& parser,
                                         std::string& padded);
// The same for one that has to be an object.
Result<simdjson::dom::object> ParseJsonObject(std::string_view text, size_t depth_max, simdjson::dom::parser& parser,
                                              std::string& padded);

}  // namespace stillwatch::gateways
