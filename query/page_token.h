// The opaque text that continues a list where its last page ended.
#pragma once

#include <string>
#include <string_view>

#include "proto/result.h"
#include "query/suspect_filter.h"

namespace stillwatch::query {

// The query that a token belongs to.
struct PageQuery {
  std::string_view filter;
  std::string_view order_by;
};

// Encodes the place behind `last`. A position, not a number of rows: accounts whose risk changes between two pages push
// no other account out of the list.
std::string EncodePageToken(const PageQuery& query, const SortKey& last);

// Errors: kInvalidArgument if the token is not one that was made for this query. The check keeps out mistakes, not
// forgers: a token shows nothing that its query would not.
Result<SortKey> DecodePageToken(const PageQuery& query, std::string_view token);

}  // namespace stillwatch::query
