#include "cli/time_argument.h"

#include <gtest/gtest.h>

#include "proto/limits.h"

namespace stillwatch::cli {
namespace {

constexpr int64_t kNow = 1'772'409'600 * kNanosecondsPerSecond;  // 2026-03-02T00:00:00Z

int64_t Parse(const char* text) {
  auto time = ParseTime(text, kNow);
  EXPECT_TRUE(time.ok()) << text << ": " << time.status().message();
  return time.ok() ? *time : -1;
}

TEST(ParseTime, ReadsRfc3339) {
  EXPECT_EQ(Parse("2026-03-02T00:00:00Z"), kNow);
  EXPECT_EQ(Parse("2026-03-02t00:00:00z"), kNow);
  EXPECT_EQ(Parse("2026-03-02 00:00:00Z"), kNow);
  EXPECT_EQ(Parse("2026-03-02T01:30:00+01:30"), kNow);
  EXPECT_EQ(Parse("2026-03-01T16:00:00-08:00"), kNow);
  EXPECT_EQ(Parse("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(Parse("2024-02-29T23:59:59Z"), 1'709'251'199 * kNanosecondsPerSecond);
}

TEST(ParseTime, ReadsFractions) {
  EXPECT_EQ(Parse("2026-03-02T00:00:00.5Z"), kNow + 500'000'000);
  EXPECT_EQ(Parse("2026-03-02T00:00:00.000000001Z"), kNow + 1);
  EXPECT_EQ(Parse("2026-03-02T00:00:00.1234567899Z"), kNow + 123'456'789);
}

TEST(ParseTime, ReadsADateAsItsMidnight) { EXPECT_EQ(Parse("2026-03-02"), kNow); }

TEST(ParseTime, ReadsAges) {
  EXPECT_EQ(Parse("now"), kNow);
  EXPECT_EQ(Parse("-24h"), kNow - kNanosecondsPerDay);
  EXPECT_EQ(Parse("-7d"), kNow - 7 * kNanosecondsPerDay);
  EXPECT_EQ(Parse("-30m"), kNow - 30 * kNanosecondsPerMinute);
  EXPECT_EQ(Parse("-90s"), kNow - 90 * kNanosecondsPerSecond);
}

TEST(ParseTime, RefusesWhatIsNoTime) {
  for (const char* text : {"",
                           "-",
                           "-h",
                           "-24",
                           "-24x",
                           "--24h",
                           "-+2h",
                           "24h",
                           "-99999999999999h",
                           "-99999d",
                           "yesterday",
                           "2026",
                           "2026-3-2",
                           "2026-02-29",
                           "2026-13-01",
                           "2026-00-01",
                           "2026-01-32",
                           "2026-03-02T",
                           "2026-03-02T00:00Z",
                           "2026-03-02T00:00:00",
                           "2026-03-02T24:00:00Z",
                           "2026-03-02T00:60:00Z",
                           "2026-03-02T00:00:60Z",
                           "2026-03-02T00:00:00.Z",
                           "2026-03-02T00:00:00+1:00",
                           "2026-03-02T00:00:00+01",
                           "2026-03-02T00:00:00Zx",
                           "2026-03-02x",
                           "1969-12-31",
                           "1970-01-01T00:00:00+01:00",
                           "2263-01-01",
                           "9999-12-31T00:00:00Z"}) {
    EXPECT_EQ(ParseTime(text, kNow).status().code(), Code::kInvalidArgument) << text;
  }
}

TEST(FormatTime, WritesWhatParseTimeReads) {
  EXPECT_EQ(FormatTime(static_cast<uint64_t>(kNow)), "2026-03-02T00:00:00Z");
  EXPECT_EQ(FormatTime(1'709'251'199'999'999'999), "2024-02-29T23:59:59Z");
  EXPECT_EQ(FormatTime(0), "-");
}

TEST(FormatDuration, TakesTheUnitsThatSaySomething) {
  EXPECT_EQ(FormatDuration(0.0124), "12 ms");
  EXPECT_EQ(FormatDuration(12.44), "12.4 s");
  EXPECT_EQ(FormatDuration(185), "3 min 05 s");
  EXPECT_EQ(FormatDuration(7800), "2 h 10 min");
}

TEST(ParseLength, ReadsLengths) {
  EXPECT_EQ(ParseLength("90s").value(), 90);
  EXPECT_EQ(ParseLength("30m").value(), 1800);
  EXPECT_EQ(ParseLength("12h").value(), 43'200);
  EXPECT_EQ(ParseLength("365d").value(), 31'536'000);
}

TEST(ParseLength, RefusesOthers) {
  for (const char* text : {"", "0s", "h", "4", "-4h", "366d", "4 h", "1.5h"}) {
    EXPECT_EQ(ParseLength(text).status().code(), Code::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace stillwatch::cli
