// The smallest words of the disk formats: little-endian integers, LEB128 varints, length-prefixed texts.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace stillwatch::storage {

static_assert(std::endian::native == std::endian::little, "the formats are little-endian and copied as they are");

// Bytes of the longest varint: 64 bits in groups of seven.
inline constexpr size_t kVarintBytesMax = 10;

// Groups of seven bits that hold the value. Dividing by 64/9 instead of 7 gives the same for all widths up to 64.
constexpr size_t VarintBytes(uint64_t value) { return (static_cast<size_t>(std::bit_width(value | 1)) * 9 + 64) / 64; }

// Writes `value` at `out`, which has room for it, and returns the byte behind it.
inline char* WriteVarint(char* out, uint64_t value) {
  while (value >= 0x80) {
    *out++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *out++ = static_cast<char>(value);
  return out;
}

inline void AppendVarint(std::string& out, uint64_t value) {
  char buffer[kVarintBytesMax];
  out.append(buffer, static_cast<size_t>(WriteVarint(buffer, value) - buffer));
}

template <typename T>
void AppendFixed(std::string& out, T value) {
  static_assert(std::is_arithmetic_v<T>);
  char buffer[sizeof(T)];
  std::memcpy(buffer, &value, sizeof(T));
  out.append(buffer, sizeof(T));
}

inline void AppendText(std::string& out, std::string_view text) {
  AppendVarint(out, text.size());
  out.append(text);
}

// Big-endian, so that keys sort by number.
inline void AppendKeyNumber(std::string& out, uint64_t number) { AppendFixed(out, __builtin_bswap64(number)); }

// Reads bytes from front to back.
// Errors: a read that would pass the end returns false and leaves the position as it was.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  size_t remaining() const { return static_cast<size_t>(end_ - at_); }
  bool empty() const { return at_ == end_; }

  template <typename T>
  bool ReadFixed(T& value) {
    static_assert(std::is_arithmetic_v<T>);
    if (remaining() < sizeof(T)) return false;
    std::memcpy(&value, at_, sizeof(T));
    at_ += sizeof(T);
    return true;
  }

  bool ReadVarint(uint64_t& value) {
    if (at_ != end_ && static_cast<uint8_t>(*at_) < 0x80) {
      value = static_cast<uint8_t>(*at_++);
      return true;
    }
    return ReadLongVarint(value);
  }

  bool ReadBytes(size_t count, std::string_view& bytes) {
    if (remaining() < count) return false;
    bytes = std::string_view(at_, count);
    at_ += count;
    return true;
  }

  bool ReadText(std::string& text) {
    const char* const start = at_;
    uint64_t count = 0;
    std::string_view bytes;
    if (!ReadVarint(count) || !ReadBytes(count, bytes)) {
      at_ = start;
      return false;
    }
    text.assign(bytes);
    return true;
  }

  bool ReadKeyNumber(uint64_t& number) {
    if (!ReadFixed(number)) return false;
    number = __builtin_bswap64(number);
    return true;
  }

 private:
  bool ReadLongVarint(uint64_t& value) {
    uint64_t result = 0;
    const char* at = at_;
    for (unsigned shift = 0; shift < 64 && at != end_; shift += 7) {
      const uint64_t byte = static_cast<uint8_t>(*at++);
      if (shift == 63 && byte > 1) return false;  // More than 64 bits.
      result |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        value = result;
        at_ = at;
        return true;
      }
    }
    return false;
  }

  const char* at_;
  const char* end_;
};

}  // namespace stillwatch::storage
