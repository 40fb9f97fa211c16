#include "enforcement/webhook_sender.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <chrono>
#include <memory>
#include <utility>

namespace stillwatch::enforcement {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using beast::error_code;

// Of an answer: nobody reads it.
constexpr uint64_t kAnswerBytesMax = 64u << 10;
// A wait doubles so many times at most; the maximum is reached long before.
constexpr int kDoublingCountMax = 20;

using Request = http::request<http::string_body>;
using PlainStream = beast::tcp_stream;
using TlsStream = beast::ssl_stream<beast::tcp_stream>;

}  // namespace

struct WebhookSender::Tls {
  asio::ssl::context context{asio::ssl::context::tls_client};
};

// One delivery on an io_context of its own, which the caller runs.
class WebhookSender::Connection {
 public:
  Connection(asio::io_context& io, Tls& tls, const WebhookUrl& url, Request request, int64_t timeout_nano)
      : url_(url), timeout_(timeout_nano), resolver_(io), stream_(io, tls.context), request_(std::move(request)) {
    parser_.body_limit(kAnswerBytesMax);
  }

  void Start() {
    resolver_.async_resolve(url_.host, url_.port, [this](error_code error, const tcp::resolver::results_type& found) {
      if (Fails(error, "resolve")) return;
      tcp_stream().expires_after(timeout_);
      tcp_stream().async_connect(found, [this](error_code connect_error, const tcp::endpoint&) {
        if (Fails(connect_error, "connect")) return;
        url_.is_tls ? Handshake() : Write(tcp_stream());
      });
    });
  }

  // Once the io_context has nothing left to do.
  Result<unsigned> result() const { return result_; }

 private:
  PlainStream& tcp_stream() { return stream_.next_layer(); }

  bool Fails(error_code error, const char* what) {
    if (error) result_ = Status(Code::kUnavailable, std::string(what) + ": " + error.message());
    return static_cast<bool>(error);
  }

  void Handshake() {
    SSL_set_tlsext_host_name(stream_.native_handle(), url_.host.c_str());
    stream_.set_verify_mode(asio::ssl::verify_peer);
    stream_.set_verify_callback(asio::ssl::host_name_verification(url_.host));
    stream_.async_handshake(asio::ssl::stream_base::client, [this](error_code error) {
      if (!Fails(error, "TLS")) Write(stream_);
    });
  }

  template <typename Stream>
  void Write(Stream& stream) {
    http::async_write(stream, request_, [this, &stream](error_code error, size_t) {
      if (Fails(error, "send")) return;
      http::async_read(stream, buffer_, parser_, [this](error_code read_error, size_t) {
        if (!parser_.is_header_done() && Fails(read_error, "answer")) return;
        result_ = parser_.get().result_int();
        tcp_stream().close();
      });
    });
  }

  const WebhookUrl& url_;
  const std::chrono::nanoseconds timeout_;
  tcp::resolver resolver_;
  TlsStream stream_;
  Request request_;
  beast::flat_buffer buffer_;
  http::response_parser<http::string_body> parser_;
  Result<unsigned> result_ = Status(Code::kUnavailable, "no answer");
};

Result<std::unique_ptr<WebhookSender>> WebhookSender::Start(WebhookOutbox& outbox, WebhookOptions options) {
  auto tls = std::make_unique<Tls>();
  error_code error;
  if (options.ca_file.empty()) {
    tls->context.set_default_verify_paths(error);
  } else {
    tls->context.load_verify_file(options.ca_file, error);
  }
  if (error) return Status(Code::kInvalidArgument, options.ca_file + ": " + error.message());
  std::unique_ptr<WebhookSender> sender(new WebhookSender(outbox, std::move(options), std::move(tls)));
  std::mt19937_64 seeds(sender->options_.seed);
  for (const WebhookUrl& url : sender->options_.urls) {
    sender->threads_.emplace_back([raw = sender.get(), &url, random = std::mt19937_64(seeds())](
                                      const std::stop_token& stop) { raw->Run(url, random, stop); });
  }
  return sender;
}

WebhookSender::WebhookSender(WebhookOutbox& outbox, WebhookOptions options, std::unique_ptr<Tls> tls)
    : outbox_(outbox), options_(std::move(options)), tls_(std::move(tls)) {}

WebhookSender::~WebhookSender() {
  for (std::jthread& thread : threads_) thread.request_stop();
}

void WebhookSender::Wake() {
  const std::lock_guard lock(mutex_);
  ++append_count_;
  wake_.notify_all();
}

bool WebhookSender::WaitFor(int64_t nanoseconds, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, stop, std::chrono::nanoseconds(nanoseconds), [] { return false; });
  return !stop.stop_requested();
}

void WebhookSender::Run(const WebhookUrl& url, std::mt19937_64 random, const std::stop_token& stop) {
  const uint64_t receiver = url.receiver();
  std::uniform_real_distribution<double> jitter(0.5, 1.5);
  int failure_count = 0;
  while (!stop.stop_requested()) {
    uint64_t seen = 0;
    {
      const std::lock_guard lock(mutex_);
      seen = append_count_;
    }
    const std::optional<storage::OutboxMessage> message = outbox_.Front(receiver);
    if (!message) {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, stop, [&] { return append_count_ != seen; });
      continue;
    }
    if (Settle(url, Post(url, *message, stop))) {
      outbox_.Remove(receiver, message->sequence);
      failure_count = 0;
      continue;
    }
    if (stop.stop_requested()) return;
    const double doubled = static_cast<double>(options_.retry_nano_min) *
                           static_cast<double>(uint64_t{1} << std::min(failure_count++, kDoublingCountMax));
    const double wait = std::min(doubled, static_cast<double>(options_.retry_nano_max)) * jitter(random);
    WaitFor(static_cast<int64_t>(wait), stop);
  }
}

bool WebhookSender::Settle(const WebhookUrl& url, const Result<unsigned>& status) {
  const unsigned number = status.ok() ? status.value() : 0;
  if (number >= 200 && number < 300) {
    ++counters_.delivered_count;
    return true;
  }
  const std::string reason = status.ok() ? "status " + std::to_string(number) : status.status().message();
  if (number == 400 || number == 413 || number == 422) {
    ++counters_.unwanted_count;
    spdlog::error("webhook {}: {}; the message is dropped", url.address(), reason);
    return true;
  }
  ++counters_.failed_count;
  spdlog::warn("webhook {}: {}; the message is sent again", url.address(), reason);
  return false;
}

Result<unsigned> WebhookSender::Post(const WebhookUrl& url, const storage::OutboxMessage& message,
                                     const std::stop_token& stop) const {
  const int64_t now_seconds = options_.clock() / kNanosecondsPerSecond;
  Request request(http::verb::post, url.target, 11);
  request.set(http::field::host, url.address());
  request.set(http::field::user_agent, "stillwatch");
  request.set(http::field::content_type, "application/json");
  request.set(http::field::connection, "close");
  request.set("webhook-id", message.message_id);
  request.set("webhook-timestamp", std::to_string(now_seconds));
  request.set("webhook-signature", SignWebhook(options_.secret, message.message_id, now_seconds, message.body));
  request.body() = message.body;
  request.prepare_payload();
  asio::io_context io;
  const std::stop_callback on_stop(stop, [&io] { io.stop(); });
  Connection connection(io, *tls_, url, std::move(request), options_.timeout_nano);
  connection.Start();
  io.run_for(std::chrono::nanoseconds(2 * options_.timeout_nano));  // Looking up a name has no limit of its own.
  return connection.result();
}

}  // namespace stillwatch::enforcement
