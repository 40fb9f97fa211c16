// Distinct counts in a few dozen bytes.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace stillwatch::features {

// Estimates how many different hashes were added. Two sketches merge into the sketch of the union.
// Relative standard error 1.04 / sqrt(2^kIndexBits): 6.5 % for 8 bits, 13 % for 6; below about 2.5 · 2^kIndexBits linear
// counting is used, which is nearly exact for small counts.
// Source: Flajolet et al., "HyperLogLog", AofA 2007. Hashes must be uniform over 64 bits; one register is one byte.
template <int kIndexBits>
class HyperLogLog {
 public:
  static constexpr size_t kRegisterCount = size_t{1} << kIndexBits;

  // Returns true if the sketch changed, which it always does for the first hash.
  bool Add(uint64_t hash) {
    uint8_t& current = registers_[hash >> (64 - kIndexBits)];
    const uint64_t rest = hash << kIndexBits;
    const auto rank = static_cast<uint8_t>(rest == 0 ? 64 - kIndexBits + 1 : std::countl_zero(rest) + 1);
    if (rank <= current) return false;
    current = rank;
    return true;
  }

  void Merge(const HyperLogLog& other) {
    for (size_t i = 0; i < kRegisterCount; ++i) registers_[i] = std::max(registers_[i], other.registers_[i]);
  }

  double Estimate() const {
    constexpr double count = kRegisterCount;
    const auto zeros = static_cast<double>(std::count(registers_.begin(), registers_.end(), uint8_t{0}));
    // The sum below is at least `zeros`, so that with these many the raw estimate is in the range of linear counting.
    // Most sketches are that empty, and counting zeros is a fraction of the work.
    if (zeros >= kAlpha / 2.5 * count) return count * std::log(count / zeros);
    double sum = 0;
    for (const uint8_t value : registers_) sum += kInversePowers[value];
    const double raw = kAlpha * count * count / sum;
    if (raw <= 2.5 * count && zeros > 0) return count * std::log(count / zeros);
    return raw;
  }

 private:
  // Corrects the bias of the harmonic mean.
  static constexpr double kAlpha = kIndexBits >= 7   ? 0.7213 / (1 + 1.079 / kRegisterCount)
                                   : kIndexBits == 6 ? 0.709
                                                     : 0.697;
  // 2^-i, for each value that a register can have. A division each would be most of an estimate's cost.
  static constexpr std::array<double, 65> kInversePowers = [] {
    std::array<double, 65> powers{};
    double power = 1;
    for (double& value : powers) {
      value = power;
      power /= 2;
    }
    return powers;
  }();
  std::array<uint8_t, kRegisterCount> registers_{};
};

}  // namespace stillwatch::features
