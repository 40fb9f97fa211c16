// Which accounts a caller asks for, and in which order: the grammar of ListSuspectsRequest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "detector/account_partition.h"
#include "proto/result.h"

namespace stillwatch::query {

// Longer filters are no question that a person asks; it also bounds the number of terms.
inline constexpr size_t kFilterBytesMax = 2048;

// Decides whether an account matches a filter: terms `field operator value` joined by AND, after AIP-160. A value is a
// bare word or quoted; within quotes a backslash takes the next character as it is. Texts compare by bytes.
// Threading: immutable once parsed.
class SuspectFilter {
 public:
  // An empty text matches every account. Errors: kInvalidArgument names the byte, from 1, at which the text is wrong.
  static Result<SuspectFilter> Parse(std::string_view text);

  bool Matches(const detector::AccountSummary& account) const;

 private:
  friend class SuspectFilterParser;

  enum class Field : uint8_t { kVerdict, kLabel, kRisk, kEventCount, kAccountId, kOrganizationId };
  enum class Operator : uint8_t { kEqual, kNotEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual };
  using Value = std::variant<uint64_t, double, std::string>;  // As the field's type; verdict and label as numbers.
  struct Term {
    Field field;
    Operator op;
    Value value;
  };

  static bool Matches(const Term& term, const detector::AccountSummary& account);

  std::vector<Term> terms_;
};

// An account's place in a list: by `rank`, then by `account_id`.
struct SortKey {
  uint64_t rank = 0;
  std::string account_id;

  auto operator<=>(const SortKey&) const = default;
};

// Orders accounts, after AIP-132.
// Threading: immutable once parsed.
class SuspectOrder {
 public:
  // Errors: kInvalidArgument if `text` is none of the orders in ListSuspectsRequest.
  static Result<SuspectOrder> Parse(std::string_view text);

  SortKey KeyOf(const detector::AccountSummary& account) const;

 private:
  enum class Field : uint8_t { kRisk, kEventCount, kAccountId };
  enum class Direction : uint8_t { kAscending, kDescending };

  SuspectOrder(Field field, Direction direction) : field_(field), direction_(direction) {}

  Field field_;
  Direction direction_;
};

}  // namespace stillwatch::query
