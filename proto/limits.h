// Limits that several modules share, each with its reason. Those of one module stand in that module.
#pragma once

#include <cstddef>
#include <cstdint>

namespace stillwatch {

inline constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;
inline constexpr int64_t kNanosecondsPerMinute = 60 * kNanosecondsPerSecond;
inline constexpr int64_t kNanosecondsPerHour = 3600 * kNanosecondsPerSecond;
inline constexpr int64_t kNanosecondsPerDay = 24 * kNanosecondsPerHour;

// Events of one batch on the wire: more gain nothing and hold up the acknowledgement of others.
inline constexpr size_t kBatchEventCountMax = 10'000;
// Bytes of one message on the wire: room for 64 events of 1 MiB, small enough for thousands of streams.
inline constexpr size_t kMessageBytesMax = 64u << 20;
// Names (accounts, models, …): longer ones are a sign of a wrong field mapping.
inline constexpr size_t kNameBytesMax = 256;
inline constexpr size_t kEventIdBytesMax = 128;
// Longer user agents are cut, as browsers' extensions make them arbitrarily long.
inline constexpr size_t kUserAgentBytesMax = 1024;
// All texts of one event.
inline constexpr size_t kEventBytesMax = 16u << 20;
inline constexpr size_t kNoteBytesMax = 4096;

// 2020-01-01: before it no language model was sold by the request, so an earlier time is a unit mistake.
inline constexpr int64_t kEventTimeMin = 1'577'836'800 * kNanosecondsPerSecond;
// A gateway's clock may be ahead of ours by this much; more would drag the watermark along.
inline constexpr int64_t kClockSkewMax = 10 * kNanosecondsPerMinute;

}  // namespace stillwatch
