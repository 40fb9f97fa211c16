// Where the daemon listens, and which listeners are off.
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/blackbox/deployment.h"
#include "tests/blackbox/http_exchange.h"

namespace stillwatch::blackbox {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string Post(const std::string& address, const std::string& path) {
  return Exchange(address, "POST " + path +
                               " HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: "
                               "close\r\n\r\n{}");
}

// An empty message to a unary method.
grpc::StatusCode Call(const std::string& address, const std::string& method) {
  grpc::GenericStub stub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const grpc::Slice nothing;
  grpc::ByteBuffer request(&nothing, 1);
  grpc::ByteBuffer response;
  const auto call = stub.PrepareUnaryCall(&context, method, request, &queue);
  call->StartCall();
  grpc::Status status;
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  return status.error_code();
}

// The addresses that the log names after `words`.
std::vector<std::string> Addresses(const Deployment& deployment, const std::string& words) {
  std::vector<std::string> addresses;
  const std::string log = ReadFile(deployment.directory() / "log");
  for (size_t at = log.find(words); at != std::string::npos; at = log.find(words, at + 1)) {
    const size_t begin = at + words.size();
    addresses.push_back(log.substr(begin, log.find('\n', begin) - begin));
  }
  return addresses;
}

TEST(ListenersTest, EveryAddressServesTheSameAndTheReadyLineTellsTheFirst) {
  const Deployment deployment({"--grpc-address", "127.0.0.1:0", "--http-address=127.0.0.1:0,127.0.0.1:0"});
  const std::vector<std::string> grpc = Addresses(deployment, "gRPC at ");
  ASSERT_EQ(grpc.size(), 2U);
  EXPECT_EQ(grpc[0], deployment.grpc_address());
  EXPECT_NE(grpc[0], grpc[1]);
  for (const std::string& address : grpc) {
    EXPECT_EQ(Call(address, "/opentelemetry.proto.collector.trace.v1.TraceService/Export"), grpc::StatusCode::OK);
    EXPECT_EQ(Call(address, "/stillwatch.v1.QueryService/CheckAccount"), grpc::StatusCode::INVALID_ARGUMENT);
  }
  const std::vector<std::string> http = Addresses(deployment, "HTTP at ");
  ASSERT_EQ(http.size(), 3U);
  EXPECT_EQ(http[0], deployment.http_address());
  for (const std::string& address : http) {
    EXPECT_THAT(Get(address, "/readyz"), StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(Post(address, "/v1/traces"), StartsWith("HTTP/1.1 200 "));
  }
}

TEST(ListenersTest, AnIngestAddressTakesEventsAndAnswersNoQuestions) {
  const Deployment deployment({"--ingest-address", "127.0.0.1:0"});
  const std::vector<std::string> addresses = Addresses(deployment, "ingest at ");
  ASSERT_EQ(addresses.size(), 1U);
  EXPECT_NE(addresses[0], deployment.grpc_address());
  EXPECT_EQ(Call(addresses[0], "/grpc.health.v1.Health/Check"), grpc::StatusCode::OK);
  EXPECT_EQ(Call(addresses[0], "/stillwatch.v1.QueryService/CheckAccount"), grpc::StatusCode::UNIMPLEMENTED);
  const TemporaryDirectory directory;
  const std::string events = directory / "events.jsonl";
  WriteFile(events, R"({"account_id": "acme", "event_id": "1", "time_unix_nano": 1772409600000000000})");
  const Finished imported = RunToEnd({STILLWATCH, "--server", addresses[0], "import", "events", events});
  EXPECT_EQ(imported.exit_code, 0) << imported.errors;
  EXPECT_EQ(deployment.Status().stored_event_count(), 1U);
}

TEST(ListenersTest, AnAddressThatCannotBeHadIsNamed) {
  const Deployment other;
  for (const auto& [flag, taken] : {std::pair<std::string, std::string>("--grpc-address", other.grpc_address()),
                                    std::pair<std::string, std::string>("--ingest-address", other.grpc_address()),
                                    std::pair<std::string, std::string>("--http-address", other.http_address())}) {
    const TemporaryDirectory directory;
    const Finished finished = RunToEnd({STILLWATCHD, "--data-dir", directory / "data", "--grpc-address", "127.0.0.1:0",
                                        "--http-address", "127.0.0.1:0", flag, taken});
    EXPECT_EQ(finished.exit_code, 1);
    EXPECT_THAT(finished.errors, AllOf(HasSubstr("stillwatchd: " + flag), HasSubstr(taken)));
    EXPECT_EQ(finished.output, "");
  }
}

TEST(ListenersTest, OneThatIsOffTakesNothingIn) {
  const Deployment deployment({"--without-listener", "otlp", "--without-listener=envoy,kong,portkey"});
  EXPECT_THAT(Post(deployment.http_address(), "/v1/traces"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(Post(deployment.http_address(), "/v1/logs"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(Post(deployment.http_address(), "/v1/ingest/kong"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(Post(deployment.http_address(), "/v1/ingest/portkey"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(Post(deployment.http_address(), "/v1/ingest/litellm"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(Post(deployment.http_address(), "/v1/ingest/ndjson"), StartsWith("HTTP/1.1 200 "));
  for (const char* method :
       {"/opentelemetry.proto.collector.trace.v1.TraceService/Export", "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        "/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs"}) {
    EXPECT_EQ(Call(deployment.grpc_address(), method), grpc::StatusCode::UNIMPLEMENTED);
  }
}

TEST(ListenersTest, AListenerThatThereIsNotIsNamed) {
  const TemporaryDirectory directory;
  const Finished finished = RunToEnd({STILLWATCHD, "--data-dir", directory / "data", "--without-listener", "carrier-pigeon"});
  EXPECT_EQ(finished.exit_code, 2);
  EXPECT_THAT(finished.errors, HasSubstr("carrier-pigeon"));
}

}  // namespace
}  // namespace stillwatch::blackbox
