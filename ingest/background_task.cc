#include "ingest/background_task.h"

#include <pthread.h>

#include <utility>

#include "ingest/background_thread.h"

namespace stillwatch::ingest {

BackgroundTask::BackgroundTask(const char* name) : thread_([this, name] { RunThread(name); }) {}

BackgroundTask::~BackgroundTask() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void BackgroundTask::Run(std::function<void()> work) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !work_; });
  work_ = std::move(work);
  changed_.notify_all();
}

void BackgroundTask::WaitUntilDone() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !work_; });
}

bool BackgroundTask::IsIdle() const {
  const std::lock_guard lock(mutex_);
  return !work_;
}

void BackgroundTask::RunThread(const char* name) {
  pthread_setname_np(pthread_self(), name);
  GiveWay();
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return work_ || is_stopping_; });
    if (!work_) return;
    lock.unlock();
    work_();  // Nobody else touches it until it is gone.
    lock.lock();
    work_ = nullptr;
    changed_.notify_all();
  }
}

}  // namespace stillwatch::ingest
