// Decisions in the form that CrowdSec's bouncers pull.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "enforcement/decision_book.h"
#include "enforcement/enforcement_counters.h"
#include "http/message.h"

namespace stillwatch::enforcement {

// Bouncers whose last pull is remembered. With more, the one that has not asked for longest is forgotten, and gets
// everything at its next pull.
inline constexpr size_t kBouncerCountMax = 1024;

// Answers GET /v1/decisions/stream and GET /v1/decisions as CrowdSec's local API does. Every decision is of type "ban",
// scope "account" and origin "stillwatch"; its value is the account; the scenario is "stillwatch/act" (or "…/review"),
// or "stillwatch/analyst". The parameters scopes, origins, scenarios_containing and scenarios_not_containing are
// respected. A bouncer is known by its X-Api-Key, its User-Agent and its address: it gets what changed since its last
// pull, or everything if `startup=true` or if it is not known, as after a restart of the daemon; then it is also told
// what ended lately, so it never keeps what is over. A decision is repeated when it is renewed. In shadow mode no
// decision begins. Threading: safe from any thread. Ownership: book and counters must outlive it.
class DecisionStream {
 public:
  using Clock = std::function<int64_t()>;

  DecisionStream(DecisionBook& book, EnforcementCounters& counters, Clock clock)
      : book_(book), counters_(counters), clock_(std::move(clock)) {}

  http::Response Pull(const http::Request& request);
  // Decisions on one account (?scope=account&value=ID), or on all: a list, or null if there are none.
  http::Response Query(const http::Request& request);

 private:
  struct Bouncer {
    uint64_t revision = 0;
    uint64_t pull = 0;  // Number of its last pull among those of all.
  };

  std::optional<uint64_t> RevisionOf(const std::string& bouncer) const;
  void Remember(const std::string& bouncer, uint64_t revision);

  DecisionBook& book_;
  EnforcementCounters& counters_;
  const Clock clock_;
  mutable std::mutex mutex_;
  std::map<std::string, Bouncer> bouncers_;
  uint64_t pull_count_ = 0;
};

}  // namespace stillwatch::enforcement
