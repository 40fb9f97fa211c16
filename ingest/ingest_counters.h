// What the listeners count.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace stillwatch::ingest {

// Why an event was not taken. Numbers as in v1.RejectReason.
enum class RejectReason : uint8_t {
  kNone = 0,
  kMissingField = 1,
  kOutOfRange = 2,
  kTooLong = 3,
  kBadEncoding = 4,
  kTimeTooOld = 5,
  kTimeInFuture = 6,
  kUnknownDigestVersion = 7,
};
inline constexpr size_t kRejectReasonCount = 8;
// "missing_field", …
std::string_view RejectReasonName(RejectReason reason);

// Counts since the daemon's start.
// Threading: from any thread.
struct IngestCounters {
  std::array<std::atomic<uint64_t>, kRejectReasonCount> rejected{};
  std::atomic<uint64_t> received_event_count{0};
  std::atomic<uint64_t> received_bytes{0};
  std::atomic<uint64_t> in_flight_bytes{0};
  std::atomic<uint64_t> open_stream_count{0};
  // Messages told apart from their call that never reached it: their event has no digest of them.
  std::atomic<uint64_t> unjoined_message_count{0};
};

}  // namespace stillwatch::ingest
