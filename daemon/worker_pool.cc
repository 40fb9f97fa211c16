#include "daemon/worker_pool.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <memory>
#include <thread>
#include <utility>

#include "ingest/background_thread.h"

namespace stillwatch::daemon {
// The items of one loop, shared by the threads that work on it. Outlives the loop, since a helper may come too late.
struct WorkerPool::Loop {
  // Takes the next item, if any is left. `body` is only touched then, that is while the caller waits.
  bool DoNext() {
    const size_t i = next++;
    if (i >= count) return false;
    (*body)(i);
    if (++done == count) done.notify_all();
    return true;
  }

  const std::function<void(size_t)>* body;
  size_t count;
  std::atomic<size_t> next{0};
  std::atomic<size_t> done{0};
};

WorkerPool::WorkerPool(size_t thread_count) : thread_count_(thread_count) {
  // Threads inherit how nice the one is that starts them.
  std::thread([&] {
    ingest::GiveWay();
    pool_.emplace(thread_count);
  }).join();
}

void WorkerPool::Post(std::function<void()> task) {
  ++open_task_count_;
  ++queued_task_count_;
  boost::asio::post(*pool_, [this, work = std::move(task)]() mutable {
    --queued_task_count_;
    work();
    work = nullptr;  // What the task held is gone before it counts as done.
    if (--open_task_count_ == 0) open_task_count_.notify_all();
  });
}

void WorkerPool::WaitUntilIdle() {
  for (size_t open = open_task_count_; open > 0; open = open_task_count_) open_task_count_.wait(open);
}

void WorkerPool::Help(const std::shared_ptr<Loop>& loop) {
  while (loop->DoNext()) {
    if (queued_task_count_ == 0) continue;
    Post([this, loop] { Help(loop); });
    return;
  }
}

void WorkerPool::ParallelFor(size_t count, const std::function<void(size_t)>& body) {
  const auto loop = std::make_shared<Loop>();
  loop->body = &body;
  loop->count = count;
  for (size_t helpers = std::min(thread_count_, std::max<size_t>(count, 1) - 1); helpers > 0; --helpers) {
    Post([this, loop] { Help(loop); });
  }
  while (loop->DoNext()) {
  }
  for (size_t done = loop->done; done < count; done = loop->done) loop->done.wait(done);
}

}  // namespace stillwatch::daemon
