#include "ingest/state_reader.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <thread>

namespace stillwatch::ingest {

std::optional<std::string> StateReader::Read(std::string_view key) {
  while (true) {
    Result<std::optional<std::string>> bytes = store_.Get(storage::Table::kAccounts, key);
    if (bytes.ok()) return std::move(bytes).value();
    if (bytes.status().code() == Code::kDataLoss) {
      store_.damages().Note("state of an account", bytes.status().message());
      return std::nullopt;
    }
    spdlog::error("cannot read the state of an account, senders wait: {}", bytes.status().message());
    if (is_stopping_) {
      has_given_up_ = true;
      return std::nullopt;
    }
    std::this_thread::sleep_for(std::chrono::nanoseconds(retry_nano_));
  }
}

}  // namespace stillwatch::ingest
