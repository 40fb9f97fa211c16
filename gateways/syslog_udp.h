// Syslog over UDP.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <cstddef>
#include <memory>
#include <string>

#include "gateways/line_sink.h"
#include "proto/result.h"

namespace stillwatch::gateways {

// Takes datagrams of syslog, one message each, and hands them to a sink. UDP cannot slow a sender: what comes while the
// daemon is full, or faster than it reads, the kernel drops; it counts them, and the count is noted with the next
// datagram. Threading: Start and Stop from any thread; runs on `io`, of which one thread must be running. Errors:
// kUnavailable if the address cannot be bound. Limits: a datagram beyond kMessageBytesMax is passed over and counted;
// kBatchesInFlightMax batches that are not durable yet, then it reads no more.
class SyslogUdpServer {
 public:
  static constexpr size_t kMessageBytesMax = 64u << 10;
  static constexpr size_t kBatchesInFlightMax = 64;

  // `sink` must outlive the server and its batches.
  static Result<std::unique_ptr<SyslogUdpServer>> Start(boost::asio::io_context& io,
                                                        const boost::asio::ip::udp::endpoint& endpoint, LineSink& sink);
  // Stops.
  ~SyslogUdpServer();
  void Stop();

  const std::string& bound_address() const { return bound_address_; }

 private:
  class Receiver;
  explicit SyslogUdpServer(std::shared_ptr<Receiver> receiver) : receiver_(std::move(receiver)) {}

  std::shared_ptr<Receiver> receiver_;
  std::string bound_address_;
};

}  // namespace stillwatch::gateways
