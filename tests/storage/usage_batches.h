// Batches for the tests of storage: random ones, and a comparison that names the field that differs.
#pragma once

#include <gtest/gtest.h>

#include <bit>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "proto/usage_batch.h"
#include "storage/event_log.h"

namespace stillwatch::storage {

// Makes batches whose columns take on every shape that the block format knows.
class RandomBatches {
 public:
  explicit RandomBatches(uint64_t seed) : random_(seed) {}

  uint64_t Below(uint64_t bound) { return random_() % bound; }

  std::string Hex(size_t length) {
    std::string text;
    while (text.size() < length) text += "0123456789abcdef"[Below(16)];
    return text;
  }

  UsageBatch Make(size_t size) {
    UsageBatch batch;
    for (size_t row = 0; row < size; ++row) batch.AddRow();
    for (size_t field = 0; field < kTextFieldCount; ++field) FillTexts(static_cast<TextField>(field), batch);
    for (size_t field = 0; field < kNumberFieldCount; ++field) FillNumbers(static_cast<NumberField>(field), batch);
    return batch;
  }

 private:
  std::string Text(uint64_t shape, size_t row) {
    switch (shape) {
      case 0:
        return Hex(32);
      case 1:
        return "acct-" + std::to_string(Below(20));
      case 2:
        return Hex(8) + "-" + Hex(4) + "-4" + Hex(3);
      case 3:
        return std::string(Below(40), static_cast<char>(Below(256)));
      case 4:
        return "chat";
      default:
        return "request " + std::to_string(row) + " of many";
    }
  }

  uint64_t Number(uint64_t shape, size_t row) {
    switch (shape) {
      case 0:
        return random_();
      case 1:
        return Below(10'000);
      case 2:
        return 1'700'000'000'000'000'000 + row * 1'000'003 + Below(1000);
      case 3:
        return std::bit_cast<uint64_t>(0.1 * static_cast<double>(Below(8)));
      case 4:
        return 200;
      default:
        return ~uint64_t{0} - Below(3);
    }
  }

  // Of the shapes one in eight is an empty column; present in all rows, or in about one of `sparsity`.
  void FillTexts(TextField field, UsageBatch& batch) {
    const uint64_t shape = Below(8);
    const uint64_t sparsity = 1 + Below(3);
    if (shape == 7) return;
    const auto texts = std::make_shared<std::vector<std::string>>(batch.size());
    for (size_t row = 0; row < batch.size(); ++row) {
      if (Below(sparsity) != 0) continue;
      (*texts)[row] = Text(shape, row);
      batch.SetText(row, field, (*texts)[row]);
    }
    batch.KeepAlive(texts);
  }

  void FillNumbers(NumberField field, UsageBatch& batch) {
    const uint64_t shape = Below(8);
    const uint64_t sparsity = 1 + Below(3);
    if (shape == 7) return;
    for (size_t row = 0; row < batch.size(); ++row) {
      if (Below(sparsity) == 0) batch.SetNumber(row, field, Number(shape, row));
    }
  }

  std::mt19937_64 random_;
};

// Expects that `actual` holds the selected columns of rows [begin, begin + actual.size()) of `expected`, and nothing
// else.
inline void ExpectSameRows(const UsageBatch& expected, size_t begin, const UsageBatch& actual,
                           const ColumnSelection& columns = {}) {
  for (size_t row = 0; row < actual.size(); ++row) {
    for (size_t field = 0; field < kTextFieldCount; ++field) {
      const auto text_field = static_cast<TextField>(field);
      const bool selected = (columns.texts >> field & 1) != 0;
      ASSERT_EQ(actual.text(row, text_field), selected ? expected.text(begin + row, text_field) : "")
          << "row " << row << " text field " << field;
    }
    for (size_t field = 0; field < kNumberFieldCount; ++field) {
      const auto number_field = static_cast<NumberField>(field);
      const bool present = (columns.numbers >> field & 1) != 0 && expected.has(begin + row, number_field);
      ASSERT_EQ(actual.has(row, number_field), present) << "row " << row << " number field " << field;
      ASSERT_EQ(actual.number(row, number_field), present ? expected.number(begin + row, number_field) : 0)
          << "row " << row << " number field " << field;
    }
  }
}

}  // namespace stillwatch::storage
