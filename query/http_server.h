// What operators' machines ask over HTTP: health, readiness, metrics.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "proto/limits.h"
#include "proto/result.h"
#include "query/tls_files.h"

namespace stillwatch::query {

struct HttpServerOptions {
  std::string address;                        // HOST:PORT; port 0 picks a free one.
  std::function<bool()> is_ready;             // For /readyz.
  std::function<std::string()> metrics_text;  // For /metrics.
  std::optional<TlsFiles> tls;                // Without it plain HTTP is served.
  // If set, everything but /healthz is for those with a known bearer token only.
  std::function<bool(std::string_view token)> is_known_token;
  // A request, a rest between two of them, and an answer may each take this long: probes need milliseconds.
  int64_t idle_nano_max = 10 * kNanosecondsPerSecond;
  // Connections at a time; more are closed at once. Far above what probes and scrapers open.
  size_t connection_count_max = 256;
};

// Serves GET and HEAD of /healthz, /readyz and /metrics over HTTP/1.1.
// Threading: the io_context's threads, any number; the functions of the options are called there and must not block.
// Ownership: connections live on in the io_context, so it must have been stopped or run out before anything goes that
// the options' functions refer to. Limits: headers of 8 KiB (431), no bodies (413), and those of the options.
class HttpServer {
 public:
  // Errors: kInvalidArgument for an address, a certificate or a key that cannot be used; kUnavailable if the address is
  // in use or not of this machine.
  static Result<std::unique_ptr<HttpServer>> Start(boost::asio::io_context& io, HttpServerOptions options);
  // Stops.
  ~HttpServer();

  // Where it listens, HOST:PORT.
  const std::string& bound_address() const { return bound_address_; }
  // Takes no more connections and ends those there are, once the io_context gets to it.
  void Stop();

 private:
  class Listener;

  explicit HttpServer(std::shared_ptr<Listener> listener);

  std::shared_ptr<Listener> listener_;
  std::string bound_address_;
};

}  // namespace stillwatch::query
