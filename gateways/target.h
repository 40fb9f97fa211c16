// What a value of a message can become.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "proto/usage_batch.h"

namespace stillwatch::gateways {

// A column of UsageBatch that gateways fill, or one of the extra targets below, as one number: first the texts, then
// the numbers that are no digest, then the extra ones.
class Target {
 public:
  enum Extra : uint8_t {
    kSystemPrompt,
    kPrompt,
    kCompletion,
    kEndTime,
    kFirstTokenTime,
    kSystemMessages,
    kInputMessages,
    kOutputMessages,
    kTools,
    kLogitBias,
  };
  static constexpr size_t kNumberCount = static_cast<size_t>(NumberField::kStatusCode) + 1;
  static constexpr size_t kCount = kTextFieldCount + kNumberCount + kLogitBias + 1;

  constexpr Target(TextField field) : index_(static_cast<uint8_t>(field)) {}                      // NOLINT
  constexpr Target(NumberField field) : index_(kTextFieldCount + static_cast<uint8_t>(field)) {}  // NOLINT
  constexpr Target(Extra extra) : index_(kTextFieldCount + kNumberCount + extra) {}               // NOLINT

  // By the name that stands in a mapping: that of the field in v1.UsageEvent, or of an extra target.
  static std::optional<Target> ByName(std::string_view name);
  std::string_view name() const;

  constexpr size_t index() const { return index_; }
  static constexpr Target ByIndex(size_t index) {
    Target out(TextField::kEventId);
    out.index_ = static_cast<uint8_t>(index);
    return out;
  }
  constexpr bool operator==(const Target&) const = default;

  // Moments and durations, which have units.
  bool is_time() const;
  bool is_duration() const {
    return *this == Target(NumberField::kDurationMs) || *this == Target(NumberField::kTimeToFirstTokenMs);
  }
  bool is_messages() const {
    return *this == Target(kSystemMessages) || *this == Target(kInputMessages) || *this == Target(kOutputMessages);
  }

 private:
  uint8_t index_;
};

}  // namespace stillwatch::gateways
