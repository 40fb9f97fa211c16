// What encoder and decoder of blocks share. The grammar is in storage/FORMAT.md.
#pragma once

#include <xxhash.h>

#include <cstdint>
#include <string_view>

namespace stillwatch::storage {

inline constexpr std::string_view kBlockMagic = "SWB";
inline constexpr uint8_t kBlockVersion = 1;

// Column ids: a text field's number, or a number field's with this bit.
inline constexpr uint8_t kNumberColumnBit = 0x80;

inline uint32_t BlockChecksum(std::string_view bytes) {
  return static_cast<uint32_t>(XXH3_64bits(bytes.data(), bytes.size()));
}

}  // namespace stillwatch::storage
