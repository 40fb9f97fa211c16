// Does one piece of work at a time beside the threads that hand it over.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace stillwatch::ingest {

// A thread that does what it is handed, in order: checkpoints and ids of events are made durable on it while ingest
// goes on.
// Threading: Run and WaitUntilDone by one thread, the owner of the work; IsIdle by any.
// Limits: one piece of work is on its way at a time; whoever has the next waits for it.
class BackgroundTask {
 public:
  // `name`: of the thread, as in the operating system's lists; at most 15 bytes.
  explicit BackgroundTask(const char* name);
  // Finishes what was handed over.
  ~BackgroundTask();

  void Run(std::function<void()> work);
  void WaitUntilDone();
  // True if nothing is on its way; what was done is seen then.
  bool IsIdle() const;

 private:
  void RunThread(const char* name);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void()> work_;  // Until it is done.
  bool is_stopping_ = false;
  std::thread thread_;
};

}  // namespace stillwatch::ingest
