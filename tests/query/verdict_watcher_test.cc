#include "query/verdict_watcher.h"

#include <grpcpp/client_context.h>
#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

#include "tests/query/service_harness.h"

namespace stillwatch::query {
namespace {

VerdictChange MakeChange(uint64_t number, Verdict to = Verdict::kReview) {
  return {
      .account_id = "a", .from = Verdict::kClear, .to = to, .time_unix_nano = 7, .risk = 0.5, .event_count = number};
}

// A client that follows verdict changes.
class Watch {
 public:
  explicit Watch(ServiceHarness& harness, v1::Verdict min_verdict = v1::VERDICT_UNSPECIFIED) {
    v1::WatchVerdictsRequest request;
    request.set_min_verdict(min_verdict);
    reader_ = harness.query().WatchVerdicts(&context_, request);
    reader_->WaitForInitialMetadata();  // From here on it misses nothing.
  }

  bool Read() { return reader_->Read(&response_); }
  const v1::VerdictChange& change() const { return response_.change(); }
  grpc::StatusCode Finish() { return reader_->Finish().error_code(); }
  void Cancel() { context_.TryCancel(); }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::WatchVerdictsResponse>> reader_;
  v1::WatchVerdictsResponse response_;
};

class VerdictWatcherTest : public ::testing::Test {
 protected:
  ServiceHarness harness_;
};

TEST_F(VerdictWatcherTest, StreamsChangesInOrder) {
  Watch first(harness_);
  Watch second(harness_);
  for (uint64_t i = 1; i <= 100; ++i) harness_.verdicts().Publish(MakeChange(i));
  for (Watch* watch : {&first, &second}) {
    for (uint64_t i = 1; i <= 100; ++i) {
      ASSERT_TRUE(watch->Read());
      ASSERT_EQ(watch->change().event_count(), i);
    }
    EXPECT_EQ(watch->change().account_id(), "a");
    EXPECT_EQ(watch->change().from_verdict(), v1::VERDICT_CLEAR);
    EXPECT_EQ(watch->change().to_verdict(), v1::VERDICT_REVIEW);
    EXPECT_EQ(watch->change().time_unix_nano(), 7u);
    EXPECT_EQ(watch->change().risk(), 0.5);
  }
}

TEST_F(VerdictWatcherTest, LeavesOutWhatIsBelowTheMinimum) {
  Watch watch(harness_, v1::VERDICT_ACT);
  harness_.verdicts().Publish(MakeChange(1, Verdict::kReview));
  harness_.verdicts().Publish(MakeChange(2, Verdict::kAct));
  ASSERT_TRUE(watch.Read());
  EXPECT_EQ(watch.change().event_count(), 2u);
}

TEST_F(VerdictWatcherTest, UnknownMinimumIsRefused) {
  Watch watch(harness_, static_cast<v1::Verdict>(77));
  EXPECT_FALSE(watch.Read());
  EXPECT_EQ(watch.Finish(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(VerdictWatcherTest, ChangesOfTheEngineArrive) {
  Watch watch(harness_, v1::VERDICT_REVIEW);
  harness_.AddSuspect("thief");
  ASSERT_TRUE(watch.Read());
  EXPECT_EQ(watch.change().account_id(), "thief");
  EXPECT_EQ(watch.change().to_verdict(), v1::VERDICT_REVIEW);
}

TEST_F(VerdictWatcherTest, ClientThatDoesNotReadIsLetGo) {
  Watch slow(harness_);
  constexpr uint64_t kChangeCount = 3 * kWatcherBacklogCountMax;
  for (uint64_t i = 0; i < kChangeCount; ++i) harness_.verdicts().Publish(MakeChange(i));
  uint64_t read_count = 0;
  while (slow.Read()) ++read_count;
  EXPECT_LT(read_count, kChangeCount);
  EXPECT_EQ(slow.Finish(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(VerdictWatcherTest, ShutdownEndsTheStream) {
  Watch before(harness_);
  harness_.verdicts().Shutdown();
  EXPECT_FALSE(before.Read());
  EXPECT_EQ(before.Finish(), grpc::StatusCode::UNAVAILABLE);
  Watch after(harness_);
  EXPECT_FALSE(after.Read());
  EXPECT_EQ(after.Finish(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(VerdictWatcherTest, ClientThatLeavesIsForgotten) {
  Watch watch(harness_);
  EXPECT_EQ(harness_.verdicts().watcher_count(), 1u);
  watch.Cancel();
  EXPECT_FALSE(watch.Read());
  EXPECT_EQ(watch.Finish(), grpc::StatusCode::CANCELLED);
  while (harness_.verdicts().watcher_count() > 0) std::this_thread::yield();  // The test's time limit ends it.
}

// Clients come and go while changes are published and the hub shuts down: nobody may be woken after the end.
TEST_F(VerdictWatcherTest, ClientsMayLeaveAtAnyMoment) {
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([this, i] {
      for (int round = 0; round < 50; ++round) {
        Watch watch(harness_);
        harness_.verdicts().Publish(MakeChange(1));
        if ((round + i) % 2 == 0) watch.Read();
        watch.Cancel();
        while (watch.Read()) continue;
        watch.Finish();
      }
    });
  }
  for (uint64_t i = 0; i < 2000; ++i) harness_.verdicts().Publish(MakeChange(i));
  for (std::thread& client : clients) client.join();
  while (harness_.verdicts().watcher_count() > 0) std::this_thread::yield();
}

}  // namespace
}  // namespace stillwatch::query
