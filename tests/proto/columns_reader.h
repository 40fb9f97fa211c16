// Columns back into events, by protobuf's reflection: slow and plain, to compare with.
#pragma once

#include <gtest/gtest.h>

#include <bit>
#include <vector>

#include "stillwatch/v1/ingest.pb.h"

namespace stillwatch {

namespace internal {

inline void SetNumber(google::protobuf::Message& message, int number, uint64_t value) {
  using Field = google::protobuf::FieldDescriptor;
  const Field* field = message.GetDescriptor()->FindFieldByNumber(number);
  ASSERT_NE(field, nullptr) << number;
  const auto& reflection = *message.GetReflection();
  switch (field->cpp_type()) {
    case Field::CPPTYPE_UINT32:
      return reflection.SetUInt32(&message, field, static_cast<uint32_t>(value));
    case Field::CPPTYPE_UINT64:
      return reflection.SetUInt64(&message, field, value);
    case Field::CPPTYPE_INT64:
      return reflection.SetInt64(&message, field, static_cast<int64_t>(value));
    case Field::CPPTYPE_DOUBLE:
      return reflection.SetDouble(&message, field, std::bit_cast<double>(value));
    case Field::CPPTYPE_BOOL:
      return reflection.SetBool(&message, field, value != 0);
    default:
      FAIL() << "field " << number << " is no number";
  }
}

inline void ReadTexts(const v1::TextColumn& column, std::vector<v1::UsageEvent>& events) {
  const auto* field = v1::UsageEvent::descriptor()->FindFieldByNumber(static_cast<int>(column.field()));
  ASSERT_NE(field, nullptr) << column.field();
  const bool has_codes = column.codes_size() > 0;
  for (int row = 0; row < (has_codes ? column.codes_size() : column.values_size()); ++row) {
    const int code = has_codes ? static_cast<int>(column.codes(row)) : row + 1;
    if (code == 0) continue;
    v1::UsageEvent& event = events.at(static_cast<size_t>(row));
    event.GetReflection()->SetString(&event, field, column.values(code - 1));
  }
}

// Calls `set` with each row that has a number, and the number.
template <typename Set>
void ReadNumbers(const v1::NumberColumn& column, size_t row_count, const Set& set) {
  int index = 0;
  int64_t sum = 0;
  for (size_t row = 0; row < row_count; ++row) {
    const std::string& presence = column.presence();
    if (!presence.empty() && (row / 8 >= presence.size() || (presence[row / 8] >> row % 8 & 1) == 0)) continue;
    if (column.varints_size() > 0) set(row, column.varints(index));
    if (column.fixed_size() > 0) set(row, column.fixed(index));
    if (column.deltas_size() > 0) set(row, static_cast<uint64_t>(sum += column.deltas(index)));
    ++index;
  }
}

}  // namespace internal

inline std::vector<v1::UsageEvent> ReadColumns(const v1::UsageColumns& columns) {
  std::vector<v1::UsageEvent> events(columns.row_count());
  for (const v1::TextColumn& column : columns.texts()) internal::ReadTexts(column, events);
  for (const v1::NumberColumn& column : columns.numbers()) {
    internal::ReadNumbers(column, events.size(), [&](size_t row, uint64_t value) {
      internal::SetNumber(events[row], static_cast<int>(column.field()), value);
    });
  }
  for (const v1::NumberColumn& column : columns.digest_numbers()) {
    internal::ReadNumbers(column, events.size(), [&](size_t row, uint64_t value) {
      v1::ContentDigest& digest = *events[row].mutable_content_digest();
      digest.set_version(columns.digest_version());
      internal::SetNumber(digest, static_cast<int>(column.field()), value);
    });
  }
  return events;
}

}  // namespace stillwatch
