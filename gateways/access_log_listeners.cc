#include "gateways/access_log_listeners.h"

#include <spdlog/spdlog.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <chrono>
#include <utility>

#include "http/host_port.h"

namespace stillwatch::gateways {
namespace {

namespace asio = boost::asio;

int64_t SteadyNow() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

template <typename Protocol>
Result<typename Protocol::endpoint> Resolve(asio::io_context& io, const std::string& address) {
  const Result<http::HostPort> parsed = http::ParseHostPort(address);
  if (!parsed.ok()) return parsed.status();
  typename Protocol::resolver resolver(io);
  boost::system::error_code error;
  const auto found = resolver.resolve(parsed.value().host, std::to_string(parsed.value().port),
                                      Protocol::resolver::passive | Protocol::resolver::numeric_service, error);
  if (error || found.empty()) return Status(Code::kInvalidArgument, "address " + address + ": " + error.message());
  return found.begin()->endpoint();
}

}  // namespace

AccessLogListeners::AccessLogListeners(const IntakeResources& resources, ListenerCatalog& catalog,
                                       const ingest::EventDecoder& decoder)
    : resources_(resources),
      envoy_(resources, *catalog.mapper("envoy")),
      json_(resources, catalog, decoder),
      syslog_(resources, *catalog.mapper("access_log"), "syslog"),
      files_(resources, *catalog.mapper("access_log"), "file") {
  catalog.Register("envoy", ReadEnvoyRecords);
  JsonIngest::RegisterReaders(catalog);
}

Status AccessLogListeners::ListenTcp(asio::io_context& io, const std::string& address) {
  const Result<asio::ip::tcp::endpoint> endpoint = Resolve<asio::ip::tcp>(io, address);
  if (!endpoint.ok()) return endpoint.status();
  Result<std::unique_ptr<SyslogTcpServer>> server = SyslogTcpServer::Start(io, endpoint.value(), syslog_, {});
  if (!server.ok()) return Status(server.status().code(), "address " + address + ": " + server.status().message());
  tcp_ = std::move(server).value();
  spdlog::info("listening for syslog over TCP at {}", tcp_->bound_address());
  return Status();
}

Status AccessLogListeners::ListenUdp(asio::io_context& io, const std::string& address) {
  const Result<asio::ip::udp::endpoint> endpoint = Resolve<asio::ip::udp>(io, address);
  if (!endpoint.ok()) return endpoint.status();
  Result<std::unique_ptr<SyslogUdpServer>> server = SyslogUdpServer::Start(io, endpoint.value(), syslog_);
  if (!server.ok()) return Status(server.status().code(), "address " + address + ": " + server.status().message());
  udp_ = std::move(server).value();
  spdlog::info("listening for syslog over UDP at {}", udp_->bound_address());
  return Status();
}

Status AccessLogListeners::Follow(asio::io_context& io, storage::KeyValueStore& store, const std::string& path) {
  FileTail::Options options;
  options.path = path;
  options.steady_clock_nano = SteadyNow;
  options.post = resources_.post;
  Result<std::unique_ptr<FileTail>> tail = FileTail::Start(io, store, resources_.pipeline, files_, std::move(options));
  if (!tail.ok()) return Status(tail.status().code(), path + ": " + tail.status().message());
  tails_.push_back(std::move(tail).value());
  return Status();
}

void AccessLogListeners::Stop() {
  envoy_.StopStreams();
  if (tcp_ != nullptr) tcp_->Stop();
  if (udp_ != nullptr) udp_->Stop();
  for (const auto& tail : tails_) tail->Stop();
}

}  // namespace stillwatch::gateways
