// For all processors.
#include <string.h>

#include "detector/zero_bytes.h"

namespace stillwatch::detector {
namespace {

constexpr size_t kWordBytes = 8;

// Bit i is set if byte i of the word is not zero.
uint64_t NonzeroBytes(uint64_t word) {
  constexpr uint64_t kLowBits = 0x7F7F7F7F7F7F7F7F;
  constexpr uint64_t kGatherHighBits = 0x0002040810204081;
  const uint64_t high_bits = (((word & kLowBits) + kLowBits) | word) & ~kLowBits;
  return high_bits * kGatherHighBits >> 56;
}

}  // namespace

size_t DropZeroBytesBaseline(const uint8_t* bytes, size_t block_count, uint64_t* masks, uint8_t* out) {
  uint8_t* end = out;
  for (size_t block = 0; block < block_count; ++block) {
    uint64_t mask = 0;
    for (size_t i = 0; i < kZeroBlockBytes; i += kWordBytes) {
      uint64_t word = 0;
      memcpy(&word, bytes + block * kZeroBlockBytes + i, kWordBytes);
      if (word == 0) continue;
      const uint64_t present = NonzeroBytes(word);
      mask |= present << i;
      for (uint64_t left = present; left != 0; left &= left - 1) {
        *end++ = static_cast<uint8_t>(word >> 8 * __builtin_ctzll(left));
      }
    }
    masks[block] = mask;
  }
  return static_cast<size_t>(end - out);
}

size_t CountMaskOnesBaseline(const uint64_t* masks, size_t count) {
  size_t ones = 0;
  for (size_t i = 0; i < count; ++i) ones += static_cast<size_t>(__builtin_popcountll(masks[i]));
  return ones;
}

void PutBackZeroBytesBaseline(const uint64_t* masks, size_t block_count, const uint8_t* bytes, uint8_t* out) {
  memset(out, 0, block_count * kZeroBlockBytes);
  for (size_t block = 0; block < block_count; ++block) {
    uint8_t* const place = out + block * kZeroBlockBytes;
    for (uint64_t left = masks[block]; left != 0; left &= left - 1) place[__builtin_ctzll(left)] = *bytes++;
  }
}

}  // namespace stillwatch::detector
