#include "query/verdict_hub.h"

#include <algorithm>
#include <utility>

namespace stillwatch::query {

std::optional<VerdictSubscription::Item> VerdictSubscription::Next() {
  const std::lock_guard lock(mutex_);
  if (end_) return *end_;
  if (backlog_.empty()) {
    is_waiting_ = true;
    return std::nullopt;
  }
  Item item = std::move(backlog_.front());
  backlog_.pop_front();
  return item;
}

void VerdictSubscription::End(Status reason) {
  std::unique_lock lock(mutex_);
  EndLocked(std::move(reason));
  Wake(std::move(lock));
}

void VerdictSubscription::EndLocked(Status reason) {
  if (end_) return;
  end_ = std::move(reason);
  backlog_ = {};
}

void VerdictSubscription::Push(const VerdictChange& change) {
  if (std::max(change.from, change.to) < min_verdict_) return;
  std::unique_lock lock(mutex_);
  if (end_) return;
  if (backlog_.size() == kWatcherBacklogCountMax) {
    EndLocked({Code::kResourceExhausted, "the watcher is too slow: too many changes wait for it"});
  } else {
    backlog_.push_back(change);
  }
  Wake(std::move(lock));
}

void VerdictSubscription::Wake(std::unique_lock<std::mutex> lock) {
  if (!std::exchange(is_waiting_, false)) return;
  lock.unlock();
  on_ready_();
}

void VerdictHub::Subscribe(std::shared_ptr<VerdictSubscription> subscription) {
  std::unique_lock lock(mutex_);
  if (!is_shut_down_ && subscriptions_.size() < kWatcherCountMax) {
    subscriptions_.push_back(std::move(subscription));
    return;
  }
  const bool is_shut_down = is_shut_down_;
  lock.unlock();
  subscription->End(is_shut_down ? Status(Code::kUnavailable, "the daemon is stopping")
                                 : Status(Code::kResourceExhausted, "too many watchers"));
}

void VerdictHub::Unsubscribe(const VerdictSubscription* subscription) {
  const std::lock_guard lock(mutex_);
  std::erase_if(subscriptions_, [&](const auto& candidate) { return candidate.get() == subscription; });
}

// Watchers are woken without the lock, since one that ends itself then unsubscribes.
void VerdictHub::Publish(const VerdictChange& change) {
  std::unique_lock lock(mutex_);
  const auto subscriptions = subscriptions_;
  lock.unlock();
  for (const auto& subscription : subscriptions) subscription->Push(change);
}

void VerdictHub::Shutdown() {
  std::unique_lock lock(mutex_);
  is_shut_down_ = true;
  const auto subscriptions = std::exchange(subscriptions_, {});
  lock.unlock();
  for (const auto& subscription : subscriptions) subscription->End({Code::kUnavailable, "the daemon is stopping"});
}

size_t VerdictHub::watcher_count() const {
  const std::lock_guard lock(mutex_);
  return subscriptions_.size();
}

}  // namespace stillwatch::query
