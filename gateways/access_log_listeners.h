// All listeners for access logs and for JSON that is pushed, as the daemon starts and stops them.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gateways/access_log_intake.h"
#include "gateways/envoy_access_log.h"
#include "gateways/file_tail.h"
#include "gateways/intake.h"
#include "gateways/json_ingest.h"
#include "gateways/listener_catalog.h"
#include "gateways/syslog_tcp.h"
#include "gateways/syslog_udp.h"
#include "http/router.h"
#include "ingest/event_decoder.h"
#include "proto/result.h"
#include "storage/key_value_store.h"

namespace stillwatch::gateways {

// Holds Envoy's access log service, the routes of pushed JSON, the syslog listeners and the followed files.
// Threading: start and stop on one thread. Ownership: what it is given must outlive it, and it everything that was
// read.
class AccessLogListeners {
 public:
  AccessLogListeners(const IntakeResources& resources, ListenerCatalog& catalog, const ingest::EventDecoder& decoder);

  // To be registered with the gRPC server.
  EnvoyAccessLogService& envoy() { return envoy_; }
  void AddRoutes(http::Router& router, const JsonIngest::IsServed& is_served) const { json_.AddRoutes(router, is_served); }

  // Each address is HOST:PORT; port 0 picks a free one, which the log tells. Errors: kInvalidArgument for an address
  // that is none, kUnavailable for one that cannot be bound.
  Status ListenTcp(boost::asio::io_context& io, const std::string& address);
  Status ListenUdp(boost::asio::io_context& io, const std::string& address);
  // Errors: those of FileTail::Start.
  Status Follow(boost::asio::io_context& io, storage::KeyValueStore& store, const std::string& path);

  // Takes in no more; what was read becomes durable.
  void Stop();

 private:
  const IntakeResources& resources_;
  EnvoyAccessLogService envoy_;
  JsonIngest json_;
  AccessLogIntake syslog_;
  AccessLogIntake files_;
  std::unique_ptr<SyslogTcpServer> tcp_;
  std::unique_ptr<SyslogUdpServer> udp_;
  std::vector<std::unique_ptr<FileTail>> tails_;
};

}  // namespace stillwatch::gateways
