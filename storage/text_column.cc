// Columns of texts.
#include <algorithm>
#include <array>
#include <cstring>

#include "storage/block_codec.h"
#include "storage/column_codec.h"
#include "storage/column_dictionary.h"

namespace stillwatch::storage {
namespace {

// Stands in a pattern for a position where the texts differ; a text that holds it is written plainly.
constexpr char kDigitPlace = '\0';
constexpr std::string_view kDigits = "0123456789abcdef";
constexpr uint8_t kNoDigit = 0xff;

constexpr std::array<uint8_t, 256> DigitValues() {
  std::array<uint8_t, 256> values{};
  values.fill(kNoDigit);
  for (size_t digit = 0; digit < kDigits.size(); ++digit) {
    values[static_cast<uint8_t>(kDigits[digit])] = static_cast<uint8_t>(digit);
  }
  return values;
}
constexpr std::array<uint8_t, 256> kDigitValues = DigitValues();

size_t PlainBytes(std::string_view text) { return VarintBytes(text.size()) + text.size(); }

size_t PlainBytes(std::span<const std::string_view> texts) {
  size_t bytes = 0;
  for (const std::string_view text : texts) bytes += PlainBytes(text);
  return bytes;
}

void AppendPlain(std::span<const std::string_view> texts, std::string& out) {
  const size_t start = out.size();
  out.resize(start + PlainBytes(texts));
  char* at = out.data() + start;
  for (const std::string_view text : texts) at = WriteVarint(at, text.size());
  for (const std::string_view text : texts) at = std::copy(text.begin(), text.end(), at);
}

bool ReadPlain(ByteReader& reader, std::span<std::string_view> texts) {
  std::array<uint32_t, kBlockEventCountMax> lengths;
  if (texts.size() > lengths.size()) return false;
  for (size_t index = 0; index < texts.size(); ++index) {
    uint64_t length = 0;
    if (!reader.ReadVarint(length) || length > kColumnBytesMax) return false;
    lengths[index] = static_cast<uint32_t>(length);
  }
  for (size_t index = 0; index < texts.size(); ++index) {
    if (!reader.ReadBytes(lengths[index], texts[index])) return false;
  }
  return true;
}

// What texts of one length have in common: the pattern, and the places of the digits in it.
struct Pattern {
  std::string text;
  std::vector<uint32_t> places;

  size_t DigitBytes() const { return (places.size() + 1) / 2; }
  // Whether the eight digits from this one on stand side by side, so that they can be done as one word.
  bool IsEight(size_t index) const {
    constexpr size_t kLast = 7;
    return index + kLast < places.size() && places[index + kLast] == places[index] + kLast;
  }
};

void FindPlaces(Pattern& pattern) {
  for (size_t place = 0; place < pattern.text.size(); ++place) {
    if (pattern.text[place] == kDigitPlace) pattern.places.push_back(static_cast<uint32_t>(place));
  }
}

// Eight bytes of a text, the first of them lowest.
uint64_t WordAt(std::string_view text, size_t place) {
  uint64_t word = 0;
  std::memcpy(&word, text.data() + place, sizeof(word));
  return word;
}

// Finds the pattern of the texts; false if there is none or it saves nothing.
bool FindPattern(std::span<const std::string_view> texts, Pattern& pattern) {
  pattern.text = texts[0];
  for (const std::string_view text : texts) {
    if (text.size() != pattern.text.size()) return false;
  }
  if (pattern.text.find(kDigitPlace) != std::string::npos) return false;
  const std::string first = pattern.text;
  const size_t size = first.size();
  size_t place = 0;
  for (; place + sizeof(uint64_t) <= size; place += sizeof(uint64_t)) {
    const uint64_t word = WordAt(first, place);
    uint64_t differences = 0;
    for (const std::string_view text : texts) differences |= WordAt(text, place) ^ word;
    for (size_t byte = 0; byte < sizeof(differences); ++byte) {
      if ((differences >> 8 * byte & 0xff) != 0) pattern.text[place + byte] = kDigitPlace;
    }
  }
  for (; place < size; ++place) {
    const auto differs = [&](std::string_view text) { return text[place] != first[place]; };
    if (std::any_of(texts.begin(), texts.end(), differs)) pattern.text[place] = kDigitPlace;
  }
  FindPlaces(pattern);
  return !pattern.places.empty();
}

// Packs eight hexadecimal digits, all bytes of the word at once, into four bytes; `errors` becomes other than 0 if one
// is none. A digit's low half is its value, less 9 for a letter, of which bit 6 tells.
uint32_t PackEightDigits(uint64_t digits, uint64_t& errors) {
  constexpr uint64_t kEach = 0x0101010101010101;
  const uint64_t letters = digits >> 6 & kEach;
  const uint64_t values = (digits & 0x0f * kEach) + 9 * letters;
  const uint64_t expected = values + '0' * kEach + ('a' - '0' - 10) * letters;
  const uint64_t above_nine = (values + 6 * kEach) >> 4 & kEach;
  errors |= (digits ^ expected) | (above_nine ^ letters) | (values & 0xf0 * kEach);
  uint64_t packed = (values << 4 | values >> 8) & 0x00ff00ff00ff00ff;
  packed = (packed | packed >> 8) & 0x0000ffff0000ffff;
  return static_cast<uint32_t>(packed | packed >> 16);
}

// The opposite.
uint64_t UnpackEightDigits(uint32_t packed) {
  constexpr uint64_t kEach = 0x0101010101010101;
  uint64_t bytes = (uint64_t{packed} | uint64_t{packed} << 16) & 0x0000ffff0000ffff;
  bytes = (bytes | bytes << 8) & 0x00ff00ff00ff00ff;
  const uint64_t values = (bytes >> 4 | bytes << 8) & 0x0f * kEach;
  const uint64_t letters = (values + 6 * kEach) >> 4 & kEach;
  return values + '0' * kEach + ('a' - '0' - 10) * letters;
}

// Appends the pattern and the digits of the texts; false, with `out` as it was, if there is anything but digits.
bool AppendDigits(std::span<const std::string_view> texts, const Pattern& pattern, std::string& out) {
  const size_t start = out.size();
  AppendText(out, pattern.text);
  const size_t digits_start = out.size();
  out.resize(digits_start + texts.size() * pattern.DigitBytes());
  char* at = out.data() + digits_start;
  uint8_t seen = 0;
  uint64_t errors = 0;
  const size_t count = pattern.places.size();
  for (const std::string_view text : texts) {
    const auto digit = [&](size_t index) { return kDigitValues[static_cast<uint8_t>(text[pattern.places[index]])]; };
    for (size_t index = 0; index < count;) {
      if (pattern.IsEight(index)) {
        const uint32_t packed = PackEightDigits(WordAt(text, pattern.places[index]), errors);
        std::memcpy(at, &packed, sizeof(packed));
        at += sizeof(packed);
        index += 8;
        continue;
      }
      const uint8_t high = digit(index);
      const uint8_t low = index + 1 < count ? digit(index + 1) : 0;
      seen |= high | low;
      *at++ = static_cast<char>(high << 4 | low);
      index += 2;
    }
  }
  if (seen <= 0xf && errors == 0) return true;
  out.resize(start);
  return false;
}

bool ReadDigits(ByteReader& reader, std::span<std::string_view> texts, std::string& unpacked) {
  Pattern pattern;
  std::string_view digits;
  if (!reader.ReadText(pattern.text) || pattern.text.size() * texts.size() > kColumnBytesMax) return false;
  FindPlaces(pattern);
  if (!reader.ReadBytes(texts.size() * pattern.DigitBytes(), digits)) return false;
  unpacked.resize(texts.size() * pattern.text.size());
  char* text = unpacked.data();
  const char* at = digits.data();
  const size_t count = pattern.places.size();
  for (std::string_view& row : texts) {
    std::copy(pattern.text.begin(), pattern.text.end(), text);
    for (size_t index = 0; index < count;) {
      if (pattern.IsEight(index)) {
        uint32_t packed = 0;
        std::memcpy(&packed, at, sizeof(packed));
        const uint64_t word = UnpackEightDigits(packed);
        std::memcpy(text + pattern.places[index], &word, sizeof(word));
        at += sizeof(packed);
        index += 8;
        continue;
      }
      const auto pair = static_cast<uint8_t>(*at++);
      text[pattern.places[index]] = kDigits[pair >> 4];
      if (index + 1 < count) text[pattern.places[index + 1]] = kDigits[pair & 0xf];
      index += 2;
    }
    row = std::string_view(text, pattern.text.size());
    text += pattern.text.size();
  }
  return true;
}

ListEncoding AppendTexts(std::span<const std::string_view> texts, std::string& out) {
  Pattern pattern;
  if (texts.size() > 1 && FindPattern(texts, pattern) && AppendDigits(texts, pattern, out)) {
    return ListEncoding::kTextPattern;
  }
  AppendPlain(texts, out);
  return ListEncoding::kTextPlain;
}

bool ReadTexts(ListEncoding encoding, ByteReader& reader, std::span<std::string_view> texts, std::string& unpacked) {
  switch (encoding) {
    case ListEncoding::kTextPlain:
      return ReadPlain(reader, texts);
    case ListEncoding::kTextPattern:
      return ReadDigits(reader, texts, unpacked);
    default:
      return false;
  }
}

// Finds the codes in use. They are small numbers already, so that a table by code does what a hash table would.
class CodeDictionary {
 public:
  explicit CodeDictionary(size_t value_count) : index_of_(value_count + 1, kUnused) {}

  // As ColumnDictionary::Build.
  template <typename EncodedBytes>
  bool Build(std::span<const uint32_t> codes, size_t bytes_max, const EncodedBytes& encoded_bytes) {
    indices_.resize(codes.size());
    size_t bytes = kDictionaryCountBytes;
    for (size_t row = 0; row < codes.size(); ++row) {
      uint16_t& index = index_of_[codes[row]];
      if (index == kUnused) {
        index = static_cast<uint16_t>(codes_.size());
        codes_.push_back(codes[row]);
        bytes += encoded_bytes(codes[row]);
        if (bytes + PackedIndexBytes(codes.size(), IndexBits(codes_.size())) >= bytes_max) return false;
        if (AreNearlyAllDistinct(codes_.size(), row + 1)) return false;
      }
      indices_[row] = index;
    }
    return true;
  }

  std::span<const uint32_t> codes() const { return codes_; }
  std::span<const uint16_t> indices() const { return indices_; }

 private:
  static constexpr uint16_t kUnused = 0xffff;
  std::vector<uint16_t> index_of_;  // By code.
  std::vector<uint32_t> codes_;     // In order of first use.
  std::vector<uint16_t> indices_;
};

}  // namespace

uint8_t EncodeTextColumn(std::span<const std::string_view> values, std::span<const uint32_t> codes, std::string& out) {
  const auto text_of = [&](uint32_t code) { return code == 0 ? std::string_view() : values[code - 1]; };
  const auto plain_bytes = [&](uint32_t code) { return PlainBytes(text_of(code)); };
  size_t list_bytes = 0;
  for (const uint32_t code : codes) list_bytes += plain_bytes(code);
  CodeDictionary dictionary(values.size());
  const bool has_dictionary = dictionary.Build(codes, list_bytes, plain_bytes);
  const std::span<const uint32_t> listed = has_dictionary ? dictionary.codes() : codes;
  std::vector<std::string_view> texts(listed.size());
  std::transform(listed.begin(), listed.end(), texts.begin(), text_of);
  if (!has_dictionary) return static_cast<uint8_t>(AppendTexts(texts, out));
  AppendVarint(out, texts.size());
  const ListEncoding encoding = AppendTexts(texts, out);
  AppendIndices(dictionary.indices(), IndexBits(texts.size()), out);
  return static_cast<uint8_t>(encoding) | kDictionaryFlag;
}

bool DecodeTextColumn(uint8_t encoding, std::string_view bytes, size_t row_count, TextColumn& column,
                      std::string& unpacked) {
  if ((encoding & kPresenceFlag) != 0) return false;
  ByteReader reader(bytes);
  uint64_t text_count = row_count;
  const bool has_dictionary = (encoding & kDictionaryFlag) != 0;
  if (has_dictionary && (!reader.ReadVarint(text_count) || text_count == 0 || text_count > row_count)) return false;
  std::vector<std::string_view> texts(text_count);
  if (!ReadTexts(ListEncodingOf(encoding), reader, texts, unpacked)) return false;
  // An empty text is an absent one.
  std::vector<uint32_t> codes(text_count);
  column = {};
  column.values.reserve(text_count);
  for (size_t index = 0; index < text_count; ++index) {
    if (texts[index].empty()) continue;
    column.values.push_back(texts[index]);
    codes[index] = static_cast<uint32_t>(column.values.size());
  }
  if (!has_dictionary) {
    column.codes = std::move(codes);
    return reader.empty();
  }
  std::vector<uint16_t> indices(row_count);
  if (!ReadIndices(reader, text_count, indices) || !reader.empty()) return false;
  column.codes.resize(row_count);
  std::transform(indices.begin(), indices.end(), column.codes.begin(), [&](uint16_t index) { return codes[index]; });
  return true;
}

}  // namespace stillwatch::storage
