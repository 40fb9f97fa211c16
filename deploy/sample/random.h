// Random numbers that are the same on every platform; the standard library's distributions are not.
#pragma once

#include <cstdint>

namespace stillwatch::sample {

// Draws numbers by SplitMix64 (Steele, Lea, Flood 2014): small, fast, and any seed is a good one.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // 0 to count - 1, for a count below 2^32.
  uint64_t Below(uint64_t count) { return ((Next() >> 32) * count) >> 32; }
  int64_t Between(int64_t low, int64_t high) { return low + static_cast<int64_t>(Below(high - low + 1)); }
  // Only exact operations: logarithms differ between mathematics libraries.
  bool Chance(double probability) { return static_cast<double>(Next() >> 11) * 0x1p-53 < probability; }
  template <typename List>
  const auto& Pick(const List& list) {
    return list[Below(list.size())];
  }

 private:
  uint64_t state_;
};

}  // namespace stillwatch::sample
