#include "tests/bench/usage_load.h"

#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/client_callback.h>
#include <grpcpp/support/slice.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <set>
#include <thread>

#include "proto/columns_writer.h"
#include "proto/usage_json.h"
#include "stillwatch/v1/ingest.grpc.pb.h"

namespace stillwatch::bench {
namespace {

using Clock = std::chrono::steady_clock;

double Seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

// Payload i is due this long after the start.
Clock::duration DueAfter(uint64_t events_before, double events_per_second) {
  if (events_per_second <= 0) return Clock::duration::zero();
  return std::chrono::duration_cast<Clock::duration>(
      std::chrono::duration<double>(static_cast<double>(events_before) / events_per_second));
}

// One stream: writes its payloads in order, each when it is due and the window has room.
// Threading: the reactor's methods on threads of gRPC, Poll on the pacer's; one lock.
class LoadStream final : public grpc::ClientBidiReactor<grpc::ByteBuffer, v1::StreamUsageResponse> {
 public:
  struct Item {
    const Payload* payload;
    Clock::duration due_after;
  };

  LoadStream(const std::shared_ptr<grpc::Channel>& channel, std::vector<Item> items, size_t window)
      : stub_(channel), items_(std::move(items)), window_(window), sent_at_(items_.size()) {}

  void Start(Clock::time_point start) {
    start_ = start;
    stub_.PrepareBidiStreamingCall(&context_, "/stillwatch.v1.IngestService/StreamUsage", {}, this);
    AddHold();
    StartRead(&response_);
    StartCall();
    Poll();
  }

  // Writes what is due; returns when the next payload is, or the end of time if that waits for something else.
  Clock::time_point Poll() {
    const std::lock_guard lock(mutex_);
    return WriteNext();
  }

  void OnWriteDone(bool ok) override {
    const std::lock_guard lock(mutex_);
    is_writing_ = false;
    if (ok) WriteNext();
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    {
      const std::lock_guard lock(mutex_);
      result_.accepted_count += response_.accepted_count();
      result_.other_count += response_.duplicate_count() + static_cast<uint64_t>(response_.rejected_size());
      const Clock::time_point now = Clock::now();
      for (uint32_t i = 0; i < response_.batch_count(); ++i) {
        result_.latency_seconds.push_back(Seconds(now - sent_at_[acknowledged_++]));
      }
      WriteNext();
    }
    StartRead(&response_);
  }

  void OnDone(const grpc::Status& status) override {
    const std::lock_guard lock(mutex_);
    result_.seconds = Seconds(Clock::now() - start_);
    if (!status.ok()) result_.error = status.error_message();
    is_done_ = true;
    done_.notify_all();
  }

  LoadResult Wait() {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return is_done_; });
    return std::move(result_);
  }

 private:
  Clock::time_point WriteNext() {
    if (is_writing_ || is_closed_) return Clock::time_point::max();
    if (next_ == items_.size()) {
      is_closed_ = true;
      StartWritesDone();
      RemoveHold();
      return Clock::time_point::max();
    }
    if (next_ - acknowledged_ >= window_) return Clock::time_point::max();
    const Item& item = items_[next_];
    const Clock::time_point due = start_ + item.due_after;
    const Clock::time_point now = Clock::now();
    if (due > now) return due;
    sent_at_[next_++] = item.due_after > Clock::duration::zero() ? due : now;
    is_writing_ = true;
    StartWrite(&item.payload->bytes);
    return Clock::time_point::max();
  }

  grpc::TemplatedGenericStub<grpc::ByteBuffer, v1::StreamUsageResponse> stub_;
  grpc::ClientContext context_;
  v1::StreamUsageResponse response_;
  const std::vector<Item> items_;
  const size_t window_;
  Clock::time_point start_;

  std::mutex mutex_;
  std::condition_variable done_;
  std::vector<Clock::time_point> sent_at_;
  size_t next_ = 0;
  size_t acknowledged_ = 0;
  bool is_writing_ = false;
  bool is_closed_ = false;
  bool is_done_ = false;
  LoadResult result_;
};

grpc::ByteBuffer Serialize(v1::StreamUsageRequest& request, ColumnsWriter& columns, uint64_t sequence) {
  request.set_sequence(sequence);
  if (columns.size() > 0) request.mutable_columns()->ParseFromString(columns.Finish());
  const grpc::Slice slice(request.SerializeAsString());
  request.clear_events();
  request.clear_columns();
  return grpc::ByteBuffer(&slice, 1);
}

}  // namespace

Batches MakeBatches(const std::string& path, const BatchOptions& options) {
  std::ifstream file(path);
  UsageJsonDecoder decoder;
  constexpr size_t kAccountIdsMax = 1000;
  Batches out;
  std::set<std::string> account_ids;
  v1::StreamUsageRequest request;
  request.set_cumulative_acknowledgement(options.is_acknowledged_together);
  ColumnsWriter columns;
  uint32_t pending = 0;
  int64_t first_time_unix_nano = 0;
  const auto flush = [&] {
    if (pending == 0) return;
    out.payloads.push_back({Serialize(request, columns, out.payloads.size() + 1), pending});
    pending = 0;
  };
  std::string line;
  v1::UsageEvent event;
  for (uint64_t i = 0; i < options.event_count && std::getline(file, line); ++i) {
    event.Clear();
    uint64_t unknown_field_count = 0;
    if (const Status status = decoder.Decode(line, event, unknown_field_count); !status.ok()) {
      std::fprintf(stderr, "%s:%llu: %s\n", path.c_str(), static_cast<unsigned long long>(i + 1),
                   status.message().c_str());
      std::exit(1);
    }
    if (i == 0) first_time_unix_nano = static_cast<int64_t>(event.time_unix_nano());
    if (options.events_per_second_of_event_time > 0) {
      const uint64_t position = options.round * options.event_count + i;
      const double after_nano = static_cast<double>(position) / options.events_per_second_of_event_time * 1e9;
      event.set_time_unix_nano(static_cast<uint64_t>(first_time_unix_nano + static_cast<int64_t>(after_nano)));
    }
    if (options.round > 0) event.set_event_id(event.event_id() + "." + std::to_string(options.round));
    if (options.account_copies > 1) {
      // Rounds begin with another copy, so that each gets its part of an account that has few events.
      event.set_account_id(event.account_id() + "-" + std::to_string((i + options.round) % options.account_copies));
    }
    if (account_ids.size() < kAccountIdsMax) account_ids.insert(event.account_id());
    if (options.form == WireForm::kColumns) {
      columns.Add(event);
    } else {
      *request.add_events() = event;
    }
    if (++pending == options.batch_size) flush();
  }
  flush();
  out.account_ids.assign(account_ids.begin(), account_ids.end());
  return out;
}

LoadResult RunLoad(const std::shared_ptr<grpc::Channel>& channel, const std::vector<Payload>& payloads,
                   const LoadOptions& options) {
  std::vector<std::vector<LoadStream::Item>> dealt(options.stream_count);
  uint64_t events_before = 0;
  for (size_t i = 0; i < payloads.size(); ++i) {
    dealt[i % options.stream_count].push_back({&payloads[i], DueAfter(events_before, options.events_per_second)});
    events_before += payloads[i].event_count;
  }
  std::vector<std::unique_ptr<LoadStream>> streams;
  for (auto& items : dealt) {
    streams.push_back(std::make_unique<LoadStream>(channel, std::move(items), options.window_batches));
  }
  const Clock::time_point start = Clock::now();
  for (const auto& stream : streams) stream->Start(start);
  std::jthread pacer([&](const std::stop_token& stop) {
    while (options.events_per_second > 0 && !stop.stop_requested()) {
      Clock::time_point next = Clock::now() + std::chrono::milliseconds(1);
      for (const auto& stream : streams) next = std::min(next, stream->Poll());
      std::this_thread::sleep_until(next);
    }
  });
  LoadResult out;
  for (const auto& stream : streams) {
    LoadResult one = stream->Wait();
    out.accepted_count += one.accepted_count;
    out.other_count += one.other_count;
    out.seconds = std::max(out.seconds, one.seconds);
    out.latency_seconds.insert(out.latency_seconds.end(), one.latency_seconds.begin(), one.latency_seconds.end());
    if (out.error.empty()) out.error = one.error;
  }
  return out;
}

double Quantile(std::vector<double>& values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, static_cast<size_t>(share * static_cast<double>(values.size())))];
}

}  // namespace stillwatch::bench
