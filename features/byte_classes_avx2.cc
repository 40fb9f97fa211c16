// For processors with AVX2; compiled for them, so nothing else may stand here.
#include <immintrin.h>

#include "features/byte_classes_kernel.h"

namespace stillwatch::features {
namespace {

struct Avx2 {
  using Vector = __m256i;
  static constexpr size_t kBytes = 32;
  static Vector Load(const char* bytes) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes)); }
  static void Store(char* bytes, Vector vector) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(bytes), vector); }
  static Vector Equal(Vector vector, char c) { return _mm256_cmpeq_epi8(vector, _mm256_set1_epi8(c)); }
  // Bytes compare as signed ones, so the range is moved to where these begin.
  static Vector IsInRange(Vector vector, char first, int count) {
    const Vector moved = _mm256_add_epi8(vector, _mm256_set1_epi8(static_cast<char>(-128 - first)));
    return _mm256_cmpgt_epi8(_mm256_set1_epi8(static_cast<char>(-128 + count)), moved);
  }
  static Vector Or(Vector first, Vector second) { return _mm256_or_si256(first, second); }
  static Vector Fold(Vector vector, Vector upper) {
    return _mm256_or_si256(vector, _mm256_and_si256(upper, _mm256_set1_epi8(0x20)));
  }
  static uint64_t Bits(Vector vector) { return static_cast<uint32_t>(_mm256_movemask_epi8(vector)); }
  static uint64_t HighBits(Vector vector) { return Bits(vector); }
};

}  // namespace

void ClassifyBytesAvx2(char* bytes, size_t block_count, ByteClasses* out) {
  ClassifyBlocks<Avx2>(bytes, block_count, out);
}

}  // namespace stillwatch::features
