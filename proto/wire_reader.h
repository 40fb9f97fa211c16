// Reads protobuf's wire format without copying.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace stillwatch {

// Ways in which a field's value is written (protobuf encoding specification).
enum class WireType : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kGroupBegin = 3, kGroupEnd = 4, kFixed32 = 5 };

// Reads one message field by field. Nothing on the wire is trusted: every read says whether the bytes allow it.
// Ownership: views point into the bytes given. Threading: none of its own.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool empty() const { return at_ == end_; }

  // The next field's number and wire type. False at a malformed one.
  bool ReadTag(uint32_t& field, WireType& type) {
    uint64_t tag = 0;
    if (!ReadVarint(tag) || tag > UINT32_MAX || (tag & 7) > 5 || tag >> 3 == 0) return false;
    field = static_cast<uint32_t>(tag >> 3);
    type = static_cast<WireType>(tag & 7);
    return true;
  }

  // At most ten bytes; bits above the 64th are dropped, as the generated parsers do.
  bool ReadVarint(uint64_t& value) {
    if (at_ != end_ && static_cast<uint8_t>(*at_) < 0x80) {
      value = static_cast<uint8_t>(*at_++);
      return true;
    }
    value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
      if (at_ == end_) return false;
      const auto byte = static_cast<uint8_t>(*at_++);
      if (shift < 64) value |= uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }

  bool ReadFixed64(uint64_t& value) { return ReadFixed(value); }

  bool ReadBytes(std::string_view& bytes) {
    uint64_t length = 0;
    if (!ReadVarint(length) || length > static_cast<uint64_t>(end_ - at_)) return false;
    bytes = {at_, static_cast<size_t>(length)};
    at_ += length;
    return true;
  }

  // Passes over the value of a field that is not known. Groups may nest as deep as the generated parsers allow.
  bool Skip(uint32_t field, WireType type, int depth = 0) {
    constexpr int kDepthMax = 100;
    uint64_t number = 0;
    uint32_t fixed32 = 0;
    std::string_view bytes;
    switch (type) {
      case WireType::kVarint:
        return ReadVarint(number);
      case WireType::kFixed64:
        return ReadFixed(number);
      case WireType::kBytes:
        return ReadBytes(bytes);
      case WireType::kFixed32:
        return ReadFixed(fixed32);
      case WireType::kGroupBegin:
        return depth < kDepthMax && SkipGroup(field, depth + 1);
      case WireType::kGroupEnd:
        return false;  // Of a group that never began.
    }
    return false;
  }

 private:
  static_assert(std::endian::native == std::endian::little, "the wire format is little-endian");

  template <typename T>
  bool ReadFixed(T& value) {
    if (static_cast<size_t>(end_ - at_) < sizeof(T)) return false;
    std::memcpy(&value, at_, sizeof(T));
    at_ += sizeof(T);
    return true;
  }

  bool SkipGroup(uint32_t group, int depth) {
    uint32_t field = 0;
    WireType type{};
    while (ReadTag(field, type)) {
      if (type == WireType::kGroupEnd) return field == group;
      if (!Skip(field, type, depth)) return false;
    }
    return false;
  }

  const char* at_;
  const char* end_;
};

}  // namespace stillwatch
