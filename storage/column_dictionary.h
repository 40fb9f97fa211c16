// The dictionary of one column: its distinct values in order of first use, and each row's index among them.
#pragma once

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

inline uint64_t DictionaryHash(uint64_t number) { return number * 0x9e3779b97f4a7c15; }

// Finds the distinct values of a column, by a table of 16-bit indices with linear probing: smaller and, built anew for
// every column of every block, several times faster than a general hash map.
// Limits: 32,768 values.
template <typename Value>
class ColumnDictionary {
 public:
  // Builds the dictionary of `values`. `encoded_bytes(value)` is what a value takes in a list. Gives up and returns
  // false as soon as dictionary and indices would take `bytes_max` or more.
  template <typename EncodedBytes>
  bool Build(std::span<const Value> values, size_t bytes_max, const EncodedBytes& encoded_bytes) {
    slots_.assign(std::bit_ceil(2 * values.size()), kFreeSlot);
    indices_.resize(values.size());
    size_t bytes = kCountBytes;
    for (size_t row = 0; row < values.size(); ++row) {
      // Neighbours are often equal: that spares a look-up.
      if (row > 0 && values[row] == values[row - 1]) {
        indices_[row] = indices_[row - 1];
        continue;
      }
      indices_[row] = IndexOf(values[row]);
      if (indices_[row] < distinct_.size()) continue;
      distinct_.push_back(values[row]);
      bytes += encoded_bytes(values[row]);
      if (bytes + PackedIndexBytes(values.size(), IndexBits(distinct_.size())) >= bytes_max) return false;
      if (NearlyAllDistinct(row + 1)) return false;
    }
    return true;
  }

  std::span<const Value> values() const { return distinct_; }
  std::span<const uint16_t> indices() const { return indices_; }

 private:
  static constexpr size_t kCountBytes = 1;
  static constexpr uint16_t kFreeSlot = 0xffff;
  // Rows after which a column of ids or hashes shows itself as such; the look-ups of the rest are spared.
  static constexpr size_t kSampleRows = 128;

  bool NearlyAllDistinct(size_t rows) const { return rows >= kSampleRows && distinct_.size() * 16 > rows * 15; }

  // The value's index; that of the next distinct value, and the slot taken for it, if it is new.
  uint16_t IndexOf(const Value& value) {
    const size_t mask = slots_.size() - 1;
    for (size_t slot = DictionaryHash(value) >> 32 & mask;; slot = (slot + 1) & mask) {
      if (slots_[slot] == kFreeSlot) return slots_[slot] = static_cast<uint16_t>(distinct_.size());
      if (distinct_[slots_[slot]] == value) return slots_[slot];
    }
  }

  std::vector<uint16_t> slots_;  // At most half full.
  std::vector<Value> distinct_;
  std::vector<uint16_t> indices_;
};

}  // namespace stillwatch::storage
