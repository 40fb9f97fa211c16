// Reads lists of phrases.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proto/result.h"

namespace stillwatch::features {

// A word of a phrase.
struct PhraseWord {
  uint64_t hash = 0;
  bool is_number = false;  // Any word with a digit.
  bool is_any = false;     // Any word; never the first of a sequence.
  // Marks that must stand at it, with at most one space between; empty if it does not matter.
  std::string before;
  std::string behind;
};
// Words that follow each other within a clause.
using PhraseSequence = std::vector<PhraseWord>;

// A phrase: parts that follow each other within a clause, with any words between; of each part one sequence.
struct Phrase {
  uint32_t marker = 0;  // The number of its class.
  std::vector<std::vector<PhraseSequence>> parts;
};

// A list has one phrase a line, `class<TAB>phrase`; `#` begins a comment line. A phrase is written as words, and finds
// them in any case of ASCII and with any punctuation between that ends no clause:
//   step by step            these words
//   (rate|score|give a)     one of these
//   (your)?                 these or nothing
//   tasks?                  the letter or not
//   show ... reasoning      the second later in the same clause
//   \d                      any word with a digit
//   _                       any word, but not as the first of a part
//   <think>  [[score  ##input  input:  \boxed     marks of < > [ ] # : \ that must stand at the word
// Errors: names the line. Limits: a part may stand for at most kSequencesMax sequences of at most kWordsMax words.
inline constexpr size_t kSequencesMax = 4096;
inline constexpr size_t kWordsMax = 12;
Result<std::vector<Phrase>> ReadPhraseList(std::string_view list);

}  // namespace stillwatch::features
