// Which bytes of a text are letters, digits, quotation marks and so on, 64 at a time.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Free of the standard library, since files for other instruction sets include it.
namespace stillwatch::features {

// One bit a byte of a block, the lowest for the first.
struct ByteClasses {
  uint64_t word;    // ASCII letters and digits.
  uint64_t digit;   // 0-9
  uint64_t upper;   // A-Z
  uint64_t quote;   // " `
  uint64_t end;     // ! ? and line feed
  uint64_t dot;     // .
  uint64_t colon;   // : #
  uint64_t hyphen;  // -
  uint64_t high;    // Bytes of characters beyond ASCII.
};
inline constexpr size_t kClassBlockBytes = 64;

// Classifies so many blocks of bytes and folds their capital letters to small ones, in place. Both give the same.
using ClassifyBytes = void (*)(char* bytes, size_t block_count, ByteClasses* out);
void ClassifyBytesBaseline(char* bytes, size_t block_count, ByteClasses* out);
void ClassifyBytesAvx2(char* bytes, size_t block_count, ByteClasses* out);

}  // namespace stillwatch::features
