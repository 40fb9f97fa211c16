// Which batches are on their way.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "proto/result.h"
#include "stillwatch/v1/ingest.pb.h"

namespace stillwatch::cli {

// Where an event of a batch came from.
struct EventOrigin {
  uint32_t file_index = 0;
  uint64_t line_number = 0;
  uint64_t time_unix_nano = 0;
};

struct UploadBatch {
  uint64_t sequence = 0;
  grpc::ByteBuffer payload;  // The serialised request.
  size_t bytes = 0;
  std::vector<EventOrigin> origins;  // One an event, in order.
};

// What the daemon said of one batch, as far as this import is concerned.
struct BatchOutcome {
  uint64_t accepted_count = 0;
  uint64_t duplicate_count = 0;
  std::vector<EventOrigin> origins;
};

// Keeps batches from when they are made until they are acknowledged, so that they can be sent again in order.
// Threading: the caller's lock.
// Limits: `window_bytes` of payload, and always room for one batch, however large.
class UploadWindow {
 public:
  explicit UploadWindow(size_t window_bytes) : window_bytes_(window_bytes) {}

  bool HasRoomFor(size_t bytes) const { return batches_.empty() || bytes_ + bytes <= window_bytes_; }
  bool empty() const { return batches_.empty(); }
  bool HasNext() const { return next_ < batches_.size(); }

  void Add(UploadBatch batch);
  // The next batch to send, which counts as sent from now on. Only if HasNext().
  const UploadBatch& TakeNext();
  // Starts again with the oldest batch, after the connection was lost.
  void Rewind() { next_ = 0; }

  // Removes the batch that `response` is about, which must be the oldest one sent: a stream is taken in order.
  // If it was sent more than once, its duplicates count as accepted: the daemon had stored them at the first time, and
  // only the acknowledgement was lost. (Events of such a batch that were there before this import count so too; which
  // they were, nobody can tell any more.)
  // Errors: kInternal if the daemon acknowledges something else or other numbers than were sent.
  Result<BatchOutcome> Acknowledge(const v1::StreamUsageResponse& response);

 private:
  struct Entry {
    UploadBatch batch;
    int times_sent = 0;
  };

  const size_t window_bytes_;
  std::deque<Entry> batches_;  // By sequence.
  size_t next_ = 0;            // Index of the next to send.
  size_t bytes_ = 0;
};

}  // namespace stillwatch::cli
