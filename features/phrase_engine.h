// Finds the phrases that give away what a prompt is for.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "features/phrase_list.h"
#include "features/phrase_tree.h"
#include "features/word_list.h"
#include "proto/result.h"

namespace stillwatch::features {

// Searches the words of a text for all phrases of a list at once, whatever their number. A first pass, without a branch
// on what it sees, says of most words that no phrase begins there; the others are followed word by word through a tree
// of all phrases. Threading: Find from any thread. Errors: Compile names the line that it cannot use.
class PhraseEngine {
 public:
  // `phrase_list` as in phrase_list.h.
  static Result<std::unique_ptr<PhraseEngine>> Compile(std::string_view phrase_list);
  // The list that is built in, features/markers.txt.
  static std::string_view BuiltInList();

  // Bit set of the classes (Marker) that occur.
  uint32_t Find(const WordList& words) const;

 private:
  // What a word may be to the phrases; a set of these.
  enum Role : uint8_t {
    kAlone = 1,       // A sequence of a first part.
    kAloneLater = 2,  // A sequence of a later part.
    kFirst = 4,       // The first word of a longer sequence.
    kSecond = 8,      // The second of one.
  };
  // A word that a sequence may begin with.
  struct Beginning {
    uint32_t word;
    uint32_t clause;  // Counted from 1, and doubled; plus 1 if only a sequence of a later part may begin.
  };
  struct PhraseShape {
    uint32_t marker = 0;
    uint32_t part_count = 0;
    uint32_t first_place = 0;  // Of its parts but the last, in the search's memory.
  };
  class Search;

  explicit PhraseEngine(const std::vector<Phrase>& phrases);
  void AddRoles(const PhraseSequence& sequence, size_t part);
  void AddRole(const PhraseWord& word, Role role);
  // Writes to `out`, which has room for one more than there are words, and returns how many there are.
  size_t FindBeginnings(const WordList& words, Beginning* out) const;

  static constexpr size_t kRoleCount = 1u << 13;
  std::array<uint8_t, kRoleCount>
      roles_{};               // By the lowest bits of the word's hash: those of all words that share them.
  uint8_t number_roles_ = 0;  // Of any word with a digit.
  PhraseTree tree_;
  std::vector<PhraseShape> shapes_;
  uint32_t place_count_ = 0;
};

}  // namespace stillwatch::features
