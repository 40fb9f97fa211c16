#include "gateways/syslog_udp.h"

#include <sys/socket.h>

#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

namespace stillwatch::gateways {
namespace {

namespace asio = boost::asio;
using asio::ip::udp;
using boost::system::error_code;

// Datagrams read with one call of the kernel.
constexpr size_t kDatagramsMax = 32;
// Asked of the kernel, which grants up to net.core.rmem_max: room for a burst of some ten thousand entries.
constexpr int kReceiveBufferBytes = 8 << 20;
// Of the datagrams that the kernel dropped, counted since the socket was made.
constexpr size_t kControlBytes = CMSG_SPACE(sizeof(uint32_t));

// Where recvmmsg puts datagrams.
class DatagramBuffer {
 public:
  DatagramBuffer() : bytes_(kDatagramsMax * SyslogUdpServer::kMessageBytesMax) {
    for (size_t i = 0; i < kDatagramsMax; ++i) {
      parts_[i] = {bytes_.data() + i * SyslogUdpServer::kMessageBytesMax, SyslogUdpServer::kMessageBytesMax};
      messages_[i].msg_hdr.msg_iov = &parts_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
      messages_[i].msg_hdr.msg_control = controls_[i].data();
      messages_[i].msg_hdr.msg_name = peers_[i].data();
    }
  }

  // Number of datagrams read; 0 if there are none.
  size_t Receive(int socket) {
    for (size_t i = 0; i < kDatagramsMax; ++i) {
      messages_[i].msg_hdr.msg_controllen = kControlBytes;
      messages_[i].msg_hdr.msg_namelen = static_cast<socklen_t>(peers_[i].capacity());
    }
    const int count = recvmmsg(socket, messages_.data(), kDatagramsMax, MSG_DONTWAIT, nullptr);
    return count > 0 ? static_cast<size_t>(count) : 0;
  }

  std::string_view text(size_t i) const { return {static_cast<const char*>(parts_[i].iov_base), messages_[i].msg_len}; }
  bool is_truncated(size_t i) const { return (messages_[i].msg_hdr.msg_flags & MSG_TRUNC) != 0; }
  const udp::endpoint& peer(size_t i) {
    peers_[i].resize(messages_[i].msg_hdr.msg_namelen);
    return peers_[i];
  }
  // How many the kernel has dropped up to this datagram, modulo 2^32; `before` if it does not say.
  uint32_t dropped(size_t i, uint32_t before) {
    msghdr& header = messages_[i].msg_hdr;
    for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr; control = CMSG_NXTHDR(&header, control)) {
      if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SO_RXQ_OVFL) continue;
      std::memcpy(&before, CMSG_DATA(control), sizeof(before));
    }
    return before;
  }

 private:
  std::vector<char> bytes_;
  std::array<iovec, kDatagramsMax> parts_{};
  std::array<mmsghdr, kDatagramsMax> messages_{};
  alignas(cmsghdr) std::array<std::array<char, kControlBytes>, kDatagramsMax> controls_{};
  std::array<udp::endpoint, kDatagramsMax> peers_;
};

}  // namespace

// Threading: on the strand of the socket.
class SyslogUdpServer::Receiver : public std::enable_shared_from_this<Receiver> {
 public:
  Receiver(asio::io_context& io, LineSink& sink) : socket_(asio::make_strand(io)), sink_(sink) {}

  Result<std::string> Listen(const udp::endpoint& endpoint) {
    error_code error;
    udp::endpoint bound;
    socket_.open(endpoint.protocol(), error);
    if (!error) socket_.bind(endpoint, error);
    if (!error) bound = socket_.local_endpoint(error);
    if (error) return Status(Code::kUnavailable, "cannot listen: " + error.message());
    error_code ignored;  // Less room only means less of a burst.
    socket_.set_option(asio::socket_base::receive_buffer_size(kReceiveBufferBytes), ignored);
    const int on = 1;
    if (setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof(on)) != 0) {
      return Status(Code::kUnavailable, std::string("the kernel cannot count dropped datagrams: ") + strerror(errno));
    }
    asio::post(socket_.get_executor(), [self = shared_from_this()] { self->Wait(); });
    const std::string host = bound.address().to_string();
    return (bound.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(bound.port());
  }

  void Stop() {
    asio::post(socket_.get_executor(), [self = shared_from_this()] {
      while (self->socket_.is_open() && self->Receive() > 0) {
      }
      error_code ignored;
      self->socket_.close(ignored);
    });
  }

 private:
  void Wait() {
    if (is_waiting_ || !socket_.is_open() || in_flight_count_ >= kBatchesInFlightMax) return;
    is_waiting_ = true;
    const bool has_room = sink_.HasRoomOrWait([weak = weak_from_this()] {
      if (const std::shared_ptr<Receiver> self = weak.lock()) {
        asio::post(self->socket_.get_executor(), [self] {
          self->is_waiting_ = false;
          self->Wait();
        });
      }
    });
    if (!has_room) return;
    socket_.async_wait(udp::socket::wait_read, [self = shared_from_this()](error_code error) {
      self->is_waiting_ = false;
      if (error) return;
      self->Receive();
      self->Wait();
    });
  }

  // Number of datagrams received.
  size_t Receive() {
    const size_t count = buffer_.Receive(socket_.native_handle());
    LineBatch batch;
    uint64_t dropped_count = 0;
    uint64_t too_long_count = 0;
    for (size_t i = 0; i < count; ++i) {
      const uint32_t dropped = buffer_.dropped(i, dropped_);
      dropped_count += dropped - dropped_;
      dropped_ = dropped;
      if (buffer_.is_truncated(i)) ++too_long_count;
      if (buffer_.is_truncated(i) || buffer_.text(i).empty()) continue;
      error_code ignored;
      std::string source = "syslog " + buffer_.peer(i).address().to_string(ignored);
      if (batch.source != source && !batch.empty()) Send(std::exchange(batch, {}));
      batch.source = std::move(source);
      batch.Add(buffer_.text(i));
    }
    if (dropped_count > 0) sink_.NoteLoss("syslog udp", LineLoss::kKernelDropped, dropped_count);
    if (too_long_count > 0) sink_.NoteLoss("syslog udp", LineLoss::kTooLong, too_long_count);
    if (!batch.empty()) Send(std::move(batch));
    return count;
  }

  void Send(LineBatch batch) {
    ++in_flight_count_;
    sink_.Take(std::move(batch), [self = shared_from_this()](const Status& /*status*/) {
      asio::post(self->socket_.get_executor(), [self] {
        --self->in_flight_count_;
        self->Wait();
      });
    });
  }

  udp::socket socket_;
  LineSink& sink_;
  DatagramBuffer buffer_;
  uint32_t dropped_ = 0;
  size_t in_flight_count_ = 0;
  bool is_waiting_ = false;  // For a datagram, or for room.
};

Result<std::unique_ptr<SyslogUdpServer>> SyslogUdpServer::Start(asio::io_context& io, const udp::endpoint& endpoint,
                                                                LineSink& sink) {
  auto receiver = std::make_shared<Receiver>(io, sink);
  Result<std::string> bound = receiver->Listen(endpoint);
  if (!bound.ok()) return bound.status();
  std::unique_ptr<SyslogUdpServer> server(new SyslogUdpServer(std::move(receiver)));
  server->bound_address_ = std::move(bound).value();
  return server;
}

SyslogUdpServer::~SyslogUdpServer() { Stop(); }

void SyslogUdpServer::Stop() { receiver_->Stop(); }

}  // namespace stillwatch::gateways
