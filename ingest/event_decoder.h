// From the wire to the domain: decodes and validates batches of events, and digests their text.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "features/prompt_digest.h"
#include "ingest/ingest_counters.h"
#include "ingest/pipeline.h"
#include "proto/result.h"

namespace stillwatch::ingest {

// An event that was not taken.
struct Rejection {
  uint32_t index = 0;  // In the batch.
  RejectReason reason = RejectReason::kNone;
  std::string message;
};

// A batch off the wire: what can be taken, and what cannot.
struct DecodedBatch {
  uint64_t sequence = 0;
  std::string source_id;
  SubmittedBatch submitted;  // Without on_durable.
  std::vector<Rejection> rejections;
};

// Decodes batches of v1.StreamUsageRequest, in rows or in columns, from their bytes to the domain's columns. Nothing on
// the wire is trusted: lengths, numbers, times and encodings are checked one by one, a bad event is rejected with its
// reason, and the good ones beside it are kept.
// Threading: Decode from any thread.
// Limits: batches and names as in proto/limits.h.
class EventDecoder {
 public:
  // `clock` tells the time, nanoseconds since 1970, for the check against the future. `digester` must outlive this.
  EventDecoder(const features::PromptDigester& digester, std::function<int64_t()> clock)
      : digester_(digester), clock_(std::move(clock)) {}

  // `stream_id` names the stream for events that have neither event_id nor source_id.
  // Errors: kInvalidArgument if the batch as a whole is not one, kResourceExhausted if it has too many events.
  Result<DecodedBatch> Decode(const grpc::ByteBuffer& bytes, std::string_view stream_id) const;

 private:
  const features::PromptDigester& digester_;
  const std::function<int64_t()> clock_;
};

}  // namespace stillwatch::ingest
