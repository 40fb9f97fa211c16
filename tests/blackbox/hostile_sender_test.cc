// Senders that mean no good: what they send and how many they are costs at most their own connections.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/write.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "stillwatch/v1/query.grpc.pb.h"
#include "tests/blackbox/deployment.h"
#include "tests/blackbox/http_exchange.h"
#include "tests/http/compression.h"

namespace stillwatch::blackbox {
namespace {

namespace asio = boost::asio;
using ::testing::StartsWith;

// The soft limit of open files that most systems start a daemon with, while this lives.
class UsualFileLimit {
 public:
  UsualFileLimit() {
    getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit usual{std::min<rlim_t>(1024, before_.rlim_max), before_.rlim_max};
    setrlimit(RLIMIT_NOFILE, &usual);
  }
  ~UsualFileLimit() { setrlimit(RLIMIT_NOFILE, &before_); }
  UsualFileLimit(const UsualFileLimit&) = delete;
  UsualFileLimit& operator=(const UsualFileLimit&) = delete;

 private:
  rlimit before_{};
};

class HostileSenderTest : public ::testing::Test {
 protected:
  std::string Send(const std::string& request) { return Exchange(deployment_.http_address(), request); }
  static std::string Post(const std::string& body, const std::string& content_type, const std::string& headers = "") {
    return "POST /v1/traces HTTP/1.1\r\nHost: test\r\nContent-Type: " + content_type +
           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n" + headers + "\r\n" + body;
  }
  void ExpectAlive() {
    EXPECT_THAT(Get(deployment_.http_address(), "/healthz"), StartsWith("HTTP/1.1 200 "));
    v1::CheckAccountRequest request;
    request.set_account_id("a");
    v1::CheckAccountResponse response;
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    const grpc::Status status = v1::QueryService::NewStub(deployment_.Channel())->CheckAccount(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
  }
  // Opens connections that begin as `beginning` and then say no more; returns how many there are.
  size_t OpenConnections(const std::string& address, size_t count, const std::string& beginning) {
    // As many as this process may have, with some left for itself.
    constexpr size_t kOwnFiles = 64;
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    count = std::min(count, static_cast<size_t>(limit.rlim_cur) - kOwnFiles - connections_.size());
    for (size_t i = 0; i < count; ++i) {
      connections_.push_back(Connect(io_, address));
      boost::system::error_code ignored;
      asio::write(connections_.back(), asio::buffer(beginning), ignored);
    }
    return count;
  }

  asio::io_context io_;
  const UsualFileLimit file_limit_;
  Deployment deployment_;
  std::vector<asio::ip::tcp::socket> connections_;
};

TEST_F(HostileSenderTest, BadBodiesAreRefused) {
  const std::string json = "application/json";
  EXPECT_THAT(Send(Post(std::string(1 << 20, '['), json)), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Send(Post(R"({"resourceSpans":)" + std::string(1 << 20, '['), json)), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Send(Post("\xff\xff\xff\xff", "application/x-protobuf")), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Send(Post("{}", "text/html")), StartsWith("HTTP/1.1 415 "));
  const std::string bomb = http::Compress(std::string(100 << 20, ' '), http::Coding::kGzip);
  EXPECT_THAT(Send(Post(bomb, json, "Content-Encoding: gzip\r\n")), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(Send("POST /v1/traces HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
  std::string huge = R"({"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[)";
  for (int i = 0; i < 100'000; ++i) huge += R"({"key":"k)" + std::to_string(i) + R"(","value":{"intValue":1}},)";
  huge.back() = ']';
  EXPECT_THAT(Send(Post(huge + "}]}]}]}", json)), StartsWith("HTTP/1.1 200 "));
  ExpectAlive();
}

TEST_F(HostileSenderTest, TenThousandConnectionsOverHttpKeepNobodyOut) {
  EXPECT_GT(OpenConnections(deployment_.http_address(), 10'000, "POST /v1/traces HTTP/1.1\r\nContent-Ty"), 900U);
  ExpectAlive();
}

TEST_F(HostileSenderTest, TenThousandConnectionsOverGrpcKeepNobodyOut) {
  // Half of them say nothing at all, the others stop in the middle of HTTP/2's preface. The daemon has the same hard limit
  // of open files as this process.
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const size_t each = std::min<size_t>(5'000, (limit.rlim_max - 512) / 2);
  EXPECT_EQ(OpenConnections(deployment_.grpc_address(), each, ""), each);
  EXPECT_EQ(OpenConnections(deployment_.grpc_address(), each, "PRI * HTTP/2.0\r\n"), each);
  ExpectAlive();
}

}  // namespace
}  // namespace stillwatch::blackbox
