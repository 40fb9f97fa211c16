// The classification of bytes, written once for all instruction sets.
#pragma once

#include "features/byte_classes.h"

// Free of the standard library: an inline function of it, compiled here for a better processor, could be taken by the
// linker for everybody.
namespace stillwatch::features {

// `Isa` says how its vectors load, compare and give bits; it must be local to the file that includes this.
template <typename Isa>
inline ByteClasses ClassifyVector(char* bytes) {
  const typename Isa::Vector vector = Isa::Load(bytes);
  const auto equal = [&vector](char c) { return Isa::Equal(vector, c); };
  const auto upper = Isa::IsInRange(vector, 'A', 26);
  const auto digit = Isa::IsInRange(vector, '0', 10);
  const typename Isa::Vector folded = Isa::Fold(vector, upper);
  Isa::Store(bytes, folded);
  ByteClasses out;
  out.word = Isa::Bits(Isa::Or(Isa::IsInRange(folded, 'a', 26), digit));
  out.digit = Isa::Bits(digit);
  out.upper = Isa::Bits(upper);
  out.quote = Isa::Bits(Isa::Or(equal('"'), equal('`')));
  out.end = Isa::Bits(Isa::Or(Isa::Or(equal('!'), equal('?')), equal('\n')));
  out.dot = Isa::Bits(equal('.'));
  out.colon = Isa::Bits(Isa::Or(equal(':'), equal('#')));
  out.hyphen = Isa::Bits(equal('-'));
  out.high = Isa::HighBits(vector);
  return out;
}

template <typename Isa>
inline void ClassifyBlocks(char* bytes, size_t block_count, ByteClasses* out) {
  for (size_t block = 0; block < block_count; ++block, bytes += kClassBlockBytes) {
    ByteClasses all = ClassifyVector<Isa>(bytes);
    for (size_t at = Isa::kBytes; at < kClassBlockBytes; at += Isa::kBytes) {
      const ByteClasses part = ClassifyVector<Isa>(bytes + at);
      all.word |= part.word << at;
      all.digit |= part.digit << at;
      all.upper |= part.upper << at;
      all.quote |= part.quote << at;
      all.end |= part.end << at;
      all.dot |= part.dot << at;
      all.colon |= part.colon << at;
      all.hyphen |= part.hyphen << at;
      all.high |= part.high << at;
    }
    out[block] = all;
  }
}

}  // namespace stillwatch::features
