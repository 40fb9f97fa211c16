// Syslog over TCP.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <memory>
#include <string>

#include "gateways/line_sink.h"
#include "proto/result.h"

namespace stillwatch::gateways {

struct SyslogLimits {
  // Of one message; access log entries have some hundred bytes, prompts have no place in them.
  size_t message_bytes_max = 64u << 10;
  // Open at once; whoever comes when all are taken is turned away.
  size_t connection_count_max = 1000;
};

// Listens for connections of syslog senders and hands what they send to a sink, a connection's messages in their order.
// Threading: Start and Stop from any thread; runs on `io`, of which one thread must be running.
// Errors: kUnavailable if the address cannot be bound. A connection that is no syslog is closed; what it lost is noted.
// Limits: as SyslogLimits. A connection has at most kBatchesInFlightMax batches that are not durable yet, and reads no
// more until there is room, so that its sender is slowed.
class SyslogTcpServer {
 public:
  static constexpr size_t kBatchesInFlightMax = 8;
  static constexpr size_t kReadBytes = 64u << 10;

  // `sink` must outlive the server and its batches.
  static Result<std::unique_ptr<SyslogTcpServer>> Start(boost::asio::io_context& io,
                                                        const boost::asio::ip::tcp::endpoint& endpoint, LineSink& sink,
                                                        const SyslogLimits& limits);
  // Stops.
  ~SyslogTcpServer();
  // Closes listener and connections; what has arrived already is still handled.
  void Stop();

  const std::string& bound_address() const { return bound_address_; }

 private:
  class Listener;
  explicit SyslogTcpServer(std::shared_ptr<Listener> listener) : listener_(std::move(listener)) {}

  std::shared_ptr<Listener> listener_;
  std::string bound_address_;
};

}  // namespace stillwatch::gateways
