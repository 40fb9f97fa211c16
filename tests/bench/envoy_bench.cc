// What Envoy's access log service takes: a client that sends entries as fast as it can, and the real daemon beside it.
#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/client_callback.h>
#include <grpcpp/support/slice.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "envoy/service/accesslog/v3/als.pb.h"
#include "tests/blackbox/deployment.h"

namespace stillwatch::bench {
namespace {

using envoy::data::accesslog::v3::HTTPAccessLogEntry;
using envoy::service::accesslog::v3::StreamAccessLogsMessage;

constexpr size_t kBufferBytes = 16 << 10;
// Stands in each entry where its own number goes, so that a message is made by writing numbers into a copy.
constexpr std::string_view kNumberMark = "##########";

HTTPAccessLogEntry MakeEntry(int i, int64_t now_seconds) {
  HTTPAccessLogEntry entry;
  auto& common = *entry.mutable_common_properties();
  common.mutable_downstream_remote_address()->mutable_socket_address()->set_address("203.0.113." +
                                                                                    std::to_string(i % 250));
  common.mutable_downstream_direct_remote_address()->mutable_socket_address()->set_address("10.9.9.9");
  common.mutable_start_time()->set_seconds(now_seconds);
  common.mutable_time_to_first_upstream_rx_byte()->set_nanos(150'000'000);
  common.mutable_duration()->set_seconds(1);
  common.set_route_name("chat");
  common.set_stream_id("7c9e6679-7425-40de-944b-" + std::string(kNumberMark));
  common.set_access_log_type(envoy::data::accesslog::v3::DownstreamEnd);
  auto& filters = *common.mutable_metadata()->mutable_filter_metadata();
  auto& gateway = *filters["io.envoy.ai_gateway"].mutable_fields();
  gateway["llm_input_token"].set_number_value(100 + i);
  gateway["llm_output_token"].set_number_value(50);
  gateway["llm_total_token"].set_number_value(150 + i);
  gateway["response_model"].set_string_value("model-of-answer");
  gateway["token_latency_ttft"].set_number_value(321);
  auto& request = *entry.mutable_request();
  request.set_authority("api.example");
  request.set_path("/v1/chat/completions");
  request.set_user_agent("python-client/1.2");
  request.set_request_id("1b4e28ba-2fa1-11d2-883f-" + std::string(kNumberMark));
  request.set_request_body_bytes(900);
  (*request.mutable_request_headers())["x-account-id"] = "account-" + std::to_string(i * 7919 % 5000);
  (*request.mutable_request_headers())["x-ai-eg-model"] = "model-asked";
  entry.mutable_response()->mutable_response_code()->set_value(200);
  entry.mutable_response()->set_response_body_bytes(4000);
  entry.mutable_response()->set_response_code_details("via_upstream");
  return entry;
}

// Messages of the size that Envoy sends, with the places of their numbers.
struct Template {
  std::string bytes;
  std::vector<size_t> marks;
  size_t entry_count = 0;
};

Template MakeTemplate(int first, bool has_identifier) {
  StreamAccessLogsMessage message;
  if (has_identifier) {
    message.mutable_identifier()->mutable_node()->set_id("envoy-1");
    message.mutable_identifier()->set_log_name("llm");
  }
  const int64_t now =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  Template out;
  while (message.ByteSizeLong() < kBufferBytes) {
    *message.mutable_http_logs()->add_log_entry() = MakeEntry(first + static_cast<int>(out.entry_count++), now);
  }
  out.bytes = message.SerializeAsString();
  for (size_t at = out.bytes.find(kNumberMark); at != std::string::npos; at = out.bytes.find(kNumberMark, at + 1)) {
    out.marks.push_back(at);
  }
  return out;
}

// Writes `count` entries, each with numbers of its own, and ends the stream.
// Threading: gRPC's threads, one call at a time.
class Stream final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  Stream(const std::shared_ptr<grpc::Channel>& channel, uint64_t first, uint64_t count)
      : stub_(channel), next_(first), end_(first + count) {
    for (int i = 0; i < 64; ++i) templates_.push_back(MakeTemplate(100 * i, i == 0));
    stub_.PrepareBidiStreamingCall(&context_, "/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs", {},
                                   this);
    AddHold();
    StartRead(&answer_);
    StartCall();
    WriteNext();
  }

  void OnWriteDone(bool ok) override {
    if (ok) WriteNext();
  }
  void OnDone(const grpc::Status& status) override {
    const std::lock_guard lock(mutex_);
    status_ = status;
    is_done_ = true;
    done_.notify_all();
  }
  grpc::Status Wait() {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return is_done_; });
    return status_;
  }

 private:
  void WriteNext() {
    if (next_ >= end_) {
      StartWritesDone();
      RemoveHold();
      return;
    }
    const Template& made = templates_[message_++ % templates_.size()];
    std::string bytes = made.bytes;
    char number[16];
    for (size_t i = 0; i < made.marks.size(); i += 2) {
      std::snprintf(number, sizeof(number), "%010llu", static_cast<unsigned long long>(next_++));
      for (const size_t mark : {made.marks[i], made.marks[i + 1]}) bytes.replace(mark, kNumberMark.size(), number);
    }
    const grpc::Slice slice(std::move(bytes));
    outgoing_ = grpc::ByteBuffer(&slice, 1);
    StartWrite(&outgoing_);
  }

  grpc::TemplatedGenericStub<grpc::ByteBuffer, grpc::ByteBuffer> stub_;
  grpc::ClientContext context_;
  grpc::ByteBuffer answer_;
  grpc::ByteBuffer outgoing_;
  std::vector<Template> templates_;
  size_t message_ = 0;
  uint64_t next_;
  const uint64_t end_;
  std::mutex mutex_;
  std::condition_variable done_;
  bool is_done_ = false;
  grpc::Status status_;
};

int Measure(uint64_t count, size_t stream_count) {
  const blackbox::Deployment deployment;
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::unique_ptr<Stream>> streams;
  for (size_t i = 0; i < stream_count; ++i) {
    streams.push_back(std::make_unique<Stream>(deployment.Channel(), i * count, count / stream_count));
  }
  for (const auto& stream : streams) {
    if (const grpc::Status status = stream->Wait(); !status.ok()) {
      std::fprintf(stderr, "%s\n", status.error_message().c_str());
      return 1;
    }
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const uint64_t accepted = deployment.Status().accepted_event_count();
  std::printf("{\"entries\":%llu,\"seconds\":%.3f,\"entries_per_second\":%.0f}\n",
              static_cast<unsigned long long>(accepted), seconds, static_cast<double>(accepted) / seconds);
  return 0;
}

}  // namespace
}  // namespace stillwatch::bench

int main(int argc, char** argv) {
  uint64_t count = 2'000'000;
  size_t stream_count = 2;
  CLI::App app("Measures Envoy's access log service of the real daemon; a stream ends when all of it is durable");
  app.add_option("--count", count, "Entries to send");
  app.add_option("--streams", stream_count, "Streams that send at once");
  CLI11_PARSE(app, argc, argv);
  return stillwatch::bench::Measure(count, stream_count);
}
