// The threads that decode batches and score accounts.
#pragma once

#include <atomic>
#include <boost/asio/thread_pool.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>

namespace stillwatch::daemon {

// Runs tasks on a fixed number of threads, which give way to those that answer (ingest/background_thread.h).
// Threading: from any thread. Limits: the queue is bounded by those who post (ingest/usage_stream.h).
class WorkerPool {
 public:
  explicit WorkerPool(size_t thread_count);
  ~WorkerPool() { pool_->join(); }

  void Post(std::function<void()> task);
  // Returns when no task is queued or running. Whoever may post should have been stopped before.
  void WaitUntilIdle();
  // detector::ParallelFor: the calling thread works too, so it never waits for a pool that is busy with other tasks. Posted
  // tasks go before the next item of a loop, since a sender waits for them.
  void ParallelFor(size_t count, const std::function<void(size_t)>& body);

 private:
  struct Loop;
  void Help(const std::shared_ptr<Loop>& loop);

  const size_t thread_count_;
  std::atomic<size_t> open_task_count_{0};
  std::atomic<size_t> queued_task_count_{0};  // Of these, those that no thread has begun.
  std::optional<boost::asio::thread_pool> pool_;
};

}  // namespace stillwatch::daemon
