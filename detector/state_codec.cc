#include "detector/state_codec.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

namespace stillwatch::detector {
namespace {

// The state is seen as words, and words in groups of eight, so that a byte says which of a group are not zero.
constexpr size_t kWordBytes = sizeof(uint64_t);
constexpr size_t kGroupWords = 8;
constexpr size_t kWordCount = sizeof(LiveState) / kWordBytes;
static_assert(sizeof(LiveState) % kWordBytes == 0);
constexpr size_t kGroupCount = (kWordCount + kGroupWords - 1) / kGroupWords;
constexpr size_t kEncodedBytesMax = kGroupCount + kWordCount * (1 + kWordBytes);

using Words = std::array<uint64_t, kGroupCount * kGroupWords>;  // Filled up with zeros.

// Bit i is set if byte i of the word is not zero.
uint8_t NonzeroBytes(uint64_t word) {
  constexpr uint64_t kLowBits = 0x7F7F7F7F7F7F7F7F;
  constexpr uint64_t kGatherHighBits = 0x0002040810204081;
  const uint64_t high_bits = (((word & kLowBits) + kLowBits) | word) & ~kLowBits;
  return static_cast<uint8_t>(high_bits * kGatherHighBits >> 56);
}

// Takes bytes off a string; false once there are too few.
class Source {
 public:
  explicit Source(std::string_view bytes) : bytes_(bytes) {}

  bool Take(uint8_t& byte) {
    if (position_ == bytes_.size()) return false;
    byte = static_cast<uint8_t>(bytes_[position_++]);
    return true;
  }
  bool at_end() const { return position_ == bytes_.size(); }

 private:
  std::string_view bytes_;
  size_t position_ = 0;
};

bool ReadWord(Source& source, uint64_t& word) {
  uint8_t present = 0;
  if (!source.Take(present)) return false;
  for (unsigned left = present; left != 0; left &= left - 1) {
    uint8_t byte = 0;
    if (!source.Take(byte)) return false;
    word |= uint64_t{byte} << 8 * std::countr_zero(left);
  }
  return true;
}

bool ReadGroup(Source& source, uint64_t* words) {
  uint8_t present = 0;
  if (!source.Take(present)) return false;
  for (unsigned left = present; left != 0; left &= left - 1) {
    if (!ReadWord(source, words[std::countr_zero(left)])) return false;
  }
  return true;
}

}  // namespace

void AppendState(const LiveState& state, std::string& out) {
  Words words{};
  std::memcpy(words.data(), static_cast<const void*>(&state), sizeof(state));
  std::array<char, kEncodedBytesMax> bytes;
  char* end = bytes.data();
  for (size_t group = 0; group < kGroupCount; ++group) {
    char* const present_words = end++;
    unsigned present = 0;
    for (size_t i = 0; i < kGroupWords; ++i) {
      const uint64_t word = words[group * kGroupWords + i];
      if (word == 0) continue;
      present |= 1U << i;
      const uint8_t present_bytes = NonzeroBytes(word);
      *end++ = static_cast<char>(present_bytes);
      for (unsigned left = present_bytes; left != 0; left &= left - 1) {
        *end++ = static_cast<char>(word >> 8 * std::countr_zero(left));
      }
    }
    *present_words = static_cast<char>(present);
  }
  out.append(bytes.data(), end);
}

std::optional<LiveState> ReadState(std::string_view bytes) {
  Words words{};
  Source source(bytes);
  for (size_t group = 0; group < kGroupCount; ++group) {
    if (!ReadGroup(source, &words[group * kGroupWords])) return std::nullopt;
  }
  const bool is_longer = std::any_of(words.begin() + kWordCount, words.end(), [](uint64_t word) { return word != 0; });
  if (is_longer || !source.at_end()) return std::nullopt;
  LiveState state;
  std::memcpy(static_cast<void*>(&state), words.data(), sizeof(state));
  return state;
}

}  // namespace stillwatch::detector
