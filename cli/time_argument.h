// Times as people write and read them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proto/result.h"

namespace stillwatch::cli {

// Reads a time: RFC 3339 with an offset or Z, a date (midnight UTC), `now`, or an age such as -24h, -7d, -30m, -90s,
// which counts from `now_unix_nano`. Gives nanoseconds since 1970-01-01 UTC.
// Errors: kInvalidArgument if it is none of these, not on the calendar, or outside 1970 to 2262.
Result<int64_t> ParseTime(std::string_view text, int64_t now_unix_nano);

// Reads a length of time such as 90s, 30m, 12h or 7d, in seconds. Errors: kInvalidArgument if it is none, 0, or more than
// a year.
Result<int64_t> ParseLength(std::string_view text);

// RFC 3339 in UTC with whole seconds, as in 2026-03-02T09:30:00Z; "-" for 0, which stands for never.
std::string FormatTime(uint64_t unix_nano);

// A length of time in the two largest units that say something: 850 ms, 12.4 s, 3 min 05 s, 2 h 10 min.
std::string FormatDuration(double seconds);

}  // namespace stillwatch::cli
