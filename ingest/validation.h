// What makes an event, a profile and a model valid.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

#include "ingest/ingest_counters.h"
#include "proto/usage_batch.h"
#include "stillwatch/v1/usage.pb.h"

namespace stillwatch::ingest {

// Why a record is not valid; `reason` is kNone for one that is.
struct Invalidity {
  RejectReason reason = RejectReason::kNone;
  std::string message;

  bool is_valid() const { return reason == RejectReason::kNone; }
};

// Checks a name: its length, that it is UTF-8, and that it has no control characters.
Invalidity CheckText(TextField field, std::string_view value);
Invalidity MissingField(std::string_view field);
Invalidity UnknownDigestVersion(uint64_t version);

// The texts of an event, which are digested and dropped.
struct EventTexts {
  std::string_view system_prompt;
  std::string_view prompt;
  std::string_view completion;

  bool empty() const { return system_prompt.empty() && prompt.empty() && completion.empty(); }
};
// Checks length and encoding.
Invalidity CheckTexts(const EventTexts& texts);

// Cuts at a character's boundary.
std::string_view CutTo(std::string_view text, size_t bytes_max);

// Checks numbers against the range of their field.
class NumberCheck {
 public:
  explicit NumberCheck(int64_t now_unix_nano);

  // `value` as UsageBatch holds it. True for nearly all; false wants Explain.
  bool IsInRange(NumberField field, uint64_t value) const {
    const Range& range = ranges_[static_cast<size_t>(field)];
    return value - range.min <= range.max - range.min;
  }
  // What is wrong with a value that is not in range; nothing if it is a negative zero.
  Invalidity Explain(NumberField field, uint64_t value) const;

 private:
  struct Range {
    uint64_t min = 0;
    uint64_t max = UINT64_MAX;
  };
  std::array<Range, kNumberFieldCount> ranges_;
};

Invalidity Validate(const v1::AccountProfile& profile);
Invalidity Validate(const v1::ModelInfo& model);

}  // namespace stillwatch::ingest
