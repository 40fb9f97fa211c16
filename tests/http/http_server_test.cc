#include "http/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "http/host_port.h"
#include "tests/http/compression.h"
#include "tests/http/server_files.h"

namespace stillwatch::http {
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

std::string Post(const std::string& path, const std::string& body, const std::string& headers = "") {
  return "POST " + path + " HTTP/1.1\r\nHost: test\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n" + headers + "\r\n" + body;
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
    options_.router = router_;
    router_->AddGet("/healthz", Route::Access::kOpen, [](const Request&) { return TextResponse(200, "ok\n"); });
    router_->AddGet("/metrics", Route::Access::kToken, [](const Request&) { return TextResponse(200, "metric 1\n"); });
    AddEcho("/echo", [](Request request, const Responder& responder) {
      responder.Respond(TextResponse(200, std::move(request.body)));
    });
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

  void AddEcho(const std::string& path, std::function<void(Request, const Responder&)> handle) {
    Route route;
    route.method = Method::kPost;
    route.path = path;
    route.content_types = {"text/plain"};
    route.body_bytes_max = 1000;
    route.handle = std::move(handle);
    router_->Add(std::move(route));
  }

  std::shared_ptr<Router> router_ =
      std::make_shared<Router>([this](std::string_view token) { return token_.empty() || token == token_; });
  std::string token_;
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

TEST_F(HttpServerTest, ServesAPathWhateverTheQuery) {
  Start();
  for (const char* path : {"/metrics", "/metrics?collect=all"}) {
    const std::string response = Exchange(Get(path, kClose));
    EXPECT_THAT(response, HasSubstr("\r\nContent-Type: text/plain; charset=utf-8\r\n"));
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
  asio::write(socket, asio::buffer(Get("/healthz") + Get("/metrics", kClose)));
  received += ReadToEnd(socket);
  EXPECT_THAT(received, HasSubstr("\r\n\r\nok\nHTTP/1.1 200 "));
  EXPECT_THAT(received, EndsWith("\r\n\r\nmetric 1\n"));
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

TEST_F(HttpServerTest, BodiesAreTakenPlainChunkedAndCompressed) {
  Start();
  EXPECT_THAT(Exchange(Post("/echo", "hello", kClose)), EndsWith("\r\n\r\nhello"));
  EXPECT_THAT(
      Exchange("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n" +
               kClose + "\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"),
      EndsWith("\r\n\r\nhello"));
  EXPECT_THAT(Exchange(Post("/echo", Compress("hello", Coding::kGzip), "Content-Encoding: gzip\r\n" + kClose)),
              EndsWith("\r\n\r\nhello"));
}

TEST_F(HttpServerTest, BodiesThatAreTooLargeAreRefused) {
  Start();
  EXPECT_THAT(Exchange(Post("/echo", std::string(1001, 'x'))), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(
      Exchange("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
               "400\r\n" +
               std::string(0x400, 'x') + "\r\n0\r\n\r\n"),
      StartsWith("HTTP/1.1 413 "));
  const std::string bomb = Compress(std::string(200'000, 'x'), Coding::kGzip);
  ASSERT_LT(bomb.size(), 1000u);
  EXPECT_THAT(Exchange(Post("/echo", bomb, "Content-Encoding: gzip\r\n" + kClose)), StartsWith("HTTP/1.1 413 "));
}

TEST_F(HttpServerTest, BodiesOfOtherTypesAndCodingsAreRefused) {
  Start();
  EXPECT_THAT(Exchange("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Type: text/xml\r\nContent-Length: 5\r\n\r\nhello"),
              StartsWith("HTTP/1.1 415 "));
  const std::string response = Exchange(Post("/echo", "hello", "Content-Encoding: br\r\n" + kClose));
  EXPECT_THAT(response, StartsWith("HTTP/1.1 415 "));
  EXPECT_THAT(response, HasSubstr("\r\nAccept-Encoding: gzip, deflate\r\n"));
  EXPECT_THAT(Exchange(Post("/echo", "not compressed", "Content-Encoding: gzip\r\n" + kClose)),
              StartsWith("HTTP/1.1 400 "));
}

TEST_F(HttpServerTest, ClientThatExpectsContinueIsToldSo) {
  Start();
  tcp::socket socket = Connect();
  std::string received;
  asio::write(socket,
              asio::buffer("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n"
                           "Expect: 100-continue\r\n" +
                           kClose + "\r\n"));
  asio::read_until(socket, asio::dynamic_buffer(received), "\r\n\r\n");
  EXPECT_THAT(received, StartsWith("HTTP/1.1 100 "));
  asio::write(socket, asio::buffer(std::string("hello")));
  EXPECT_THAT(ReadToEnd(socket), EndsWith("\r\n\r\nhello"));
}

TEST_F(HttpServerTest, BodiesBeyondAllRoomAreToldToComeAgain) {
  options_.body_bytes_in_flight_max = 8;
  Start();
  const std::string response = Exchange(Post("/echo", "too much for it"));
  EXPECT_THAT(response, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(response, HasSubstr("\r\nRetry-After: 1\r\n"));
  EXPECT_THAT(Exchange(Post("/echo", "hello", kClose)), EndsWith("\r\n\r\nhello"));
  EXPECT_THAT(Exchange(Post("/echo", "again", kClose)), EndsWith("\r\n\r\nagain"));  // What was taken is given back.
}

TEST_F(HttpServerTest, BodyThatDripsIsClosed) {
  options_.body_nano_max = 20'000'000;
  Start();
  EXPECT_EQ(Exchange("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhel"),
            "");
}

TEST_F(HttpServerTest, RequestThatNobodyAnswersIsToldToComeAgain) {
  AddEcho("/dropped", [](const Request&, const Responder&) {});
  Start();
  EXPECT_THAT(Exchange(Post("/dropped", "hello", kClose)), StartsWith("HTTP/1.1 503 "));
}

TEST_F(HttpServerTest, DrainAnswersWhatWasReadAndClosesTheRest) {
  std::promise<Responder> asked;
  AddEcho("/late", [&asked](const Request&, const Responder& responder) { asked.set_value(responder); });
  Start();
  tcp::socket idle = Connect();
  std::string received;
  asio::write(idle, asio::buffer(Get("/healthz")));
  asio::read_until(idle, asio::dynamic_buffer(received), "\r\n\r\nok\n");
  tcp::socket busy = Connect();
  asio::write(busy, asio::buffer(Post("/late", "hello")));
  const Responder responder = asked.get_future().get();
  server_->Drain();
  EXPECT_EQ(ReadToEnd(idle), "");
  responder.Respond(TextResponse(200, "at last\n"));
  EXPECT_THAT(ReadToEnd(busy), EndsWith("\r\n\r\nat last\n"));
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

TEST_F(HttpServerTest, ConnectionThatIdlesLongestMakesRoom) {
  options_.connection_count_max = 2;
  Start();
  std::vector<tcp::socket> sockets;
  for (int i = 0; i < 2; ++i) {
    sockets.push_back(Connect());
    std::string received;
    asio::write(sockets.back(), asio::buffer(Get("/healthz")));
    asio::read_until(sockets.back(), asio::dynamic_buffer(received), "\r\n\r\nok\n");
  }
  EXPECT_THAT(Exchange(Get("/healthz", kClose)), EndsWith("\r\n\r\nok\n"));
  EXPECT_EQ(ReadToEnd(sockets[0]), "");
  asio::write(sockets[1], asio::buffer(Get("/healthz", kClose)));
  EXPECT_THAT(ReadToEnd(sockets[1]), EndsWith("\r\n\r\nok\n"));
}

TEST_F(HttpServerTest, ConnectionsThatAreServedDoNotMakeRoom) {
  options_.connection_count_max = 1;
  std::promise<Responder> asked;
  AddEcho("/late", [&asked](const Request&, const Responder& responder) { asked.set_value(responder); });
  Start();
  tcp::socket first = Connect();
  asio::write(first, asio::buffer(Post("/late", "hello", kClose)));
  const Responder responder = asked.get_future().get();
  EXPECT_EQ(Exchange(Get("/healthz", kClose)), "");
  responder.Respond(TextResponse(200, "at last\n"));
  EXPECT_THAT(ReadToEnd(first), EndsWith("\r\n\r\nat last\n"));
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
  token_ = "secret";
  Start();
  EXPECT_THAT(Exchange(Get("/healthz", kClose)), StartsWith("HTTP/1.1 200 "));
  for (const char* authorization : {"", "Authorization: secret\r\n", "Authorization: Bearer wrong\r\n",
                                    "Authorization: Bearer \r\n", "Authorization: Basic secret\r\n"}) {
    for (const char* path : {"/metrics", "/other"}) {
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
}  // namespace stillwatch::http
