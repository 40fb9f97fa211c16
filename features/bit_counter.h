// Counts, for each of 64 bits, in how many words it is set.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace stillwatch::features {

// Adds up words bit by bit in vertical counters: plane i holds bit i of all 64 counts, so that adding a word takes a few
// operations on whole words, on every instruction set with the same result.
// Source: carry-save adders, Warren, "Hacker's Delight" (2012), 8.1.
class BitCounter {
 public:
  void Add(uint64_t word) {
    for (size_t i = 0; word != 0 && i < kPlaneCount; ++i) {
      const uint64_t carry = planes_[i] & word;
      planes_[i] ^= word;
      word = carry;
    }
    ++count_;
  }

  uint32_t count() const { return count_; }
  // Bits that are set in more than half of the words.
  uint64_t Majority() const {
    // A count is above the half if it is greater than it at the highest plane where they differ.
    const uint32_t half = count_ / 2;
    uint64_t greater = 0;
    uint64_t equal = ~uint64_t{0};
    for (size_t i = kPlaneCount; i-- > 0;) {
      const uint64_t bit_of_half = (half >> i & 1) != 0 ? ~uint64_t{0} : 0;
      greater |= equal & planes_[i] & ~bit_of_half;
      equal &= ~(planes_[i] ^ bit_of_half);
    }
    return greater;
  }

 private:
  static constexpr size_t kPlaneCount = 16;  // A digested text has less than 2^16 words.
  std::array<uint64_t, kPlaneCount> planes_{};
  uint32_t count_ = 0;
};

}  // namespace stillwatch::features
