// A sequential test that may be looked at after every event.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>

namespace stillwatch::features {

// Shares of marked events that the test is made sensitive to, in order: 3 and 10 times the null, and 30 %.
inline constexpr size_t kAlternativeCount = 3;

// Log-likelihood ratios of one event, for one null probability. Built once per baseline, used for every event.
struct LikelihoodRatios {
  std::array<float, kAlternativeCount> if_marked{};
  std::array<float, kAlternativeCount> if_unmarked{};

  // `null_share`: upper bound of the share of marked events among honest peers, in (0, 0.5].
  static LikelihoodRatios ForNull(double null_share) {
    LikelihoodRatios out;
    const std::array<double, kAlternativeCount> alternatives = {3 * null_share, 10 * null_share, 0.3};
    for (size_t i = 0; i < kAlternativeCount; ++i) {
      // An alternative must lie above the null, and below one, to be a test against it.
      const double share = std::fmin(std::fmax(alternatives[i], 1.5 * null_share), 0.95);
      out.if_marked[i] = static_cast<float>(std::log(share / null_share));
      out.if_unmarked[i] = static_cast<float>(std::log((1 - share) / (1 - null_share)));
    }
    return out;
  }
};

// Accumulates evidence that the share of marked events is above the null: R ← L · max(1, R) for each alternative, whose
// mean is the e-detector. Under the null it exceeds 1/α only once in about 1/α events on average, however often one
// looks. Source: Shin, Ramdas, Rinaldo, "E-detectors" (2022); cumulative sums after Page (1954). Values are natural
// logarithms. Merging takes the mean of the two, weighted by their events: a mean of e-values is an e-value, whatever
// their dependence (Vovk, Wang 2021). The product would not do: max(1, R) restarts, so that R alone is an e-value and
// max(1, R) is not.
class EProcess {
 public:
  void Update(bool marked, const LikelihoodRatios& ratios) {
    const auto& step = marked ? ratios.if_marked : ratios.if_unmarked;
    for (size_t i = 0; i < kAlternativeCount; ++i) log_r_[i] = std::fmax(log_r_[i], 0.0F) + step[i];
  }

  // `other_weight`: the other's share of the events of both, 0 to 1.
  void Merge(const EProcess& other, double other_weight) {
    for (size_t i = 0; i < kAlternativeCount; ++i) {
      const auto ours = static_cast<double>(log_r_[i]);
      const auto theirs = static_cast<double>(other.log_r_[i]);
      const double largest = std::fmax(ours, theirs);
      log_r_[i] = static_cast<float>(largest + std::log((1 - other_weight) * std::exp(ours - largest) +
                                                        other_weight * std::exp(theirs - largest)));
    }
  }

  // Logarithm of the mean over the alternatives. May be negative.
  double LogValue() const {
    const float largest = std::fmax(std::fmax(log_r_[0], log_r_[1]), log_r_[2]);
    double sum = 0;
    for (const float value : log_r_) sum += std::exp(static_cast<double>(value - largest));
    return static_cast<double>(largest) + std::log(sum / kAlternativeCount);
  }
  // A bound of LogValue() from above that costs nothing.
  float LogBound() const { return std::fmax(std::fmax(log_r_[0], log_r_[1]), log_r_[2]); }

 private:
  std::array<float, kAlternativeCount> log_r_{};
};

}  // namespace stillwatch::features
