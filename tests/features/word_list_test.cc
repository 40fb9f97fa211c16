#include "features/word_list.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>
#include <vector>

namespace stillwatch::features {
namespace {

struct PlainWord {
  std::string folded;
  bool is_slot = false;
  bool has_digit = false;
  bool begins_clause = false;
  bool is_ideograph = false;
  bool operator==(const PlainWord&) const = default;
};
void PrintTo(const PlainWord& word, std::ostream* out) {
  *out << word.folded << (word.is_slot ? " slot" : "") << (word.has_digit ? " digit" : "")
       << (word.begins_clause ? " clause" : "") << (word.is_ideograph ? " ideograph" : "");
}

// The definition, byte by byte.
class PlainSplitter {
 public:
  explicit PlainSplitter(std::string_view text) : text_(text) {}

  std::vector<PlainWord> Split() {
    while (at_ < text_.size()) {
      if (!TakeMark()) TakeWord();
    }
    return words_;
  }

 private:
  bool Take(std::string_view mark) {
    if (!text_.substr(at_).starts_with(mark)) return false;
    at_ += mark.size();
    return true;
  }
  bool TakeAny(std::initializer_list<std::string_view> marks) {
    for (const std::string_view mark : marks) {
      if (Take(mark)) return true;
    }
    return false;
  }
  static bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
  static bool IsDigit(char c) { return c >= '0' && c <= '9'; }
  static bool IsHigh(char c) { return (c & 0x80) != 0; }

  bool TakeMark() {
    const bool was_word = std::exchange(was_word_, false);
    if (TakeAny({"\"", "`", "«", "»", "“", "”", "„", "「", "」", "『", "』"})) {
      in_quotes_ = !in_quotes_;
    } else if (TakeAny({".", "!", "?", "\n", "。", "！", "？"})) {
      begins_sentence_ = begins_clause_ = true;
    } else if (TakeAny({":", "#", "："})) {
      begins_sentence_ = true;
    } else if (Take("-")) {
      begins_sentence_ = begins_sentence_ || !was_word;
    } else if (!TakeAny({"\xE3\x80\x80", "、", "，"})) {
      if (IsLetter(text_[at_]) || IsDigit(text_[at_]) || IsHigh(text_[at_])) return false;
      ++at_;
    }
    return true;
  }

  void TakeWord() {
    PlainWord word;
    const char first = text_[at_];
    const auto lead = static_cast<uint8_t>(first);
    word.is_ideograph = lead >= 0xE3 && lead <= 0xED;
    if (word.is_ideograph) {
      do word.folded += text_[at_++];
      while (at_ < text_.size() && (static_cast<uint8_t>(text_[at_]) & 0xC0) == 0x80);
    } else {
      TakeLetters(word);
    }
    word.is_slot = in_quotes_ || word.has_digit || (first >= 'A' && first <= 'Z' && !begins_sentence_);
    word.begins_clause = begins_clause_;
    begins_sentence_ = begins_clause_ = false;
    was_word_ = true;
    words_.push_back(word);
  }
  void TakeLetters(PlainWord& word) {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      const auto byte = static_cast<uint8_t>(c);
      if (!IsLetter(c) && !IsDigit(c) && (!IsHigh(c) || (byte >= 0xE3 && byte <= 0xED))) return;
      const PlainSplitter before = *this;
      const bool is_mark = IsHigh(c) && TakeMark();
      *this = before;
      if (is_mark) return;
      word.has_digit = word.has_digit || IsDigit(c);
      word.folded += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
      ++at_;
    }
  }

  std::string_view text_;
  size_t at_ = 0;
  bool in_quotes_ = false;
  bool begins_sentence_ = true;
  bool begins_clause_ = true;
  bool was_word_ = false;
  std::vector<PlainWord> words_;
};

uint64_t PlainHash(std::string_view word) {
  uint64_t hash = 0;
  for (size_t lane = 0; lane < std::max<size_t>(2, (word.size() + 7) / 8); ++lane) {
    uint64_t value = 0;
    for (size_t i = 0; i < 8 && 8 * lane + i < word.size(); ++i) {
      value |= uint64_t{static_cast<uint8_t>(word[8 * lane + i])} << 8 * i;
    }
    hash = (hash ^ value) * 0x9E3779B97F4A7C15;
    hash ^= hash >> 29;
  }
  return hash;
}

std::vector<PlainWord> Found(const WordList& words) {
  std::vector<PlainWord> out;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string_view before = words.before(i);
    out.push_back({std::string(before.data() + before.size(), words.bytes(i)), words.is_slot(i), words.has_digit(i),
                   words.begins_clause(i), words.is_ideograph(i)});
  }
  return out;
}

void ExpectSame(WordList& words, const std::string& text) {
  words.Split(text);
  const std::vector<PlainWord> expected = PlainSplitter(text).Split();
  ASSERT_EQ(Found(words), expected) << text;
  for (size_t i = 0; i < words.size(); ++i) ASSERT_EQ(words.hash(i), PlainHash(expected[i].folded)) << text;
}

// Pieces that meet at places where something may go wrong.
std::string RandomText(std::mt19937_64& random) {
  constexpr std::array<std::string_view, 40> kPieces = {"a",
                                                        "Tell",
                                                        "WORD",
                                                        "x7",
                                                        "42",
                                                        "e\xCC\x81",
                                                        "ü",
                                                        "漢",
                                                        "字",
                                                        "。",
                                                        "「",
                                                        "」",
                                                        "“",
                                                        "”",
                                                        "«",
                                                        "»",
                                                        "-",
                                                        "--",
                                                        ".",
                                                        ". ",
                                                        "...",
                                                        ":",
                                                        "#",
                                                        "\n",
                                                        " ",
                                                        "  ",
                                                        " ",
                                                        " ",
                                                        " ",
                                                        ",",
                                                        "'",
                                                        "`",
                                                        "\"",
                                                        "！",
                                                        "，",
                                                        "😀",
                                                        "antidisestablishmentarianism",
                                                        "sixteenletterswd",
                                                        "eightltr",
                                                        "\xEF\xBC\x9F"};
  std::string text;
  for (uint64_t count = random() % 90; count > 0; --count) {
    if (random() % 50 == 0) text += static_cast<char>(random());
    if (random() % 80 == 0) text += std::string(random() % 100, "aA 7.\xE4"[random() % 6]);
    text += kPieces[random() % kPieces.size()];
  }
  return text;
}

class WordListTest : public ::testing::TestWithParam<ClassifyBytes> {};

TEST_P(WordListTest, FindsWhatThePlainDefinitionFinds) {
  WordList words(GetParam());
  for (uint64_t seed = 1; seed <= 3000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    ASSERT_NO_FATAL_FAILURE(ExpectSame(words, RandomText(random)));
  }
}

TEST_P(WordListTest, TakesWordsAtEveryPlaceAndOfEveryLength) {
  WordList words(GetParam());
  for (size_t before = 0; before < 130; ++before) {
    for (const size_t length : {1, 2, 7, 8, 9, 15, 16, 17, 24, 25, 64, 65, 129}) {
      ASSERT_NO_FATAL_FAILURE(ExpectSame(words, std::string(before, ' ') + std::string(length, 'Q') + "1. Next"));
      ASSERT_NO_FATAL_FAILURE(ExpectSame(words, std::string(before, '"') + std::string(length, 'q') + "-Next"));
    }
  }
}

TEST_P(WordListTest, ForgetsTheTextBefore) {
  WordList words(GetParam());
  words.Split("Ein langes Wort: 漢字 \"und");
  words.Split("Cat");
  ASSERT_EQ(words.size(), 1U);
  EXPECT_FALSE(words.is_slot(0));
  EXPECT_FALSE(words.is_ideograph(0));
  words.Split("");
  EXPECT_EQ(words.size(), 0U);
}

std::vector<ClassifyBytes> Classifiers() {
  std::vector<ClassifyBytes> out = {ClassifyBytesBaseline};
  if (WordList::BestClassifier() != ClassifyBytesBaseline) out.push_back(WordList::BestClassifier());
  return out;
}

INSTANTIATE_TEST_SUITE_P(EveryInstructionSet, WordListTest, ::testing::ValuesIn(Classifiers()),
                         [](const auto& test) { return test.param == ClassifyBytesBaseline ? "baseline" : "best"; });

TEST(ByteClassesTest, EveryByteIsOfTheSameClassesOnEveryInstructionSet) {
  for (const ClassifyBytes classify : Classifiers()) {
    std::string bytes;
    for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
    std::array<ByteClasses, 4> classes;
    classify(bytes.data(), classes.size(), classes.data());
    for (int i = 0; i < 256; ++i) {
      const ByteClasses& block = classes[static_cast<size_t>(i / 64)];
      const auto is = [i](uint64_t bits) { return (bits >> i % 64 & 1) != 0; };
      const auto is_in = [i](std::string_view set) {
        return i != 0 && i < 128 && set.find(static_cast<char>(i)) != set.npos;
      };
      EXPECT_EQ(is(block.digit), i >= '0' && i <= '9') << i;
      EXPECT_EQ(is(block.upper), i >= 'A' && i <= 'Z') << i;
      EXPECT_EQ(is(block.word), (i >= '0' && i <= '9') || (i >= 'A' && i <= 'Z') || (i >= 'a' && i <= 'z')) << i;
      EXPECT_EQ(is(block.quote), is_in("\"`")) << i;
      EXPECT_EQ(is(block.end), is_in("!?\n")) << i;
      EXPECT_EQ(is(block.dot), is_in(".")) << i;
      EXPECT_EQ(is(block.colon), is_in(":#")) << i;
      EXPECT_EQ(is(block.hyphen), is_in("-")) << i;
      EXPECT_EQ(is(block.high), i >= 128) << i;
      EXPECT_EQ(static_cast<uint8_t>(bytes[static_cast<size_t>(i)]), i >= 'A' && i <= 'Z' ? i + 32 : i);
    }
  }
}

}  // namespace
}  // namespace stillwatch::features
