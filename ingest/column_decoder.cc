#include "ingest/column_decoder.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <string>
#include <utility>

#include "features/prompt_digest.h"
#include "proto/limits.h"
#include "proto/wire_reader.h"
#include "stillwatch/v1/ingest.pb.h"

namespace stillwatch::ingest {
namespace {

using Columns = v1::UsageColumns;

// More than there are fields, with room for those of newer senders.
constexpr size_t kColumnCountMax = 256;

Status Malformed(const std::string& what) { return {Code::kInvalidArgument, "columns: " + what}; }

// Reads the elements of a repeated number, packed or one by one. False if they are malformed or more than a batch has.
bool ReadElements(WireReader& reader, WireType type, WireType element, std::vector<uint64_t>& out) {
  const auto read = [&](WireReader& from) {
    uint64_t value = 0;
    if (element == WireType::kVarint ? !from.ReadVarint(value) : !from.ReadFixed64(value)) return false;
    out.push_back(value);
    return out.size() <= kBatchEventCountMax;
  };
  if (type == element) return read(reader);
  std::string_view bytes;
  if (!reader.ReadBytes(bytes)) return false;
  WireReader packed(bytes);
  while (!packed.empty()) {
    if (!read(packed)) return false;
  }
  return true;
}

// The parts of a v1.TextColumn.
struct WireTexts {
  uint64_t field = 0;
  std::vector<std::string_view> values;
  std::vector<uint64_t> codes;

  bool Read(std::string_view bytes) {
    WireReader reader(bytes);
    uint32_t number = 0;
    WireType type{};
    while (!reader.empty()) {
      if (!reader.ReadTag(number, type) || !ReadField(reader, number, type)) return false;
    }
    return true;
  }

 private:
  bool ReadField(WireReader& reader, uint32_t number, WireType type) {
    if (number == v1::TextColumn::kFieldFieldNumber && type == WireType::kVarint) return reader.ReadVarint(field);
    if (number == v1::TextColumn::kValuesFieldNumber && type == WireType::kBytes) {
      return reader.ReadBytes(values.emplace_back()) && values.size() <= kBatchEventCountMax;
    }
    if (number == v1::TextColumn::kCodesFieldNumber && (type == WireType::kBytes || type == WireType::kVarint)) {
      return ReadElements(reader, type, WireType::kVarint, codes);
    }
    return reader.Skip(number, type);
  }
};

// The parts of a v1.NumberColumn; at most one of the lists has numbers.
struct WireNumbers {
  uint64_t field = 0;
  std::string_view presence;
  std::vector<uint64_t> varints;
  std::vector<uint64_t> fixed;
  std::vector<uint64_t> deltas;

  bool Read(std::string_view bytes) {
    WireReader reader(bytes);
    uint32_t number = 0;
    WireType type{};
    while (!reader.empty()) {
      if (!reader.ReadTag(number, type) || !ReadField(reader, number, type)) return false;
    }
    return !varints.empty() + !fixed.empty() + !deltas.empty() <= 1;
  }

  std::vector<uint64_t> TakeNumbers() {
    if (!varints.empty()) return std::move(varints);
    if (!fixed.empty()) return std::move(fixed);
    uint64_t sum = 0;
    for (uint64_t& delta : deltas) delta = sum += (delta >> 1) ^ (0 - (delta & 1));
    return std::move(deltas);
  }

 private:
  bool ReadField(WireReader& reader, uint32_t number, WireType type) {
    using Column = v1::NumberColumn;
    const auto is_list_of = [type](WireType element) { return type == element || type == WireType::kBytes; };
    if (number == Column::kFieldFieldNumber && type == WireType::kVarint) return reader.ReadVarint(field);
    if (number == Column::kPresenceFieldNumber && type == WireType::kBytes) return reader.ReadBytes(presence);
    if (number == Column::kVarintsFieldNumber && is_list_of(WireType::kVarint)) {
      return ReadElements(reader, type, WireType::kVarint, varints);
    }
    if (number == Column::kFixedFieldNumber && is_list_of(WireType::kFixed64)) {
      return ReadElements(reader, type, WireType::kFixed64, fixed);
    }
    if (number == Column::kDeltasFieldNumber && is_list_of(WireType::kVarint)) {
      return ReadElements(reader, type, WireType::kVarint, deltas);
    }
    return reader.Skip(number, type);
  }
};

// Turns the wire's values and codes into a column in which no value is empty. Nothing if they do not fit `row_count`.
std::optional<TextColumn> MakeColumn(WireTexts wire, size_t row_count) {
  TextColumn out;
  std::vector<uint32_t> code_of(wire.values.size() + 1);  // By the wire's code.
  for (size_t i = 0; i < wire.values.size(); ++i) {
    if (wire.values[i].empty()) continue;
    out.values.push_back(wire.values[i]);
    code_of[i + 1] = static_cast<uint32_t>(out.values.size());
  }
  if (wire.codes.empty()) {
    if (wire.values.size() > row_count) return std::nullopt;
    out.codes.assign(code_of.begin() + 1, code_of.end());
    return out;
  }
  if (wire.codes.size() > row_count) return std::nullopt;
  out.codes.reserve(wire.codes.size());
  for (const uint64_t code : wire.codes) {
    if (code >= code_of.size()) return std::nullopt;
    out.codes.push_back(code_of[code]);
  }
  return out;
}

// The rows that have a number; nothing if the bitmap does not fit `row_count`.
std::optional<std::vector<uint32_t>> PresentRows(std::string_view presence, size_t row_count) {
  std::vector<uint32_t> rows;
  rows.reserve(row_count);
  if (presence.empty()) {
    for (uint32_t row = 0; row < row_count; ++row) rows.push_back(row);
    return rows;
  }
  if (presence.size() > (row_count + 7) / 8) return std::nullopt;
  for (size_t i = 0; i < presence.size(); ++i) {
    for (unsigned bits = static_cast<uint8_t>(presence[i]); bits != 0; bits &= bits - 1) {
      rows.push_back(static_cast<uint32_t>(8 * i) + static_cast<uint32_t>(std::countr_zero(bits)));
    }
  }
  if (!rows.empty() && rows.back() >= row_count) return std::nullopt;
  return rows;
}

std::string_view TextOf(const TextColumn& column, size_t row) {
  if (row >= column.codes.size() || column.codes[row] == 0) return {};
  return column.values[column.codes[row] - 1];
}

}  // namespace

EventTexts ColumnDecoder::texts(size_t row) const {
  return {TextOf(system_prompts_, row), TextOf(prompts_, row), TextOf(completions_, row)};
}

void ColumnDecoder::Reject(size_t row, Invalidity invalidity) {
  invalidities_.try_emplace(static_cast<uint32_t>(row), std::move(invalidity));
}

Status ColumnDecoder::ReadMessage(std::string_view columns) {
  WireReader reader(columns);
  uint32_t number = 0;
  WireType type{};
  while (!reader.empty()) {
    bool ok = reader.ReadTag(number, type);
    std::vector<std::string_view>* list = nullptr;
    if (number == Columns::kTextsFieldNumber) list = &wire_texts_;
    if (number == Columns::kNumbersFieldNumber) list = &wire_numbers_;
    if (number == Columns::kDigestNumbersFieldNumber) list = &wire_digests_;
    if (!ok) {
      // Said below.
    } else if (list != nullptr && type == WireType::kBytes) {
      ok = list->size() < kColumnCountMax && reader.ReadBytes(list->emplace_back());
    } else if (number == Columns::kRowCountFieldNumber && type == WireType::kVarint) {
      ok = reader.ReadVarint(row_count_);
    } else if (number == Columns::kDigestVersionFieldNumber && type == WireType::kVarint) {
      ok = reader.ReadVarint(digest_version_);
    } else {
      ok = reader.Skip(number, type);
    }
    if (!ok) return Malformed("they do not parse");
  }
  if (row_count_ > kBatchEventCountMax) {
    return {Code::kResourceExhausted, "a batch has at most " + std::to_string(kBatchEventCountMax) + " events"};
  }
  return {};
}

// Checks each value once, and rejects the rows that have a bad one.
void ColumnDecoder::AddNames(TextField field, TextColumn column) {
  std::vector<Invalidity> bad_values(column.values.size());
  bool has_bad = false;
  column.hashes.resize(column.values.size());
  for (size_t i = 0; i < column.values.size(); ++i) {
    if (field == TextField::kUserAgent) column.values[i] = CutTo(column.values[i], kUserAgentBytesMax);
    column.hashes[i] = HashName(column.values[i]);
    bad_values[i] = CheckText(field, column.values[i]);
    has_bad |= !bad_values[i].is_valid();
  }
  for (size_t row = 0; has_bad && row < column.codes.size(); ++row) {
    if (column.codes[row] == 0) continue;
    const Invalidity& bad = bad_values[column.codes[row] - 1];
    if (!bad.is_valid()) Reject(row, bad);
  }
  batch_.SetColumn(field, std::move(column));
}

Status ColumnDecoder::DecodeTexts(std::string_view bytes) {
  WireTexts wire;
  if (!wire.Read(bytes)) return Malformed("a column of texts does not parse");
  const uint64_t number = wire.field;
  const EventField rule = number < kEventFieldCount ? kEventFields[number] : EventField();
  if (rule.kind == FieldKind::kUnknown) return {};
  const std::string name = "column of field " + std::to_string(number);
  if (rule.kind != FieldKind::kName && rule.kind != FieldKind::kText) return Malformed(name + " is not one of texts");
  if ((seen_fields_ >> number & 1) != 0) return Malformed(name + " comes twice");
  seen_fields_ |= uint64_t{1} << number;
  std::optional<TextColumn> column = MakeColumn(std::move(wire), row_count_);
  if (!column) return Malformed(name + " does not fit the number of events or of values");
  if (rule.kind == FieldKind::kName) {
    AddNames(rule.text_field(), *std::move(column));
  } else if (number == v1::UsageEvent::kSystemPromptFieldNumber) {
    system_prompts_ = *std::move(column);
  } else if (number == v1::UsageEvent::kPromptFieldNumber) {
    prompts_ = *std::move(column);
  } else {
    completions_ = *std::move(column);
  }
  return {};
}

void ColumnDecoder::AddNumbers(const EventField& rule, const std::vector<uint32_t>& rows,
                               std::vector<uint64_t> numbers) {
  const NumberField field = rule.number_field();
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (field == NumberField::kStream) numbers[i] = numbers[i] != 0 ? 1 : 0;
    if (check_.IsInRange(field, numbers[i])) continue;
    if (Invalidity bad = check_.Explain(field, numbers[i]); !bad.is_valid()) Reject(rows[i], std::move(bad));
  }
  if (rows.size() == row_count_) return batch_.SetColumn(field, std::move(numbers));
  for (size_t i = 0; i < numbers.size(); ++i) batch_.SetNumber(rows[i], field, numbers[i]);
}

Status ColumnDecoder::DecodeNumbers(std::string_view bytes, std::span<const EventField> fields, uint64_t& seen) {
  WireNumbers wire;
  if (!wire.Read(bytes)) return Malformed("a column of numbers does not parse");
  const uint64_t number = wire.field;
  const EventField rule = number < fields.size() ? fields[number] : EventField();
  if (rule.kind == FieldKind::kUnknown) return {};
  const bool is_digest = fields.data() == kDigestFields.data();
  const std::string name = (is_digest ? "column of digest field " : "column of field ") + std::to_string(number);
  if (rule.kind != FieldKind::kNumber) return Malformed(name + " is not one of numbers");
  if ((seen >> number & 1) != 0) return Malformed(name + " comes twice");
  seen |= uint64_t{1} << number;
  std::optional<std::vector<uint32_t>> rows = PresentRows(wire.presence, row_count_);
  std::vector<uint64_t> numbers = wire.TakeNumbers();
  if (!rows || rows->size() != numbers.size()) return Malformed(name + " does not fit the number of events");
  if (is_digest) {
    // A zero is a missing part, and a text takes precedence.
    size_t kept = 0;
    for (size_t i = 0; i < numbers.size(); ++i) {
      if (numbers[i] == 0 || !texts((*rows)[i]).empty()) continue;
      if (!features::IsKnownDigestVersion(digest_version_)) {
        Reject((*rows)[i], UnknownDigestVersion(digest_version_));
      }
      (*rows)[kept] = (*rows)[i];
      numbers[kept++] = numbers[i];
    }
    rows->resize(kept);
    numbers.resize(kept);
  }
  AddNumbers(rule, *rows, std::move(numbers));
  return {};
}

void ColumnDecoder::CheckRows() {
  const bool has_texts = !system_prompts_.values.empty() || !prompts_.values.empty() || !completions_.values.empty();
  for (size_t row = 0; row < row_count_; ++row) {
    if (batch_.text(row, TextField::kAccountId).empty()) Reject(row, MissingField("account_id"));
    if (!batch_.has(row, NumberField::kTimeUnixNano)) Reject(row, MissingField("time_unix_nano"));
    if (!has_texts) continue;
    if (Invalidity bad = CheckTexts(texts(row)); !bad.is_valid()) Reject(row, std::move(bad));
  }
}

Status ColumnDecoder::Decode(std::string_view columns) {
  STILLWATCH_RETURN_IF_ERROR(ReadMessage(columns));
  batch_.AddRows(row_count_);
  for (const std::string_view column : wire_texts_) STILLWATCH_RETURN_IF_ERROR(DecodeTexts(column));
  for (const std::string_view column : wire_numbers_) {
    STILLWATCH_RETURN_IF_ERROR(DecodeNumbers(column, kEventFields, seen_fields_));
  }
  for (const std::string_view column : wire_digests_) {
    STILLWATCH_RETURN_IF_ERROR(DecodeNumbers(column, kDigestFields, seen_digest_fields_));
  }
  CheckRows();
  return {};
}

}  // namespace stillwatch::ingest
