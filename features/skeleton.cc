#include "features/skeleton.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

#include "features/bit_counter.h"

namespace stillwatch::features {
namespace {

constexpr uint64_t kSlotMark = 0x51075107;
constexpr size_t kTopicBytesMin = 4;

// A hash all of whose bits are as good as random (the finalizer of SplitMix64, Steele et al. 2014).
uint64_t Spread(uint64_t hash) {
  hash = (hash ^ hash >> 30) * 0xBF58476D1CE4E5B9;
  hash = (hash ^ hash >> 27) * 0x94D049BB133111EB;
  return hash ^ hash >> 31;
}

// 0 if there are none.
uint64_t HashAll(const uint64_t* hashes, size_t count) {
  return count == 0 ? 0 : XXH3_64bits(hashes, count * sizeof(*hashes));
}

}  // namespace

// Deals the words out to template and slots. Whether a word is a slot cannot be foreseen, so there is no branch on it:
// what is not wanted is written too, and overwritten.
void SkeletonMaker::SortWords(const WordList& words) {
  parts_.resize(skeleton_words_ + 1);
  slots_.resize(words.size() + 1);
  size_t part_count = 0;
  size_t slot_count = 0;
  size_t word = 0;
  bool was_slot = false;
  for (; word < words.size() && part_count < skeleton_words_; ++word) {
    const bool is_slot = words.is_slot(word);
    slots_[slot_count] = words.hash(word);
    slot_count += is_slot;
    parts_[part_count] = is_slot ? kSlotMark : words.hash(word);
    part_count += !(is_slot && was_slot);
    was_slot = is_slot;
  }
  const auto beyond = words.hashes().subspan(word);
  std::copy(beyond.begin(), beyond.end(), slots_.begin() + static_cast<std::ptrdiff_t>(slot_count));
  parts_.resize(part_count);
  slots_.resize(slot_count + beyond.size());
}

// As in Sketch, for a text with ideographs, which are shorter than other words that count.
size_t SkeletonMaker::KeepTopical(const WordList& words, uint64_t seed) {
  size_t count = 0;
  for (size_t word = 0; word < words.size(); ++word) {
    topical_[count] = words.hash(word) ^ seed;
    count += words.bytes(word) >= kTopicBytesMin || words.is_ideograph(word);
  }
  return count;
}

uint64_t SkeletonMaker::Sketch(const WordList& words, uint64_t seed) {
  topical_.resize(words.size() + 1);
  size_t count = 0;
  for (size_t word = 0; word < words.size(); ++word) {
    topical_[count] = words.hash(word) ^ seed;
    count += words.bytes(word) >= kTopicBytesMin;
  }
  if (words.has_ideographs()) count = KeepTopical(words, seed);
  BitCounter counter;
  for (size_t i = 0; i < count; ++i) counter.Add(Spread(topical_[i]));
  return counter.Majority();
}

Skeleton SkeletonMaker::Make(const WordList& words, uint64_t sketch_seed) {
  SortWords(words);
  Skeleton out;
  out.template_hash = HashAll(parts_.data(), parts_.size());
  out.head_hash = HashAll(parts_.data(), std::min(parts_.size(), head_words_));
  out.slot_hash = HashAll(slots_.data(), slots_.size());
  out.sketch = Sketch(words, sketch_seed);
  out.word_count = static_cast<uint32_t>(words.size());
  return out;
}

}  // namespace stillwatch::features
