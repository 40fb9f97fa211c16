#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <condition_variable>
#include <deque>
#include <fstream>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "enforcement/webhook_outbox.h"
#include "enforcement/webhook_sender.h"
#include "storage/memory_store.h"
#include "tests/cli/temporary_directory.h"
#include "tests/http/server_files.h"

namespace stillwatch::enforcement {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using ::testing::ElementsAre;
using ::testing::SizeIs;

constexpr char kSecret[] = "a secret of sixteen bytes or more";
constexpr int64_t kNow = 1'614'265'330 * kNanosecondsPerSecond;

// A receiver that answers each POST with the next status of its script, then with 200.
class Receiver {
 public:
  using Request = beast::http::request<beast::http::string_body>;

  explicit Receiver(std::deque<unsigned> script = {}, const http::TlsFiles* tls = nullptr,
                    const std::string& address = "127.0.0.1")
      : script_(std::move(script)), acceptor_(io_, {asio::ip::make_address(address), 0}) {
    if (tls != nullptr) {
      tls_.emplace(asio::ssl::context::tls_server);
      tls_->use_certificate_chain_file(tls->certificate_chain);
      tls_->use_private_key_file(tls->private_key, asio::ssl::context::pem);
    }
    thread_ = std::thread([this] { Serve(); });
  }
  ~Receiver() {
    is_stopping_ = true;
    beast::error_code ignored;
    tcp::socket(io_).connect(acceptor_.local_endpoint(), ignored);  // Wakes the acceptor.
    thread_.join();
  }

  uint16_t port() const { return acceptor_.local_endpoint().port(); }
  // Returns once that many were received.
  std::vector<Request> WaitFor(size_t count) {
    std::unique_lock lock(mutex_);
    received_.wait(lock, [&] { return requests_.size() >= count; });
    return requests_;
  }

 private:
  void Serve() {
    while (true) {
      tcp::socket socket(io_);
      acceptor_.accept(socket);
      if (is_stopping_) return;
      beast::error_code error;
      if (tls_) {
        beast::ssl_stream<tcp::socket> stream(std::move(socket), *tls_);
        stream.handshake(asio::ssl::stream_base::server, error);
        if (!error) Answer(stream);
      } else {
        Answer(socket);
      }
    }
  }
  template <typename Stream>
  void Answer(Stream& stream) {
    beast::flat_buffer buffer;
    Request request;
    beast::error_code error;
    beast::http::read(stream, buffer, request, error);
    if (error) return;
    unsigned status = 200;
    {
      const std::lock_guard lock(mutex_);
      if (!script_.empty()) {
        status = script_.front();
        script_.pop_front();
      }
    }
    beast::http::response<beast::http::empty_body> response(static_cast<beast::http::status>(status), 11);
    response.prepare_payload();
    beast::http::write(stream, response, error);
    const std::lock_guard lock(mutex_);
    requests_.push_back(std::move(request));
    received_.notify_all();
  }

  asio::io_context io_;
  std::optional<asio::ssl::context> tls_;
  std::deque<unsigned> script_;
  tcp::acceptor acceptor_;
  std::mutex mutex_;
  std::condition_variable received_;
  std::vector<Request> requests_;
  std::atomic<bool> is_stopping_{false};
  std::thread thread_;
};

std::vector<std::string> Bodies(const std::vector<Receiver::Request>& requests) {
  std::vector<std::string> bodies;
  for (const auto& request : requests) bodies.push_back(request.body());
  return bodies;
}

class WebhookTest : public ::testing::Test {
 protected:
  WebhookUrl UrlOf(const Receiver& receiver, const std::string& scheme = "http",
                   const std::string& host = "127.0.0.1") {
    return WebhookUrl::Parse(scheme + "://" + host + ":" + std::to_string(receiver.port()) + "/hook?a=1").value();
  }
  void Open(const std::vector<WebhookUrl>& urls, const OutboxOptions& options = {}) {
    std::vector<uint64_t> receivers;
    for (const WebhookUrl& url : urls) receivers.push_back(url.receiver());
    outbox_ = std::make_unique<WebhookOutbox>(*store_, receivers, options);
    ASSERT_TRUE(outbox_->Load().ok());
  }
  void StartSender(const std::vector<WebhookUrl>& urls, const std::string& ca_file = "") {
    WebhookOptions options;
    options.urls = urls;
    options.secret = kSecret;
    options.ca_file = ca_file;
    options.retry_nano_min = 1'000'000;
    options.retry_nano_max = 5'000'000;
    options.seed = 1;
    options.clock = [] { return kNow; };
    sender_ = std::move(WebhookSender::Start(*outbox_, std::move(options))).value();
    outbox_->OnAppend([this] { sender_->Wake(); });
  }
  void Append(const std::string& id, const std::string& account = "alice") {
    outbox_->Append({id, account, "{\"id\":\"" + id + "\"}"});
  }
  void WaitUntilDelivered(uint64_t count) {
    while (sender_->counters().delivered_count < count) std::this_thread::yield();
  }
  void WaitUntilEmpty() {
    while (outbox_->counters().waiting_message_count > 0) std::this_thread::yield();
  }

  std::unique_ptr<storage::KeyValueStore> store_ = storage::MakeMemoryStore();
  std::unique_ptr<WebhookOutbox> outbox_;
  std::unique_ptr<WebhookSender> sender_;
};

TEST_F(WebhookTest, AMessageIsSignedAndNamed) {
  Receiver receiver;
  const WebhookUrl url = UrlOf(receiver);
  Open({url});
  StartSender({url});
  Append("m1");
  const auto requests = receiver.WaitFor(1);
  EXPECT_EQ(requests[0].method(), beast::http::verb::post);
  EXPECT_EQ(requests[0].target(), "/hook?a=1");
  EXPECT_EQ(requests[0][beast::http::field::content_type], "application/json");
  EXPECT_EQ(requests[0]["webhook-id"], "m1");
  EXPECT_EQ(requests[0]["webhook-timestamp"], "1614265330");
  EXPECT_EQ(requests[0]["webhook-signature"], SignWebhook(kSecret, "m1", 1'614'265'330, "{\"id\":\"m1\"}"));
  WaitUntilEmpty();
}

TEST_F(WebhookTest, MessagesArriveInOrderAndAreRepeatedUntilTheyDo) {
  Receiver receiver({500, 429, 200, 301});
  const WebhookUrl url = UrlOf(receiver);
  Open({url});
  StartSender({url});
  Append("m1");
  Append("m2");
  Append("m3");
  EXPECT_THAT(Bodies(receiver.WaitFor(6)), ElementsAre("{\"id\":\"m1\"}", "{\"id\":\"m1\"}", "{\"id\":\"m1\"}",
                                                       "{\"id\":\"m2\"}", "{\"id\":\"m2\"}", "{\"id\":\"m3\"}"));
  WaitUntilDelivered(3);
  EXPECT_EQ(sender_->counters().failed_count, 3u);
}

TEST_F(WebhookTest, WhatAReceiverCannotTakeIsDropped) {
  Receiver receiver({422});
  const WebhookUrl url = UrlOf(receiver);
  Open({url});
  StartSender({url});
  Append("m1");
  Append("m2");
  EXPECT_THAT(receiver.WaitFor(2), SizeIs(2));
  WaitUntilDelivered(1);
  EXPECT_EQ(sender_->counters().unwanted_count, 1u);
}

TEST_F(WebhookTest, AReceiverThatIsDownHoldsUpNobodyElse) {
  Receiver receiver;
  const WebhookUrl up = UrlOf(receiver);
  const WebhookUrl down = WebhookUrl::Parse("http://127.0.0.1:1/").value();
  Open({down, up});
  StartSender({down, up});
  Append("m1");
  EXPECT_THAT(Bodies(receiver.WaitFor(1)), ElementsAre("{\"id\":\"m1\"}"));
  EXPECT_TRUE(outbox_->Front(down.receiver()).has_value());
}

TEST_F(WebhookTest, WhatWasNotDeliveredIsThereAfterARestart) {
  const WebhookUrl url = WebhookUrl::Parse("http://127.0.0.1:1/").value();
  Open({url});
  Append("m1");
  Append("m2");
  Open({url});
  EXPECT_EQ(outbox_->Front(url.receiver())->message_id, "m1");
  outbox_->Remove(url.receiver(), outbox_->Front(url.receiver())->sequence);
  Open({url});
  EXPECT_EQ(outbox_->Front(url.receiver())->message_id, "m2");
  EXPECT_EQ(outbox_->counters().waiting_message_count, 1u);
}

TEST_F(WebhookTest, AReceiverThatIsNoneAnyMoreKeepsNothing) {
  const WebhookUrl url = WebhookUrl::Parse("http://127.0.0.1:1/").value();
  Open({url});
  Append("m1");
  Open({});
  EXPECT_EQ(outbox_->counters().dropped_message_count, 1u);
  Open({url});
  EXPECT_FALSE(outbox_->Front(url.receiver()).has_value());
}

TEST_F(WebhookTest, AFullOutboxDropsItsOldestMessages) {
  const WebhookUrl url = WebhookUrl::Parse("http://127.0.0.1:1/").value();
  Open({url}, {.message_count_max = 2});
  for (const char* id : {"m1", "m2", "m3"}) Append(id);
  EXPECT_EQ(outbox_->Front(url.receiver())->message_id, "m2");
  EXPECT_EQ(outbox_->counters().dropped_message_count, 1u);
  Open({url}, {.message_count_max = 100, .body_bytes_max = 1});
  Append("m4");
  EXPECT_EQ(outbox_->Front(url.receiver())->message_id, "m4");
  EXPECT_EQ(outbox_->counters().waiting_message_count, 1u);
}

TEST_F(WebhookTest, AnErasedAccountIsInNoMessage) {
  const WebhookUrl url = WebhookUrl::Parse("http://127.0.0.1:1/").value();
  Open({url});
  Append("m1", "alice");
  Append("m2", "bob");
  outbox_->Forget("alice");
  Open({url});
  EXPECT_EQ(outbox_->Front(url.receiver())->account_id, "bob");
}

TEST_F(WebhookTest, ACertificateIsVerified) {
  const ServerFiles files;
  Receiver receiver({}, &files.paths());
  const WebhookUrl url = UrlOf(receiver, "https", "localhost");
  Open({url});
  StartSender({url});
  Append("m1");
  while (sender_->counters().failed_count < 2) std::this_thread::yield();
  EXPECT_EQ(sender_->counters().delivered_count, 0u);
  sender_.reset();
  StartSender({url}, files.paths().certificate_chain);
  EXPECT_THAT(Bodies(receiver.WaitFor(1)), ElementsAre("{\"id\":\"m1\"}"));
  WaitUntilDelivered(1);
}

TEST_F(WebhookTest, ACertificateOfAnotherNameIsRefused) {
  const ServerFiles files;
  Receiver receiver({}, &files.paths(), "127.0.0.2");
  const WebhookUrl url = UrlOf(receiver, "https", "127.0.0.2");
  Open({url});
  StartSender({url}, files.paths().certificate_chain);
  Append("m1");
  while (sender_->counters().failed_count < 2) std::this_thread::yield();
  EXPECT_EQ(sender_->counters().delivered_count, 0u);
}

TEST(WebhookUrlTest, PartsAreFound) {
  const WebhookUrl plain = WebhookUrl::Parse("http://receiver.example/a/b?c=d").value();
  EXPECT_FALSE(plain.is_tls);
  EXPECT_EQ(plain.host, "receiver.example");
  EXPECT_EQ(plain.port, "80");
  EXPECT_EQ(plain.target, "/a/b?c=d");
  const WebhookUrl tls = WebhookUrl::Parse("https://[::1]:8443").value();
  EXPECT_TRUE(tls.is_tls);
  EXPECT_EQ(tls.host, "::1");
  EXPECT_EQ(tls.port, "8443");
  EXPECT_EQ(tls.target, "/");
  EXPECT_EQ(tls.address(), "[::1]:8443");
  EXPECT_NE(tls.receiver(), plain.receiver());
}

TEST(WebhookUrlTest, OthersAreRefused) {
  for (const char* url : {"", "ftp://a.example", "a.example:80/b", "http://", "http:///path", "http://a.example:0/",
                          "http://a.example:99999/", "http://a.example:b/", "http://@a.example/",
                          "http://a.example/b c", "http://a.example/#b"}) {
    EXPECT_EQ(WebhookUrl::Parse(url).status().code(), Code::kInvalidArgument) << url;
  }
}

TEST(WebhookSecretTest, TheSignatureIsThatOfStandardWebhooks) {
  // The example of that convention's own specification.
  const cli::TemporaryDirectory directory;
  const std::string path = directory.Path("secret");
  std::ofstream(path) << "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n";
  const std::string secret = LoadWebhookSecret(path).value();
  EXPECT_EQ(secret.size(), 24u);
  EXPECT_EQ(SignWebhook(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1'614'265'330, R"({"test": 2432232314})"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST(WebhookSecretTest, AShortOrMissingSecretIsRefused) {
  const cli::TemporaryDirectory directory;
  EXPECT_EQ(LoadWebhookSecret(directory.Path("none")).status().code(), Code::kInvalidArgument);
  for (const char* text : {"", "short", "whsec_!!!!", "whsec_c2hvcnQ="}) {
    std::ofstream(directory.Path("secret")) << text;
    EXPECT_EQ(LoadWebhookSecret(directory.Path("secret")).status().code(), Code::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace stillwatch::enforcement
