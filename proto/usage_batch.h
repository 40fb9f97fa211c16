// The domain's event: a batch of usage events in columns, free of text and of any wire format.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

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

// Holds a batch of events, one column per field. An absent text is empty; an absent number has no presence bit.
// Columns that no event fills stay empty vectors; text(…) and has(…) hide that.
// Threading: none of its own. Ownership: texts point into `owners` (wire buffers, decoded blocks), kept alive by it.
class UsageBatch {
 public:
  // `row_count_expected`: columns are made for so many rows at once, which saves growing each of them step by step.
  explicit UsageBatch(size_t row_count_expected = 0) : row_count_expected_(row_count_expected) {}

  size_t size() const { return size_; }

  // Appends an event with every field absent and returns its row.
  size_t AddRow() { return size_++; }
  // Forgets the rows from `size` on.
  void Truncate(size_t size);

  void SetText(size_t row, TextField field, std::string_view value) {
    auto& column = texts_[static_cast<size_t>(field)];
    GrowTo(row + 1, column);
    column[row] = value;
  }
  void SetNumber(size_t row, NumberField field, uint64_t value) {
    auto& column = numbers_[static_cast<size_t>(field)];
    GrowTo(row + 1, column);
    column[row] = value;
    GrowTo(row + 1, present_);
    present_[row] |= uint64_t{1} << static_cast<size_t>(field);
  }

  std::string_view text(size_t row, TextField field) const {
    const auto& column = texts_[static_cast<size_t>(field)];
    return row < column.size() ? column[row] : std::string_view();
  }
  bool has(size_t row, NumberField field) const {
    return row < present_.size() && (present_[row] >> static_cast<size_t>(field) & 1) != 0;
  }
  // 0 where absent.
  uint64_t number(size_t row, NumberField field) const {
    const auto& column = numbers_[static_cast<size_t>(field)];
    return has(row, field) ? column[row] : 0;
  }
  int64_t time_unix_nano(size_t row) const { return static_cast<int64_t>(number(row, NumberField::kTimeUnixNano)); }

  // True if no event of the batch has the field.
  bool ColumnIsEmpty(TextField field) const { return texts_[static_cast<size_t>(field)].empty(); }
  bool ColumnIsEmpty(NumberField field) const { return numbers_[static_cast<size_t>(field)].empty(); }

  // The columns as they are held, for code that goes through one column at a time: a column shorter than size() is absent
  // in the rows behind its end. A number counts only where bit `field` of the row's presence is set.
  std::span<const std::string_view> column(TextField field) const { return texts_[static_cast<size_t>(field)]; }
  std::span<const uint64_t> column(NumberField field) const { return numbers_[static_cast<size_t>(field)]; }
  std::span<const uint64_t> presence() const { return present_; }

  // Appends row `row` of `other`; its texts must be kept alive by the caller (KeepAlive).
  void AppendRow(const UsageBatch& other, size_t row);

  // Keeps `owner` alive as long as this batch: texts may point into it.
  void KeepAlive(std::shared_ptr<const void> owner) { owners_.push_back(std::move(owner)); }

 private:
  template <typename Column>
  void GrowTo(size_t size, Column& column) {
    if (column.size() >= size) return;
    if (column.capacity() == 0) column.reserve(row_count_expected_);
    column.resize(size);
  }

  size_t row_count_expected_;
  size_t size_ = 0;
  std::array<std::vector<std::string_view>, kTextFieldCount> texts_;
  std::array<std::vector<uint64_t>, kNumberFieldCount> numbers_;
  std::vector<uint64_t> present_;  // Bit i: NumberField i is known.
  std::vector<std::shared_ptr<const void>> owners_;
};

}  // namespace stillwatch
