// Waits for a write to the pipeline.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>

#include "ingest/pipeline.h"
#include "proto/result.h"

namespace stillwatch::ingest {

// Tells one thread what became of a write. A pipeline that drains drops what it has not begun, callbacks and all.
// Threading: safe from any thread. Ownership: shared by the one who waits and the pipeline.
class PendingWrite {
 public:
  // Settles the write as done when it is called, or as failed when it is dropped.
  class Callback {
   public:
    explicit Callback(std::shared_ptr<PendingWrite> write) : write_(std::move(write)) {}
    Callback(const Callback&) = delete;
    Callback& operator=(const Callback&) = delete;
    ~Callback() { write_->Settle({Code::kUnavailable, "the daemon is stopping"}); }
    void Done() { write_->Settle(Status()); }

   private:
    const std::shared_ptr<PendingWrite> write_;
  };

  // Errors: kUnavailable if the write was dropped; kCancelled if `stop` was requested first.
  Status Wait(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    const bool is_settled = settled_.wait(lock, stop, [this] { return status_.has_value(); });
    return is_settled ? *status_ : Status(Code::kCancelled, "the daemon is stopping");
  }

 private:
  void Settle(Status status) {
    const std::lock_guard lock(mutex_);
    if (!status_) status_ = std::move(status);
    settled_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable_any settled_;
  std::optional<Status> status_;
};

// Writes and waits until it is durable and applied. Errors: those of PendingWrite::Wait.
inline Status WriteAndWait(Pipeline& pipeline, Pipeline::Fill fill, std::function<void()> apply,
                           Pipeline::AfterApply after_apply, const std::stop_token& stop) {
  const auto pending = std::make_shared<PendingWrite>();
  auto callback = std::make_shared<PendingWrite::Callback>(pending);
  pipeline.Write(
      std::move(fill), std::move(apply), [callback = std::move(callback)] { callback->Done(); }, after_apply);
  return pending->Wait(stop);
}
inline Status WriteAndWait(Pipeline& pipeline, storage::WriteGroup records, const std::stop_token& stop) {
  const auto shared = std::make_shared<storage::WriteGroup>(std::move(records));
  return WriteAndWait(
      pipeline, [shared](uint64_t, storage::WriteGroup& out) { out = std::move(*shared); }, [] {},
      Pipeline::AfterApply::kNothing, stop);
}

}  // namespace stillwatch::ingest
