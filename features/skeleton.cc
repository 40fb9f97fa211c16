#include "features/skeleton.h"

#include <array>
#include <tuple>

#include "features/bit_counter.h"

namespace stillwatch::features {
namespace {

enum class Kind : uint8_t { kSpace, kLower, kUpper, kDigit, kQuote, kStop, kByte, kIdeograph };

constexpr std::array<Kind, 256> MakeKinds() {
  std::array<Kind, 256> kinds{};
  for (size_t i = 0; i < 256; ++i) {
    kinds[i] = Kind::kSpace;
    if (i >= 'a' && i <= 'z') kinds[i] = Kind::kLower;
    if (i >= 'A' && i <= 'Z') kinds[i] = Kind::kUpper;
    if (i >= '0' && i <= '9') kinds[i] = Kind::kDigit;
    if (i >= 0x80) kinds[i] = Kind::kByte;
    if (i >= 0xE3 && i <= 0xED) kinds[i] = Kind::kIdeograph;  // Lead bytes of U+3000 to U+DFFF.
  }
  kinds['"'] = kinds['`'] = Kind::kQuote;
  kinds['.'] = kinds['!'] = kinds['?'] = kinds[':'] = kinds['\n'] = kinds['#'] = kinds['-'] = Kind::kStop;
  return kinds;
}
constexpr std::array<Kind, 256> kKinds = MakeKinds();

// Punctuation beyond ASCII.
struct Mark {
  size_t bytes = 0;  // 0: it is none.
  Kind kind = Kind::kSpace;
};

Mark ReadMark(std::string_view text, size_t position) {
  const auto byte = [text](size_t i) { return i < text.size() ? uint32_t{static_cast<uint8_t>(text[i])} : 0U; };
  const uint32_t first_two = byte(position) << 8 | byte(position + 1);
  if (first_two == 0xC2AB || first_two == 0xC2BB) return {2, Kind::kQuote};  // « »
  switch (first_two << 8 | byte(position + 2)) {
    case 0xE2809C:  // “
    case 0xE2809D:  // ”
    case 0xE2809E:  // „
    case 0xE3808C:  // 「
    case 0xE3808D:  // 」
    case 0xE3808E:  // 『
    case 0xE3808F:  // 』
      return {3, Kind::kQuote};
    case 0xE38082:  // 。
    case 0xEFBC81:  // ！
    case 0xEFBC9A:  // ：
    case 0xEFBC9F:  // ？
      return {3, Kind::kStop};
    case 0xE38080:  // Ideographic space.
    case 0xE38081:  // 、
    case 0xEFBC8C:  // ，
      return {3, Kind::kSpace};
    default:
      return {};
  }
}

bool IsWordKind(Kind kind) {
  return kind == Kind::kLower || kind == Kind::kUpper || kind == Kind::kDigit || kind == Kind::kByte;
}

constexpr uint64_t kMultiplier = 0x9E3779B97F4A7C15;  // 2^64 over the golden ratio (Knuth): odd and well mixed.
constexpr uint64_t kSlotMark = 0x51075107;

uint64_t Mix(uint64_t state, uint64_t value) {
  state = (state ^ value) * kMultiplier;
  return state ^ state >> 29;
}

constexpr size_t kTopicBytesMin = 4;

// A hash all of whose bits are as good as random (the finalizer of SplitMix64, Steele et al. 2014).
uint64_t Spread(uint64_t hash) {
  hash = (hash ^ hash >> 30) * 0xBF58476D1CE4E5B9;
  hash = (hash ^ hash >> 27) * 0x94D049BB133111EB;
  return hash ^ hash >> 31;
}

// Gathers words into the hashes.
class Builder {
 public:
  Builder(size_t skeleton_words, size_t head_words) : skeleton_words_(skeleton_words), head_words_(head_words) {}

  void AddWord(uint64_t hash, bool is_slot) {
    ++out_.word_count;
    const bool is_beyond = part_count_ >= skeleton_words_;
    if (is_slot || is_beyond) out_.slot_hash = Mix(out_.slot_hash, hash);
    if (is_beyond || (is_slot && was_slot_)) return;
    was_slot_ = is_slot;
    out_.template_hash = Mix(out_.template_hash, is_slot ? kSlotMark : hash);
    if (++part_count_ <= head_words_) out_.head_hash = out_.template_hash;
  }
  const Skeleton& skeleton() const { return out_; }

 private:
  size_t skeleton_words_;
  size_t head_words_;
  size_t part_count_ = 0;
  bool was_slot_ = false;
  Skeleton out_;
};

// One word: where it ends and what it is.
struct Word {
  uint64_t hash = 0;
  size_t end = 0;
  bool has_digit = false;
};

Word ReadWord(std::string_view text, size_t position) {
  Word word;
  if (kKinds[static_cast<uint8_t>(text[position])] == Kind::kIdeograph) {
    word.end = position + 1;
    while (word.end < text.size() && (static_cast<uint8_t>(text[word.end]) & 0xC0) == 0x80) ++word.end;
    for (size_t i = position; i < word.end; ++i) word.hash = Mix(word.hash, static_cast<uint8_t>(text[i]));
    return word;
  }
  for (word.end = position; word.end < text.size(); ++word.end) {
    const auto byte = static_cast<uint8_t>(text[word.end]);
    const Kind kind = kKinds[byte];
    if (!IsWordKind(kind) || (kind == Kind::kByte && ReadMark(text, word.end).bytes != 0)) break;
    word.has_digit |= kind == Kind::kDigit;
    word.hash = Mix(word.hash, kind == Kind::kUpper ? byte | 0x20u : byte);
  }
  return word;
}

}  // namespace

Skeleton MakeSkeleton(std::string_view text, size_t skeleton_words, size_t head_words, uint64_t sketch_seed) {
  BitCounter sketch;
  Builder builder(skeleton_words, head_words);
  bool in_quotes = false;
  bool starts_sentence = true;
  bool was_word = false;  // What stands just before `position` is a word.
  for (size_t position = 0; position < text.size();) {
    Kind kind = kKinds[static_cast<uint8_t>(text[position])];
    size_t bytes = 1;
    if (kind == Kind::kByte || kind == Kind::kIdeograph) {
      if (const Mark mark = ReadMark(text, position); mark.bytes != 0) std::tie(bytes, kind) = std::tie(mark.bytes, mark.kind);
    }
    if (kind == Kind::kSpace || kind == Kind::kQuote || kind == Kind::kStop) {
      if (kind == Kind::kQuote) in_quotes = !in_quotes;
      // A hyphen inside a word begins no sentence, so that a name with one stays a name.
      if (kind == Kind::kStop && !(text[position] == '-' && was_word)) starts_sentence = true;
      was_word = false;
      position += bytes;
      continue;
    }
    const Word word = ReadWord(text, position);
    const bool is_name = kind == Kind::kUpper && !starts_sentence;
    builder.AddWord(word.hash, in_quotes || word.has_digit || is_name);
    const bool is_topical = word.end - position >= kTopicBytesMin || kind == Kind::kIdeograph;
    if (is_topical) sketch.Add(Spread(word.hash ^ sketch_seed));
    starts_sentence = false;
    was_word = true;
    position = word.end;
  }
  Skeleton skeleton = builder.skeleton();
  skeleton.sketch = sketch.Majority();
  return skeleton;
}

}  // namespace stillwatch::features
