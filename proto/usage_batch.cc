#include "proto/usage_batch.h"

#include <bit>

namespace stillwatch {
namespace {

// Up to so many values are searched one by one: a batch of a single event makes no tables.
constexpr size_t kUnindexedValuesMax = 8;

// Ids are nearly all different: a table of them would only cost.
constexpr bool IsInterned(TextField field) { return field != TextField::kEventId; }

size_t FirstSlot(uint64_t hash) { return hash >> 32; }

std::vector<uint64_t> HashValues(const TextColumn& column) {
  std::vector<uint64_t> hashes(column.values.size());
  std::transform(column.values.begin(), column.values.end(), hashes.begin(), HashName);
  return hashes;
}

void FillHashes(TextColumn& column) {
  if (column.hashes.size() != column.values.size()) column.hashes = HashValues(column);
}

}  // namespace

void UsageBatch::AddRows(size_t count) {
  GrowTo(size_ + count, present_);
  size_ += count;
}

void UsageBatch::RemoveLastRow() {
  --size_;
  for (TextColumn& column : texts_) {
    if (column.codes.size() > size_) column.codes[size_] = 0;
  }
  present_[size_] = 0;
}

void UsageBatch::KeepRows(std::span<const uint32_t> rows) {
  if (rows.size() == size_) return;
  const auto keep = [rows, size = size_](auto& column) {
    if (column.empty()) return;
    column.resize(std::max(column.size(), size));
    for (size_t i = 0; i < rows.size(); ++i) column[i] = column[rows[i]];
    column.resize(rows.size());
  };
  for (TextColumn& column : texts_) keep(column.codes);
  for (auto& column : numbers_) keep(column);
  keep(present_);
  size_ = rows.size();
}

void UsageBatch::MakeSlots(size_t field) {
  const TextColumn& column = texts_[field];
  std::vector<uint32_t>& slots = slots_[field];
  slots.assign(std::bit_ceil(4 * column.values.size()), 0);
  const size_t mask = slots.size() - 1;
  for (uint32_t i = 0; i < column.values.size(); ++i) {
    size_t slot = FirstSlot(column.hashes[i]) & mask;
    while (slots[slot] != 0) slot = (slot + 1) & mask;
    slots[slot] = i + 1;
  }
}

uint32_t UsageBatch::FindValue(TextField field, std::string_view value, uint64_t hash) {
  const auto index = static_cast<size_t>(field);
  TextColumn& column = texts_[index];
  if (column.values.empty() || !IsInterned(field)) return 0;
  FillHashes(column);
  const std::vector<uint32_t>& slots = slots_[index];
  if (slots.empty() && column.values.size() <= kUnindexedValuesMax) {
    for (uint32_t i = 0; i < column.values.size(); ++i) {
      if (column.hashes[i] == hash && column.values[i] == value) return i + 1;
    }
    return 0;
  }
  if (slots.empty()) MakeSlots(index);
  const size_t mask = slots.size() - 1;
  for (size_t slot = FirstSlot(hash) & mask; slots[slot] != 0; slot = (slot + 1) & mask) {
    const size_t found = slots[slot] - 1;
    if (column.hashes[found] == hash && column.values[found] == value) return slots[slot];
  }
  return 0;
}

uint32_t UsageBatch::AddValue(TextField field, std::string_view value, uint64_t hash) {
  const auto index = static_cast<size_t>(field);
  TextColumn& column = texts_[index];
  FillHashes(column);
  column.values.push_back(value);
  column.hashes.push_back(hash);
  const auto code = static_cast<uint32_t>(column.values.size());
  std::vector<uint32_t>& slots = slots_[index];
  if (!IsInterned(field) || (slots.empty() && code <= kUnindexedValuesMax)) return code;
  if (slots.size() < 2 * column.values.size()) {
    MakeSlots(index);
    return code;
  }
  const size_t mask = slots.size() - 1;
  size_t slot = FirstSlot(hash) & mask;
  while (slots[slot] != 0) slot = (slot + 1) & mask;
  slots[slot] = code;
  return code;
}

void UsageBatch::SetText(size_t row, TextField field, std::string_view value, uint64_t hash) {
  if (value.empty()) return SetCode(row, field, 0);
  const uint32_t found = FindValue(field, value, hash);
  SetCode(row, field, found != 0 ? found : AddValue(field, value, hash));
}

void UsageBatch::SetColumn(TextField field, TextColumn column) {
  texts_[static_cast<size_t>(field)] = std::move(column);
  slots_[static_cast<size_t>(field)].clear();
}

void UsageBatch::SetColumn(NumberField field, std::vector<uint64_t> numbers) {
  numbers_[static_cast<size_t>(field)] = std::move(numbers);
  for (size_t row = 0; row < size_; ++row) present_[row] |= uint64_t{1} << static_cast<size_t>(field);
}

std::vector<uint64_t> UsageBatch::HashRows(TextField field) const {
  std::vector<uint64_t> out(size_);
  const TextColumn& column = texts_[static_cast<size_t>(field)];
  if (column.values.empty()) return out;
  std::vector<uint64_t> computed;
  if (column.hashes.size() != column.values.size()) computed = HashValues(column);
  const std::vector<uint64_t>& hashes = computed.empty() ? column.hashes : computed;
  const size_t known = std::min(size_, column.codes.size());
  for (size_t row = 0; row < known; ++row) {
    if (column.codes[row] != 0) out[row] = hashes[column.codes[row] - 1];
  }
  return out;
}

void UsageBatch::AppendRow(const UsageBatch& other, size_t row) {
  const size_t target = AddRow();
  for (size_t field = 0; field < kTextFieldCount; ++field) {
    const TextColumn& column = other.texts_[field];
    if (row >= column.codes.size() || column.codes[row] == 0) continue;
    const size_t index = column.codes[row] - 1;
    const std::string_view value = column.values[index];
    SetText(target, static_cast<TextField>(field), value,
            column.hashes.size() == column.values.size() ? column.hashes[index] : HashName(value));
  }
  for (uint64_t left = other.present_[row]; left != 0; left &= left - 1) {
    const auto field = static_cast<NumberField>(std::countr_zero(left));
    SetNumber(target, field, other.numbers_[static_cast<size_t>(field)][row]);
  }
}

}  // namespace stillwatch
