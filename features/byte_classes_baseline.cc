// For every x86-64 processor (SSE2).
#include <emmintrin.h>

#include "features/byte_classes_kernel.h"

namespace stillwatch::features {
namespace {

struct Sse2 {
  using Vector = __m128i;
  static constexpr size_t kBytes = 16;
  static Vector Load(const char* bytes) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes)); }
  static void Store(char* bytes, Vector vector) { _mm_storeu_si128(reinterpret_cast<__m128i*>(bytes), vector); }
  static Vector Equal(Vector vector, char c) { return _mm_cmpeq_epi8(vector, _mm_set1_epi8(c)); }
  // Bytes compare as signed ones, so the range is moved to where these begin.
  static Vector IsInRange(Vector vector, char first, int count) {
    const Vector moved = _mm_add_epi8(vector, _mm_set1_epi8(static_cast<char>(-128 - first)));
    return _mm_cmpgt_epi8(_mm_set1_epi8(static_cast<char>(-128 + count)), moved);
  }
  static Vector Or(Vector first, Vector second) { return _mm_or_si128(first, second); }
  static Vector Fold(Vector vector, Vector upper) {
    return _mm_or_si128(vector, _mm_and_si128(upper, _mm_set1_epi8(0x20)));
  }
  static uint64_t Bits(Vector vector) { return static_cast<uint32_t>(_mm_movemask_epi8(vector)); }
  static uint64_t HighBits(Vector vector) { return Bits(vector); }
};

}  // namespace

void ClassifyBytesBaseline(char* bytes, size_t block_count, ByteClasses* out) {
  ClassifyBlocks<Sse2>(bytes, block_count, out);
}

}  // namespace stillwatch::features
