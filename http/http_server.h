// An HTTP listener: reads requests, lets the router choose, writes the answers.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "http/router.h"
#include "http/tls_files.h"
#include "proto/limits.h"
#include "proto/result.h"

namespace stillwatch::http {

struct HttpServerOptions {
  std::string address;  // HOST:PORT; port 0 picks a free one.
  std::shared_ptr<const Router> router;
  std::optional<TlsFiles> tls;  // Without it plain HTTP is served.
  // Runs a task on a worker: decompression and handlers of routes that take a body. Without it the server's thread
  // does.
  std::function<void(std::function<void()>)> post;
  // A header, a rest between two requests, and an answer may each take this long: a sender needs milliseconds.
  int64_t idle_nano_max = 10 * kNanosecondsPerSecond;
  // The same for a body.
  int64_t body_nano_max = 30 * kNanosecondsPerSecond;
  // Connections at a time. For one more, the one that has kept the server waiting longest is closed; if none does, the
  // new one is.
  size_t connection_count_max = 512;
  // Bytes of bodies that are being read or worked on, over all connections: beyond it 503 with Retry-After.
  size_t body_bytes_in_flight_max = 128u << 20;
};

// Serves HTTP/1.1 with keep-alive and bodies in gzip or deflate. A client that drips its bytes, sends too many of them
// or what is no HTTP loses its own connection and nobody else's. Threading: the io_context's threads, any number, read
// and write; handlers run as the route says. Ownership: connections live on in the io_context, so it must have been
// stopped or run out before anything goes that the router's functions refer to. Limits: headers of 8 KiB (431), and
// those of the options and routes.
class HttpServer {
 public:
  // Errors: kInvalidArgument for an address, a certificate or a key that cannot be used; kUnavailable if the address is
  // in use or not of this machine.
  static Result<std::unique_ptr<HttpServer>> Start(boost::asio::io_context& io, HttpServerOptions options);
  // Stops.
  ~HttpServer();

  // Where it listens, HOST:PORT.
  const std::string& bound_address() const { return bound_address_; }
  // Takes no more connections and requests; requests that were read are still answered, then their connections end.
  void Drain();
  // Returns when no connection is left, or after `grace`. Not for the io_context's threads.
  void WaitUntilClosed(std::chrono::nanoseconds grace);
  // Takes no more connections and ends those there are, once the io_context gets to it.
  void Stop();

 private:
  class Listener;

  explicit HttpServer(std::shared_ptr<Listener> listener);

  std::shared_ptr<Listener> listener_;
  std::string bound_address_;
};

}  // namespace stillwatch::http
