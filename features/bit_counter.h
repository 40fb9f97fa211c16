// Counts, for each of 64 bits, in how many words it is set.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace stillwatch::features {

// Adds up words bit by bit in vertical counters: plane i holds bit i of all 64 counts, so that adding takes a few
// operations on whole words, with the same result on every instruction set. Eight words are added at a time.
// Source: Harley and Seal's carry-save adders, Warren, "Hacker's Delight" (2012), 5.2.
class BitCounter {
 public:
  void Add(uint64_t word) {
    pending_[count_++ % kPendingCount] = word;
    if (count_ % kPendingCount == 0) Fold();
  }

  uint32_t count() const { return count_; }
  // Bits that are set in more than half of the words.
  uint64_t Majority() const {
    BitCounter all = *this;
    for (size_t i = count_ % kPendingCount; i != 0 && i < kPendingCount; ++i) all.pending_[i] = 0;
    if (count_ % kPendingCount != 0) all.Fold();
    // A count is above the half if it is greater than it at the highest plane where they differ.
    const uint32_t half = count_ / 2;
    uint64_t greater = 0;
    uint64_t equal = ~uint64_t{0};
    for (size_t i = kPlaneCount; i-- > 0;) {
      const uint64_t bit_of_half = (half >> i & 1) != 0 ? ~uint64_t{0} : 0;
      greater |= equal & all.planes_[i] & ~bit_of_half;
      equal &= ~(all.planes_[i] ^ bit_of_half);
    }
    return greater;
  }

 private:
  static constexpr size_t kPlaneCount = 16;  // A digested text has less than 2^16 words.
  static constexpr size_t kPendingCount = 8;

  // Adds two words to a plane and returns the carries.
  static uint64_t AddTwo(uint64_t& plane, uint64_t first, uint64_t second) {
    const uint64_t partial = plane ^ first;
    const uint64_t carry = (plane & first) | (partial & second);
    plane = partial ^ second;
    return carry;
  }

  void Fold() {
    const uint64_t twos_a = AddTwo(planes_[0], pending_[0], pending_[1]);
    const uint64_t twos_b = AddTwo(planes_[0], pending_[2], pending_[3]);
    const uint64_t twos_c = AddTwo(planes_[0], pending_[4], pending_[5]);
    const uint64_t twos_d = AddTwo(planes_[0], pending_[6], pending_[7]);
    const uint64_t fours_a = AddTwo(planes_[1], twos_a, twos_b);
    const uint64_t fours_b = AddTwo(planes_[1], twos_c, twos_d);
    uint64_t carry = AddTwo(planes_[2], fours_a, fours_b);
    for (size_t i = 3; carry != 0 && i < kPlaneCount; ++i) {
      const uint64_t next = planes_[i] & carry;
      planes_[i] ^= carry;
      carry = next;
    }
  }

  std::array<uint64_t, kPlaneCount> planes_{};
  std::array<uint64_t, kPendingCount> pending_{};
  uint32_t count_ = 0;
};

}  // namespace stillwatch::features
