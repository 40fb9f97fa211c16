#include "daemon/worker_pool.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "ingest/background_thread.h"

namespace stillwatch::daemon {
namespace {

TEST(WorkerPoolTest, WorkersGiveWayToTheThreadThatMadeThem) {
  constexpr int kNicenessMax = 19;
  const int own = getpriority(PRIO_PROCESS, 0);
  WorkerPool pool(2);
  std::promise<int> niceness;
  pool.Post([&] { niceness.set_value(getpriority(PRIO_PROCESS, 0)); });
  EXPECT_EQ(niceness.get_future().get(), std::min(own + ingest::kBackgroundNiceness, kNicenessMax));
  EXPECT_EQ(getpriority(PRIO_PROCESS, 0), own);
}

TEST(WorkerPoolTest, ALoopCallsEachItemOnceEvenWhileAllWorkersAreBusy) {
  WorkerPool pool(1);
  std::promise<void> release;
  pool.Post([gate = release.get_future().share()] { gate.wait(); });
  std::vector<std::atomic<int>> calls(100);
  pool.ParallelFor(calls.size(), [&](size_t i) { ++calls[i]; });
  EXPECT_TRUE(std::all_of(calls.begin(), calls.end(), [](const std::atomic<int>& count) { return count == 1; }));
  release.set_value();
  pool.WaitUntilIdle();
}

TEST(WorkerPoolTest, APostedTaskDoesNotWaitForTheEndOfALoop) {
  WorkerPool pool(1);
  const std::thread::id caller = std::this_thread::get_id();
  std::atomic<bool> has_helper_begun = false;
  std::atomic<bool> is_task_done = false;
  // The helper's first item posts a task; the caller's items wait for it, so that the loop cannot end before.
  pool.ParallelFor(100, [&](size_t) {
    if (std::this_thread::get_id() == caller) {
      is_task_done.wait(false);
    } else if (!has_helper_begun.exchange(true)) {
      pool.Post([&] {
        is_task_done = true;
        is_task_done.notify_all();
      });
    } else {
      EXPECT_TRUE(is_task_done) << "the task goes before the helper's next item";
    }
  });
  EXPECT_TRUE(is_task_done);
  pool.WaitUntilIdle();
}

TEST(WorkerPoolTest, IsIdleWhenTheLastTaskHasLetGoOfWhatItHeld) {
  WorkerPool pool(2);
  auto held = std::make_shared<int>(1);
  for (int i = 0; i < 50; ++i) pool.Post([held] {});
  pool.WaitUntilIdle();
  EXPECT_EQ(held.use_count(), 1);
}

}  // namespace
}  // namespace stillwatch::daemon
