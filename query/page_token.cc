#include "query/page_token.h"

#include <absl/strings/escaping.h>
#include <xxhash.h>

#include <bit>
#include <cstdint>
#include <cstring>

#include "proto/limits.h"

namespace stillwatch::query {
namespace {

// Check and rank, before the account's id.
constexpr size_t kHeadBytes = 2 * sizeof(uint64_t);
// Base64 of the longest one.
constexpr size_t kTokenBytesMax = (kHeadBytes + kNameBytesMax + 2) / 3 * 4;

// Hashes everything that must not change between two pages. Each hash seeds the next, so that no text can flow into its
// neighbour.
uint64_t CheckOf(const PageQuery& query, std::string_view payload) {
  uint64_t hash = 0;
  for (const std::string_view part : {query.filter, query.order_by, payload}) {
    hash = XXH3_64bits_withSeed(part.data(), part.size(), hash);
  }
  return hash;
}

static_assert(std::endian::native == std::endian::little, "tokens are little-endian and copied as they are");

std::string BytesOf(uint64_t number) {
  std::string bytes(sizeof(number), '\0');
  std::memcpy(bytes.data(), &number, sizeof(number));
  return bytes;
}

uint64_t NumberOf(std::string_view bytes) {
  uint64_t number = 0;
  std::memcpy(&number, bytes.data(), sizeof(number));
  return number;
}

}  // namespace

std::string EncodePageToken(const PageQuery& query, const SortKey& last) {
  const std::string payload = BytesOf(last.rank) + last.account_id;
  return absl::WebSafeBase64Escape(BytesOf(CheckOf(query, payload)) + payload);
}

Result<SortKey> DecodePageToken(const PageQuery& query, std::string_view token) {
  const Status foreign(Code::kInvalidArgument, "page_token: not from this query's previous page");
  std::string bytes;
  if (token.size() > kTokenBytesMax ||
      !absl::WebSafeBase64Unescape(absl::string_view(token.data(), token.size()), &bytes)) {
    return foreign;
  }
  if (bytes.size() < kHeadBytes) return foreign;
  const std::string_view payload = std::string_view(bytes).substr(sizeof(uint64_t));
  if (NumberOf(bytes) != CheckOf(query, payload)) return foreign;
  return SortKey{NumberOf(payload), std::string(payload.substr(sizeof(uint64_t)))};
}

}  // namespace stillwatch::query
