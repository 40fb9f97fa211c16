// How fast spans become durable events through the real daemon, and what they cost it.
//   stillwatch_otlp_bench [--count N] [--batch-size N] [--in-flight N] [--no-messages]
// Sends requests that are made beforehand over OTLP's gRPC service, so many at a time. Each span has 14 attributes and,
// unless told otherwise, messages of about 600 bytes as JSON text. Prints one line of JSON.
#include <gtest/gtest.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <sstream>
#include <thread>
#include <vector>

#include "opentelemetry/proto/collector/trace/v1/trace_service.grpc.pb.h"
#include "proto/json_writer.h"
#include "tests/blackbox/deployment.h"

namespace stillwatch::bench {
namespace {

using opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest;
using opentelemetry::proto::collector::trace::v1::ExportTraceServiceResponse;
using opentelemetry::proto::collector::trace::v1::TraceService;
using opentelemetry::proto::trace::v1::Span;

struct Arguments {
  uint64_t count = 600'000;
  uint64_t batch_size = 500;
  size_t in_flight = 8;
  bool no_messages = false;
};

// User and system time so far of a process.
double CpuSeconds(pid_t pid) {
  const std::string stat = blackbox::ReadFile("/proc/" + std::to_string(pid) + "/stat");
  std::istringstream fields(stat.substr(stat.rfind(')') + 2));
  std::string skipped;
  for (int i = 3; i < 14; ++i) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

void SetText(Span& span, const char* key, const std::string& value) {
  auto& attribute = *span.add_attributes();
  attribute.set_key(key);
  attribute.mutable_value()->set_string_value(value);
}

void SetInteger(Span& span, const char* key, int64_t value) {
  auto& attribute = *span.add_attributes();
  attribute.set_key(key);
  attribute.mutable_value()->set_int_value(value);
}

std::string Messages(uint64_t number) {
  std::string text = "Write a function number " + std::to_string(number);
  for (uint64_t i = 0; text.size() < 550; ++i)
    text += " with part " + std::to_string(number * 31 + i) + " of the task,";
  return R"([{"role":"system","parts":[{"type":"text","content":"You are a helpful assistant."}]},)"
         R"({"role":"user","parts":[{"type":"text","content":")" +
         text + R"("}]}])";
}

void FillSpan(Span& span, uint64_t number, uint64_t time_unix_nano, bool has_messages) {
  std::string id(16, '\0');
  std::memcpy(id.data(), &number, sizeof(number));
  id[15] = 1;
  span.set_trace_id(id);
  span.set_span_id(id.substr(0, 7) + "\x01");
  span.set_name("chat fake-1");
  span.set_start_time_unix_nano(time_unix_nano);
  span.set_end_time_unix_nano(time_unix_nano + 800'000'000);
  SetText(span, "gen_ai.operation.name", "chat");
  SetText(span, "gen_ai.system", "openai");
  SetText(span, "gen_ai.request.model", "fake-1");
  SetText(span, "gen_ai.response.model", "fake-1-2026");
  SetText(span, "gen_ai.response.id", "chatcmpl-" + std::to_string(number));
  SetText(span, "user.id", "acct-" + std::to_string(number % 5000));
  SetText(span, "client.address", "10.0." + std::to_string(number % 200) + ".7");
  SetText(span, "server.address", "api.example");
  SetText(span, "user_agent.original", "client/1.0");
  SetInteger(span, "gen_ai.usage.input_tokens", static_cast<int64_t>(100 + number % 900));
  SetInteger(span, "gen_ai.usage.output_tokens", 300);
  SetInteger(span, "gen_ai.request.max_tokens", 1000);
  SetInteger(span, "http.response.status_code", 200);
  auto& temperature = *span.add_attributes();
  temperature.set_key("gen_ai.request.temperature");
  temperature.mutable_value()->set_double_value(0.7);
  if (has_messages) SetText(span, "gen_ai.input.messages", Messages(number));
}

std::vector<ExportTraceServiceRequest> MakeRequests(const Arguments& arguments) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto start =
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count()) - 3600'000'000'000;
  std::vector<ExportTraceServiceRequest> requests;
  for (uint64_t number = 0; number < arguments.count;) {
    auto& group = *requests.emplace_back().add_resource_spans();
    auto& name = *group.mutable_resource()->add_attributes();
    name.set_key("service.name");
    name.mutable_value()->set_string_value("bench");
    auto& scope = *group.add_scope_spans();
    for (uint64_t i = 0; i < arguments.batch_size && number < arguments.count; ++i, ++number) {
      FillSpan(*scope.add_spans(), number, start + number * 1'000'000, !arguments.no_messages);
    }
  }
  return requests;
}

int Run(const Arguments& arguments) {
  const std::vector<ExportTraceServiceRequest> requests = MakeRequests(arguments);
  blackbox::Deployment deployment;
  const pid_t pid = deployment.daemon().pid();
  const double cpu_before = CpuSeconds(pid);
  const auto begin = std::chrono::steady_clock::now();
  std::atomic<size_t> next{0};
  std::atomic<size_t> failed{0};
  std::vector<std::thread> senders;
  for (size_t i = 0; i < arguments.in_flight; ++i) {
    senders.emplace_back([&] {
      const auto stub = TraceService::NewStub(deployment.Channel());
      for (size_t at = next++; at < requests.size(); at = next++) {
        grpc::ClientContext context;
        ExportTraceServiceResponse response;
        if (!stub->Export(&context, requests[at], &response).ok() || response.has_partial_success()) ++failed;
      }
    });
  }
  for (std::thread& sender : senders) sender.join();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const double cpu = CpuSeconds(pid) - cpu_before;
  const auto count = static_cast<double>(arguments.count);
  const std::string line = JsonWriter()
                               .BeginObject()
                               .Name("spans")
                               .Count(arguments.count)
                               .Name("stored")
                               .Count(deployment.Status().stored_event_count())
                               .Name("failed_requests")
                               .Count(failed)
                               .Name("spans_per_second")
                               .Number(count / seconds)
                               .Name("daemon_cpu_seconds_per_million")
                               .Number(cpu / count * 1e6)
                               .EndObject()
                               .Take();
  std::printf("%s\n", line.c_str());
  return failed == 0 && deployment.Status().stored_event_count() == arguments.count ? 0 : 1;
}

}  // namespace
}  // namespace stillwatch::bench

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  stillwatch::bench::Arguments arguments;
  CLI::App app("How fast spans become durable events");
  app.add_option("--count", arguments.count, "Spans");
  app.add_option("--batch-size", arguments.batch_size, "Spans a request");
  app.add_option("--in-flight", arguments.in_flight, "Requests at a time");
  app.add_flag("--no-messages", arguments.no_messages, "Spans without messages");
  CLI11_PARSE(app, argc, argv);
  return stillwatch::bench::Run(arguments);
}
