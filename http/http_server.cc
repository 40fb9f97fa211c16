#include "http/http_server.h"

#include <algorithm>
#include <array>
#include <atomic>
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
#include <condition_variable>
#include <map>
#include <mutex>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "http/beast_message.h"
#include "http/content_coding.h"
#include "http/host_port.h"

namespace stillwatch::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace wire = boost::beast::http;
using asio::ip::tcp;
using beast::error_code;

constexpr uint32_t kHeaderBytesMax = 8192;
// A header and what a client sends ahead.
constexpr size_t kReadBufferBytes = 2 * kHeaderBytesMax;
// Wait after a failed accept, as when no file descriptor is left: another try at once would fail too.
constexpr std::chrono::milliseconds kAcceptPause(100);
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

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

// What the listener knows of a connection.
class AnyConnection {
 public:
  virtual ~AnyConnection() = default;
  virtual void Close() = 0;
};

}  // namespace

// Accepts connections and knows those that are open.
// Threading: the acceptor's members on its strand; the rest from any thread.
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

  enum class Ending : uint8_t { kWaiting, kAll };
  void End(Ending ending) {
    is_draining_ = true;
    asio::post(acceptor_.get_executor(), [self = shared_from_this(), ending] { self->CloseAll(ending); });
  }

  const HttpServerOptions& options() const { return options_; }
  bool is_draining() const { return is_draining_; }

  void Remove(AnyConnection* connection) {
    const std::lock_guard lock(mutex_);
    connections_.erase(connection);
    if (connections_.empty()) all_closed_.notify_all();
  }
  void WaitUntilClosed(std::chrono::nanoseconds grace) {
    std::unique_lock lock(mutex_);
    all_closed_.wait_for(lock, grace, [this] { return connections_.empty(); });
  }
  // The connection waits for its client, which may be given up for others; or it has a request to answer.
  enum class State : uint8_t { kWaiting, kBusy };
  void Note(AnyConnection* connection, State state) {
    const std::lock_guard lock(mutex_);
    const auto found = connections_.find(connection);
    if (found != connections_.end()) found->second.waiting_since = state == State::kWaiting ? ++wait_count_ : 0;
  }

  // Takes room for a body; false if there is none.
  bool Reserve(size_t bytes) {
    if (body_bytes_.fetch_add(bytes) + bytes <= options_.body_bytes_in_flight_max) return true;
    body_bytes_ -= bytes;
    return false;
  }
  void Release(size_t bytes) { body_bytes_ -= bytes; }

 private:
  struct Known {
    std::weak_ptr<AnyConnection> connection;
    uint64_t waiting_since = 0;  // By the order of Note; 0: it does not wait.
  };

  void Accept() {
    if (!acceptor_.is_open()) return;
    acceptor_.async_accept(asio::make_strand(io_), [self = shared_from_this()](error_code error, tcp::socket socket) {
      self->OnAccept(error, std::move(socket));
    });
  }

  void OnAccept(error_code error, tcp::socket socket);
  template <typename Connection>
  void Adopt(std::shared_ptr<Connection> connection);

  // True if one more connection may come, for which an old one may have to go.
  bool MakeRoom() {
    std::shared_ptr<AnyConnection> oldest;
    {
      const std::lock_guard lock(mutex_);
      if (connections_.size() < options_.connection_count_max) return true;
      auto found = connections_.end();
      for (auto it = connections_.begin(); it != connections_.end(); ++it) {
        const uint64_t since = it->second.waiting_since;
        if (since != 0 && (found == connections_.end() || since < found->second.waiting_since)) found = it;
      }
      if (found == connections_.end()) return false;
      oldest = found->second.connection.lock();
      connections_.erase(found);
    }
    if (oldest != nullptr) oldest->Close();
    return true;
  }

  void CloseAll(Ending ending) {
    error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
    std::vector<std::shared_ptr<AnyConnection>> closed;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [key, known] : connections_) {
        if (ending == Ending::kWaiting && known.waiting_since == 0) continue;
        if (std::shared_ptr<AnyConnection> connection = known.connection.lock())
          closed.push_back(std::move(connection));
      }
    }
    for (const auto& connection : closed) connection->Close();
  }

  asio::io_context& io_;
  const HttpServerOptions options_;
  const std::shared_ptr<asio::ssl::context> tls_;
  tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  std::atomic<bool> is_draining_{false};
  std::atomic<size_t> body_bytes_{0};
  std::mutex mutex_;
  std::condition_variable all_closed_;
  std::map<AnyConnection*, Known> connections_;
  uint64_t wait_count_ = 0;
};

namespace {

// Serves the requests of one connection, one after the other. Stream is a TCP stream, or TLS over one.
// Threading: on the strand of its stream; Close and answers from any thread.
// Ownership: the operation that is under way keeps it, or the Responder of the request.
template <typename Stream, typename Listener>
class Connection final : public AnyConnection, public std::enable_shared_from_this<Connection<Stream, Listener>> {
 public:
  template <typename... Tls>
  explicit Connection(std::shared_ptr<Listener> listener, tcp::socket socket, Tls&... tls)
      : listener_(std::move(listener)), stream_(std::move(socket), tls...) {
    error_code ignored;
    peer_ = lowest().socket().remote_endpoint(ignored);
    lowest().socket().set_option(tcp::no_delay(true), ignored);
  }
  ~Connection() override {
    ReleaseBody();
    listener_->Remove(this);
  }

  void Start() {
    asio::dispatch(stream_.get_executor(), [self = this->shared_from_this()] { self->Greet(); });
  }

  void Close() override {
    asio::dispatch(stream_.get_executor(), [self = this->shared_from_this()] { self->lowest().close(); });
  }

 private:
  static constexpr bool kIsTls = !std::is_same_v<Stream, beast::tcp_stream>;
  using State = typename Listener::State;

  beast::tcp_stream& lowest() { return beast::get_lowest_layer(stream_); }
  const HttpServerOptions& options() const { return listener_->options(); }
  void RestartTimer(int64_t nanoseconds) { lowest().expires_after(std::chrono::nanoseconds(nanoseconds)); }
  void RestartTimer() { RestartTimer(options().idle_nano_max); }

  // A completion handler that keeps the connection.
  auto Then(void (Connection::*next)(error_code)) {
    return [self = this->shared_from_this(), next](error_code error, size_t /*bytes*/) { ((*self).*next)(error); };
  }

  void Greet() {
    listener_->Note(this, State::kWaiting);
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
    listener_->Note(this, State::kWaiting);
    parser_.emplace();
    parser_->header_limit(kHeaderBytesMax);
    parser_->body_limit(UINT64_MAX);  // The route's limit is set once it is known.
    RestartTimer();
    wire::async_read_header(stream_, buffer_, *parser_, Then(&Connection::OnHeader));
  }

  void OnHeader(error_code error) {
    if (error) return AnswerUnreadable(error);
    const WireRequest& message = parser_->get();
    version_ = message.version();
    keep_alive_ = message.keep_alive();
    is_head_ = message.method() == wire::verb::head;
    request_ = HeadOf(message, peer_);
    const uint64_t length = parser_->content_length().value_or(parser_->is_done() ? 0 : 1);
    std::variant<const Route*, Response> choice =
        options().router->Choose(ToStd(message.method_string()), request_, length);
    if (Response* refusal = std::get_if<Response>(&choice)) return Refuse(std::move(*refusal));
    route_ = std::get<const Route*>(choice);
    if (parser_->is_done()) return Handle();
    body_bytes_ = parser_->content_length() ? static_cast<size_t>(length) : route_->body_bytes_max;
    if (!listener_->Reserve(body_bytes_)) {
      body_bytes_ = 0;
      return Refuse(BusyResponse("no room for more; come again\n"));
    }
    parser_->body_limit(route_->body_bytes_max);
    ReadBody();
  }

  void ReadBody() {
    RestartTimer(options().body_nano_max);
    if (!beast::iequals(parser_->get()[wire::field::expect], "100-continue")) {
      wire::async_read(stream_, buffer_, *parser_, Then(&Connection::OnBody));
      return;
    }
    asio::async_write(stream_, asio::buffer(kContinue), [self = this->shared_from_this()](error_code error, size_t) {
      if (!error) wire::async_read(self->stream_, self->buffer_, *self->parser_, self->Then(&Connection::OnBody));
    });
  }

  void OnBody(error_code error) {
    if (error) return AnswerUnreadable(error);
    request_.body = std::move(parser_->get().body());
    Handle();
  }

  // The request is whole: from here on the client waits for us.
  void Handle() {
    listener_->Note(this, State::kBusy);
    lowest().expires_never();
    const Responder responder([self = this->shared_from_this()](Response response) {
      asio::post(self->stream_.get_executor(), [self, answer = std::move(response)]() mutable {
        self->ReleaseBody();
        self->Write(std::move(answer));
      });
    });
    auto work = [route = route_, coding = std::string(request_.header("Content-Encoding")),
                 request = std::make_shared<Request>(std::move(request_)), responder] {
      Result<std::string> body = DecodeContent(coding, std::move(request->body), route->body_bytes_max);
      if (!body.ok()) return responder.Respond(RefusedContent(body.status()));
      request->body = std::move(body).value();
      route->handle(std::move(*request), responder);
    };
    if (route_->body_bytes_max > 0 && options().post) {
      options().post(std::move(work));
    } else {
      work();
    }
  }

  void ReleaseBody() { listener_->Release(std::exchange(body_bytes_, 0)); }

  // Answers without reading the body: what is left of it makes the connection useless.
  void Refuse(Response response) {
    if (!parser_->is_done()) keep_alive_ = false;
    Write(std::move(response));
  }

  void AnswerUnreadable(error_code error) {
    ReleaseBody();
    std::optional<Response> answer = AnswerTo(error);
    if (!answer) return;
    keep_alive_ = false;
    is_head_ = false;
    Write(*std::move(answer));
  }

  void Write(Response response) {
    response_ = ToWire(std::move(response), version_);
    response_.keep_alive(keep_alive_ && !listener_->is_draining());
    response_.prepare_payload();
    if (is_head_) response_.body().clear();  // The length that was told stays.
    RestartTimer();
    wire::async_write(stream_, response_, Then(&Connection::OnWritten));
  }

  void OnWritten(error_code error) {
    if (error) return;
    if (response_.need_eof() || listener_->is_draining()) {
      Finish();
    } else {
      Read();
    }
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
    listener_->Note(this, State::kWaiting);
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
  tcp::endpoint peer_;
  beast::flat_buffer buffer_{kReadBufferBytes};
  std::optional<wire::request_parser<wire::string_body>> parser_;
  Request request_;
  const Route* route_ = nullptr;
  size_t body_bytes_ = 0;  // Reserved for the body.
  unsigned version_ = 11;
  bool keep_alive_ = false;
  bool is_head_ = false;
  WireResponse response_;
  std::array<char, 4096> discarded_;
};

}  // namespace

template <typename Connection>
void HttpServer::Listener::Adopt(std::shared_ptr<Connection> connection) {
  {
    const std::lock_guard lock(mutex_);
    connections_.emplace(connection.get(), Known{connection});
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
  const bool has_room = MakeRoom();
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

void HttpServer::Drain() { listener_->End(Listener::Ending::kWaiting); }
void HttpServer::WaitUntilClosed(std::chrono::nanoseconds grace) { listener_->WaitUntilClosed(grace); }
void HttpServer::Stop() { listener_->End(Listener::Ending::kAll); }

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

}  // namespace stillwatch::http
