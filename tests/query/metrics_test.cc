#include "query/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>
#include <string>

#include "query/version.h"

namespace stillwatch::query {
namespace {

using ::testing::HasSubstr;

std::string MakeText() {
  ingest::PipelineCounters pipeline;
  pipeline.stored_event_count = 9'000'000'000;
  pipeline.accepted_event_count = 12;
  pipeline.duplicate_event_count = 3;
  pipeline.commit_count = 4;
  pipeline.failed_commit_count = 5;
  pipeline.commit_queue_batches = 6;
  pipeline.apply_queue_batches = 7;
  detector::EngineCounters engine;
  engine.late_event_count = 8;
  engine.waiting_event_count = 9;
  engine.account_count = 10;
  engine.watermark_unix_nano = 1'700'000'000'500'000'000;
  ingest::IngestCounters ingest;
  ingest.received_event_count = 11;
  ingest.received_bytes = 13;
  ingest.in_flight_bytes = 14;
  ingest.open_stream_count = 15;
  ingest.unjoined_message_count = 18;
  ingest.rejected[static_cast<size_t>(ingest::RejectReason::kTooLong)] = 16;
  ingest::SourceRegistry sources([] { return 1'700'000'000'000'000'000; });
  const std::shared_ptr<ingest::Source> source = sources.Note("otlp", "gateway");
  source->accepted = 21;
  source->suspected_lost = 22;
  source->rejected[static_cast<size_t>(ingest::RejectReason::kTooLong)] = 23;
  return MetricsText(pipeline, engine, ingest, sources.List(), 17);
}

TEST(MetricsTest, EveryCounterIsThere) {
  const std::string text = MakeText();
  for (const char* line : {"stillwatch_events_received_total 11",
                           "stillwatch_received_bytes_total 13",
                           "stillwatch_events_accepted_total 12",
                           "stillwatch_events_duplicate_total 3",
                           "stillwatch_events_rejected_total{reason=\"too_long\"} 16",
                           "stillwatch_events_rejected_total{reason=\"missing_field\"} 0",
                           "stillwatch_events_late_total 8",
                           "stillwatch_events_stored 9000000000",
                           "stillwatch_accounts 10",
                           "stillwatch_watermark_seconds 1700000000.5",
                           "stillwatch_pending_events 9",
                           "stillwatch_commits_total 4",
                           "stillwatch_commits_failed_total 5",
                           "stillwatch_commit_queue_batches 6",
                           "stillwatch_apply_queue_batches 7",
                           "stillwatch_open_streams 15",
                           "stillwatch_in_flight_bytes 14",
                           "stillwatch_unjoined_messages_total 18",
                           R"(stillwatch_source_accepted_total{listener="otlp",source="gateway"} 21)",
                           R"(stillwatch_source_suspected_lost_total{listener="otlp",source="gateway"} 22)",
                           R"(stillwatch_source_rejected_total{listener="otlp",source="gateway",reason="too_long"} 23)",
                           R"(stillwatch_source_quiet{listener="otlp",source="gateway"} 0)",
                           "stillwatch_damaged_places_total 17"}) {
    EXPECT_THAT(text, HasSubstr(std::string(1, '\n').append(line).append("\n")));
  }
  EXPECT_THAT(text, HasSubstr("\nstillwatch_build_info{version=\"" + std::string(Version()) + "\","));
}

// Prometheus' own rules: a line of help and type before each family, counters and only they end in _total.
TEST(MetricsTest, NamesFollowTheConventions) {
  std::istringstream lines(MakeText());
  std::set<std::string> helped;
  std::set<std::string> typed;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string first, second, name, type;
    words >> first >> second;
    if (first != "#") {
      EXPECT_TRUE(typed.contains(first.substr(0, first.find('{')))) << line;
      continue;
    }
    words >> name >> type;
    if (second == "HELP") {
      EXPECT_TRUE(helped.insert(name).second) << line;
    } else {
      EXPECT_TRUE(typed.insert(name).second && helped.contains(name)) << line;
      EXPECT_EQ(type, name.ends_with("_total") ? "counter" : "gauge") << line;
    }
  }
  EXPECT_GT(typed.size(), 10u);
}

}  // namespace
}  // namespace stillwatch::query
