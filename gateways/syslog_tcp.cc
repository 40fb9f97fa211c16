#include "gateways/syslog_tcp.h"

#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <chrono>
#include <map>
#include <mutex>
#include <utility>

#include "gateways/syslog_framer.h"

namespace stillwatch::gateways {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

// Wait after a failed accept, as when no file descriptor is left: another try at once would fail too.
constexpr std::chrono::milliseconds kAcceptPause(100);

// Reads one connection. Threading: on its strand. Ownership: the operation or the batch that is under way keeps it, or
// the wait for room.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket socket, LineSink& sink, const SyslogLimits& limits, std::function<void(Connection*)> on_end)
      : socket_(std::move(socket)), sink_(sink), framer_(limits.message_bytes_max), on_end_(std::move(on_end)) {
    error_code error;
    const tcp::endpoint peer = socket_.remote_endpoint(error);
    source_ = "syslog " + peer.address().to_string(error);
  }
  ~Connection() { on_end_(this); }

  void Start() {
    asio::post(socket_.get_executor(), [self = shared_from_this()] { self->Read(); });
  }
  void Close() {
    asio::post(socket_.get_executor(), [self = shared_from_this()] { self->Stop(); });
  }

 private:
  // The read that is under way may have bytes already, which come before all others.
  void Stop() {
    is_stopping_ = true;
    error_code ignored;
    if (is_reading_) {
      socket_.cancel(ignored);
    } else {
      TakeRestAndClose();
    }
  }

  // What has arrived already its sender takes for delivered.
  void TakeRestAndClose() {
    error_code error;
    while (socket_.is_open() && socket_.available(error) > 0 && !error) {
      const size_t size = socket_.read_some(asio::buffer(buffer_), error);
      if (error || !Take({buffer_.data(), size}).ok()) break;
    }
    if (socket_.is_open()) TakeEnd();
    CloseSocket();
  }

  void CloseSocket() {
    error_code ignored;
    socket_.close(ignored);
  }

  void Read() {
    if (is_stopping_ || is_reading_ || is_waiting_ || !socket_.is_open() ||
        in_flight_count_ >= SyslogTcpServer::kBatchesInFlightMax) {
      return;
    }
    is_waiting_ = !sink_.HasRoomOrWait([self = shared_from_this()] {
      asio::post(self->socket_.get_executor(), [self] {
        self->is_waiting_ = false;
        self->Read();
      });
    });
    if (is_waiting_) return;
    is_reading_ = true;
    socket_.async_read_some(asio::buffer(buffer_), [self = shared_from_this()](error_code error, size_t size) {
      self->is_reading_ = false;
      self->OnRead(error, size);
    });
  }

  void OnRead(error_code error, size_t size) {
    if (!error && !Take({buffer_.data(), size}).ok()) return CloseSocket();
    if (is_stopping_) return TakeRestAndClose();
    if (!error) return Read();
    TakeEnd();
    CloseSocket();
  }

  Status Take(std::string_view bytes) {
    LineBatch batch;
    batch.source = source_;
    const uint64_t too_long_count = framer_.too_long_count();
    const Status status = framer_.Feed(bytes, [&batch](std::string_view message) { batch.Add(message); });
    if (!status.ok()) sink_.NoteLoss(source_, LineLoss::kCutOff, 1);
    const uint64_t passed_over = framer_.too_long_count() - too_long_count;
    if (passed_over > 0) sink_.NoteLoss(source_, LineLoss::kTooLong, passed_over);
    if (!batch.empty()) Send(std::move(batch));
    return status;
  }

  void TakeEnd() {
    LineBatch batch;
    batch.source = source_;
    const SyslogFramer::Ending ending = framer_.End([&batch](std::string_view message) { batch.Add(message); });
    if (ending == SyslogFramer::Ending::kCutOff) sink_.NoteLoss(source_, LineLoss::kCutOff, 1);
    if (!batch.empty()) Send(std::move(batch));
  }

  void Send(LineBatch batch) {
    ++in_flight_count_;
    sink_.Take(std::move(batch), [self = shared_from_this()](const Status& /*status*/) {
      asio::post(self->socket_.get_executor(), [self] {
        --self->in_flight_count_;
        self->Read();
      });
    });
  }

  tcp::socket socket_;
  LineSink& sink_;
  SyslogFramer framer_;
  const std::function<void(Connection*)> on_end_;
  std::string source_;
  std::array<char, SyslogTcpServer::kReadBytes> buffer_;
  size_t in_flight_count_ = 0;
  bool is_stopping_ = false;
  bool is_reading_ = false;
  bool is_waiting_ = false;  // For room.
};

}  // namespace

// Accepts, and knows the connections that are open.
// Threading: on the strand of the acceptor, but for Forget, which comes from wherever a connection ends; one lock.
class SyslogTcpServer::Listener : public std::enable_shared_from_this<Listener> {
 public:
  Listener(asio::io_context& io, LineSink& sink, const SyslogLimits& limits)
      : io_(io), sink_(sink), limits_(limits), acceptor_(asio::make_strand(io)), pause_(acceptor_.get_executor()) {}

  Result<std::string> Listen(const tcp::endpoint& endpoint) {
    error_code error;
    tcp::endpoint bound;
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (!error) bound = acceptor_.local_endpoint(error);
    if (error) return Status(Code::kUnavailable, "cannot listen: " + error.message());
    asio::post(acceptor_.get_executor(), [self = shared_from_this()] { self->Accept(); });
    const std::string host = bound.address().to_string();
    return (bound.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(bound.port());
  }

  void Stop() {
    asio::post(acceptor_.get_executor(), [self = shared_from_this()] { self->CloseAll(); });
  }

 private:
  void Accept() {
    if (!acceptor_.is_open()) return;
    acceptor_.async_accept(asio::make_strand(io_), [self = shared_from_this()](error_code error, tcp::socket socket) {
      self->OnAccept(error, std::move(socket));
    });
  }

  void OnAccept(error_code error, tcp::socket socket) {
    if (!acceptor_.is_open()) return;
    if (error) {
      pause_.expires_after(kAcceptPause);
      pause_.async_wait([self = shared_from_this()](error_code /*error*/) { self->Accept(); });
      return;
    }
    if (HasRoom()) {
      const auto forget = [self = shared_from_this()](Connection* ended) { self->Forget(ended); };
      auto connection = std::make_shared<Connection>(std::move(socket), sink_, limits_, forget);
      {
        const std::lock_guard lock(mutex_);
        connections_[connection.get()] = connection;
      }
      connection->Start();
    }
    Accept();
  }

  bool HasRoom() {
    const std::lock_guard lock(mutex_);
    return connections_.size() < limits_.connection_count_max;
  }

  void Forget(Connection* ended) {
    const std::lock_guard lock(mutex_);
    connections_.erase(ended);
  }

  void CloseAll() {
    error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
    std::map<Connection*, std::weak_ptr<Connection>> connections;
    {
      const std::lock_guard lock(mutex_);
      connections = connections_;
    }
    for (const auto& [key, weak] : connections) {
      if (const std::shared_ptr<Connection> connection = weak.lock()) connection->Close();
    }
  }

  asio::io_context& io_;
  LineSink& sink_;
  const SyslogLimits limits_;
  tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  std::mutex mutex_;
  std::map<Connection*, std::weak_ptr<Connection>> connections_;
};

Result<std::unique_ptr<SyslogTcpServer>> SyslogTcpServer::Start(asio::io_context& io, const tcp::endpoint& endpoint,
                                                                LineSink& sink, const SyslogLimits& limits) {
  auto listener = std::make_shared<Listener>(io, sink, limits);
  Result<std::string> bound = listener->Listen(endpoint);
  if (!bound.ok()) return bound.status();
  std::unique_ptr<SyslogTcpServer> server(new SyslogTcpServer(std::move(listener)));
  server->bound_address_ = std::move(bound).value();
  return server;
}

SyslogTcpServer::~SyslogTcpServer() { Stop(); }

void SyslogTcpServer::Stop() { listener_->Stop(); }

}  // namespace stillwatch::gateways
