#include "storage/column_dictionary.h"

#include <cstring>

namespace stillwatch::storage {
namespace {

// An index and the bits before it in its first byte fit.
using Window = uint32_t;

}  // namespace

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
  const Window mask = (Window{1} << bits) - 1;
  uint16_t largest = 0;
  size_t bit = 0;
  for (uint16_t& index : indices) {
    const size_t byte = bit / 8;
    Window window = 0;
    // Of a constant number of bytes this is one instruction.
    if (byte + sizeof(window) <= packed.size()) {
      std::memcpy(&window, at + byte, sizeof(window));
    } else {
      std::memcpy(&window, at + byte, packed.size() - byte);
    }
    index = static_cast<uint16_t>(window >> bit % 8 & mask);
    largest = index > largest ? index : largest;
    bit += bits;
  }
  return largest < value_count;
}

}  // namespace stillwatch::storage
