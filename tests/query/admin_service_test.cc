#include "query/admin_service.h"

#include <grpcpp/client_context.h>
#include <gtest/gtest.h>

#include <algorithm>

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
  EXPECT_EQ(response.instruction_set(), "baseline");
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

}  // namespace
}  // namespace stillwatch::query
