// How long to wait before the next attempt.
#pragma once

#include <algorithm>
#include <chrono>

namespace stillwatch::cli {

// Doubles a delay from `first` up to `last`. Without jitter: one client of one daemon cannot stampede.
class Backoff {
 public:
  using Duration = std::chrono::milliseconds;
  explicit Backoff(Duration first = Duration(50), Duration last = Duration(2000))
      : first_(first), last_(last), next_(first) {}

  Duration Next() {
    const Duration delay = next_;
    next_ = std::min(next_ * 2, last_);
    return delay;
  }
  void Reset() { next_ = first_; }

 private:
  const Duration first_;
  const Duration last_;
  Duration next_;
};

}  // namespace stillwatch::cli
