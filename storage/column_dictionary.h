// The dictionary of one column: its distinct values in order of first use, and each row's index among them.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "storage/byte_codec.h"

namespace stillwatch::storage {

// Bits of an index into `count` values; none for a single value.
constexpr unsigned IndexBits(size_t count) { return count <= 1 ? 0 : static_cast<unsigned>(std::bit_width(count - 1)); }
constexpr size_t PackedIndexBytes(size_t index_count, unsigned bits) { return (index_count * bits + 7) / 8; }

// Appends the indices, each in the low `bits` bits, first index in the lowest bits of the first byte.
void AppendIndices(std::span<const uint16_t> indices, unsigned bits, std::string& out);
// Reads as many indices as `indices` holds. False if bytes are missing or an index is not below `value_count`.
bool ReadIndices(ByteReader& reader, size_t value_count, std::span<uint16_t> indices);

// Bytes of a dictionary's count, nearly always.
inline constexpr size_t kDictionaryCountBytes = 1;

// Whether a column of ids or hashes shows itself as such after `rows` rows: the look-ups of the rest are spared.
constexpr bool AreNearlyAllDistinct(size_t distinct, size_t rows) {
  constexpr size_t kSampleRows = 128;
  return rows >= kSampleRows && distinct * 16 > rows * 15;
}

// Finds the distinct values of a column of numbers, by a table of 16-bit indices with linear probing: smaller and, built
// anew for every column of every block, several times faster than a general hash map.
// Limits: 32,768 values.
class NumberDictionary {
 public:
  // Builds the dictionary of `values`. `encoded_bytes(value)` is what a value takes in a list. Gives up and returns
  // false as soon as dictionary and indices would take `bytes_max` or more, or more than `distinct_max` values are found.
  template <typename EncodedBytes>
  bool Build(std::span<const uint64_t> values, size_t bytes_max, size_t distinct_max,
             const EncodedBytes& encoded_bytes) {
    distinct_.clear();
    slots_.assign(std::bit_ceil(2 * std::min(values.size(), distinct_max)), kFreeSlot);
    indices_.resize(values.size());
    size_t bytes = kDictionaryCountBytes;
    for (size_t row = 0; row < values.size(); ++row) {
      // Neighbours are often equal: that spares a look-up.
      if (row > 0 && values[row] == values[row - 1]) {
        indices_[row] = indices_[row - 1];
        continue;
      }
      uint16_t& slot = SlotOf(values[row]);
      if (slot == kFreeSlot) {
        if (distinct_.size() == distinct_max) return false;
        slot = static_cast<uint16_t>(distinct_.size());
        distinct_.push_back(values[row]);
        bytes += encoded_bytes(values[row]);
        if (bytes + PackedIndexBytes(values.size(), IndexBits(distinct_.size())) >= bytes_max) return false;
        if (AreNearlyAllDistinct(distinct_.size(), row + 1)) return false;
      }
      indices_[row] = slot;
    }
    return true;
  }

  std::span<const uint64_t> values() const { return distinct_; }
  std::span<const uint16_t> indices() const { return indices_; }

 private:
  static constexpr uint16_t kFreeSlot = 0xffff;

  // The slot of the value, or the free one where it belongs.
  uint16_t& SlotOf(uint64_t value) {
    const size_t mask = slots_.size() - 1;
    for (size_t slot = value * 0x9e3779b97f4a7c15 >> 32 & mask;; slot = (slot + 1) & mask) {
      if (slots_[slot] == kFreeSlot || distinct_[slots_[slot]] == value) return slots_[slot];
    }
  }

  std::vector<uint16_t> slots_;  // At most half full.
  std::vector<uint64_t> distinct_;
  std::vector<uint16_t> indices_;
};

}  // namespace stillwatch::storage
