#include "query/http_server.h"

#include <algorithm>
#include <array>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <chrono>
#include <map>
#include <mutex>
#include <type_traits>
#include <utility>
#include <vector>

#include "query/host_port.h"

namespace stillwatch::query {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using beast::error_code;

constexpr uint32_t kHeaderBytesMax = 8192;
// A header and what a client sends ahead.
constexpr size_t kReadBufferBytes = 2 * kHeaderBytesMax;
// Wait after a failed accept, as when no file descriptor is left: another try at once would fail too.
constexpr std::chrono::milliseconds kAcceptPause(100);

using Request = http::request<http::empty_body>;
using Response = http::response<http::string_body>;

Response MakeResponse(http::status status, std::string body) {
  Response response(status, 11);
  response.set(http::field::content_type, "text/plain; charset=utf-8");
  response.set(http::field::cache_control, "no-store");
  response.body() = std::move(body);
  return response;
}

// The token of `Authorization: Bearer TOKEN`, or nothing.
std::string_view BearerToken(const Request& request) {
  constexpr std::string_view kScheme = "bearer ";
  const auto field = request[http::field::authorization];
  const std::string_view value(field.data(), field.size());
  if (!beast::iequals({value.data(), std::min(value.size(), kScheme.size())}, {kScheme.data(), kScheme.size()}))
    return {};
  return value.substr(kScheme.size());
}

Response AnswerMetrics(const HttpServerOptions& options) {
  Response response = MakeResponse(http::status::ok, options.metrics_text());
  response.set(http::field::content_type, "text/plain; version=0.0.4; charset=utf-8");
  return response;
}

Response AnswerTo(const Request& request, const HttpServerOptions& options) {
  const auto target = request.target();
  const std::string_view path = std::string_view(target.data(), target.size()).substr(0, target.find('?'));
  if (path != "/healthz" && options.is_known_token && !options.is_known_token(BearerToken(request))) {
    Response response = MakeResponse(http::status::unauthorized, "a bearer token is required\n");
    response.set(http::field::www_authenticate, "Bearer");
    return response;
  }
  if (path != "/healthz" && path != "/readyz" && path != "/metrics") {
    return MakeResponse(http::status::not_found, "not found\n");
  }
  if (request.method() != http::verb::get && request.method() != http::verb::head) {
    Response response = MakeResponse(http::status::method_not_allowed, "only GET and HEAD\n");
    response.set(http::field::allow, "GET, HEAD");
    return response;
  }
  if (path == "/metrics") return AnswerMetrics(options);
  if (path == "/readyz" && !options.is_ready()) return MakeResponse(http::status::service_unavailable, "not ready\n");
  return MakeResponse(http::status::ok, path == "/readyz" ? "ready\n" : "ok\n");
}

// The answer to a request that cannot be read, or nothing if there is no one to answer or nothing was asked.
std::optional<Response> AnswerTo(const error_code& error) {
  if (error == http::error::end_of_stream || error == http::error::partial_message) return std::nullopt;
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return MakeResponse(http::status::request_header_fields_too_large, "headers are too large\n");
  }
  if (error == http::error::unexpected_body || error == http::error::body_limit) {
    return MakeResponse(http::status::payload_too_large, "no body is expected\n");
  }
  static const auto& http_category = http::make_error_code(http::error::bad_method).category();
  if (error.category() != http_category) return std::nullopt;
  return MakeResponse(http::status::bad_request, "not an HTTP request\n");
}

Result<std::shared_ptr<asio::ssl::context>> MakeTlsContext(const TlsFiles& files) {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  error_code error;
  context->set_options(asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1, error);
  context->use_certificate_chain_file(files.certificate_chain, error);
  if (error) return Status(Code::kInvalidArgument, files.certificate_chain + ": " + error.message());
  context->use_private_key_file(files.private_key, asio::ssl::context::pem, error);
  if (error) return Status(Code::kInvalidArgument, files.private_key + ": " + error.message());
  return context;
}

Result<tcp::endpoint> Resolve(asio::io_context& io, const std::string& address) {
  const Result<HostPort> parsed = ParseHostPort(address);
  if (!parsed.ok()) return parsed.status();
  tcp::resolver resolver(io);
  error_code error;
  const auto found = resolver.resolve(parsed.value().host, std::to_string(parsed.value().port),
                                      tcp::resolver::passive | tcp::resolver::numeric_service, error);
  if (error || found.empty()) return Status(Code::kInvalidArgument, "address " + address + ": " + error.message());
  return found.begin()->endpoint();
}

std::string ToText(const tcp::endpoint& endpoint) {
  const std::string host = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(endpoint.port());
}

// What the listener knows of a connection.
class AnyConnection {
 public:
  virtual ~AnyConnection() = default;
  virtual void Close() = 0;
};

}  // namespace

// Accepts connections and knows those that are open.
// Threading: Stop, Add and Remove from any thread; the rest on the acceptor's strand.
class HttpServer::Listener : public std::enable_shared_from_this<Listener> {
 public:
  Listener(asio::io_context& io, HttpServerOptions options, std::shared_ptr<asio::ssl::context> tls)
      : io_(io),
        options_(std::move(options)),
        tls_(std::move(tls)),
        acceptor_(asio::make_strand(io)),
        pause_(acceptor_.get_executor()) {}

  Result<std::string> Listen(const tcp::endpoint& endpoint) {
    error_code error;
    tcp::endpoint bound;
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (!error) bound = acceptor_.local_endpoint(error);
    if (error) return Status(Code::kUnavailable, "address " + options_.address + ": " + error.message());
    asio::post(acceptor_.get_executor(), [self = shared_from_this()] { self->Accept(); });
    return ToText(bound);
  }

  void Stop() {
    asio::post(acceptor_.get_executor(), [self = shared_from_this()] { self->CloseAll(); });
  }

  const HttpServerOptions& options() const { return options_; }
  void Remove(AnyConnection* connection) {
    const std::lock_guard lock(mutex_);
    connections_.erase(connection);
  }

 private:
  void Accept() {
    if (!acceptor_.is_open()) return;
    acceptor_.async_accept(asio::make_strand(io_), [self = shared_from_this()](error_code error, tcp::socket socket) {
      self->OnAccept(error, std::move(socket));
    });
  }

  void OnAccept(error_code error, tcp::socket socket);
  template <typename Connection>
  void Adopt(std::shared_ptr<Connection> connection);

  void CloseAll() {
    error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
    std::map<AnyConnection*, std::weak_ptr<AnyConnection>> connections;
    {
      const std::lock_guard lock(mutex_);
      connections = connections_;
    }
    for (const auto& [key, weak] : connections) {
      if (const std::shared_ptr<AnyConnection> connection = weak.lock()) connection->Close();
    }
  }

  asio::io_context& io_;
  const HttpServerOptions options_;
  const std::shared_ptr<asio::ssl::context> tls_;
  tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  std::mutex mutex_;
  std::map<AnyConnection*, std::weak_ptr<AnyConnection>> connections_;
};

namespace {

// Serves the requests of one connection, one after the other. Stream is a TCP stream, or TLS over one.
// Threading: on the strand of its stream; Close from any thread. Ownership: the operation that is under way keeps it.
template <typename Stream, typename Listener>
class Connection final : public AnyConnection, public std::enable_shared_from_this<Connection<Stream, Listener>> {
 public:
  template <typename... Tls>
  explicit Connection(std::shared_ptr<Listener> listener, tcp::socket socket, Tls&... tls)
      : listener_(std::move(listener)), stream_(std::move(socket), tls...) {}
  ~Connection() override { listener_->Remove(this); }

  void Start() {
    asio::dispatch(stream_.get_executor(), [self = this->shared_from_this()] { self->Greet(); });
  }

  void Close() override {
    asio::dispatch(stream_.get_executor(), [self = this->shared_from_this()] { self->lowest().close(); });
  }

 private:
  static constexpr bool kIsTls = !std::is_same_v<Stream, beast::tcp_stream>;

  beast::tcp_stream& lowest() { return beast::get_lowest_layer(stream_); }
  void RestartTimer() { lowest().expires_after(std::chrono::nanoseconds(listener_->options().idle_nano_max)); }

  void Greet() {
    if constexpr (kIsTls) {
      RestartTimer();
      stream_.async_handshake(asio::ssl::stream_base::server, [self = this->shared_from_this()](error_code error) {
        if (!error) self->Read();
      });
    } else {
      Read();
    }
  }

  void Read() {
    parser_.emplace();
    parser_->header_limit(kHeaderBytesMax);
    RestartTimer();
    http::async_read(stream_, buffer_, *parser_,
                     [self = this->shared_from_this()](error_code error, size_t /*bytes*/) { self->OnRead(error); });
  }

  void OnRead(error_code error) {
    if (!error) {
      const Request& request = parser_->get();
      Response response = AnswerTo(request, listener_->options());
      response.version(request.version());
      response.keep_alive(request.keep_alive());
      Write(std::move(response), request.method() == http::verb::head);
    } else if (std::optional<Response> answer = AnswerTo(error)) {
      answer->keep_alive(false);
      Write(*std::move(answer), false);
    }
  }

  void Write(Response response, bool is_head) {
    response_ = std::move(response);
    response_.prepare_payload();
    if (is_head) response_.body().clear();  // The length that was told stays.
    RestartTimer();
    http::async_write(stream_, response_, [self = this->shared_from_this()](error_code error, size_t /*bytes*/) {
      if (error) return;
      if (self->response_.need_eof()) {
        self->Finish();
      } else {
        self->Read();
      }
    });
  }

  void Finish() {
    RestartTimer();
    if constexpr (kIsTls) {
      stream_.async_shutdown([self = this->shared_from_this()](error_code /*error*/) { self->Linger(); });
    } else {
      Linger();
    }
  }

  // Reads on to the client's end, or the timer's: closing with bytes unread would take the answer from the client
  // again.
  void Linger() {
    error_code ignored;
    lowest().socket().shutdown(tcp::socket::shutdown_send, ignored);
    Discard();
  }

  void Discard() {
    lowest().async_read_some(asio::buffer(discarded_),
                             [self = this->shared_from_this()](error_code error, size_t /*bytes*/) {
                               if (!error) self->Discard();
                             });
  }

  const std::shared_ptr<Listener> listener_;
  Stream stream_;
  beast::flat_buffer buffer_{kReadBufferBytes};
  std::optional<http::request_parser<http::empty_body>> parser_;
  Response response_;
  std::array<char, 4096> discarded_;
};

}  // namespace

template <typename Connection>
void HttpServer::Listener::Adopt(std::shared_ptr<Connection> connection) {
  {
    const std::lock_guard lock(mutex_);
    connections_.emplace(connection.get(), connection);
  }
  connection->Start();
}

void HttpServer::Listener::OnAccept(error_code error, tcp::socket socket) {
  if (!acceptor_.is_open()) return;
  if (error) {
    pause_.expires_after(kAcceptPause);
    pause_.async_wait([self = shared_from_this()](error_code /*error*/) { self->Accept(); });
    return;
  }
  bool has_room = false;
  {
    const std::lock_guard lock(mutex_);
    has_room = connections_.size() < options_.connection_count_max;
  }
  if (has_room && tls_ != nullptr) {
    using TlsConnection = Connection<beast::ssl_stream<beast::tcp_stream>, Listener>;
    Adopt(std::make_shared<TlsConnection>(shared_from_this(), std::move(socket), *tls_));
  } else if (has_room) {
    Adopt(std::make_shared<Connection<beast::tcp_stream, Listener>>(shared_from_this(), std::move(socket)));
  }
  Accept();
}

HttpServer::HttpServer(std::shared_ptr<Listener> listener) : listener_(std::move(listener)) {}

HttpServer::~HttpServer() { Stop(); }

void HttpServer::Stop() { listener_->Stop(); }

Result<std::unique_ptr<HttpServer>> HttpServer::Start(asio::io_context& io, HttpServerOptions options) {
  const Result<tcp::endpoint> endpoint = Resolve(io, options.address);
  if (!endpoint.ok()) return endpoint.status();
  std::shared_ptr<asio::ssl::context> tls;
  if (options.tls) {
    Result<std::shared_ptr<asio::ssl::context>> made = MakeTlsContext(*options.tls);
    if (!made.ok()) return made.status();
    tls = std::move(made).value();
  }
  auto listener = std::make_shared<Listener>(io, std::move(options), std::move(tls));
  Result<std::string> bound = listener->Listen(endpoint.value());
  if (!bound.ok()) return bound.status();
  std::unique_ptr<HttpServer> server(new HttpServer(std::move(listener)));
  server->bound_address_ = std::move(bound).value();
  return server;
}

}  // namespace stillwatch::query
