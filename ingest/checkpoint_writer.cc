#include "ingest/checkpoint_writer.h"

#include <pthread.h>

#include <utility>

#include "ingest/background_thread.h"

namespace stillwatch::ingest {

CheckpointWriter::CheckpointWriter(Commit commit) : commit_(std::move(commit)), thread_([this] { Run(); }) {}

CheckpointWriter::~CheckpointWriter() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void CheckpointWriter::Write(storage::WriteGroup checkpoint) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !checkpoint_; });
  checkpoint_ = std::move(checkpoint);
  changed_.notify_all();
}

void CheckpointWriter::WaitUntilWritten() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !checkpoint_; });
}

bool CheckpointWriter::IsIdle() const {
  const std::lock_guard lock(mutex_);
  return !checkpoint_;
}

void CheckpointWriter::Run() {
  pthread_setname_np(pthread_self(), "checkpoints");
  GiveWay();
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return checkpoint_ || is_stopping_; });
    if (!checkpoint_) return;
    lock.unlock();
    commit_(*checkpoint_);  // Nobody else touches it until it is gone.
    lock.lock();
    checkpoint_.reset();
    changed_.notify_all();
  }
}

}  // namespace stillwatch::ingest
