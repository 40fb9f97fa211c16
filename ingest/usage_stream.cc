#include "ingest/usage_stream.h"

#include <grpcpp/impl/codegen/proto_utils.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "proto/grpc_status.h"
#include "stillwatch/v1/ingest.pb.h"

namespace stillwatch::ingest {
namespace {

// Rejections of one batch that carry words; the rest carry their reason only, so that an answer stays small.
constexpr size_t kWordyRejectionsMax = 1000;

}  // namespace

std::shared_ptr<UsageStream> UsageStream::Start(StreamResources& resources, std::string stream_id,
                                                std::function<void(UsageStream*)> on_done) {
  std::shared_ptr<UsageStream> stream(new UsageStream(resources, std::move(stream_id), std::move(on_done)));
  stream->self_ = stream;
  ++resources.counters.open_stream_count;
  const std::lock_guard lock(stream->mutex_);
  stream->ReadNext();
  return stream;
}

UsageStream::UsageStream(StreamResources& resources, std::string stream_id, std::function<void(UsageStream*)> on_done)
    : resources_(resources), stream_id_(std::move(stream_id)), on_done_(std::move(on_done)) {}

void UsageStream::ReadNext() {
  if (is_reading_ || is_waiting_for_room_ || has_read_all_ || is_finished_) return;
  if (batches_in_flight_ >= kBatchesInFlightMax || bytes_in_flight_ >= kBytesInFlightMax) return;
  is_waiting_for_room_ = true;
  const bool has_room = resources_.admission.HasRoomOrWait([weak = std::weak_ptr<UsageStream>(self_)] {
    if (const std::shared_ptr<UsageStream> stream = weak.lock()) {
      const std::lock_guard lock(stream->mutex_);
      stream->is_waiting_for_room_ = false;
      stream->ReadNext();
    }
  });
  if (!has_room) return;
  is_waiting_for_room_ = false;
  is_reading_ = true;
  StartRead(&incoming_);
}

void UsageStream::OnReadDone(bool ok) {
  const std::lock_guard lock(mutex_);
  is_reading_ = false;
  if (!ok || has_read_all_) {
    has_read_all_ = true;
    FinishIfComplete();
    return;
  }
  AddArrival();
  ReadNext();
}

void UsageStream::AddArrival() {
  const size_t bytes = incoming_.Length();
  const bool is_small = bytes <= kSmallMessageBytes;
  const bool joins = is_small && !arrivals_.empty() && arrivals_.back()->takes_small_ones;
  if (!joins) arrivals_.push_back(std::make_shared<Arrival>());
  const std::shared_ptr<Arrival>& arrival = arrivals_.back();
  arrival->takes_small_ones = is_small;
  arrival->messages.emplace_back().Swap(&incoming_);
  arrival->bytes += bytes;
  ++arrival->message_count;
  incoming_.Clear();
  ++batches_in_flight_;
  bytes_in_flight_ += bytes;
  resources_.admission.Acquire(bytes);
  resources_.counters.received_bytes += bytes;
  if (!joins) resources_.post([stream = self_, arrival] { stream->Decode(arrival); });
}

void UsageStream::Decode(const std::shared_ptr<Arrival>& arrival) {
  std::vector<grpc::ByteBuffer> messages;
  {
    const std::lock_guard lock(mutex_);
    arrival->takes_small_ones = false;
    messages.swap(arrival->messages);
  }
  std::vector<DecodedMessages> batches;
  for (std::span<const grpc::ByteBuffer> left = messages; !left.empty();) {
    batches.push_back(resources_.decoder.DecodeTogether(left, stream_id_));
    if (!batches.back().status.ok()) break;
    left = left.subspan(batches.back().messages.size());
  }
  size_t released = 0;
  {
    const std::lock_guard lock(mutex_);
    arrival->batches = std::move(batches);
    arrival->is_decoded = true;
    SubmitDecoded();
    if (!final_status_.ok()) {
      // What came after a batch that cannot be decoded is not taken.
      for (const auto& dropped : arrivals_) {
        released += dropped->bytes;
        batches_in_flight_ -= dropped->message_count;
      }
      bytes_in_flight_ -= released;
      arrivals_.clear();
    }
    FinishIfComplete();
  }
  if (released > 0) resources_.admission.Release(released);
}

void UsageStream::SubmitDecoded() {
  while (!arrivals_.empty() && arrivals_.front()->is_decoded && final_status_.ok()) {
    Arrival& arrival = *arrivals_.front();
    for (DecodedMessages& batch : arrival.batches) {
      // The bytes of messages go with the first batch of them that is acknowledged; those of what is dropped stay.
      const size_t bytes = batch.messages.size() == arrival.message_count
                               ? arrival.bytes
                               : arrival.bytes / arrival.message_count * batch.messages.size();
      final_status_ = batch.status;
      arrival.bytes -= bytes;
      arrival.message_count -= batch.messages.size();
      if (!batch.messages.empty()) SubmitBatch(std::move(batch), bytes);
    }
    if (!final_status_.ok()) {
      has_read_all_ = true;
      return;
    }
    arrivals_.pop_front();
  }
}

void UsageStream::SubmitBatch(DecodedMessages batch, size_t bytes) {
  IngestCounters& counters = resources_.counters;
  const std::shared_ptr<Source> source = resources_.sources.Note("grpc", batch.source_id);
  uint64_t received = batch.submitted.events->size();
  for (const DecodedMessage& message : batch.messages) {
    received += message.rejections.size();
    for (const Rejection& rejection : message.rejections) {
      ++counters.rejected[static_cast<size_t>(rejection.reason)];
      ++source->rejected[static_cast<size_t>(rejection.reason)];
    }
  }
  if (batch.asks_cumulative_acknowledgement) may_join_answers_ = true;
  counters.received_event_count += received;
  source->received += received;
  const size_t row_count = batch.submitted.events->size();
  batch.submitted.on_rows_durable = [stream = self_, source, row_count, bytes,
                                     messages = std::move(batch.messages)](std::span<const uint32_t> accepted_rows) {
    source->accepted += accepted_rows.size();
    source->duplicate += row_count - accepted_rows.size();
    stream->Answer(messages, bytes, accepted_rows);
  };
  resources_.pipeline.Submit(std::move(batch.submitted));
}

void UsageStream::Answer(const std::vector<DecodedMessage>& messages, size_t bytes,
                         std::span<const uint32_t> accepted_rows) {
  {
    const std::lock_guard lock(mutex_);
    bytes_in_flight_ -= bytes;
    batches_in_flight_ -= messages.size();
    auto row = accepted_rows.begin();
    for (const DecodedMessage& message : messages) {
      const auto end = std::lower_bound(row, accepted_rows.end(), message.first_row + message.row_count);
      QueueAnswer(message, static_cast<uint32_t>(end - row));
      row = end;
    }
    WriteNext();
    ReadNext();
    FinishIfComplete();
  }
  resources_.admission.Release(bytes);
}

void UsageStream::QueueAnswer(const DecodedMessage& message, uint32_t accepted) {
  if (is_broken_ || is_finished_) return;
  const bool joins = may_join_answers_ && !answers_.empty() && answers_.back().rejected_size() == 0 &&
                     message.rejections.empty();
  v1::StreamUsageResponse& response = joins ? answers_.back() : answers_.emplace_back();
  response.set_sequence(message.sequence);
  response.set_accepted_count(response.accepted_count() + accepted);
  response.set_duplicate_count(response.duplicate_count() + message.row_count - accepted);
  response.set_batch_count(response.batch_count() + 1);
  response.set_durable_event_count(resources_.pipeline.stored_event_count());
  for (size_t i = 0; i < message.rejections.size(); ++i) {
    v1::RejectedEvent* rejected = response.add_rejected();
    rejected->set_index(message.rejections[i].index);
    rejected->set_reason(static_cast<v1::RejectReason>(message.rejections[i].reason));
    if (i < kWordyRejectionsMax) rejected->set_message(message.rejections[i].message);
  }
}

void UsageStream::WriteNext() {
  if (is_writing_ || answers_.empty() || is_broken_) return;
  outgoing_.Clear();  // gRPC writes into an empty one only.
  bool owns_buffer = false;
  const grpc::Status serialized =
      grpc::SerializationTraits<v1::StreamUsageResponse>::Serialize(answers_.front(), &outgoing_, &owns_buffer);
  if (!serialized.ok()) std::abort();  // It fails only beyond 2 GiB.
  answers_.pop_front();
  is_writing_ = true;
  // Answers that another follows at once are sent with it. Not the first: with it go the headers, and a write of headers that
  // may wait is not told as done before something else makes gRPC send it (1.51), so that all answers would wait for that.
  grpc::WriteOptions options;
  if (has_written_ && !answers_.empty()) options.set_buffer_hint();
  has_written_ = true;
  StartWrite(&outgoing_, options);
}

void UsageStream::OnWriteDone(bool ok) {
  const std::lock_guard lock(mutex_);
  is_writing_ = false;
  if (!ok) {
    is_broken_ = true;
    has_read_all_ = true;
  }
  WriteNext();
  FinishIfComplete();
}

void UsageStream::OnCancel() {
  const std::lock_guard lock(mutex_);
  is_broken_ = true;
  has_read_all_ = true;
  answers_.clear();
  FinishIfComplete();
}

void UsageStream::StopReading() {
  const std::lock_guard lock(mutex_);
  if (final_status_.ok() && !has_read_all_) {
    final_status_ = Status(Code::kUnavailable, "the daemon is shutting down");
    has_read_all_ = true;
  }
  FinishIfComplete();
}

// The stream ends when nothing more will be read and all that was read is answered, or at once if nobody listens.
void UsageStream::FinishIfComplete() {
  if (is_finished_ || !has_read_all_ || is_writing_) return;
  if (!is_broken_ && (batches_in_flight_ > 0 || !answers_.empty())) return;
  is_finished_ = true;
  Finish(ToGrpcStatus(final_status_));
}

void UsageStream::OnDone() {
  --resources_.counters.open_stream_count;
  const std::shared_ptr<UsageStream> self = std::move(self_);
  on_done_(this);
}

}  // namespace stillwatch::ingest
