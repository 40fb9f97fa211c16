// The column decoders on bytes whose checksum is right but whose content is hostile.
#include "storage/column_codec.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "storage/column_dictionary.h"

namespace stillwatch::storage {
namespace {

constexpr size_t kRowCount = 100;

std::vector<std::string> SomeTexts(int shape, std::mt19937_64& random) {
  std::vector<std::string> texts(kRowCount);
  for (std::string& text : texts) {
    const uint64_t number = random();
    if (shape == 0) text = "user-" + std::to_string(number % 9);
    if (shape == 1) text = std::to_string(number);
    if (shape == 2) text = "id-" + std::to_string(100'000 + number % 900'000) + "-x";
  }
  return texts;
}

TextColumn ColumnOf(const std::vector<std::string>& texts) {
  UsageBatch batch;
  for (const std::string& text : texts) batch.SetText(batch.AddRow(), TextField::kAccountId, text);
  TextColumn column = batch.column(TextField::kAccountId);
  column.codes.resize(texts.size());
  return column;
}

std::vector<uint64_t> SomeNumbers(int shape, std::mt19937_64& random) {
  std::vector<uint64_t> numbers(kRowCount);
  uint64_t sum = uint64_t{1} << 60;
  for (uint64_t& number : numbers) {
    number = random();
    if (shape == 0) number %= 5;
    if (shape == 1) number %= 1'000'000;
    if (shape == 2) number = sum += number % 1000;
  }
  return numbers;
}

// Damages a few bytes, the length or the encoding.
void Mutate(std::string& bytes, uint8_t& encoding, std::mt19937_64& random) {
  if (random() % 8 == 0) encoding = static_cast<uint8_t>(random() % 0x80);
  if (random() % 4 == 0) bytes.resize(random() % (bytes.size() + 8));
  for (uint64_t count = random() % 4; count > 0 && !bytes.empty(); --count) {
    bytes[random() % bytes.size()] = static_cast<char>(random());
  }
}

TEST(ColumnCodecTest, MutatedTextColumnsNeverReadOutsideTheirBytes) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 20'000; ++round) {
    const std::vector<std::string> texts = SomeTexts(round % 3, random);
    const TextColumn written = ColumnOf(texts);
    std::string bytes;
    uint8_t encoding = EncodeTextColumn(written.values, written.codes, bytes);
    Mutate(bytes, encoding, random);
    bytes.shrink_to_fit();
    TextColumn read;
    std::string unpacked;
    if (!DecodeTextColumn(encoding, bytes, kRowCount, read, unpacked)) continue;
    ASSERT_EQ(read.codes.size(), kRowCount);
    for (const uint32_t code : read.codes) ASSERT_LE(code, read.values.size());
    const auto is_inside = [](std::string_view row, std::string_view whole) {
      return row.data() >= whole.data() && row.data() + row.size() <= whole.data() + whole.size();
    };
    for (const std::string_view value : read.values) ASSERT_TRUE(is_inside(value, bytes) || is_inside(value, unpacked));
  }
}

TEST(ColumnCodecTest, MutatedNumberColumnsNeverReadOutsideTheirBytes) {
  std::mt19937_64 random(2);
  for (int round = 0; round < 20'000; ++round) {
    const std::vector<uint64_t> numbers = SomeNumbers(round % 4, random);
    std::vector<uint8_t> present;
    if (round % 2 == 0) {
      present.assign(kRowCount + 50, 1);
      std::fill_n(present.begin(), 50, 0);
    }
    std::string bytes;
    uint8_t encoding = EncodeNumberColumn(numbers, present, bytes);
    Mutate(bytes, encoding, random);
    bytes.shrink_to_fit();
    NumberColumn column;
    const size_t row_count = present.empty() ? kRowCount : present.size();
    if (!DecodeNumberColumn(encoding, bytes, row_count, column)) continue;
    size_t count = 0;
    for (size_t row = 0; row < row_count; ++row) count += column.has(row) ? 1 : 0;
    ASSERT_EQ(count, column.numbers.size());
  }
}

// The texts as they are read back; nothing if they cannot be.
std::vector<std::string> ReadBack(const std::vector<std::string>& texts, uint8_t& encoding) {
  const TextColumn written = ColumnOf(texts);
  std::string bytes;
  encoding = EncodeTextColumn(written.values, written.codes, bytes);
  TextColumn read;
  std::string unpacked;
  std::vector<std::string> out;
  if (!DecodeTextColumn(encoding, bytes, texts.size(), read, unpacked)) return out;
  for (const uint32_t code : read.codes) out.emplace_back(code == 0 ? "" : read.values[code - 1]);
  return out;
}

TEST(ColumnCodecTest, AnyByteAmongDigitsIsReadBack) {
  const std::vector<std::string> digits = {"x0123456789abcdef0123", "xfedcba98765432103210", "x0f1e2d3c4b5a69780f1e"};
  for (size_t place = 0; place < digits[0].size(); ++place) {
    for (int byte = 0; byte < 256; ++byte) {
      std::vector<std::string> texts = digits;
      texts[1][place] = static_cast<char>(byte);
      uint8_t encoding = 0;
      ASSERT_EQ(ReadBack(texts, encoding), texts) << "byte " << byte << " in place " << place;
      const bool is_digit = std::string_view("0123456789abcdef").find(static_cast<char>(byte)) != std::string::npos;
      const bool is_as_others = place == 0 && byte == 'x';
      ASSERT_EQ(ListEncodingOf(encoding) == ListEncoding::kTextPattern, is_as_others || (place > 0 && is_digit))
          << "byte " << byte << " in place " << place;
    }
  }
}

TEST(ColumnCodecTest, DigitsAreReadBackHoweverTheyStand) {
  std::mt19937_64 random(1);
  for (size_t run = 1; run <= 20; ++run) {  // So many digits, then what is the same in all, then as many and one.
    std::vector<std::string> texts(kRowCount);
    for (std::string& text : texts) {
      for (size_t i = 0; i < 2 * run + 1; ++i) {
        if (i == run) text += "-4";
        text += "0123456789abcdef"[random() % 16];
      }
    }
    uint8_t encoding = 0;
    ASSERT_EQ(ReadBack(texts, encoding), texts) << run;
    ASSERT_EQ(ListEncodingOf(encoding), ListEncoding::kTextPattern) << run;
  }
}

TEST(ColumnCodecTest, IndicesOfAnyWidthAreReadBack) {
  std::mt19937_64 random(1);
  for (unsigned bits = 0; bits <= 15; ++bits) {
    for (size_t count = 1; count < 70; ++count) {
      std::vector<uint16_t> indices(count);
      for (uint16_t& index : indices) index = static_cast<uint16_t>(random() & ((1u << bits) - 1));
      std::string bytes;
      AppendIndices(indices, bits, bytes);
      ASSERT_EQ(bytes.size(), PackedIndexBytes(count, bits));
      bytes.shrink_to_fit();
      ByteReader reader(bytes);
      std::vector<uint16_t> read(count);
      ASSERT_TRUE(ReadIndices(reader, size_t{1} << bits, read)) << bits << " bits, " << count;
      ASSERT_TRUE(reader.empty());
      ASSERT_EQ(read, indices) << bits << " bits, " << count;
    }
  }
}

TEST(ColumnCodecTest, AnIndexBehindTheDictionaryIsRefused) {
  std::string bytes;
  AppendVarint(bytes, 3);
  for (const uint64_t value : {10, 20, 30}) AppendVarint(bytes, value);
  const uint8_t encoding = static_cast<uint8_t>(ListEncoding::kVarint) | kDictionaryFlag;
  NumberColumn column;
  EXPECT_TRUE(DecodeNumberColumn(encoding, bytes + '\x24', 3, column));
  EXPECT_EQ(column.numbers, (std::vector<uint64_t>{10, 20, 30}));
  EXPECT_FALSE(DecodeNumberColumn(encoding, bytes + '\x34', 3, column));
}

TEST(ColumnCodecTest, APatternThatWouldUnpackToMoreThanAColumnMayHoldIsRefused) {
  std::string bytes;
  AppendText(bytes, std::string(1u << 20, 'x'));
  TextColumn column;
  std::string unpacked;
  EXPECT_FALSE(DecodeTextColumn(static_cast<uint8_t>(ListEncoding::kTextPattern), bytes, 65, column, unpacked));
  EXPECT_EQ(unpacked.capacity(), std::string().capacity());
  EXPECT_TRUE(DecodeTextColumn(static_cast<uint8_t>(ListEncoding::kTextPattern), bytes, 64, column, unpacked));
}

TEST(ColumnCodecTest, APresenceBitBehindTheLastRowIsRefused) {
  const uint8_t encoding = static_cast<uint8_t>(ListEncoding::kVarint) | kPresenceFlag;
  NumberColumn column;
  EXPECT_TRUE(DecodeNumberColumn(encoding, "\x05\x01\x02", 3, column));
  EXPECT_FALSE(DecodeNumberColumn(encoding, "\x09\x01\x02", 3, column));
}

TEST(ColumnCodecTest, AColumnThatNoRowHasIsRead) {
  const std::string_view presence("\0", 1);
  for (const ListEncoding encoding : {ListEncoding::kVarint, ListEncoding::kDeltaVarint, ListEncoding::kFixed64}) {
    NumberColumn column;
    EXPECT_TRUE(DecodeNumberColumn(static_cast<uint8_t>(encoding) | kPresenceFlag, presence, 4, column));
    EXPECT_TRUE(column.numbers.empty());
  }
}

TEST(ColumnCodecTest, ChoosesTheShortestList) {
  std::string bytes;
  std::vector<uint64_t> numbers;
  for (uint64_t row = 0; row < 200; ++row) numbers.push_back(row * 3);
  EXPECT_EQ(ListEncodingOf(EncodeNumberColumn(numbers, {}, bytes)), ListEncoding::kDeltaVarint);
  std::mt19937_64 random(6);
  for (uint64_t& number : numbers) number = random() % 100'000;
  EXPECT_EQ(ListEncodingOf(EncodeNumberColumn(numbers, {}, bytes)), ListEncoding::kVarint);
  for (uint64_t& number : numbers) number = random();
  EXPECT_EQ(EncodeNumberColumn(numbers, {}, bytes), static_cast<uint8_t>(ListEncoding::kFixed64));
  for (uint64_t& number : numbers) number = numbers[random() % 4];
  EXPECT_NE(EncodeNumberColumn(numbers, {}, bytes) & kDictionaryFlag, 0);
}

}  // namespace
}  // namespace stillwatch::storage
