#include "query/request_check.h"

#include <algorithm>
#include <string>

#include "proto/limits.h"

namespace stillwatch::query {

Status CheckAccountId(std::string_view account_id) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (account_id.empty()) return {Code::kInvalidArgument, "account_id: is required"};
  if (account_id.size() > kNameBytesMax) {
    return {Code::kInvalidArgument, "account_id: longer than " + std::to_string(kNameBytesMax) + " bytes"};
  }
  if (std::any_of(account_id.begin(), account_id.end(), is_control)) {
    return {Code::kInvalidArgument, "account_id: has a control character"};
  }
  return {};
}

Status CheckNote(std::string_view note) {
  if (note.size() <= kNoteBytesMax) return {};
  return {Code::kInvalidArgument, "note: longer than " + std::to_string(kNoteBytesMax) + " bytes"};
}

}  // namespace stillwatch::query
