#include "query/admin_service.h"

#include <grpcpp/client_context.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "query/version.h"
#include "tests/query/service_harness.h"

namespace stillwatch::query {
namespace {

TEST(AdminServiceTest, TellsTheVersion) {
  ServiceHarness harness;
  grpc::ClientContext context;
  v1::GetVersionResponse response;
  ASSERT_TRUE(harness.admin().GetVersion(&context, {}, &response).ok());
  EXPECT_EQ(std::count(response.version().begin(), response.version().end(), '.'), 2) << response.version();
  EXPECT_NE(response.build(), "");
  EXPECT_EQ(response.instruction_set(), InstructionSet());
}

TEST(AdminServiceTest, TellsCountersAndPositions) {
  ServiceHarness harness;
  harness.AddEvents("a", 5);
  harness.AddEvents("a", 6);  // The first five again, and one more.
  harness.ingest_counters().rejected[1] = 2;
  harness.ingest_counters().rejected[7] = 3;
  harness.ingest_counters().in_flight_bytes = 4;
  harness.pipeline().WaitUntilApplied();
  grpc::ClientContext context;
  v1::GetStatusResponse response;
  ASSERT_TRUE(harness.admin().GetStatus(&context, {}, &response).ok());
  EXPECT_EQ(response.stored_event_count(), 6u);
  EXPECT_EQ(response.accepted_event_count(), 6u);
  EXPECT_EQ(response.duplicate_event_count(), 5u);
  EXPECT_EQ(response.rejected_event_count(), 5u);
  EXPECT_EQ(response.account_count(), 1u);
  EXPECT_EQ(response.newest_event_unix_nano(), static_cast<uint64_t>(kStartTime + 5 * kNanosecondsPerMinute));
  EXPECT_LT(response.watermark_unix_nano(), response.newest_event_unix_nano());
  EXPECT_EQ(response.in_flight_bytes(), 4u);
  EXPECT_GT(response.commit_count(), 0u);
  EXPECT_EQ(response.failed_commit_count(), 0u);
}

TEST(AdminServiceTest, ListsSources) {
  ServiceHarness harness;
  const std::shared_ptr<ingest::Source> source = harness.sources().Note("otlp", "gateway");
  source->received = 9;
  source->accepted = 3;
  source->rejected[static_cast<size_t>(ingest::RejectReason::kTooLong)] = 2;
  source->suspected_lost = 4;
  grpc::ClientContext context;
  v1::ListSourcesResponse response;
  ASSERT_TRUE(harness.admin().ListSources(&context, {}, &response).ok());
  ASSERT_EQ(response.sources_size(), 1);
  const v1::SourceStatus& status = response.sources(0);
  EXPECT_EQ(status.listener(), "otlp");
  EXPECT_EQ(status.name(), "gateway");
  EXPECT_EQ(status.received_count(), 9u);
  EXPECT_EQ(status.accepted_count(), 3u);
  EXPECT_EQ(status.suspected_lost_count(), 4u);
  ASSERT_EQ(status.rejected_size(), 1);
  EXPECT_EQ(status.rejected(0).reason(), v1::REJECT_REASON_TOO_LONG);
  EXPECT_EQ(status.rejected(0).count(), 2u);
  EXPECT_EQ(status.last_seen_unix_nano(), static_cast<uint64_t>(kStartTime));
  EXPECT_FALSE(status.is_quiet());
}

}  // namespace
}  // namespace stillwatch::query
