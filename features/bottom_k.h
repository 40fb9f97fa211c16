// A small sample of hashes that is the same for everyone who saw the same hashes.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace stillwatch::features {

// Keeps the kCapacity smallest different hashes of a stream. Who saw the same hashes keeps the same ones, so that two
// samples meet wherever the streams do, in proportion to what they share.
// Source: Cohen, Kaplan, "Summarizing data using bottom-k sketches", PODC 2007. Hashes must be uniform over 64 bits; 0
// is none. Merging gives the sample of the joined stream.
template <size_t kCapacity>
class BottomK {
 public:
  void Add(uint64_t hash) {
    if (hash == 0 || (count_ == kCapacity && hash >= hashes_[kCapacity - 1])) return;
    const auto end = hashes_.begin() + static_cast<ptrdiff_t>(count_);
    const auto position = std::lower_bound(hashes_.begin(), end, hash);
    if (position != end && *position == hash) return;
    if (count_ < kCapacity) ++count_;
    std::copy_backward(position, hashes_.begin() + static_cast<ptrdiff_t>(count_ - 1),
                       hashes_.begin() + static_cast<ptrdiff_t>(count_));
    *position = hash;
  }

  void Merge(const BottomK& other) {
    for (const uint64_t hash : other.hashes()) Add(hash);
  }

  // In ascending order.
  std::span<const uint64_t> hashes() const { return {hashes_.data(), count_}; }

 private:
  std::array<uint64_t, kCapacity> hashes_{};
  size_t count_ = 0;
};

}  // namespace stillwatch::features
