#include "storage/column_dictionary.h"

namespace stillwatch::storage {

void AppendIndices(std::span<const uint16_t> indices, unsigned bits, std::string& out) {
  const size_t start = out.size();
  out.resize(start + PackedIndexBytes(indices.size(), bits));
  char* at = out.data() + start;
  uint64_t pending = 0;
  unsigned pending_bits = 0;
  for (const uint16_t index : indices) {
    pending |= uint64_t{index} << pending_bits;
    pending_bits += bits;
    for (; pending_bits >= 8; pending_bits -= 8, pending >>= 8) *at++ = static_cast<char>(pending);
  }
  if (pending_bits > 0) *at = static_cast<char>(pending);
}

bool ReadIndices(ByteReader& reader, size_t value_count, std::span<uint16_t> indices) {
  const unsigned bits = IndexBits(value_count);
  std::string_view packed;
  if (!reader.ReadBytes(PackedIndexBytes(indices.size(), bits), packed)) return false;
  const auto* at = reinterpret_cast<const uint8_t*>(packed.data());
  const uint64_t mask = (uint64_t{1} << bits) - 1;
  uint64_t pending = 0;
  unsigned pending_bits = 0;
  uint16_t largest = 0;
  for (uint16_t& index : indices) {
    for (; pending_bits < bits; pending_bits += 8) pending |= uint64_t{*at++} << pending_bits;
    index = static_cast<uint16_t>(pending & mask);
    largest = index > largest ? index : largest;
    pending >>= bits;
    pending_bits -= bits;
  }
  return largest < value_count;
}

}  // namespace stillwatch::storage
