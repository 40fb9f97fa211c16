// The domain's event: a batch of usage events in columns, free of text and of any wire format.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "proto/name_hash.h"

namespace stillwatch {

// Columns of names. On disk, append only: the number is the column's id in storage/FORMAT.md.
enum class TextField : uint8_t {
  kEventId = 0,
  kAccountId = 1,
  kOrganizationId = 2,
  kApiKeyId = 3,
  kEndUserId = 4,
  kClientAddress = 5,
  kClientCountry = 6,
  kTlsFingerprint = 7,
  kUserAgent = 8,
  kOperationName = 9,
  kRequestModel = 10,
  kResponseModel = 11,
  kOutputType = 12,
  kConversationId = 13,
  kFinishReason = 14,
  kErrorType = 15,
};
inline constexpr size_t kTextFieldCount = 16;

// Columns of 64-bit numbers. On disk, append only. Temperature and top_p are the bits of an IEEE 754 double, seed is
// two's complement, stream is 0 or 1; all others are unsigned. Hashes and lengths are those of v1.ContentDigest.
enum class NumberField : uint8_t {
  kTimeUnixNano = 0,
  kDurationMs = 1,
  kTimeToFirstTokenMs = 2,
  kClientAsn = 3,
  kTemperature = 4,
  kTopP = 5,
  kMaxTokens = 6,
  kChoiceCount = 7,
  kSeed = 8,
  kTopLogprobs = 9,
  kLogitBiasCount = 10,
  kStream = 11,
  kToolCount = 12,
  kMessageCount = 13,
  kInputTokens = 14,
  kOutputTokens = 15,
  kCacheReadInputTokens = 16,
  kReasoningTokens = 17,
  kStatusCode = 18,
  kSystemHash = 19,
  kPromptHash = 20,
  kTemplateHash = 21,
  kSlotHash = 22,
  kHeadHash = 23,
  kCompletionHash = 24,
  kMarkers = 25,
  kPromptBytes = 26,
  kPromptWords = 27,
  kSystemBytes = 28,
  kCompletionBytes = 29,
  kPromptSketch = 30,
};
inline constexpr size_t kNumberFieldCount = 31;

// One column of texts: values, and for each row the number of its value.
struct TextColumn {
  std::vector<std::string_view> values;  // None is empty. Each once, except in columns of ids.
  std::vector<uint64_t> hashes;          // HashName of each value, or nothing if nobody asked for them yet.
  std::vector<uint32_t> codes;           // By row: 0 if absent, else 1 + index in `values`. Rows behind its end are absent.
};

// Holds a batch of events, one column per field. An absent text is empty; an absent number has no presence bit.
// Texts are kept as a dictionary and codes, so that what is done to a text (validate, hash, encode) is done once for all
// rows that share it. Columns that no event fills stay empty; text(…) and has(…) hide that.
// Threading: none of its own. Ownership: texts point into `owners` (wire buffers, decoded blocks), kept alive by it.
class UsageBatch {
 public:
  // `row_count_expected`: columns are made for so many rows at once, which saves growing each of them step by step.
  explicit UsageBatch(size_t row_count_expected = 0) : row_count_expected_(row_count_expected) {}

  size_t size() const { return size_; }

  // Appends an event with every field absent and returns its row.
  size_t AddRow() {
    GrowTo(size_ + 1, present_);
    return size_++;
  }
  // As so many calls of AddRow.
  void AddRows(size_t count);
  // Takes the newest row back.
  void RemoveLastRow();
  // Keeps the rows named by `rows`, ascending, and drops the others.
  void KeepRows(std::span<const uint32_t> rows);

  // Number of `value` among the column's values, counted from 1; 0 if it is not there. `hash`: HashName(value).
  uint32_t FindValue(TextField field, std::string_view value, uint64_t hash);
  // Adds a value that is not there yet, or, to a column of ids, without looking; returns its number.
  uint32_t AddValue(TextField field, std::string_view value, uint64_t hash);
  // Gives the row the value of this number; 0 makes it absent.
  void SetCode(size_t row, TextField field, uint32_t code) {
    auto& codes = texts_[static_cast<size_t>(field)].codes;
    GrowTo(row + 1, codes);
    codes[row] = code;
  }
  void SetText(size_t row, TextField field, std::string_view value) { SetText(row, field, value, HashName(value)); }
  void SetText(size_t row, TextField field, std::string_view value, uint64_t hash);
  void SetNumber(size_t row, NumberField field, uint64_t value) {
    auto& column = numbers_[static_cast<size_t>(field)];
    GrowTo(row + 1, column);
    column[row] = value;
    present_[row] |= uint64_t{1} << static_cast<size_t>(field);
  }
  // Replaces a whole column. Codes must be in range.
  void SetColumn(TextField field, TextColumn column);
  // Replaces a whole column of numbers that every row has.
  void SetColumn(NumberField field, std::vector<uint64_t> numbers);

  std::string_view text(size_t row, TextField field) const {
    const TextColumn& column = texts_[static_cast<size_t>(field)];
    if (row >= column.codes.size() || column.codes[row] == 0) return {};
    return column.values[column.codes[row] - 1];
  }
  bool has(size_t row, NumberField field) const {
    return (present_[row] >> static_cast<size_t>(field) & 1) != 0;
  }
  // 0 where absent.
  uint64_t number(size_t row, NumberField field) const {
    return has(row, field) ? numbers_[static_cast<size_t>(field)][row] : 0;
  }
  int64_t time_unix_nano(size_t row) const { return static_cast<int64_t>(number(row, NumberField::kTimeUnixNano)); }

  // True if no event of the batch has the field.
  bool ColumnIsEmpty(TextField field) const { return texts_[static_cast<size_t>(field)].values.empty(); }
  bool ColumnIsEmpty(NumberField field) const { return numbers_[static_cast<size_t>(field)].empty(); }

  // The columns as they are held, for code that goes through one column at a time. A column of numbers may be shorter
  // than size() or longer; a number counts only where bit `field` of the row's presence is set.
  const TextColumn& column(TextField field) const { return texts_[static_cast<size_t>(field)]; }
  std::span<const uint64_t> column(NumberField field) const { return numbers_[static_cast<size_t>(field)]; }
  std::span<const uint64_t> presence() const { return std::span(present_).first(size_); }
  // The hash of each row's text, 0 where absent.
  std::vector<uint64_t> HashRows(TextField field) const;

  // Appends row `row` of `other`; its texts must be kept alive by the caller (KeepAlive).
  void AppendRow(const UsageBatch& other, size_t row);

  // Keeps `owner` alive as long as this batch: texts may point into it.
  void KeepAlive(std::shared_ptr<const void> owner) { owners_.push_back(std::move(owner)); }

 private:
  // Columns only grow, so that a row costs no more than a store.
  template <typename Column>
  void GrowTo(size_t size, Column& column) {
    if (column.size() < size) column.resize(std::max({size, 2 * column.size(), row_count_expected_}));
  }
  void MakeSlots(size_t field);

  size_t row_count_expected_;
  size_t size_ = 0;
  std::array<TextColumn, kTextFieldCount> texts_;
  // Hash tables over the values, with linear probing: numbers of values, 0 for a free slot. At most half full.
  std::array<std::vector<uint32_t>, kTextFieldCount> slots_;
  std::array<std::vector<uint64_t>, kNumberFieldCount> numbers_;
  std::vector<uint64_t> present_;  // Bit i: NumberField i is known.
  std::vector<std::shared_ptr<const void>> owners_;
};

}  // namespace stillwatch
