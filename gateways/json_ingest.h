// What gateways push over HTTP in JSON.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "gateways/intake.h"
#include "gateways/listener_catalog.h"
#include "http/router.h"
#include "ingest/event_decoder.h"

namespace stillwatch::gateways {

// Who sent an HTTP request, as the query's `source` says, or else its address.
std::string SourceNameOf(const http::Request& request);

// Serves POST /v1/ingest/litellm, /v1/ingest/kong and /v1/ingest/ndjson: a list of objects, one object, or one a line.
// Those of ndjson are events of our own (account_id and time_unix_nano are there; fields as in
// proto/stillwatch/v1/usage.proto), and else lines of an access log. The sender is named by SourceNameOf.
//
// The answer comes when what is good is durable: 200 with {"accepted":N,"duplicate":N,"ignored":N,"rejected":N,
// "rejections":[{"line":N,"reason":R,"message":M}]}. 400 for a body that is no JSON at all; 503 with Retry-After when
// the daemon is full or stopping: nothing of the body is known to be kept, and what is counts once when it comes again.
// Threading: handlers run on workers. Ownership: what it is given must outlive the server and its requests.
// Limits: bodies of kBodyBytesMax; of rejections as JsonAnswer says.
class JsonIngest {
 public:
  static constexpr size_t kBodyBytesMax = 32u << 20;

  JsonIngest(const IntakeResources& resources, const ListenerCatalog& catalog, const ingest::EventDecoder& decoder)
      : resources_(resources), catalog_(catalog), decoder_(decoder) {}

  // POST /v1/ingest/NAME for litellm, kong and ndjson, as far as each is served.
  using IsServed = std::function<bool(std::string_view name)>;
  void AddRoutes(http::Router& router, const IsServed& is_served) const;
  // Tells the catalog how captured bodies of these listeners are read.
  static void RegisterReaders(ListenerCatalog& catalog);

 private:
  // Makes a record of a message; `text` is how it is written.
  using Fill = void (*)(const simdjson::dom::object& message, std::string_view text, Record& record);
  class Body;

  void AddRoute(http::Router& router, std::string_view name, std::string_view listener, Fill fill) const;
  void Take(const http::Request& request, const http::Responder& responder, std::string_view listener, Fill fill) const;

  const IntakeResources& resources_;
  const ListenerCatalog& catalog_;
  const ingest::EventDecoder& decoder_;
};

}  // namespace stillwatch::gateways
