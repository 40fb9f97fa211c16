// From the wire to the domain: decodes and validates batches of events, and digests their text.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <functional>
#include <span>
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
  SubmittedBatch submitted;  // Without on_durable.
  std::vector<Rejection> rejections;
};

// One message of several that were decoded into one batch.
struct DecodedMessage {
  uint64_t sequence = 0;
  uint32_t first_row = 0;
  uint32_t row_count = 0;
  std::vector<Rejection> rejections;
};

// Messages of one source that follow each other, as one batch.
struct DecodedMessages {
  std::string source_id;
  SubmittedBatch submitted;  // Without on_durable.
  std::vector<DecodedMessage> messages;
  bool asks_cumulative_acknowledgement = false;  // Any of them does.
  Status status;  // Why the message behind these could not be decoded, if it could not.
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

  // Decodes the first of `messages` into one batch, which for small ones costs much less than a batch for each. Stops
  // behind about kEventsTogether events, behind a promise (complete_through_unix_nano), since that counts from its place
  // on, before columns, which come alone, and before a message that cannot be decoded. Takes at least one unless there is
  // a status.
  DecodedMessages DecodeTogether(std::span<const grpc::ByteBuffer> messages, std::string_view stream_id) const;
  static constexpr size_t kEventsTogether = 1000;

 private:
  const features::PromptDigester& digester_;
  const std::function<int64_t()> clock_;
};

}  // namespace stillwatch::ingest
