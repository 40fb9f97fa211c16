// Bytes that never change, for several owners.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string_view>

namespace stillwatch::storage {

// A copy of some bytes, kept as long as anyone holds it.
// Threading: as std::shared_ptr.
class SharedBytes {
 public:
  SharedBytes() = default;
  explicit SharedBytes(std::string_view bytes) : size_(static_cast<uint32_t>(bytes.size())) {
    const std::shared_ptr<char[]> copy = std::make_shared_for_overwrite<char[]>(bytes.size());
    std::copy(bytes.begin(), bytes.end(), copy.get());
    bytes_ = copy;
  }

  explicit operator bool() const { return bytes_ != nullptr; }
  std::string_view view() const { return {bytes_.get(), size_}; }
  uint32_t size() const { return size_; }

 private:
  std::shared_ptr<const char[]> bytes_;
  uint32_t size_ = 0;
};

}  // namespace stillwatch::storage
