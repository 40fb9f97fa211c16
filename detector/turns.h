// How two accounts take turns.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace stillwatch::detector {

// Two pools of one rate take turns more often than chance as well, but not as strictly as accounts of one pool, whose
// turns are disturbed only by the conversations that keep one of them busy.
inline constexpr double kTurnsSwitchedMin = 0.8;
inline constexpr double kTurnsDifferenceMax = 0.6;
// Log-likelihood ratio from which on two accounts may be of one pool.
inline constexpr double kTurnsRatioMin = 4;

// How strictly two accounts take turns in the time that both were there for.
struct Alternation {
  double turns = 0;     // Neighbours in the joint order of their beginnings.
  double switched = 0;  // Share of the turns that go from one account to the other.
  double expected =
      0;  // The share that chance gives, or the accounts themselves when moved against each other in time.
  // Mean of (x − y)² / (x + y) over bins, with x and y the beginnings of each: 1 for two shares of one Poisson process.
  double difference = 0;
  double log_likelihood_ratio = 0;
};

// Compares two ascending lists of ticks (features/link_sketch.h). Nothing if they do not take turns in
// kTurnsSwitchedMin of the cases, differ by more than kTurnsDifferenceMax, or have a log-likelihood ratio below
// kTurnsRatioMin.
std::optional<Alternation> CompareTurns(std::span<const int64_t> a, std::span<const int64_t> b);
// False if CompareTurns would find too few switches, or the newest turns switch as seldom as chance has it. Most pairs
// end here, so this costs little. The same lists as ages in ticks, newest first; none may be empty.
bool KeepSwitching(std::span<const int32_t> a, std::span<const int32_t> b);
// True if the gaps are as good as equal, or multiples of one period, as those of a timer that errs or keeps hours.
bool IsTimer(std::span<const int64_t> starts);

}  // namespace stillwatch::detector
