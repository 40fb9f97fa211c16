// Load on StreamUsage from batches that are made beforehand, so that the sender costs next to nothing.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/support/byte_buffer.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace stillwatch::bench {

enum class WireForm { kRows, kColumns };

// A serialised v1.StreamUsageRequest.
struct Payload {
  grpc::ByteBuffer bytes;
  uint32_t event_count = 0;
};

struct Batches {
  std::vector<Payload> payloads;
  std::vector<std::string> account_ids;  // Of the first events, at most 1,000, each once.
};

struct BatchOptions {
  uint64_t event_count = 0;  // At most.
  size_t batch_size = 1000;
  WireForm form = WireForm::kColumns;
  bool is_acknowledged_together = false;  // See v1.StreamUsageRequest.cumulative_acknowledgement.
  // The events of another round over the same file: ids of events are others, times those that follow the rounds before.
  uint64_t round = 0;
  // Deals the events of each account out to so many.
  uint32_t account_copies = 1;
  // Above 0: times are replaced by others that follow each other at this rate from the first on.
  double events_per_second_of_event_time = 0;
};

// Makes batches of the first events of a file of JSON lines. Ends the program if a line is no event.
Batches MakeBatches(const std::string& path, const BatchOptions& options);

struct LoadOptions {
  size_t stream_count = 1;
  // Batches of a stream that may wait for their acknowledgement.
  size_t window_batches = 32;
  // Events a second over all streams, sent on time; 0 sends as fast as acknowledgements come.
  double events_per_second = 0;
};

struct LoadResult {
  uint64_t accepted_count = 0;
  uint64_t other_count = 0;  // Duplicates and rejected ones.
  double seconds = 0;        // From the first write to the last acknowledgement.
  // By batch, from when it was due to be sent, or else sent, to its acknowledgement.
  std::vector<double> latency_seconds;
  std::string error;  // Of the first stream that failed.
};

// Deals the payloads out to the streams in turn and sends them all.
LoadResult RunLoad(const std::shared_ptr<grpc::Channel>& channel, const std::vector<Payload>& payloads,
                   const LoadOptions& options);

// The value below which `share` of `values` lie; sorts them. 0 if there are none.
double Quantile(std::vector<double>& values, double share);

}  // namespace stillwatch::bench
