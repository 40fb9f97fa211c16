#include "gateways/envoy_access_log.h"

#include <grpcpp/support/slice.h>

#include <utility>

#include "proto/grpc_status.h"
#include "proto/limits.h"

namespace stillwatch::gateways {
namespace {

constexpr std::string_view kListener = "envoy";

void CountRejection(ingest::RejectReason reason, const IntakeResources& resources, ingest::Source& source) {
  ++source.received;
  ++source.rejected[static_cast<size_t>(reason)];
  ++resources.counters.received_event_count;
  ++resources.counters.rejected[static_cast<size_t>(reason)];
}

void TakeIdentifier(const EnvoyMessage& message, EnvoySender& sender) {
  sender.node_id = message.node_id;
  sender.node_cluster = message.node_cluster;
  sender.log_name = message.log_name;
}

}  // namespace

std::shared_ptr<EnvoyAccessLogStream> EnvoyAccessLogStream::Start(const IntakeResources& resources,
                                                                  const RecordMapper& mapper,
                                                                  std::function<void(EnvoyAccessLogStream*)> on_done) {
  std::shared_ptr<EnvoyAccessLogStream> stream(new EnvoyAccessLogStream(resources, mapper, std::move(on_done)));
  stream->self_ = stream;
  ++resources.counters.open_stream_count;
  const std::lock_guard lock(stream->mutex_);
  stream->ReadNext();
  return stream;
}

void EnvoyAccessLogStream::ReadNext() {
  if (is_reading_ || is_waiting_for_room_ || has_read_all_ || is_finished_) return;
  if (bytes_in_flight_ >= kBytesInFlightMax) return;
  is_waiting_for_room_ = true;
  const bool has_room = resources_.admission.HasRoomOrWait([weak = weak_from_this()] {
    if (const std::shared_ptr<EnvoyAccessLogStream> stream = weak.lock()) {
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

void EnvoyAccessLogStream::OnReadDone(bool ok) {
  const std::lock_guard lock(mutex_);
  is_reading_ = false;
  if (!ok || has_read_all_) {
    has_read_all_ = true;
    FinishIfComplete();
    return;
  }
  bytes_in_flight_ += incoming_.Length();
  arrivals_.emplace_back().Swap(&incoming_);
  incoming_.Clear();
  if (!std::exchange(is_decoding_, true)) {
    resources_.post([stream = shared_from_this()] { stream->DecodeArrivals(); });
  }
  ReadNext();
}

std::vector<grpc::ByteBuffer> EnvoyAccessLogStream::TakeArrivals(size_t& bytes) {
  const std::lock_guard lock(mutex_);
  std::vector<grpc::ByteBuffer> taken;
  for (bytes = 0; !arrivals_.empty() && bytes < kBatchBytesMax; arrivals_.pop_front()) {
    bytes += arrivals_.front().Length();
    taken.emplace_back().Swap(&arrivals_.front());
  }
  return taken;
}

void EnvoyAccessLogStream::DecodeArrivals() {
  size_t bytes = 0;
  const std::vector<grpc::ByteBuffer> messages = TakeArrivals(bytes);
  IntakeRequest request(resources_, mapper_, std::string(kListener), bytes);
  Status status;
  for (const grpc::ByteBuffer& message : messages) {
    status = DecodeMessage(message, request);
    if (!status.ok()) break;
  }
  std::move(request).Submit([stream = shared_from_this(), bytes](const IntakeReport& /*report*/) {
    const std::lock_guard lock(stream->mutex_);
    stream->bytes_in_flight_ -= bytes;
    stream->ReadNext();
    stream->FinishIfComplete();
  });
  const std::lock_guard lock(mutex_);
  if (!status.ok()) {
    final_status_ = status;
    has_read_all_ = true;
    // What came after it is not taken.
    for (const grpc::ByteBuffer& dropped : std::exchange(arrivals_, {})) bytes_in_flight_ -= dropped.Length();
  }
  is_decoding_ = !arrivals_.empty();
  if (is_decoding_) resources_.post([stream = shared_from_this()] { stream->DecodeArrivals(); });
  FinishIfComplete();
}

std::string EnvoyAccessLogStream::SourceName() const {
  if (sender_.log_name.empty()) return sender_.node_id;
  return sender_.node_id + "/" + sender_.log_name;
}

Status EnvoyAccessLogStream::DecodeMessage(const grpc::ByteBuffer& bytes, IntakeRequest& request) {
  grpc::Slice slice;
  const bool has_bytes = bytes.Length() == 0 || bytes.DumpToSingleSlice(&slice).ok();
  const std::string_view text(reinterpret_cast<const char*>(slice.begin()), slice.size());
  if (!has_bytes || !ReadEnvoyMessage(text, message_)) {
    CountRejection(ingest::RejectReason::kBadEncoding, resources_, request.SourceOf(SourceName()));
    return Status(Code::kInvalidArgument, "the message is not a StreamAccessLogsMessage");
  }
  if (message_.has_identifier) {
    TakeIdentifier(message_, sender_);
    const std::lock_guard lock(mutex_);
    source_ = resources_.sources.Note(kListener, SourceName());
  }
  const std::string source_name = SourceName();
  ingest::Source& source = request.SourceOf(source_name);
  EventBuilder& builder = request.BuilderOf(source_name);
  for (const std::string_view entry : message_.entries) AddEntry(entry, source, builder);
  return Status();
}

void EnvoyAccessLogStream::AddEntry(std::string_view bytes, ingest::Source& source, EventBuilder& builder) {
  if (!ReadEnvoyEntry(bytes, entry_)) {
    return CountRejection(ingest::RejectReason::kBadEncoding, resources_, source);
  }
  if (!entry_.IsEnd()) {
    ++source.ignored;
    return;
  }
  if (!writer_.Write(sender_, entry_, bytes, record_)) {
    return CountRejection(ingest::RejectReason::kBadEncoding, resources_, source);
  }
  builder.Add(record_, {});
}

void EnvoyAccessLogStream::OnCancel() {
  const std::lock_guard lock(mutex_);
  is_broken_ = true;
  has_read_all_ = true;
  FinishIfComplete();
}

void EnvoyAccessLogStream::StopReading() {
  const std::lock_guard lock(mutex_);
  if (final_status_.ok() && !has_read_all_) {
    final_status_ = Status(Code::kUnavailable, "the daemon is shutting down");
    has_read_all_ = true;
  }
  FinishIfComplete();
}

// The stream ends when nothing more will be read and all that was read is durable, or at once if nobody listens.
void EnvoyAccessLogStream::FinishIfComplete() {
  if (is_finished_ || !has_read_all_) return;
  if (!is_broken_ && bytes_in_flight_ > 0) return;
  is_finished_ = true;
  Finish(ToGrpcStatus(final_status_));
}

void EnvoyAccessLogStream::OnDone() {
  --resources_.counters.open_stream_count;
  std::shared_ptr<EnvoyAccessLogStream> self;
  {
    const std::lock_guard lock(mutex_);
    self = std::move(self_);
    if (is_broken_) {
      if (source_ == nullptr) source_ = resources_.sources.Note(kListener, {});
      ++source_->suspected_lost;
    }
  }
  on_done_(this);
}

grpc::ServerReadReactor<grpc::ByteBuffer>* EnvoyAccessLogService::StreamAccessLogs(
    grpc::CallbackServerContext* /*context*/, grpc::ByteBuffer* response) {
  const grpc::Slice nothing;
  *response = grpc::ByteBuffer(&nothing, 1);  // A buffer without a slice is no message, not even an empty one.
  std::unique_lock lock(mutex_);
  std::shared_ptr<EnvoyAccessLogStream> stream =
      EnvoyAccessLogStream::Start(resources_, mapper_, [this](EnvoyAccessLogStream* done) {
        const std::lock_guard forget_lock(mutex_);
        streams_.erase(done);
      });
  streams_.emplace(stream.get(), stream);
  const bool is_stopping = is_stopping_;
  lock.unlock();
  if (is_stopping) stream->StopReading();
  return stream.get();
}

void EnvoyAccessLogService::StopStreams() {
  std::vector<std::shared_ptr<EnvoyAccessLogStream>> streams;
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
    for (const auto& [key, stream] : streams_) streams.push_back(stream);
  }
  for (const auto& stream : streams) stream->StopReading();
}

Status ReadEnvoyRecords(std::string_view bytes, const std::function<void(Record&, std::string_view event_id)>& take) {
  EnvoyMessage message;
  if (!ReadEnvoyMessage(bytes, message)) {
    return Status(Code::kInvalidArgument, "expected a StreamAccessLogsMessage in its wire form");
  }
  EnvoySender sender;
  TakeIdentifier(message, sender);
  EnvoyRecordWriter writer;
  EnvoyEntry entry;
  Record record;
  for (const std::string_view entry_bytes : message.entries) {
    if (!ReadEnvoyEntry(entry_bytes, entry) || !writer.Write(sender, entry, entry_bytes, record)) {
      return Status(Code::kInvalidArgument, "an entry cannot be read");
    }
    if (entry.IsEnd()) take(record, {});
  }
  return Status();
}

}  // namespace stillwatch::gateways
