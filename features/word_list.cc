#include "features/word_list.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace stillwatch::features {
namespace {

static_assert(std::endian::native == std::endian::little, "lanes of a word are read as they stand in memory");

constexpr size_t kLaneBytes = 8;
constexpr uint64_t kMultiplier = 0x9E3779B97F4A7C15;  // 2^64 over the golden ratio (Knuth): odd and well mixed.

uint64_t Mix(uint64_t state, uint64_t lane) {
  state = (state ^ lane) * kMultiplier;
  return state ^ state >> 29;
}

uint64_t Lane(const char* bytes) {
  uint64_t lane = 0;
  std::memcpy(&lane, bytes, kLaneBytes);
  return lane;
}

// By number of bytes: those of a lane that belong to the word. A word's second lane has none if the word is short.
constexpr std::array<uint64_t, 2 * kLaneBytes + 1> MakeLaneMasks() {
  std::array<uint64_t, 2 * kLaneBytes + 1> masks{};
  for (size_t bytes = 1; bytes < masks.size(); ++bytes) {
    masks[bytes] = bytes >= kLaneBytes ? ~uint64_t{0} : ~uint64_t{0} >> (64 - 8 * bytes);
  }
  return masks;
}
constexpr auto kFirstMasks = MakeLaneMasks();
constexpr std::array<uint64_t, 2 * kLaneBytes + 1> MakeSecondMasks() {
  std::array<uint64_t, 2 * kLaneBytes + 1> masks{};
  for (size_t bytes = kLaneBytes; bytes < masks.size(); ++bytes) masks[bytes] = kFirstMasks[bytes - kLaneBytes];
  return masks;
}
constexpr auto kSecondMasks = MakeSecondMasks();

// Of a word of any length: lane by lane, the last one filled with zeros, at least two.
uint64_t HashLongWord(const char* bytes, size_t count) {
  uint64_t hash = 0;
  for (; count > kLaneBytes; count -= kLaneBytes, bytes += kLaneBytes) hash = Mix(hash, Lane(bytes));
  return Mix(hash, Lane(bytes) & kFirstMasks[count]);
}

// Punctuation beyond ASCII.
enum class MarkKind : uint8_t { kNone, kSpace, kQuote, kEnd, kColon };
struct Mark {
  size_t bytes = 1;
  MarkKind kind = MarkKind::kNone;
};

// `bytes` has at least three.
Mark ReadMark(const char* bytes) {
  const auto byte = [bytes](size_t i) { return uint32_t{static_cast<uint8_t>(bytes[i])}; };
  const uint32_t first_two = byte(0) << 8 | byte(1);
  if (first_two == 0xC2AB || first_two == 0xC2BB) return {2, MarkKind::kQuote};  // « »
  switch (first_two << 8 | byte(2)) {
    case 0xE2809C:  // “
    case 0xE2809D:  // ”
    case 0xE2809E:  // „
    case 0xE3808C:  // 「
    case 0xE3808D:  // 」
    case 0xE3808E:  // 『
    case 0xE3808F:  // 』
      return {3, MarkKind::kQuote};
    case 0xE38082:  // 。
    case 0xEFBC81:  // ！
    case 0xEFBC9F:  // ？
      return {3, MarkKind::kEnd};
    case 0xEFBC9A:  // ：
      return {3, MarkKind::kColon};
    case 0xE38080:  // Ideographic space.
    case 0xE38081:  // 、
    case 0xEFBC8C:  // ，
      return {3, MarkKind::kSpace};
    default:
      return {};
  }
}

// Lead bytes of U+3000 to U+DFFF.
bool LeadsIdeograph(uint8_t byte) { return byte >= 0xE3 && byte <= 0xED; }

constexpr size_t kBlockBits = 64;
static_assert(kBlockBits == kClassBlockBytes);

uint64_t Bit(size_t position) { return uint64_t{1} << position % kBlockBits; }

// Bit i is the parity of bits 0 to i.
uint64_t PrefixParity(uint64_t bits) {
  for (unsigned shift = 1; shift < kBlockBits; shift *= 2) bits ^= bits << shift;
  return bits;
}

// Adds and keeps the carry for the block behind.
uint64_t AddWithCarry(uint64_t first, uint64_t second, uint64_t& carry) {
  const uint64_t partial = first + second;
  const uint64_t sum = partial + carry;
  carry = static_cast<uint64_t>(partial < first) | static_cast<uint64_t>(sum < partial);
  return sum;
}

// The bits moved up by one; the highest is kept for the block behind.
uint64_t ShiftUp(uint64_t bits, uint64_t& carry) {
  const uint64_t shifted = bits << 1 | carry;
  carry = bits >> (kBlockBits - 1);
  return shifted;
}

}  // namespace

struct WordList::Carry {
  uint64_t word = 0;
  uint64_t ideograph = 0;
  uint64_t quotes = 0;    // All ones inside of quotation marks.
  uint64_t sentence = 1;  // A text begins with a sentence.
  uint64_t clause = 1;
  uint64_t digit_word = 0;
};

WordList::WordList(ClassifyBytes classify) : classify_(classify) {}

ClassifyBytes WordList::BestClassifier() {
  return __builtin_cpu_supports("avx2") != 0 ? ClassifyBytesAvx2 : ClassifyBytesBaseline;
}

std::string_view WordList::BestInstructionSet() { return BestClassifier() == ClassifyBytesAvx2 ? "avx2" : "baseline"; }

void WordList::Split(std::string_view text) {
  const size_t block_count = text.size() / kClassBlockBytes + 1;  // One bit more than bytes: that behind the last word.
  const size_t padded = block_count * kClassBlockBytes + 2 * kLaneBytes;
  if (text_.size() < padded) {
    text_.resize(padded);
    classes_.resize(block_count);
    begins_.resize(padded);
    ends_.resize(padded);
    hashes_.resize(padded);
  }
  text_bytes_ = text.size();
  if (!text.empty()) std::memcpy(text_.data(), text.data(), text.size());
  std::memset(text_.data() + text.size(), 0, padded - text.size());
  classify_(text_.data(), block_count, classes_.data());
  uint64_t high = 0;
  for (size_t block = 0; block < block_count; ++block) high |= classes_[block].high;
  ideographs_.clear();
  if (high != 0) {
    ideographs_.resize(block_count);
    MarkHighBytes();
  }
  FindWords(block_count);
  HashWords();
}

void WordList::MarkHighBytes() {
  for (size_t position = 0; position < text_bytes_;) {
    const uint64_t left = classes_[position / kBlockBits].high >> position % kBlockBits;
    if (left == 0) {
      position = (position / kBlockBits + 1) * kBlockBits;
      continue;
    }
    position += static_cast<size_t>(std::countr_zero(left));
    position += MarkHighByte(position);
  }
}

// Gives the byte beyond ASCII at `position` its class, and returns how many bytes have theirs now.
size_t WordList::MarkHighByte(size_t position) {
  ByteClasses& classes = classes_[position / kBlockBits];
  if (const Mark mark = ReadMark(text_.data() + position); mark.kind != MarkKind::kNone) {
    if (mark.kind == MarkKind::kQuote) classes.quote |= Bit(position);
    if (mark.kind == MarkKind::kEnd) classes.end |= Bit(position);
    if (mark.kind == MarkKind::kColon) classes.colon |= Bit(position);
    return mark.bytes;
  }
  if (!LeadsIdeograph(static_cast<uint8_t>(text_[position]))) {
    classes.word |= Bit(position);
    return 1;
  }
  size_t end = position + 1;
  while (end < text_bytes_ && (static_cast<uint8_t>(text_[end]) & 0xC0) == 0x80) ++end;
  ideographs_[position / kBlockBits].begin |= Bit(position);
  for (size_t i = position; i < end; ++i) ideographs_[i / kBlockBits].bytes |= Bit(i);
  ideographs_[end / kBlockBits].end |= Bit(end);
  return end - position;
}

void WordList::FindWords(size_t block_count) {
  size_ = 0;
  end_count_ = 0;
  Carry carry;
  for (size_t block = 0; block < block_count; ++block) AddBlock(block, carry);
}

// Where a word begins or ends, and what is true of it there, is found for all words of a block at once. An addition
// carries a bit from inside a run of ones to the place behind the run, and so from a full stop to the next word.
void WordList::AddBlock(size_t block, Carry& carry) {
  const ByteClasses& classes = classes_[block];
  const Ideographs ideographs = ideographs_.empty() ? Ideographs() : ideographs_[block];
  const uint64_t after_word = ShiftUp(classes.word, carry.word);
  const uint64_t after_ideograph = ShiftUp(ideographs.bytes, carry.ideograph);
  const uint64_t begins = (classes.word & ~after_word) | ideographs.begin;
  const uint64_t ends = (~classes.word & after_word) | ideographs.end;
  const uint64_t between = ~(classes.word | ideographs.bytes);

  const uint64_t quotes = PrefixParity(classes.quote) ^ carry.quotes;
  carry.quotes = ~uint64_t{0} * (quotes >> (kBlockBits - 1));
  const uint64_t bullet = classes.hyphen & ~(after_word | after_ideograph);
  const uint64_t sentence_stops = classes.end | classes.dot | classes.colon | bullet;
  const uint64_t begins_sentence = AddWithCarry(between, sentence_stops, carry.sentence);
  const uint64_t begins_clause = AddWithCarry(between, classes.end | classes.dot, carry.clause);
  const uint64_t has_digit = AddWithCarry(classes.word, classes.digit, carry.digit_word) & ~classes.word;
  const auto base = static_cast<uint32_t>(block * kBlockBits);
  const uint64_t is_masked = quotes | (classes.upper & ~begins_sentence);
  size_t count = size_;
  for (uint64_t left = begins; left != 0; left &= left - 1) {
    const auto bit = static_cast<unsigned>(std::countr_zero(left));
    begins_[count++] = (base + bit) | static_cast<uint32_t>(is_masked >> bit) << 31 |
                       (static_cast<uint32_t>(begins_clause >> bit) & 1) << 30;
  }
  size_ = count;
  count = end_count_;
  for (uint64_t left = ends; left != 0; left &= left - 1) {
    const auto bit = static_cast<unsigned>(std::countr_zero(left));
    ends_[count++] = (base + bit) | static_cast<uint32_t>(has_digit >> bit) << 31;
  }
  end_count_ = count;
}

void WordList::HashWords() {
  const char* const text = text_.data();
  for (size_t word = 0; word < size_; ++word) {
    const char* bytes = text + (begins_[word] & kPlaceMask);
    const size_t count = (ends_[word] & kPlaceMask) - (begins_[word] & kPlaceMask);
    if (count > 2 * kLaneBytes) {
      hashes_[word] = HashLongWord(bytes, count);
      continue;
    }
    const uint64_t first = Mix(0, Lane(bytes) & kFirstMasks[count]);
    hashes_[word] = Mix(first, Lane(bytes + kLaneBytes) & kSecondMasks[count]);
  }
}

}  // namespace stillwatch::features
