// Messages that were told apart from the call that they belong to.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "gateways/otlp_item.h"

namespace stillwatch::gateways {

// Holds the messages of calls until the call itself comes: some instrumentations tell prompts and answers as log events
// during a call, and the span at its end. Text is held in memory only, and no longer than kAgeNanoMax and until the
// next DropOld. Threading: from any thread. Limits: kSourceCountMax sources are known to tell messages apart. kBytesMax
// of text; beyond it, and after kAgeNanoMax, the oldest messages are dropped and told: their call then has no digest,
// and counts all the same.
class MessageJoin {
 public:
  static constexpr size_t kBytesMax = 64u << 20;
  static constexpr size_t kSourceCountMax = 256;
  static constexpr int64_t kAgeNanoMax = int64_t{120} * 1'000'000'000;

  // `clock` tells the time, nanoseconds since 1970.
  explicit MessageJoin(std::function<int64_t()> clock, size_t bytes_max = kBytesMax)
      : clock_(std::move(clock)), bytes_max_(bytes_max) {}

  // `source_name`: who told them. Returns how many messages were dropped to make room, or for their age.
  size_t Add(const std::string& source_name, const std::string& call_id, std::vector<OtlpMessage> messages);
  // False as long as nobody told a message.
  bool has_sources() const { return has_sources_; }
  // True if the source tells messages apart from their calls, and the answer of this call is not there yet.
  bool Expects(const std::string& source_name, const std::string& call_id) const;
  // The messages of the call, in the order in which they came; they are held no longer.
  std::vector<OtlpMessage> Take(const std::string& call_id);

  // Drops what is older than kAgeNanoMax, and returns how many messages that were. To be called now and then: Add does
  // the same, but nobody may add any more.
  size_t DropOld();

  size_t held_bytes() const;

 private:
  struct Held {
    std::vector<OtlpMessage> messages;
    size_t bytes = 0;
    int64_t since_unix_nano = 0;
  };

  size_t DropOld(int64_t now);
  void Erase(std::unordered_map<std::string, Held>::iterator held);

  const std::function<int64_t()> clock_;
  const size_t bytes_max_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Held> calls_;
  std::deque<std::pair<std::string, int64_t>> order_;  // Call and time of its first message; some are gone already.
  std::unordered_map<std::string, int64_t> sources_;   // Time at which each told a message last.
  std::atomic<bool> has_sources_{false};
  size_t bytes_ = 0;
};

}  // namespace stillwatch::gateways
