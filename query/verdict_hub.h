// Verdict changes, handed out to everyone who watches.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <variant>
#include <vector>

#include "proto/records.h"
#include "proto/result.h"

namespace stillwatch::query {

// Changes that a watcher may be behind: as v1.QueryService promises, about 400 KiB each.
inline constexpr size_t kWatcherBacklogCountMax = 4096;
// Watchers at a time: far more than there are analysts, and a bound on their memory.
inline constexpr size_t kWatcherCountMax = 256;

// Holds the changes that one watcher has not read yet. The watcher takes them with Next until there are none; then it
// is called back, once, as soon as there is more. Threading: safe from any thread; Next by one thread at a time.
class VerdictSubscription {
 public:
  // `on_ready` is called without any lock, from the thread that publishes, after a Next that returned nothing and
  // before the following one: until that next Next it is the only call to come, so whoever it wakes may end itself in
  // it.
  VerdictSubscription(Verdict min_verdict, std::function<void()> on_ready)
      : min_verdict_(min_verdict), on_ready_(std::move(on_ready)) {}

  // A change; or, after the last one, the reason of the end; or nothing yet.
  using Item = std::variant<VerdictChange, Status>;
  std::optional<Item> Next();
  // Ends the subscription with `reason`, an error; changes that were not taken are dropped. Only the first end counts.
  void End(Status reason);

 private:
  friend class VerdictHub;

  // Keeps the change if it is one to or from min_verdict or a higher one. A full backlog ends the subscription.
  void Push(const VerdictChange& change);
  void EndLocked(Status reason);
  // Calls back a watcher that waits. Takes the lock over and releases it first.
  void Wake(std::unique_lock<std::mutex> lock);

  const Verdict min_verdict_;
  const std::function<void()> on_ready_;
  std::mutex mutex_;
  bool is_waiting_ = false;
  std::deque<VerdictChange> backlog_;
  std::optional<Status> end_;
};

// Fans out verdict changes to all subscriptions.
// Threading: safe from any thread. Publish never waits for a watcher, as it is called by the one thread that scores.
// Limits: kWatcherCountMax subscriptions with kWatcherBacklogCountMax changes each.
class VerdictHub {
 public:
  // Errors: one that cannot be taken in is ended at once, with kResourceExhausted, or kUnavailable after Shutdown.
  void Subscribe(std::shared_ptr<VerdictSubscription> subscription);
  void Unsubscribe(const VerdictSubscription* subscription);

  void Publish(const VerdictChange& change);
  // Ends all subscriptions, and those to come, with kUnavailable.
  void Shutdown();

  size_t watcher_count() const;

 private:
  mutable std::mutex mutex_;
  bool is_shut_down_ = false;
  std::vector<std::shared_ptr<VerdictSubscription>> subscriptions_;
};

}  // namespace stillwatch::query
