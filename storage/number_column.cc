// Columns of numbers.
#include <algorithm>

#include "storage/column_codec.h"
#include "storage/column_dictionary.h"

namespace stillwatch::storage {
namespace {

// Small for small steps up and down: 0, -1, 1, -2, 2, …
constexpr uint64_t Zigzag(uint64_t difference) { return (difference << 1) ^ (0 - (difference >> 63)); }
constexpr uint64_t Unzigzag(uint64_t zigzag) { return (zigzag >> 1) ^ (0 - (zigzag & 1)); }

// Of a column of this length, a sixteenth of different values makes indices of a byte at most.
constexpr size_t kLongColumnRows = 256;
constexpr size_t kLongColumnShare = 16;

struct ListPlan {
  ListEncoding encoding;
  size_t bytes;
};

// Finds the shortest encoding; of equal ones the fastest to decode.
ListPlan PlanList(std::span<const uint64_t> numbers) {
  size_t varint_bytes = 0;
  size_t delta_bytes = 0;
  uint64_t previous = 0;
  for (const uint64_t number : numbers) {
    varint_bytes += VarintBytes(number);
    delta_bytes += VarintBytes(Zigzag(number - previous));
    previous = number;
  }
  ListPlan best = {ListEncoding::kFixed64, numbers.size() * sizeof(uint64_t)};
  if (varint_bytes < best.bytes) best = {ListEncoding::kVarint, varint_bytes};
  if (delta_bytes < best.bytes) best = {ListEncoding::kDeltaVarint, delta_bytes};
  return best;
}

void AppendNumbers(std::span<const uint64_t> numbers, const ListPlan& plan, std::string& out) {
  const size_t start = out.size();
  out.resize(start + plan.bytes);
  char* at = out.data() + start;
  uint64_t previous = 0;
  switch (plan.encoding) {
    case ListEncoding::kVarint:
      for (const uint64_t number : numbers) at = WriteVarint(at, number);
      break;
    case ListEncoding::kDeltaVarint:
      for (const uint64_t number : numbers) {
        at = WriteVarint(at, Zigzag(number - previous));
        previous = number;
      }
      break;
    default:
      if (!numbers.empty()) std::memcpy(at, numbers.data(), plan.bytes);
  }
}

bool ReadNumbers(ListEncoding encoding, ByteReader& reader, std::span<uint64_t> numbers) {
  std::string_view bytes;
  uint64_t previous = 0;
  switch (encoding) {
    case ListEncoding::kVarint:
      return std::all_of(numbers.begin(), numbers.end(), [&](uint64_t& number) { return reader.ReadVarint(number); });
    case ListEncoding::kDeltaVarint:
      return std::all_of(numbers.begin(), numbers.end(), [&](uint64_t& number) {
        if (!reader.ReadVarint(number)) return false;
        number = previous += Unzigzag(number);
        return true;
      });
    case ListEncoding::kFixed64:
      if (!reader.ReadBytes(numbers.size_bytes(), bytes)) return false;
      if (!bytes.empty()) std::memcpy(numbers.data(), bytes.data(), bytes.size());
      return true;
    default:
      return false;
  }
}

void AppendPresence(std::span<const uint8_t> present, std::string& out) {
  const size_t start = out.size();
  out.resize(start + (present.size() + 7) / 8);
  for (size_t row = 0; row < present.size(); ++row) {
    out[start + row / 8] = static_cast<char>(out[start + row / 8] | (present[row] != 0) << row % 8);
  }
}

// Reads the bitmap of `row_count` rows and counts its ones. False if bytes are missing or a bit stands behind the rows.
bool ReadPresence(ByteReader& reader, size_t row_count, std::string_view& presence, size_t& present_count) {
  if (!reader.ReadBytes((row_count + 7) / 8, presence)) return false;
  present_count = 0;
  for (const char byte : presence) present_count += static_cast<size_t>(std::popcount(static_cast<uint8_t>(byte)));
  return row_count % 8 == 0 || static_cast<uint8_t>(presence.back()) >> row_count % 8 == 0;
}

}  // namespace

uint8_t EncodeNumberColumn(std::span<const uint64_t> numbers, std::span<const uint8_t> present, std::string& out) {
  if (!present.empty()) AppendPresence(present, out);
  const uint8_t presence_flag = present.empty() ? 0 : kPresenceFlag;
  const auto value_bytes = [](uint64_t number) { return std::min(VarintBytes(number), sizeof(uint64_t)); };
  NumberDictionary dictionary;
  // A dictionary of a few values is as short as a list at worst, and found without measuring the lists.
  const bool is_long = numbers.size() >= kLongColumnRows;
  if (!is_long || !dictionary.Build(numbers, SIZE_MAX, numbers.size() / kLongColumnShare, value_bytes)) {
    const ListPlan plan = PlanList(numbers);
    if (!dictionary.Build(numbers, plan.bytes, numbers.size(), value_bytes)) {
      AppendNumbers(numbers, plan, out);
      return static_cast<uint8_t>(plan.encoding) | presence_flag;
    }
  }
  const ListPlan value_plan = PlanList(dictionary.values());
  AppendVarint(out, dictionary.values().size());
  AppendNumbers(dictionary.values(), value_plan, out);
  AppendIndices(dictionary.indices(), IndexBits(dictionary.values().size()), out);
  return static_cast<uint8_t>(value_plan.encoding) | kDictionaryFlag | presence_flag;
}

bool DecodeNumberColumn(uint8_t encoding, std::string_view bytes, size_t row_count, NumberColumn& column) {
  ByteReader reader(bytes);
  size_t count = row_count;
  if ((encoding & kPresenceFlag) != 0 && !ReadPresence(reader, row_count, column.presence, count)) return false;
  column.numbers.resize(count);
  if ((encoding & kDictionaryFlag) == 0) {
    return ReadNumbers(ListEncodingOf(encoding), reader, column.numbers) && reader.empty();
  }
  uint64_t value_count = 0;
  if (!reader.ReadVarint(value_count) || value_count == 0 || value_count > count) return false;
  std::vector<uint64_t> values(value_count);
  std::vector<uint16_t> indices(count);
  if (!ReadNumbers(ListEncodingOf(encoding), reader, values)) return false;
  if (!ReadIndices(reader, value_count, indices) || !reader.empty()) return false;
  for (size_t index = 0; index < count; ++index) column.numbers[index] = values[indices[index]];
  return true;
}

}  // namespace stillwatch::storage
