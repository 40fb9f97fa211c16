#include "gateways/message_join.h"

#include <algorithm>
#include <iterator>

namespace stillwatch::gateways {
namespace {

// What a call costs beside its texts.
constexpr size_t kCallBytes = 256;

}  // namespace

void MessageJoin::Erase(std::unordered_map<std::string, Held>::iterator held) {
  bytes_ -= held->second.bytes;
  calls_.erase(held);
}

size_t MessageJoin::DropOld(int64_t now) {
  size_t dropped = 0;
  while (!order_.empty() && (bytes_ > bytes_max_ || order_.front().second < now - kAgeNanoMax)) {
    const auto held = calls_.find(order_.front().first);
    if (held != calls_.end() && held->second.since_unix_nano == order_.front().second) {
      dropped += held->second.messages.size();
      Erase(held);
    }
    order_.pop_front();
  }
  return dropped;
}

size_t MessageJoin::DropOld() {
  const int64_t now = clock_();
  const std::lock_guard lock(mutex_);
  return DropOld(now);
}

bool MessageJoin::Expects(const std::string& source_name, const std::string& call_id) const {
  const std::lock_guard lock(mutex_);
  const auto source = sources_.find(source_name);
  if (source == sources_.end() || source->second < clock_() - kAgeNanoMax) return false;
  const auto held = calls_.find(call_id);
  return held == calls_.end() || std::ranges::none_of(held->second.messages, &OtlpMessage::is_answer);
}

size_t MessageJoin::Add(const std::string& source_name, const std::string& call_id, std::vector<OtlpMessage> messages) {
  const int64_t now = clock_();
  const std::lock_guard lock(mutex_);
  if (sources_.size() < kSourceCountMax || sources_.contains(source_name)) sources_[source_name] = now;
  has_sources_ = true;
  const auto [held, is_new] = calls_.try_emplace(call_id);
  if (is_new) {
    held->second.since_unix_nano = now;
    held->second.bytes = kCallBytes;
    bytes_ += kCallBytes;
    order_.emplace_back(call_id, now);
  }
  for (OtlpMessage& message : messages) {
    const size_t bytes = message.text.size() + sizeof(OtlpMessage);
    held->second.bytes += bytes;
    bytes_ += bytes;
    held->second.messages.push_back(std::move(message));
  }
  return DropOld(now);
}

std::vector<OtlpMessage> MessageJoin::Take(const std::string& call_id) {
  const std::lock_guard lock(mutex_);
  const auto held = calls_.find(call_id);
  if (held == calls_.end()) return {};
  std::vector<OtlpMessage> messages = std::move(held->second.messages);
  Erase(held);
  return messages;
}

size_t MessageJoin::held_bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace stillwatch::gateways
