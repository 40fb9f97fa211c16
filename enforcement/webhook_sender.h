// Delivers what waits in the outbox.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "enforcement/webhook_outbox.h"
#include "proto/limits.h"
#include "proto/result.h"

namespace stillwatch::enforcement {

// Where messages go.
struct WebhookUrl {
  bool is_tls = false;
  std::string host;  // Without brackets.
  std::string port;
  std::string target;  // Path and query.

  // Errors: kInvalidArgument if it is not http[s]://HOST[:PORT][/PATH].
  static Result<WebhookUrl> Parse(std::string_view url);
  // Names the receiver in the outbox.
  uint64_t receiver() const;
  // HOST:PORT. For logs too: a path may hold a secret.
  std::string address() const { return (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + port; }
};

// The key of a file, after the convention of Standard Webhooks: `whsec_` and base64, or else the bytes of the file
// without the line end. Errors: kInvalidArgument if it cannot be read or has less than 16 bytes.
Result<std::string> LoadWebhookSecret(const std::string& path);

// The value of the header `webhook-signature`: "v1," and base64 of HMAC-SHA256 of "ID.TIMESTAMP.BODY".
std::string SignWebhook(std::string_view secret, std::string_view id, int64_t timestamp_seconds, std::string_view body);

struct WebhookOptions {
  std::vector<WebhookUrl> urls;
  std::string secret;
  std::string ca_file;  // Authorities to trust, in PEM; empty for the system's.
  // Wait after the first failure; twice that after each further one, up to the maximum, times 0.5 to 1.5 by chance.
  int64_t retry_nano_min = kNanosecondsPerSecond;
  int64_t retry_nano_max = 5 * kNanosecondsPerMinute;
  // Of one delivery, from connecting to the answer.
  int64_t timeout_nano = 10 * kNanosecondsPerSecond;
  uint64_t seed = 0;  // Of the waits.
  std::function<int64_t()> clock;
};

struct WebhookCounters {
  std::atomic<uint64_t> delivered_count{0};
  std::atomic<uint64_t> failed_count{0};    // Tries that failed and are repeated.
  std::atomic<uint64_t> unwanted_count{0};  // Messages that a receiver cannot take, and that are dropped.
};

// Posts each receiver its messages one after the other, so that those about one account arrive in order, and each at
// least once: `webhook-id` tells a repeated one. An answer of 2xx is a delivery. 400, 413 and 422 say that the message
// itself is no good: it is dropped, counted and logged, since it would keep all others waiting for ever. Everything
// else is tried again until it works. Certificates are verified. Threading: one thread of its own a receiver.
// Ownership: the outbox must outlive it.
class WebhookSender {
 public:
  // Errors: kInvalidArgument if the authorities cannot be read.
  static Result<std::unique_ptr<WebhookSender>> Start(WebhookOutbox& outbox, WebhookOptions options);
  // Ends what is under way; what was not delivered stays in the outbox.
  ~WebhookSender();

  // To be called after each Append.
  void Wake();
  const WebhookCounters& counters() const { return counters_; }

 private:
  class Connection;
  struct Tls;

  WebhookSender(WebhookOutbox& outbox, WebhookOptions options, std::unique_ptr<Tls> tls);
  void Run(const WebhookUrl& url, std::mt19937_64 random, const std::stop_token& stop);
  // The status of the answer. Errors: kUnavailable if there is none.
  Result<unsigned> Post(const WebhookUrl& url, const storage::OutboxMessage& message,
                        const std::stop_token& stop) const;
  // True if the message is done with.
  bool Settle(const WebhookUrl& url, const Result<unsigned>& status);
  bool WaitFor(int64_t nanoseconds, const std::stop_token& stop);

  WebhookOutbox& outbox_;
  const WebhookOptions options_;
  const std::unique_ptr<Tls> tls_;
  WebhookCounters counters_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  uint64_t append_count_ = 0;
  std::vector<std::jthread> threads_;  // Last, so that they end before what they use.
};

}  // namespace stillwatch::enforcement
