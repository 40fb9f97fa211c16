#include "ingest/usage_stream.h"

#include <grpcpp/impl/codegen/proto_utils.h>

#include <algorithm>
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
  auto arrival = std::make_shared<Arrival>();
  arrival->bytes = incoming_.Length();
  arrivals_.push_back(arrival);
  ++batches_in_flight_;
  bytes_in_flight_ += arrival->bytes;
  resources_.admission.Acquire(arrival->bytes);
  resources_.counters.received_bytes += arrival->bytes;
  grpc::ByteBuffer bytes;
  bytes.Swap(&incoming_);
  incoming_.Clear();
  resources_.post([stream = self_, arrival, bytes] { stream->Decode(arrival, bytes); });
  ReadNext();
}

void UsageStream::Decode(const std::shared_ptr<Arrival>& arrival, grpc::ByteBuffer bytes) {
  Result<DecodedBatch> batch = resources_.decoder.Decode(bytes, stream_id_);
  size_t released = 0;
  {
    const std::lock_guard lock(mutex_);
    arrival->batch = std::move(batch);
    arrival->is_decoded = true;
    SubmitDecoded();
    if (!final_status_.ok()) {
      // What came after a batch that cannot be decoded is not taken.
      for (const auto& dropped : arrivals_) {
        released += dropped->bytes;
        --batches_in_flight_;
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
    const std::shared_ptr<Arrival> arrival = arrivals_.front();
    if (!arrival->batch.ok()) {
      final_status_ = arrival->batch.status();
      has_read_all_ = true;
      return;
    }
    arrivals_.pop_front();
    SubmitBatch(std::move(arrival->batch).value(), arrival->bytes);
  }
}

void UsageStream::SubmitBatch(DecodedBatch batch, size_t bytes) {
  IngestCounters& counters = resources_.counters;
  counters.received_event_count += batch.submitted.events->size() + batch.rejections.size();
  const std::shared_ptr<Source> source = resources_.sources.Note("grpc", batch.source_id);
  source->received += batch.submitted.events->size() + batch.rejections.size();
  for (const Rejection& rejection : batch.rejections) {
    ++counters.rejected[static_cast<size_t>(rejection.reason)];
    ++source->rejected[static_cast<size_t>(rejection.reason)];
  }
  batch.submitted.on_durable = [stream = self_, source, bytes, sequence = batch.sequence,
                                rejections = std::move(batch.rejections)](uint32_t accepted, uint32_t duplicate) {
    source->accepted += accepted;
    source->duplicate += duplicate;
    {
      const std::lock_guard lock(stream->mutex_);
      stream->bytes_in_flight_ -= bytes;
      --stream->batches_in_flight_;
      stream->QueueAnswer(sequence, accepted, duplicate, rejections);
      stream->ReadNext();
      stream->FinishIfComplete();
    }
    stream->resources_.admission.Release(bytes);
  };
  resources_.pipeline.Submit(std::move(batch.submitted));
}

void UsageStream::QueueAnswer(uint64_t sequence, uint32_t accepted, uint32_t duplicate,
                              const std::vector<Rejection>& rejections) {
  if (is_broken_ || is_finished_) return;
  v1::StreamUsageResponse response;
  response.set_sequence(sequence);
  response.set_accepted_count(accepted);
  response.set_duplicate_count(duplicate);
  for (size_t i = 0; i < rejections.size(); ++i) {
    v1::RejectedEvent* rejected = response.add_rejected();
    rejected->set_index(rejections[i].index);
    rejected->set_reason(static_cast<v1::RejectReason>(rejections[i].reason));
    if (i < kWordyRejectionsMax) rejected->set_message(rejections[i].message);
  }
  grpc::ByteBuffer bytes;
  bool owns_buffer = false;
  if (!grpc::SerializationTraits<v1::StreamUsageResponse>::Serialize(response, &bytes, &owns_buffer).ok()) return;
  answers_.push_back(std::move(bytes));
  WriteNext();
}

void UsageStream::WriteNext() {
  if (is_writing_ || answers_.empty() || is_broken_) return;
  outgoing_ = std::move(answers_.front());
  answers_.pop_front();
  is_writing_ = true;
  StartWrite(&outgoing_);
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
