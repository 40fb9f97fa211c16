#include "query/verdict_hub.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <variant>
#include <vector>

namespace stillwatch::query {
namespace {

VerdictChange MakeChange(uint64_t number, Verdict from = Verdict::kClear, Verdict to = Verdict::kReview) {
  return {.account_id = "a", .from = from, .to = to, .time_unix_nano = 1, .risk = 0.5, .event_count = number};
}

// Number of the change that comes next, or nothing if there is none yet or the subscription has ended.
std::optional<uint64_t> NextNumber(VerdictSubscription& subscription) {
  const std::optional<VerdictSubscription::Item> item = subscription.Next();
  if (!item || !std::holds_alternative<VerdictChange>(*item)) return std::nullopt;
  return std::get<VerdictChange>(*item).event_count;
}

// Code with which the subscription has ended; kOk if it goes on.
Code EndOf(VerdictSubscription& subscription) {
  const std::optional<VerdictSubscription::Item> item = subscription.Next();
  return item && std::holds_alternative<Status>(*item) ? std::get<Status>(*item).code() : Code::kOk;
}

class VerdictHubTest : public ::testing::Test {
 protected:
  std::shared_ptr<VerdictSubscription> Subscribe(Verdict min_verdict = Verdict::kClear) {
    auto subscription = std::make_shared<VerdictSubscription>(min_verdict, [this] { ++wake_count_; });
    hub_.Subscribe(subscription);
    return subscription;
  }

  VerdictHub hub_;
  int wake_count_ = 0;
};

TEST_F(VerdictHubTest, EveryWatcherGetsEveryChangeInOrder) {
  const auto first = Subscribe();
  const auto second = Subscribe();
  for (uint64_t i = 1; i <= 3; ++i) hub_.Publish(MakeChange(i));
  for (const auto& subscription : {first, second}) {
    for (uint64_t i = 1; i <= 3; ++i) EXPECT_EQ(NextNumber(*subscription), i);
    EXPECT_EQ(NextNumber(*subscription), std::nullopt);
  }
}

TEST_F(VerdictHubTest, ChangesFromOrToTheMinimumCount) {
  const auto subscription = Subscribe(Verdict::kAct);
  hub_.Publish(MakeChange(1, Verdict::kClear, Verdict::kReview));
  hub_.Publish(MakeChange(2, Verdict::kReview, Verdict::kAct));
  hub_.Publish(MakeChange(3, Verdict::kAct, Verdict::kClear));
  EXPECT_EQ(NextNumber(*subscription), 2u);
  EXPECT_EQ(NextNumber(*subscription), 3u);
  EXPECT_EQ(NextNumber(*subscription), std::nullopt);
}

TEST_F(VerdictHubTest, WakesOnlyAWatcherThatWaitsAndOnlyOnce) {
  const auto subscription = Subscribe();
  hub_.Publish(MakeChange(1));
  EXPECT_EQ(wake_count_, 0);
  EXPECT_EQ(NextNumber(*subscription), 1u);
  EXPECT_EQ(NextNumber(*subscription), std::nullopt);
  hub_.Publish(MakeChange(2));
  hub_.Publish(MakeChange(3));
  EXPECT_EQ(wake_count_, 1);
}

TEST_F(VerdictHubTest, WatcherThatIsTooSlowEndsAlone) {
  const auto slow = Subscribe();
  const auto fast = Subscribe();
  for (uint64_t i = 1; i <= kWatcherBacklogCountMax + 1; ++i) {
    hub_.Publish(MakeChange(i));
    EXPECT_EQ(NextNumber(*fast), i);
  }
  EXPECT_EQ(EndOf(*slow), Code::kResourceExhausted);
  EXPECT_EQ(EndOf(*fast), Code::kOk);
}

TEST_F(VerdictHubTest, BacklogUpToTheLimitIsKept) {
  const auto subscription = Subscribe();
  for (uint64_t i = 1; i <= kWatcherBacklogCountMax; ++i) hub_.Publish(MakeChange(i));
  for (uint64_t i = 1; i <= kWatcherBacklogCountMax; ++i) ASSERT_EQ(NextNumber(*subscription), i);
}

TEST_F(VerdictHubTest, ShutdownEndsWatchersNowAndLater) {
  const auto before = Subscribe();
  EXPECT_EQ(NextNumber(*before), std::nullopt);
  hub_.Shutdown();
  EXPECT_EQ(wake_count_, 1);
  EXPECT_EQ(EndOf(*before), Code::kUnavailable);
  EXPECT_EQ(EndOf(*Subscribe()), Code::kUnavailable);
  EXPECT_EQ(hub_.watcher_count(), 0u);
}

TEST_F(VerdictHubTest, FirstEndCounts) {
  const auto subscription = Subscribe();
  subscription->End({Code::kCancelled, ""});
  hub_.Shutdown();
  EXPECT_EQ(EndOf(*subscription), Code::kCancelled);
}

TEST_F(VerdictHubTest, WatchersAreBounded) {
  std::vector<std::shared_ptr<VerdictSubscription>> subscriptions;
  for (size_t i = 0; i < kWatcherCountMax; ++i) subscriptions.push_back(Subscribe());
  EXPECT_EQ(EndOf(*Subscribe()), Code::kResourceExhausted);
  hub_.Unsubscribe(subscriptions.front().get());
  EXPECT_EQ(EndOf(*Subscribe()), Code::kOk);
}

TEST_F(VerdictHubTest, WatcherMayLeaveWhileItIsWoken) {
  std::shared_ptr<VerdictSubscription> subscription;
  subscription = std::make_shared<VerdictSubscription>(Verdict::kClear, [&] {
    hub_.Unsubscribe(subscription.get());
    subscription.reset();
  });
  hub_.Subscribe(subscription);
  EXPECT_EQ(NextNumber(*subscription), std::nullopt);
  hub_.Publish(MakeChange(1));
  EXPECT_EQ(hub_.watcher_count(), 0u);
}

// Whoever wakes the watcher reads for it, until there is nothing left: only one thread at a time, so that the sum needs
// no lock.
TEST_F(VerdictHubTest, ReadingPassesBetweenThreads) {
  constexpr uint64_t kCount = 4000;  // Below the backlog's limit, so that none may be lost.
  uint64_t sum = 0;
  std::shared_ptr<VerdictSubscription> subscription;
  const auto proceed = [&] {
    while (const std::optional<uint64_t> number = NextNumber(*subscription)) sum += *number;
  };
  subscription = std::make_shared<VerdictSubscription>(Verdict::kClear, proceed);
  hub_.Subscribe(subscription);
  proceed();
  std::thread other([&] {
    for (uint64_t i = 1; i <= kCount / 2; ++i) hub_.Publish(MakeChange(i));
  });
  for (uint64_t i = kCount / 2 + 1; i <= kCount; ++i) hub_.Publish(MakeChange(i));
  other.join();
  EXPECT_EQ(sum, kCount * (kCount + 1) / 2);
}

}  // namespace
}  // namespace stillwatch::query
