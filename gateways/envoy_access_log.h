// The service that Envoys send their access logs to.
#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "envoy/service/accesslog/v3/als.grpc.pb.h"
#include "gateways/envoy_entry.h"
#include "gateways/envoy_record.h"
#include "gateways/intake.h"
#include "proto/result.h"

namespace stillwatch::gateways {

// Makes events of one stream of access logs. The protocol has no acknowledgement, so what is decoded and not durable
// when the daemon dies is lost; when it stops, all that was read is made durable first. Threading: gRPC, workers and
// the committer call in; one lock guards the state. Ownership: keeps itself alive until gRPC is done with it and all
// that was read is durable. Errors: a message that is none of the protocol ends the stream with INVALID_ARGUMENT; the
// good ones before it are kept. Limits: kBytesInFlightMax bytes that are not durable yet; beyond that, or when
// Admission is full, it stops reading, which fills Envoy's buffer, and that drops. A stream that breaks off counts as
// one suspected loss of its source.
class EnvoyAccessLogStream final : public grpc::ServerReadReactor<grpc::ByteBuffer>,
                                   public std::enable_shared_from_this<EnvoyAccessLogStream> {
 public:
  static constexpr size_t kBytesInFlightMax = 16u << 20;
  // Messages of 16 KiB that wait are decoded together, so that small ones cost no batch each.
  static constexpr size_t kBatchBytesMax = 1u << 20;

  static std::shared_ptr<EnvoyAccessLogStream> Start(const IntakeResources& resources, const RecordMapper& mapper,
                                                     std::function<void(EnvoyAccessLogStream*)> on_done);
  // Reads no more, and ends with UNAVAILABLE when what was read is durable: the daemon is going down.
  void StopReading();

  void OnReadDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  EnvoyAccessLogStream(const IntakeResources& resources, const RecordMapper& mapper,
                       std::function<void(EnvoyAccessLogStream*)> on_done)
      : resources_(resources), mapper_(mapper), on_done_(std::move(on_done)) {}
  void DecodeArrivals();
  std::vector<grpc::ByteBuffer> TakeArrivals(size_t& bytes);
  Status DecodeMessage(const grpc::ByteBuffer& bytes, IntakeRequest& request);
  void AddEntry(std::string_view bytes, ingest::Source& source, EventBuilder& builder);
  std::string SourceName() const;
  // The methods below need the lock.
  void ReadNext();
  void FinishIfComplete();

  const IntakeResources& resources_;
  const RecordMapper& mapper_;
  const std::function<void(EnvoyAccessLogStream*)> on_done_;
  std::shared_ptr<EnvoyAccessLogStream> self_;  // Until OnDone.

  // Of the worker that decodes; there is one at a time.
  EnvoySender sender_;
  EnvoyMessage message_;
  EnvoyEntry entry_;
  EnvoyRecordWriter writer_;
  Record record_;

  std::mutex mutex_;
  std::shared_ptr<ingest::Source> source_;  // Of the sender, once it has said who it is.
  grpc::ByteBuffer incoming_;
  std::deque<grpc::ByteBuffer> arrivals_;
  size_t bytes_in_flight_ = 0;
  bool is_decoding_ = false;
  bool is_reading_ = false;
  bool is_waiting_for_room_ = false;
  bool has_read_all_ = false;
  bool is_finished_ = false;
  bool is_broken_ = false;  // The sender has gone without an end.
  Status final_status_;
};

// Serves envoy.service.accesslog.v3.AccessLogService, raw: messages are decoded on workers, not on gRPC's threads.
// Threading: gRPC's threads. Ownership: what `resources` names, and `mapper`, must outlive it and its streams.
class EnvoyAccessLogService final
    : public envoy::service::accesslog::v3::AccessLogService::WithRawCallbackMethod_StreamAccessLogs<
          envoy::service::accesslog::v3::AccessLogService::Service> {
 public:
  EnvoyAccessLogService(const IntakeResources& resources, const RecordMapper& mapper)
      : resources_(resources), mapper_(mapper) {}

  grpc::ServerReadReactor<grpc::ByteBuffer>* StreamAccessLogs(grpc::CallbackServerContext* context,
                                                              grpc::ByteBuffer* response) override;
  // Ends all streams once what they sent is durable; new ones end at once.
  void StopStreams();

 private:
  const IntakeResources& resources_;
  const RecordMapper& mapper_;
  std::mutex mutex_;
  std::unordered_map<EnvoyAccessLogStream*, std::shared_ptr<EnvoyAccessLogStream>> streams_;
  bool is_stopping_ = false;
};

// Reads a captured message of the protocol, in its wire form, for those who look at their mapping. Errors:
// kInvalidArgument if it is none.
Status ReadEnvoyRecords(std::string_view bytes, const std::function<void(Record&, std::string_view event_id)>& take);

}  // namespace stillwatch::gateways
