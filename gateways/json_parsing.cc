#include "gateways/json_parsing.h"

#include <algorithm>
#include <bit>

namespace stillwatch::gateways {

Result<simdjson::dom::element> ParseJson(std::string_view text, size_t depth_max, simdjson::dom::parser& parser,
                                         std::string& padded) {
  constexpr size_t kCapacityMin = 4096;
  if (text.empty()) return Status(Code::kInvalidArgument, "expected JSON, not nothing");
  // Grown to powers of two, so that lines of many lengths do not make it anew each time.
  const size_t capacity = std::bit_ceil(std::max(text.size(), kCapacityMin));
  if ((parser.capacity() < text.size() || parser.max_depth() != depth_max) &&
      parser.allocate(capacity, depth_max) != simdjson::SUCCESS) {
    return Status(Code::kResourceExhausted, "no memory for JSON of this size");
  }
  padded.reserve(capacity + simdjson::SIMDJSON_PADDING);
  padded.assign(text);
  simdjson::dom::element root;
  const simdjson::error_code error = parser.parse(padded.data(), padded.size(), false).get(root);
  if (error == simdjson::SUCCESS) return root;
  return Status(Code::kInvalidArgument, std::string("not valid JSON: ") + simdjson::error_message(error));
}

Result<simdjson::dom::object> ParseJsonObject(std::string_view text, size_t depth_max, simdjson::dom::parser& parser,
                                              std::string& padded) {
  Result<simdjson::dom::element> root = ParseJson(text, depth_max, parser, padded);
  if (!root.ok()) return root.status();
  simdjson::dom::object object;
  if (root->get_object().get(object) == simdjson::SUCCESS) return object;
  return Status(Code::kInvalidArgument, "expected a JSON object");
}

}  // namespace stillwatch::gateways
