#include "cli/usage_uploader.h"

#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/client_callback.h>

#include <utility>

#include "cli/connection.h"
#include "stillwatch/v1/ingest.grpc.pb.h"

namespace stillwatch::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr char kStreamUsageMethod[] = "/stillwatch.v1.IngestService/StreamUsage";

// Whether a call that ended so may work when it is made again. A stream that ends well but early is a daemon that
// stops.
bool IsTransient(Code code) {
  return code == Code::kOk || code == Code::kUnavailable || code == Code::kCancelled || code == Code::kAborted ||
         code == Code::kUnknown;
}

}  // namespace

// One call of StreamUsage. Requests are bytes already, so that sending them again costs nothing.
// Threading: all members are guarded by the uploader's mutex; the reactor's methods run on threads of gRPC.
class UsageUploader::Stream final : public grpc::ClientBidiReactor<grpc::ByteBuffer, v1::StreamUsageResponse> {
 public:
  explicit Stream(UsageUploader& uploader) : uploader_(uploader), stub_(uploader.channel_) {
    stub_.PrepareBidiStreamingCall(&context_, kStreamUsageMethod, {}, this);
    AddHold();  // Writes start outside of the reactor's methods, so gRPC must not call OnDone before RemoveHold.
    StartRead(&response_);
    StartCall();
  }

  bool CanWrite() const { return !is_writing_; }
  bool is_broken() const { return is_broken_; }

  // `lock` holds the uploader's mutex and is released while gRPC is called, which may call back.
  void Write(std::unique_lock<std::mutex>& lock, const grpc::ByteBuffer& payload) {
    payload_ = payload;  // Shares the bytes: the batch may be acknowledged before gRPC has let go of it.
    is_writing_ = true;
    lock.unlock();
    StartWrite(&payload_);
    lock.lock();
  }

  // Ends the call and returns its status. A call that broke ends by itself, and must not be cancelled, because its
  // status says why.
  Status Finish(std::unique_lock<std::mutex>& lock) {
    const bool is_complete = !is_broken_ && !is_writing_ && uploader_.window_.empty();
    const bool is_abandoned = !violation_.ok() || (!is_broken_ && !is_complete);
    lock.unlock();
    if (is_complete) StartWritesDone();
    if (is_abandoned) context_.TryCancel();
    RemoveHold();
    lock.lock();
    uploader_.changed_.wait(lock, [this] { return is_done_; });
    return violation_.ok() ? status_ : violation_;
  }

  void OnReadDone(bool ok) override {
    {
      const std::lock_guard lock(uploader_.mutex_);
      if (ok) violation_ = uploader_.Acknowledge(response_);
      is_broken_ = !ok || !violation_.ok();
      uploader_.changed_.notify_all();
      if (is_broken_) return;
    }
    StartRead(&response_);
  }

  void OnWriteDone(bool ok) override {
    const std::lock_guard lock(uploader_.mutex_);
    is_writing_ = false;
    if (!ok) is_broken_ = true;
    uploader_.changed_.notify_all();
  }

  void OnDone(const grpc::Status& status) override {
    const std::lock_guard lock(uploader_.mutex_);
    status_ = FromGrpc(status);
    is_done_ = true;
    uploader_.changed_.notify_all();  // Under the lock: afterwards this object may be gone.
  }

 private:
  UsageUploader& uploader_;
  grpc::ClientContext context_;
  grpc::TemplatedGenericStub<grpc::ByteBuffer, v1::StreamUsageResponse> stub_;
  grpc::ByteBuffer payload_;
  v1::StreamUsageResponse response_;
  bool is_writing_ = false;
  bool is_broken_ = false;
  bool is_done_ = false;
  Status status_;
  Status violation_;  // The daemon's answers made no sense.
};

UsageUploader::UsageUploader(const std::shared_ptr<grpc::Channel>& channel, const UploaderOptions& options,
                             OutcomeHandler on_outcome, OutageHandler on_outage)
    : channel_(channel),
      options_(options),
      on_outcome_(std::move(on_outcome)),
      on_outage_(std::move(on_outage)),
      window_(options.window_bytes),
      backoff_(options.backoff),
      thread_([this] { Run(); }) {}

UsageUploader::~UsageUploader() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

Status UsageUploader::Send(UploadBatch batch) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !failure_.ok() || window_.HasRoomFor(batch.bytes); });
  if (!failure_.ok()) return failure_;
  window_.Add(std::move(batch));
  changed_.notify_all();
  return Status();
}

Status UsageUploader::WaitForAcknowledgements() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !failure_.ok() || window_.empty(); });
  return failure_;
}

Status UsageUploader::Acknowledge(const v1::StreamUsageResponse& response) {
  auto outcome = window_.Acknowledge(response);
  if (!outcome.ok()) return outcome.status();
  failing_since_.reset();
  backoff_.Reset();
  on_outcome_(*outcome, response);
  return Status();
}

void UsageUploader::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return closing_ || !window_.empty(); });
    if (closing_) return;
    window_.Rewind();
    const Status status = RunStream(lock);
    // A connection that is lost while nothing is on its way is no matter until there is something to send.
    if (closing_ || window_.empty()) continue;
    if (!ShouldRetry(status)) {
      failure_ = status.ok() ? Status(Code::kUnavailable, "the daemon ended the stream") : status;
      changed_.notify_all();
      return;
    }
    changed_.wait_for(lock, backoff_.Next(), [&] { return closing_; });
  }
}

Status UsageUploader::RunStream(std::unique_lock<std::mutex>& lock) {
  Stream stream(*this);
  while (true) {
    changed_.wait(lock, [&] { return closing_ || stream.is_broken() || (window_.HasNext() && stream.CanWrite()); });
    if (closing_ || stream.is_broken()) return stream.Finish(lock);
    stream.Write(lock, window_.TakeNext().payload);
  }
}

bool UsageUploader::ShouldRetry(const Status& status) {
  if (!IsTransient(status.code())) return false;
  const auto now = Clock::now();
  const bool is_first = !failing_since_.has_value();
  if (is_first) failing_since_ = now;
  if (now - *failing_since_ >= options_.retry_time) return false;
  if (is_first) on_outage_(status);
  return true;
}

}  // namespace stillwatch::cli
