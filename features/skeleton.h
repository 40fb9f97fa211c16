// The skeleton of a prompt: what stays when its slots are masked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "features/word_list.h"

namespace stillwatch::features {

// Hashes (not keyed) of a prompt's skeleton and of what was masked, and its sketch.
struct Skeleton {
  uint64_t template_hash = 0;  // Of the first words, slots replaced by one mark.
  uint64_t head_hash = 0;      // Of the first few of them.
  uint64_t slot_hash = 0;      // Of the masked words and of all words after the skeleton.
  // Similar for texts of similar words: each of 64 bits is the sign of a random projection of the words (SimHash,
  // Charikar 2002, 10.1145/509907.509965). The share of equal bits is 1 - angle / pi. 0 if there are none.
  uint64_t sketch = 0;
  uint32_t word_count = 0;
};

// Masks those words that a template's user would fill in: words with a digit, words in quotation marks, and capitalised
// words inside a sentence (names). Adjacent slots count as one, so that a name of two words and one of three leave the
// same skeleton. Words of less than 4 bytes, which carry style more than topic, stay out of the sketch, and ideographs
// go in.
// Threading: none of its own; keep one a thread, since it reuses its memory: 24 bytes a word of the longest text so
// far.
class SkeletonMaker {
 public:
  // `skeleton_words` bounds the words of the template, `head_words` those of the head.
  SkeletonMaker(size_t skeleton_words, size_t head_words) : skeleton_words_(skeleton_words), head_words_(head_words) {}

  // `sketch_seed` draws the projections.
  Skeleton Make(const WordList& words, uint64_t sketch_seed = 0);

 private:
  void SortWords(const WordList& words);
  size_t KeepTopical(const WordList& words, uint64_t seed);
  uint64_t Sketch(const WordList& words, uint64_t seed);

  size_t skeleton_words_;
  size_t head_words_;
  std::vector<uint64_t> parts_;  // Of the template: words and marks for slots.
  std::vector<uint64_t> slots_;
  std::vector<uint64_t> topical_;
};

}  // namespace stillwatch::features
