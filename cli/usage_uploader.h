// Sends batches of events to the daemon, whatever happens to the connection.
#pragma once

#include <grpcpp/channel.h>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "cli/backoff.h"
#include "cli/upload_window.h"
#include "proto/result.h"
#include "stillwatch/v1/ingest.pb.h"

namespace stillwatch::cli {

struct UploaderOptions {
  // Bytes that may be on their way: hides the round trip and the daemon's commit, and bounds the client's memory.
  size_t window_bytes = 16 << 20;
  // How long to go on trying without any acknowledgement; 0 gives up at once.
  std::chrono::seconds retry_time{60};
  Backoff backoff;
};

// Streams batches through IngestService.StreamUsage and keeps each until it is acknowledged. When the connection is
// lost or the daemon is not there yet, it connects again and sends all that is not acknowledged, in order. Threading:
// one thread sends; the handlers run on threads of gRPC and of the uploader, one at a time. Errors: Send and
// WaitForAcknowledgements return what ended the upload: an error that repeating cannot mend, or kUnavailable after
// `retry_time`. Limits: Send blocks while the window is full.
class UsageUploader {
 public:
  using OutcomeHandler = std::function<void(const BatchOutcome&, const v1::StreamUsageResponse&)>;
  using OutageHandler = std::function<void(const Status&)>;

  // `on_outage` is told when a working connection, or the first attempt, fails.
  UsageUploader(const std::shared_ptr<grpc::Channel>& channel, const UploaderOptions& options,
                OutcomeHandler on_outcome, OutageHandler on_outage);
  // Gives up what is not acknowledged.
  ~UsageUploader();
  UsageUploader(const UsageUploader&) = delete;
  UsageUploader& operator=(const UsageUploader&) = delete;

  // Queues `batch`, whose sequence is larger than that of the one before.
  Status Send(UploadBatch batch);
  // Returns when everything that was sent is acknowledged.
  Status WaitForAcknowledgements();

 private:
  class Stream;

  void Run();
  // One call, from its start to its end. `lock` holds mutex_ on entry and exit.
  Status RunStream(std::unique_lock<std::mutex>& lock);
  // Decides after a failed call whether to try again.
  bool ShouldRetry(const Status& status);
  // Takes an acknowledgement. mutex_ is held.
  Status Acknowledge(const v1::StreamUsageResponse& response);

  const std::shared_ptr<grpc::Channel> channel_;
  const UploaderOptions options_;
  const OutcomeHandler on_outcome_;
  const OutageHandler on_outage_;

  std::mutex mutex_;
  std::condition_variable changed_;  // Anything below changed.
  UploadWindow window_;
  Backoff backoff_;
  std::optional<std::chrono::steady_clock::time_point>
      failing_since_;  // Set from a failure to the next acknowledgement.
  Status failure_;     // Ended the upload.
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace stillwatch::cli
