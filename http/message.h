// Requests and answers, free of the library that carries them.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stillwatch::http {

// HEAD is answered as GET, without the body.
enum class Method : uint8_t { kGet, kPost };

using Headers = std::vector<std::pair<std::string, std::string>>;

// A request that passed the checks of its route.
struct Request {
  Method method = Method::kGet;
  std::string path;          // Without the query.
  std::string query;         // What follows the '?', as it was sent.
  Headers headers;           // In the order in which they came.
  std::string content_type;  // In lower case, without parameters; empty if none was told.
  std::string body;          // Decoded.
  std::string peer;          // HOST:PORT of the client's end.

  // Value of the first header of this name, whatever its case; empty if there is none.
  std::string_view header(std::string_view name) const;
  // Value of this key in the query, without percent-encoding; empty if there is none.
  std::string query_value(std::string_view key) const;
};

struct Response {
  int status = 200;
  std::string body;
  std::string content_type = "text/plain; charset=utf-8";
  Headers headers;
};

Response TextResponse(int status, std::string text);
// 503, with the seconds after which another try makes sense.
Response BusyResponse(std::string text, int retry_after_seconds = 1);

// Answers one request, now or later. Copies stand for the same request; if all of them go without an answer, the client
// is told that the daemon is stopping (503). Threading: from any thread. Errors: only the first answer counts; one to a
// client that has gone is dropped.
class Responder {
 public:
  using Send = std::function<void(Response)>;

  explicit Responder(Send send) : request_(std::make_shared<OpenRequest>(std::move(send))) {}

  void Respond(Response response) const { request_->Respond(std::move(response)); }

 private:
  class OpenRequest {
   public:
    explicit OpenRequest(Send send) : send_(std::move(send)) {}
    OpenRequest(const OpenRequest&) = delete;
    OpenRequest& operator=(const OpenRequest&) = delete;
    ~OpenRequest();
    void Respond(Response response);

   private:
    const Send send_;
    std::atomic<bool> is_answered_{false};
  };

  std::shared_ptr<OpenRequest> request_;
};

}  // namespace stillwatch::http
