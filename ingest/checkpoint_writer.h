// Writes checkpoints beside the engine.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "storage/key_value_store.h"

namespace stillwatch::ingest {

// Makes checkpoints durable on a thread of its own, in their order, so that the engine goes on meanwhile.
// Threading: Write and WaitUntilWritten by one thread (the applier).
// Limits: one checkpoint is on its way at a time; whoever has the next waits for it.
class CheckpointWriter {
 public:
  // `commit` tries until the group is durable, or says why not in the log.
  using Commit = std::function<void(const storage::WriteGroup& group)>;

  explicit CheckpointWriter(Commit commit);
  // Finishes what was handed over.
  ~CheckpointWriter();

  void Write(storage::WriteGroup checkpoint);
  void WaitUntilWritten();
  // True if nothing is on its way.
  bool IsIdle() const;

 private:
  void Run();

  const Commit commit_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<storage::WriteGroup> checkpoint_;  // Until it is written.
  bool is_stopping_ = false;
  std::thread thread_;
};

}  // namespace stillwatch::ingest
