#include "cli/upload_window.h"

#include <string>
#include <utility>

namespace stillwatch::cli {

void UploadWindow::Add(UploadBatch batch) {
  bytes_ += batch.bytes;
  batches_.push_back({std::move(batch)});
}

const UploadBatch& UploadWindow::TakeNext() {
  Entry& entry = batches_[next_++];
  ++entry.times_sent;
  return entry.batch;
}

Result<BatchOutcome> UploadWindow::Acknowledge(const v1::StreamUsageResponse& response) {
  if (next_ == 0 || batches_.front().batch.sequence != response.sequence()) {
    return Status(Code::kInternal, "the daemon acknowledged batch " + std::to_string(response.sequence()) +
                                       ", which is not the oldest one on its way");
  }
  Entry& entry = batches_.front();
  const uint64_t answered_count = uint64_t{response.accepted_count()} + response.duplicate_count() +
                                  static_cast<uint64_t>(response.rejected_size());
  if (answered_count != entry.batch.origins.size()) {
    return Status(Code::kInternal, "the daemon acknowledged " + std::to_string(answered_count) + " events of batch " +
                                       std::to_string(response.sequence()) + ", which has " +
                                       std::to_string(entry.batch.origins.size()));
  }
  BatchOutcome outcome;
  outcome.accepted_count = response.accepted_count();
  (entry.times_sent > 1 ? outcome.accepted_count : outcome.duplicate_count) += response.duplicate_count();
  outcome.origins = std::move(entry.batch.origins);
  bytes_ -= entry.batch.bytes;
  batches_.pop_front();
  --next_;
  return outcome;
}

}  // namespace stillwatch::cli
