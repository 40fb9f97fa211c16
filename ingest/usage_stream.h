// One stream of batches up and acknowledgements down.
#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "ingest/admission.h"
#include "ingest/event_decoder.h"
#include "ingest/ingest_counters.h"
#include "ingest/pipeline.h"
#include "ingest/source_registry.h"
#include "proto/result.h"
#include "stillwatch/v1/ingest.pb.h"

namespace stillwatch::ingest {

// What all streams share.
struct StreamResources {
  EventDecoder& decoder;
  Pipeline& pipeline;
  Admission& admission;
  IngestCounters& counters;
  SourceRegistry& sources;
  // Runs a task on a worker thread.
  std::function<void(std::function<void()>)> post;
};

// Serves one call of IngestService.StreamUsage: reads a batch, has it decoded on a worker while the next is read, hands
// batches to the pipeline in the order they came, and acknowledges each when it is on disk. Small batches that arrive
// before a worker has time for the first of them become one.
// Threading: gRPC, workers and the committer call in; one lock guards the state.
// Ownership: keeps itself alive until gRPC is done with it and every batch is answered.
// Errors: a batch that cannot be decoded ends the stream with its status, after the batches before it are acknowledged.
// Limits: kBatchesInFlightMax batches and kBytesInFlightMax bytes a stream; beyond that, or when Admission is full, it
// stops reading. A batch that was read before stays.
class UsageStream final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  static constexpr size_t kBatchesInFlightMax = 256;
  static constexpr size_t kBytesInFlightMax = 32u << 20;
  // A message of more bytes has its own task, so that several workers may share a stream of large ones.
  static constexpr size_t kSmallMessageBytes = 8u << 10;

  // `on_done` is called when the stream has ended and may be forgotten.
  static std::shared_ptr<UsageStream> Start(StreamResources& resources, std::string stream_id,
                                            std::function<void(UsageStream*)> on_done);
  // Reads no more, acknowledges what was read, then ends with UNAVAILABLE: the daemon is going down.
  void StopReading();

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  // Messages between their arrival and their submission. Small ones that wait for the same worker are decoded together.
  struct Arrival {
    std::vector<grpc::ByteBuffer> messages;  // Until a worker takes them.
    bool takes_small_ones = false;
    bool is_decoded = false;
    std::vector<DecodedMessages> batches;
    size_t message_count = 0;
    size_t bytes = 0;
  };

  UsageStream(StreamResources& resources, std::string stream_id, std::function<void(UsageStream*)> on_done);
  void Decode(const std::shared_ptr<Arrival>& arrival);
  void Answer(const std::vector<DecodedMessage>& messages, size_t bytes, std::span<const uint32_t> accepted_rows);
  // The methods below need the lock.
  void AddArrival();
  void SubmitDecoded();
  void SubmitBatch(DecodedMessages batch, size_t bytes);
  void QueueAnswer(const DecodedMessage& message, uint32_t accepted);
  void WriteNext();
  void ReadNext();
  void FinishIfComplete();

  StreamResources& resources_;
  const std::string stream_id_;
  const std::function<void(UsageStream*)> on_done_;
  std::shared_ptr<UsageStream> self_;  // Until OnDone.

  std::mutex mutex_;
  grpc::ByteBuffer incoming_;
  grpc::ByteBuffer outgoing_;
  std::deque<std::shared_ptr<Arrival>> arrivals_;  // In order; the front is submitted first.
  std::deque<v1::StreamUsageResponse> answers_;
  bool may_join_answers_ = false;  // The sender asked for it.
  size_t batches_in_flight_ = 0;  // Read and not answered.
  size_t bytes_in_flight_ = 0;
  bool is_reading_ = false;
  bool is_writing_ = false;
  bool has_written_ = false;  // Since the call began.
  bool is_waiting_for_room_ = false;
  bool has_read_all_ = false;  // Half-closed, failed or stopped: no further read.
  bool is_finished_ = false;
  bool is_broken_ = false;  // Cancelled or unwritable: answers are dropped.
  Status final_status_;
};

}  // namespace stillwatch::ingest
