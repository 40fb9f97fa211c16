#include "proto/usage_batch.h"

namespace stillwatch {

void UsageBatch::Truncate(size_t size) {
  size_ = size;
  for (auto& column : texts_) {
    if (column.size() > size) column.resize(size);
  }
  for (auto& column : numbers_) {
    if (column.size() > size) column.resize(size);
  }
  if (present_.size() > size) present_.resize(size);
}

void UsageBatch::AppendRow(const UsageBatch& other, size_t row) {
  const size_t target = AddRow();
  for (size_t field = 0; field < kTextFieldCount; ++field) {
    const std::string_view value = other.text(row, static_cast<TextField>(field));
    if (!value.empty()) SetText(target, static_cast<TextField>(field), value);
  }
  for (size_t field = 0; field < kNumberFieldCount; ++field) {
    const auto number_field = static_cast<NumberField>(field);
    if (other.has(row, number_field)) SetNumber(target, number_field, other.number(row, number_field));
  }
}

}  // namespace stillwatch
