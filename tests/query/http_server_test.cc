#include "query/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/buffer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <string>
#include <thread>

#include "query/host_port.h"
#include "tests/query/server_files.h"

namespace stillwatch::query {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string Get(const std::string& path, const std::string& headers = "") {
  return "GET " + path + " HTTP/1.1\r\nHost: test\r\n" + headers + "\r\n";
}

const std::string kClose = "Connection: close\r\n";

// Writes to a stream, and reads all that comes until the other side closes.
template <typename Stream>
std::string ReadToEnd(Stream& stream) {
  std::string received;
  error_code ignored;
  asio::read(stream, asio::dynamic_buffer(received), ignored);
  return received;
}

class HttpServerTest : public ::testing::Test {
 protected:
  HttpServerTest() : guard_(io_.get_executor()) {
    options_.address = "127.0.0.1:0";
    options_.is_ready = [this] { return is_ready_.load(); };
    options_.metrics_text = [] { return std::string("metric 1\n"); };
  }

  ~HttpServerTest() override {
    server_.reset();
    guard_.reset();
    if (thread_.joinable()) thread_.join();
  }

  void Start() {
    Result<std::unique_ptr<HttpServer>> server = HttpServer::Start(io_, options_);
    ASSERT_TRUE(server.ok()) << server.status().message();
    server_ = std::move(server).value();
    thread_ = std::thread([this] { io_.run(); });
  }

  tcp::socket Connect() {
    const Result<HostPort> bound = ParseHostPort(server_->bound_address());
    EXPECT_TRUE(bound.ok());
    tcp::socket socket(client_io_);
    error_code error;
    socket.connect({asio::ip::make_address(bound.value().host), bound.value().port}, error);
    EXPECT_FALSE(error) << error.message();
    return socket;
  }

  std::string Exchange(const std::string& request) {
    tcp::socket socket = Connect();
    error_code ignored;
    asio::write(socket, asio::buffer(request), ignored);
    return ReadToEnd(socket);
  }

  std::atomic<bool> is_ready_{true};
  HttpServerOptions options_;
  asio::io_context client_io_;
  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> guard_;
  std::unique_ptr<HttpServer> server_;
  std::thread thread_;
};

TEST_F(HttpServerTest, TellsHealth) {
  Start();
  const std::string response = Exchange(Get("/healthz", kClose));
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(response, EndsWith("\r\n\r\nok\n"));
}

TEST_F(HttpServerTest, TellsReadinessAsItChanges) {
  is_ready_ = false;
  Start();
  EXPECT_THAT(Exchange(Get("/readyz", kClose)), StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(Exchange(Get("/healthz", kClose)), StartsWith("HTTP/1.1 200 "));
  is_ready_ = true;
  EXPECT_THAT(Exchange(Get("/readyz", kClose)), EndsWith("\r\n\r\nready\n"));
}

TEST_F(HttpServerTest, ServesMetricsWhateverTheQuery) {
  Start();
  for (const char* path : {"/metrics", "/metrics?collect=all"}) {
    const std::string response = Exchange(Get(path, kClose));
    EXPECT_THAT(response, HasSubstr("\r\nContent-Type: text/plain; version=0.0.4"));
    EXPECT_THAT(response, EndsWith("\r\n\r\nmetric 1\n"));
  }
}

TEST_F(HttpServerTest, HeadTellsTheLengthOnly) {
  Start();
  const std::string response = Exchange("HEAD /metrics HTTP/1.1\r\nHost: test\r\n" + kClose + "\r\n");
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(response, HasSubstr("\r\nContent-Length: 9\r\n"));
  EXPECT_THAT(response, EndsWith("\r\n\r\n"));
}

TEST_F(HttpServerTest, OtherPathsAndMethodsAreRefused) {
  Start();
  for (const char* path : {"/", "/metrics/", "/../healthz", "*"}) {
    EXPECT_THAT(Exchange(Get(path, kClose)), StartsWith("HTTP/1.1 404 ")) << path;
  }
  const std::string response = Exchange("DELETE /metrics HTTP/1.1\r\nHost: test\r\n" + kClose + "\r\n");
  EXPECT_THAT(response, StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(response, HasSubstr("\r\nAllow: GET, HEAD\r\n"));
}

TEST_F(HttpServerTest, ConnectionIsKeptForTheNextRequest) {
  Start();
  tcp::socket socket = Connect();
  std::string received;
  for (int i = 0; i < 3; ++i) {
    asio::write(socket, asio::buffer(Get("/healthz")));
    received.erase(0, asio::read_until(socket, asio::dynamic_buffer(received), "\r\n\r\nok\n"));
  }
  asio::write(socket, asio::buffer(Get("/healthz") + Get("/readyz", kClose)));
  received += ReadToEnd(socket);
  EXPECT_THAT(received, HasSubstr("\r\n\r\nok\nHTTP/1.1 200 "));
  EXPECT_THAT(received, EndsWith("\r\n\r\nready\n"));
}

TEST_F(HttpServerTest, OldClientsAreClosedAfterTheAnswer) {
  Start();
  const std::string response = Exchange("GET /healthz HTTP/1.0\r\n\r\n");
  EXPECT_THAT(response, StartsWith("HTTP/1.0 200 "));
  EXPECT_THAT(response, EndsWith("\r\n\r\nok\n"));
}

TEST_F(HttpServerTest, HeadersThatAreTooLargeAreRefused) {
  Start();
  EXPECT_THAT(Exchange(Get("/healthz", "X-Large: " + std::string(100'000, 'x') + "\r\n")), StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(Exchange(Get("/" + std::string(9000, 'x'))), StartsWith("HTTP/1.1 431 "));
}

TEST_F(HttpServerTest, BodiesAreRefused) {
  Start();
  for (const char* length : {"5", "5000000000"}) {
    EXPECT_THAT(
        Exchange("GET /healthz HTTP/1.1\r\nHost: test\r\nContent-Length: " + std::string(length) + "\r\n\r\nhello"),
        StartsWith("HTTP/1.1 413 "))
        << length;
  }
}

TEST_F(HttpServerTest, WhatIsNotHttpIsRefused) {
  Start();
  EXPECT_THAT(Exchange("\x16\x03\x01\x02 is no request\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
}

TEST_F(HttpServerTest, ClientThatIsTooSlowIsClosed) {
  options_.idle_nano_max = 20'000'000;
  Start();
  EXPECT_EQ(Exchange(""), "");
  EXPECT_EQ(Exchange("GET /healthz HTTP/1.1\r\nHo"), "");
  EXPECT_THAT(Exchange(Get("/healthz")), EndsWith("\r\n\r\nok\n"));  // Then no further request comes.
}

TEST_F(HttpServerTest, ConnectionsAboveTheLimitAreClosedAtOnce) {
  options_.connection_count_max = 1;
  Start();
  tcp::socket first = Connect();
  std::string received;
  asio::write(first, asio::buffer(Get("/healthz")));
  asio::read_until(first, asio::dynamic_buffer(received), "\r\n\r\nok\n");
  EXPECT_EQ(Exchange(Get("/healthz", kClose)), "");
  asio::write(first, asio::buffer(Get("/healthz", kClose)));
  EXPECT_THAT(ReadToEnd(first), EndsWith("\r\n\r\nok\n"));
}

TEST_F(HttpServerTest, AddressInUseIsNamed) {
  Start();
  options_.address = server_->bound_address();
  const Status status = HttpServer::Start(io_, options_).status();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr(server_->bound_address()));
}

TEST_F(HttpServerTest, UnusableAddressIsRefused) {
  for (const char* address : {"127.0.0.1", "[::zz]:0", "127.0.0.1:http"}) {
    options_.address = address;
    const Status status = HttpServer::Start(io_, options_).status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << address;
    EXPECT_THAT(status.message(), HasSubstr(address));
  }
}

TEST_F(HttpServerTest, StopEndsConnectionsAndTakesNoMore) {
  Start();
  tcp::socket socket = Connect();
  std::string received;
  asio::write(socket, asio::buffer(Get("/healthz")));
  asio::read_until(socket, asio::dynamic_buffer(received), "\r\n\r\nok\n");
  server_->Stop();
  EXPECT_EQ(ReadToEnd(socket), "");
  // The acceptor was closed before the connection.
  options_.address = server_->bound_address();
  EXPECT_TRUE(HttpServer::Start(io_, options_).ok());
}

TEST_F(HttpServerTest, TokensGuardAllButHealth) {
  options_.is_known_token = [](std::string_view token) { return token == "secret"; };
  Start();
  EXPECT_THAT(Exchange(Get("/healthz", kClose)), StartsWith("HTTP/1.1 200 "));
  for (const char* authorization : {"", "Authorization: secret\r\n", "Authorization: Bearer wrong\r\n",
                                    "Authorization: Bearer \r\n", "Authorization: Basic secret\r\n"}) {
    for (const char* path : {"/metrics", "/readyz", "/other"}) {
      const std::string response = Exchange(Get(path, authorization + kClose));
      EXPECT_THAT(response, StartsWith("HTTP/1.1 401 ")) << path << authorization;
      EXPECT_THAT(response, HasSubstr("\r\nWWW-Authenticate: Bearer\r\n"));
      EXPECT_THAT(response, Not(HasSubstr("metric 1")));
    }
  }
  for (const char* authorization : {"Authorization: Bearer secret\r\n", "authorization: bearer secret\r\n"}) {
    EXPECT_THAT(Exchange(Get("/metrics", authorization + kClose)), EndsWith("\r\n\r\nmetric 1\n")) << authorization;
  }
}

TEST_F(HttpServerTest, ServesOverTls) {
  const ServerFiles files;
  options_.tls = files.paths();
  Start();
  asio::ssl::context tls(asio::ssl::context::tls_client);
  tls.set_verify_mode(asio::ssl::verify_peer);
  tls.add_certificate_authority(asio::buffer(files.certificate_pem()));
  asio::ssl::stream<tcp::socket> stream(Connect(), tls);
  stream.handshake(asio::ssl::stream_base::client);
  asio::write(stream, asio::buffer(Get("/healthz", kClose)));
  EXPECT_THAT(ReadToEnd(stream), EndsWith("\r\n\r\nok\n"));
}

TEST_F(HttpServerTest, PlainClientOfATlsServerIsClosed) {
  const ServerFiles files;
  options_.tls = files.paths();
  Start();
  EXPECT_THAT(Exchange(Get("/healthz")), Not(HasSubstr("200")));
}

TEST_F(HttpServerTest, UnusableTlsFilesAreNamed) {
  const ServerFiles files;
  for (const TlsFiles& wrong : {TlsFiles{files.directory().Path("none"), files.paths().private_key},
                                TlsFiles{files.paths().certificate_chain, files.directory().Path("none")},
                                TlsFiles{files.paths().certificate_chain, files.directory().Write("none", "no key")}}) {
    options_.tls = wrong;
    const Status status = HttpServer::Start(io_, options_).status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr("none"));
  }
}

}  // namespace
}  // namespace stillwatch::query
