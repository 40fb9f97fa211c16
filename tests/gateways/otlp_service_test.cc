// OTLP's services as exporters see them, in one process.
#include "gateways/otlp_service.h"

#include <gmock/gmock.h>
#include <grpcpp/client_context.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <future>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "opentelemetry/proto/collector/logs/v1/logs_service.grpc.pb.h"
#include "opentelemetry/proto/collector/trace/v1/trace_service.grpc.pb.h"
#include "tests/gateways/intake_harness.h"

namespace stillwatch::gateways {
namespace {

using opentelemetry::proto::collector::logs::v1::ExportLogsServiceRequest;
using opentelemetry::proto::collector::logs::v1::ExportLogsServiceResponse;
using opentelemetry::proto::collector::logs::v1::LogsService;
using opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest;
using opentelemetry::proto::collector::trace::v1::ExportTraceServiceResponse;
using opentelemetry::proto::collector::trace::v1::TraceService;
using opentelemetry::proto::common::v1::KeyValue;
using ::testing::HasSubstr;

constexpr size_t kBytesMax = 1 << 20;

void Set(google::protobuf::RepeatedPtrField<KeyValue>& attributes, const std::string& key, const std::string& value) {
  KeyValue& attribute = *attributes.Add();
  attribute.set_key(key);
  attribute.mutable_value()->set_string_value(value);
}

std::string SpanId(int number) { return "span" + std::to_string(1000 + number); }
const std::string kTraceId = "a trace's 16 id!";

class OtlpServiceTest : public ::testing::Test {
 protected:
  OtlpServiceTest() {
    grpc::ServerBuilder builder;
    builder.RegisterService(&service_.traces());
    builder.RegisterService(&service_.logs());
    server_ = builder.BuildAndStart();
    channel_ = server_->InProcessChannel({});
    service_.AddRoutes(router_);
  }
  ~OtlpServiceTest() override { server_->Shutdown(); }

  // Adds a call of that number; without an account it is to be rejected.
  static void AddCall(ExportTraceServiceRequest& request, int number, const std::string& account) {
    if (request.resource_spans_size() == 0) request.add_resource_spans()->add_scope_spans();
    auto& span = *request.mutable_resource_spans(0)->mutable_scope_spans(0)->add_spans();
    span.set_trace_id(kTraceId);
    span.set_span_id(SpanId(number));
    span.set_start_time_unix_nano(kNow - 1000);
    Set(*span.mutable_attributes(), "gen_ai.request.model", "model");
    if (!account.empty()) Set(*span.mutable_attributes(), "user.id", account);
  }

  grpc::Status Export(const ExportTraceServiceRequest& request, ExportTraceServiceResponse& response) {
    grpc::ClientContext context;
    return TraceService::NewStub(channel_)->Export(&context, request, &response);
  }
  http::Response Post(const std::string& path, const std::string& content_type, std::string body) {
    http::Request request;
    request.method = http::Method::kPost;
    request.path = path;
    request.content_type = content_type;
    request.body = std::move(body);
    const auto choice = router_.Choose("POST", request, request.body.size());
    if (const auto* refusal = std::get_if<http::Response>(&choice)) return *refusal;
    std::promise<http::Response> answer;
    std::get<const http::Route*>(choice)->handle(
        std::move(request), http::Responder([&answer](http::Response r) { answer.set_value(std::move(r)); }));
    return answer.get_future().get();
  }
  uint64_t stored() { return harness_.pipeline->counters().stored_event_count; }

  IntakeHarness harness_{kBytesMax};
  OtlpService service_{harness_.resources, harness_.catalog, std::chrono::milliseconds(1)};
  http::Router router_;
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

TEST_F(OtlpServiceTest, CallsAreOnDiskWhenTheAnswerComes) {
  ExportTraceServiceRequest request;
  for (int i = 0; i < 100; ++i) AddCall(request, i, "acct");
  ExportTraceServiceResponse response;
  ASSERT_TRUE(Export(request, response).ok());
  EXPECT_FALSE(response.has_partial_success());
  EXPECT_EQ(stored(), 100u);
  ASSERT_TRUE(Export(request, response).ok());  // As after a lost answer.
  EXPECT_EQ(stored(), 100u);
  EXPECT_EQ(harness_.sources.List()[0].source->duplicate, 100u);
}

TEST_F(OtlpServiceTest, RejectedSpansAreAPartialSuccess) {
  ExportTraceServiceRequest request;
  AddCall(request, 1, "acct");
  AddCall(request, 2, "");
  Set(*request.mutable_resource_spans(0)->mutable_scope_spans(0)->add_spans()->mutable_attributes(), "http.route", "/");
  ExportTraceServiceResponse response;
  ASSERT_TRUE(Export(request, response).ok());
  EXPECT_EQ(response.partial_success().rejected_spans(), 1);
  EXPECT_THAT(response.partial_success().error_message(), HasSubstr("account_id"));
  EXPECT_EQ(stored(), 1u);
  EXPECT_EQ(harness_.sources.List()[0].source->ignored, 1u);
}

TEST_F(OtlpServiceTest, WithoutRoomSendersAreToldWhenToComeAgain) {
  harness_.admission.Acquire(kBytesMax);
  ExportTraceServiceRequest request;
  AddCall(request, 1, "acct");
  ExportTraceServiceResponse response;
  const grpc::Status status = Export(request, response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  ASSERT_EQ(details.details_size(), 1);
  google::rpc::RetryInfo retry;
  ASSERT_TRUE(details.details(0).UnpackTo(&retry));
  EXPECT_GT(retry.retry_delay().seconds(), 0);
  EXPECT_EQ(Post("/v1/traces", "application/x-protobuf", request.SerializeAsString()).status, 503);

  harness_.admission.Release(kBytesMax);
  EXPECT_TRUE(Export(request, response).ok());
  EXPECT_EQ(stored(), 1u);
}

TEST_F(OtlpServiceTest, HttpTakesBothEncodingsAndAnswersInKind) {
  ExportTraceServiceRequest request;
  AddCall(request, 1, "acct");
  AddCall(request, 2, "");
  const http::Response binary = Post("/v1/traces", "application/x-protobuf", request.SerializeAsString());
  EXPECT_EQ(binary.status, 200);
  EXPECT_EQ(binary.content_type, "application/x-protobuf");
  ExportTraceServiceResponse response;
  ASSERT_TRUE(response.ParseFromString(binary.body));
  EXPECT_EQ(response.partial_success().rejected_spans(), 1);

  const std::string json =
      R"({"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"000102030405060708090a0b0c0d0e0f","spanId":"0001020304050607",
      "startTimeUnixNano":")" +
      std::to_string(kNow) + R"(","attributes":[{"key":"gen_ai.request.model","value":{"stringValue":"m"}},
      {"key":"user.id","value":{"stringValue":"a"}}]}]}]}]})";
  const http::Response text = Post("/v1/traces", "application/json", json);
  EXPECT_EQ(text.status, 200);
  EXPECT_EQ(text.content_type, "application/json");
  EXPECT_EQ(text.body, "{}");
  EXPECT_EQ(stored(), 2u);
  EXPECT_EQ(Post("/v1/traces", "application/json", "{").status, 400);
  EXPECT_EQ(Post("/v1/traces", "application/x-protobuf", "{").status, 400);
  EXPECT_EQ(Post("/v1/traces", "text/plain", "{}").status, 415);
}

TEST_F(OtlpServiceTest, ACallThatComesAsSpanAndAsLogCountsOnceAndMessagesJoinIt) {
  ExportLogsServiceRequest logs;
  auto& scope = *logs.add_resource_logs()->add_scope_logs();
  for (const auto& [name, key] : {std::pair("gen_ai.user.message", "content"), std::pair("gen_ai.choice", "message")}) {
    auto& log = *scope.add_log_records();
    log.set_trace_id(kTraceId);
    log.set_span_id(SpanId(1));
    log.set_event_name(name);
    KeyValue& member = *log.mutable_body()->mutable_kvlist_value()->add_values();
    member.set_key(key);
    member.mutable_value()->set_string_value("Text of " + std::string(name));
  }
  grpc::ClientContext logs_context;
  ExportLogsServiceResponse logs_response;
  ASSERT_TRUE(LogsService::NewStub(channel_)->Export(&logs_context, logs, &logs_response).ok());
  EXPECT_EQ(stored(), 0u);

  ExportTraceServiceRequest traces;
  AddCall(traces, 1, "acct");
  ExportTraceServiceResponse response;
  ASSERT_TRUE(Export(traces, response).ok());
  EXPECT_EQ(stored(), 1u);

  ExportLogsServiceRequest whole;
  auto& log = *whole.add_resource_logs()->add_scope_logs()->add_log_records();
  log.set_trace_id(kTraceId);
  log.set_span_id(SpanId(1));
  log.set_time_unix_nano(kNow);
  log.set_event_name("gen_ai.client.inference.operation.details");
  Set(*log.mutable_attributes(), "gen_ai.request.model", "model");
  Set(*log.mutable_attributes(), "user.id", "acct");
  grpc::ClientContext whole_context;
  ASSERT_TRUE(LogsService::NewStub(channel_)->Export(&whole_context, whole, &logs_response).ok());
  EXPECT_EQ(stored(), 1u);

  // The digest of the joined messages is in the log.
  const auto events = harness_.ReadLog();
  ASSERT_EQ(events.size(), 1u);
  UsageBatch expected;
  expected.AddRow();
  harness_.digester.Digest("", "Text of gen_ai.user.message", "Text of gen_ai.choice", expected, 0);
  EXPECT_EQ(events[0]->number(0, NumberField::kPromptHash), expected.number(0, NumberField::kPromptHash));
  EXPECT_EQ(events[0]->number(0, NumberField::kCompletionHash), expected.number(0, NumberField::kCompletionHash));
}

TEST_F(OtlpServiceTest, ACallThatWaitedForItsMessagesKeepsNoRoom) {
  ExportLogsServiceRequest logs;
  auto& log = *logs.add_resource_logs()->add_scope_logs()->add_log_records();
  log.set_trace_id(kTraceId);
  log.set_span_id(SpanId(1));
  log.set_event_name("gen_ai.user.message");
  KeyValue& member = *log.mutable_body()->mutable_kvlist_value()->add_values();
  member.set_key("content");
  member.mutable_value()->set_string_value("A question whose answer never comes");
  grpc::ClientContext logs_context;
  ExportLogsServiceResponse logs_response;
  ASSERT_TRUE(LogsService::NewStub(channel_)->Export(&logs_context, logs, &logs_response).ok());

  ExportTraceServiceRequest traces;
  AddCall(traces, 1, "acct");
  ExportTraceServiceResponse response;
  ASSERT_TRUE(Export(traces, response).ok());
  EXPECT_EQ(stored(), 1u);

  harness_.admission.Acquire(kBytesMax - 1);
  std::promise<void> room;
  const bool has_room = harness_.admission.HasRoomOrWait([&room] { room.set_value(); });
  EXPECT_TRUE(has_room || room.get_future().wait_for(std::chrono::seconds(10)) == std::future_status::ready);
}

TEST_F(OtlpServiceTest, AStoppingDaemonSaysSo) {
  harness_.pipeline->Drain();
  ExportTraceServiceRequest request;
  AddCall(request, 1, "acct");
  ExportTraceServiceResponse response;
  EXPECT_EQ(Export(request, response).error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(Post("/v1/traces", "application/x-protobuf", request.SerializeAsString()).status, 503);
}

}  // namespace
}  // namespace stillwatch::gateways
