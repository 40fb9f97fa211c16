// The bytes of one column of a block, before compression. The grammar is in storage/FORMAT.md.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proto/usage_batch.h"
#include "storage/byte_codec.h"

namespace stillwatch::storage {

// How a list of values is written: the low five bits of a column's encoding. On disk, append only.
enum class ListEncoding : uint8_t {
  kTextPlain = 1,    // Lengths, then bytes.
  kTextPattern = 2,  // Texts of one length that differ in hexadecimal digits only: a pattern, then packed digits.
  kVarint = 3,
  kDeltaVarint = 4,  // Zigzag varints of the differences.
  kFixed64 = 5,
};

// Flags beside the list encoding. On disk, append only.
inline constexpr uint8_t kDictionaryFlag = 0x20;  // A dictionary's values are listed, and rows are indices into it.
inline constexpr uint8_t kPresenceFlag = 0x40;    // A bitmap of the rows that have a number comes first.
inline constexpr uint8_t kZstdFlag = 0x80;        // The column is one zstd frame.
inline constexpr uint8_t kListEncodingMask = 0x1f;

constexpr ListEncoding ListEncodingOf(uint8_t encoding) {
  return static_cast<ListEncoding>(encoding & kListEncodingMask);
}

// Bytes of a column, uncompressed: far above 4,096 texts of 1 KiB, the most that proto/limits.h lets in.
inline constexpr size_t kColumnBytesMax = 64u << 20;

// Appends a text for each row to `out` and returns the encoding. `codes` has one entry a row, as in TextColumn.
uint8_t EncodeTextColumn(std::span<const std::string_view> values, std::span<const uint32_t> codes, std::string& out);

// Appends the numbers that are present to `out` and returns the encoding. `present` has one entry a row, not 0 where
// the row has a number, or is empty if all have; `numbers` holds those that are present, at least one.
uint8_t EncodeNumberColumn(std::span<const uint64_t> numbers, std::span<const uint8_t> present, std::string& out);

// Decodes the texts of `row_count` rows; values point into `bytes` or into `unpacked`. False if the bytes break the
// grammar in any way.
bool DecodeTextColumn(uint8_t encoding, std::string_view bytes, size_t row_count, TextColumn& column,
                      std::string& unpacked);

// Holds the numbers of a decoded column.
struct NumberColumn {
  std::vector<uint64_t> numbers;  // Those that are present, in order of row.
  std::string_view presence;  // Bit i % 8 of byte i / 8: row i has a number. Empty: all have. Points into the bytes.

  bool has(size_t row) const {
    return presence.empty() || (static_cast<uint8_t>(presence[row / 8]) >> row % 8 & 1) != 0;
  }
};

// Decodes the numbers of `row_count` rows. False if the bytes break the grammar in any way.
bool DecodeNumberColumn(uint8_t encoding, std::string_view bytes, size_t row_count, NumberColumn& column);

}  // namespace stillwatch::storage
