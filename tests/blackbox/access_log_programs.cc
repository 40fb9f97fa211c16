#include "tests/blackbox/access_log_programs.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <limits>
#include <utility>

#include "storage/event_log.h"
#include "storage/rocksdb_store.h"
#include "tests/blackbox/http_exchange.h"

namespace stillwatch::blackbox {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

StoredEvent EventOf(const UsageBatch& batch, size_t row) {
  const auto text = [&](TextField field) { return std::string(batch.text(row, field)); };
  const auto number = [&](NumberField field) {
    return batch.has(row, field) ? static_cast<int64_t>(batch.number(row, field)) : -1;
  };
  return {.account_id = text(TextField::kAccountId),
          .client_address = text(TextField::kClientAddress),
          .user_agent = text(TextField::kUserAgent),
          .operation_name = text(TextField::kOperationName),
          .request_model = text(TextField::kRequestModel),
          .response_model = text(TextField::kResponseModel),
          .organization_id = text(TextField::kOrganizationId),
          .tls_fingerprint = text(TextField::kTlsFingerprint),
          .status_code = number(NumberField::kStatusCode),
          .duration_ms = number(NumberField::kDurationMs),
          .time_to_first_token_ms = number(NumberField::kTimeToFirstTokenMs),
          .input_tokens = number(NumberField::kInputTokens),
          .output_tokens = number(NumberField::kOutputTokens),
          .reasoning_tokens = number(NumberField::kReasoningTokens),
          .cache_read_input_tokens = number(NumberField::kCacheReadInputTokens)};
}

}  // namespace

std::vector<StoredEvent> StoredEvents(const Deployment& deployment) {
  const auto store = storage::OpenRocksDbStore(deployment.directory() / "data/store").value();
  std::vector<StoredEvent> out;
  const auto visit = [&out](const storage::BlockSummary& /*summary*/, const UsageBatch& batch) {
    for (size_t row = 0; row < batch.size(); ++row) out.push_back(EventOf(batch, row));
    return true;
  };
  constexpr int64_t kEver = std::numeric_limits<int64_t>::max();
  EXPECT_TRUE(storage::EventLog::Scan(*store->TakeSnapshot(), 0, 0, kEver, {}, visit).ok());
  return out;
}

uint16_t FreePort() {
  asio::io_context io;
  const tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
  return acceptor.local_endpoint().port();
}

void WaitForListener(uint16_t port) {
  asio::io_context io;
  boost::system::error_code error;
  do {
    tcp::socket socket(io);
    socket.connect({asio::ip::address_v4::loopback(), port}, error);
  } while (error);
}

std::string Ask(uint16_t port, const std::string& account, const std::string& agent) {
  return Exchange("127.0.0.1:" + std::to_string(port),
                  "GET /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port) +
                            "\r\nUser-Agent: " + agent + "\r\nX-Account-Id: " + account +
                            "\r\nConnection: close\r\n\r\n");
}

std::string ToldAddress(const Deployment& deployment, const std::string& words) {
  const std::string log = ReadFile(deployment.directory() / "log");
  const size_t begin = log.rfind(words);
  if (begin == std::string::npos) return "";
  const size_t from = begin + words.size();
  return log.substr(from, log.find('\n', from) - from);
}

std::string Recipe(const std::string& name, const std::vector<std::pair<std::string, std::string>>& replacements) {
  std::string text = ReadFile(std::string(STILLWATCH_RECIPES) + "/" + name);
  for (const auto& [from, to] : replacements) {
    size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << name << " does not say " << from;
    for (; at != std::string::npos; at = text.find(from, at + to.size())) text.replace(at, from.size(), to);
  }
  return text;
}

void WaitForEvents(const Deployment& deployment, uint64_t count) {
  while (deployment.Status().accepted_event_count() < count) {
  }
}

}  // namespace stillwatch::blackbox
