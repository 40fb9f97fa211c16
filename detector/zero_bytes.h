// Bytes without their zeros, 64 at a time.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Free of the standard library, since files for other instruction sets include it.
namespace stillwatch::detector {

inline constexpr size_t kZeroBlockBytes = 64;

// Writes to `masks` for each block of `bytes` which of its bytes are not zero, the lowest bit for the first, and to `out`
// these bytes one after the other. Returns their number. `out` has room for 64 bytes more than that.
using DropZeroBytes = size_t (*)(const uint8_t* bytes, size_t block_count, uint64_t* masks, uint8_t* out);
size_t DropZeroBytesBaseline(const uint8_t* bytes, size_t block_count, uint64_t* masks, uint8_t* out);
size_t DropZeroBytesAvx512(const uint8_t* bytes, size_t block_count, uint64_t* masks, uint8_t* out);

// How many ones the masks have.
using CountMaskOnes = size_t (*)(const uint64_t* masks, size_t count);
size_t CountMaskOnesBaseline(const uint64_t* masks, size_t count);
size_t CountMaskOnesAvx512(const uint64_t* masks, size_t count);

// The inverse: writes `block_count` blocks to `out`, and reads as many bytes as the masks have ones.
using PutBackZeroBytes = void (*)(const uint64_t* masks, size_t block_count, const uint8_t* bytes, uint8_t* out);
void PutBackZeroBytesBaseline(const uint64_t* masks, size_t block_count, const uint8_t* bytes, uint8_t* out);
void PutBackZeroBytesAvx512(const uint64_t* masks, size_t block_count, const uint8_t* bytes, uint8_t* out);

}  // namespace stillwatch::detector
