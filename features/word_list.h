// The words of a text, found and hashed in one pass.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "features/byte_classes.h"

namespace stillwatch::features {

// Splits texts into words. White space and punctuation separate words; each Chinese, Japanese or Korean character is a
// word; letters of ASCII are folded to lower case. A hyphen inside a word separates too, but begins no sentence.
// A word's hash (not keyed) is that of its folded bytes.
// Bytes are classified 64 at a time by the best instructions that the processor has, and words are hashed by lanes of
// eight bytes, with the same result on every processor.
// Threading: none of its own; keep one a thread, since it reuses its memory.
// Limits: texts of less than 1 GiB; about 20 bytes of memory a byte of the longest text so far.
class WordList {
 public:
  // Which instructions to use; the default are the best.
  explicit WordList(ClassifyBytes classify = BestClassifier());
  static ClassifyBytes BestClassifier();
  // "avx2" or "baseline".
  static std::string_view BestInstructionSet();

  // Any bytes are taken. What was found before is forgotten.
  void Split(std::string_view text);

  size_t size() const { return size_; }
  std::span<const uint64_t> hashes() const { return std::span(hashes_).first(size_); }
  uint64_t hash(size_t word) const { return hashes_[word]; }
  size_t bytes(size_t word) const { return end(word) - begin(word); }
  bool has_digit(size_t word) const { return (ends_[word] & kMark) != 0; }
  // It stands in quotation marks, or is a capitalised word inside a sentence (a name), or has a digit.
  bool is_slot(size_t word) const { return ((begins_[word] | ends_[word]) & kMark) != 0; }
  // What ends a sentence or a line (. ! ? and line feed) stands between it and the word before.
  bool begins_clause(size_t word) const { return (begins_[word] & kClauseMark) != 0; }
  bool has_ideographs() const { return !ideographs_.empty(); }
  bool is_ideograph(size_t word) const {
    return has_ideographs() && (ideographs_[begin(word) / 64].begin >> begin(word) % 64 & 1) != 0;
  }
  // The folded text before and behind a word.
  std::string_view before(size_t word) const { return {text_.data(), begin(word)}; }
  std::string_view behind(size_t word) const { return {text_.data() + end(word), text_bytes_ - end(word)}; }

 private:
  // Words beyond ASCII, by block.
  struct Ideographs {
    uint64_t begin = 0;
    uint64_t bytes = 0;
    uint64_t end = 0;  // The byte behind.
  };
  // What one block leaves for the next.
  struct Carry;

  static constexpr uint32_t kMark = 1u << 31;
  static constexpr uint32_t kClauseMark = 1u << 30;
  static constexpr uint32_t kPlaceMask = kClauseMark - 1;

  size_t begin(size_t word) const { return begins_[word] & kPlaceMask; }
  size_t end(size_t word) const { return ends_[word] & kPlaceMask; }
  void MarkHighBytes();
  size_t MarkHighByte(size_t position);
  void FindWords(size_t block_count);
  void AddBlock(size_t block, Carry& carry);
  void HashWords();

  ClassifyBytes classify_;
  std::vector<char> text_;  // Folded, with zeros behind.
  size_t text_bytes_ = 0;
  std::vector<ByteClasses> classes_;
  std::vector<Ideographs> ideographs_;  // Empty if the text is all ASCII.
  size_t size_ = 0;
  size_t end_count_ = 0;
  std::vector<uint32_t> begins_;  // With kMark: in quotation marks, or a name. With kClauseMark: begins a clause.
  std::vector<uint32_t> ends_;    // With kMark: has a digit.
  std::vector<uint64_t> hashes_;
};

}  // namespace stillwatch::features
