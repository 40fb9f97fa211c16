#include "storage/outbox_store.h"

#include <optional>
#include <utility>

#include "storage/byte_codec.h"

namespace stillwatch::storage {
namespace {

constexpr std::string_view kKeyPrefix = "webhook/";
constexpr std::string_view kBehindPrefix = "webhook0";  // '0' follows '/'.
constexpr uint8_t kVersion = 1;

std::string KeyOf(uint64_t receiver, uint64_t sequence) {
  std::string key(kKeyPrefix);
  AppendKeyNumber(key, receiver);
  AppendKeyNumber(key, sequence);
  return key;
}

std::optional<OutboxMessage> Decode(std::string_view key, std::string_view value) {
  OutboxMessage message;
  ByteReader key_reader(key.substr(kKeyPrefix.size()));
  ByteReader reader(value);
  uint8_t version = 0;
  if (!key_reader.ReadKeyNumber(message.receiver) || !key_reader.ReadKeyNumber(message.sequence) ||
      !key_reader.empty() || !reader.ReadFixed(version) || version != kVersion ||
      !reader.ReadText(message.message_id) || !reader.ReadText(message.account_id) || !reader.ReadText(message.body) ||
      !reader.empty()) {
    return {};
  }
  return message;
}

}  // namespace

void PutOutboxMessage(const OutboxMessage& message, WriteGroup& group) {
  std::string value(1, static_cast<char>(kVersion));
  AppendText(value, message.message_id);
  AppendText(value, message.account_id);
  AppendText(value, message.body);
  group.Put(Table::kMeta, KeyOf(message.receiver, message.sequence), std::move(value));
}

void DeleteOutboxMessage(uint64_t receiver, uint64_t sequence, WriteGroup& group) {
  group.Delete(Table::kMeta, KeyOf(receiver, sequence));
}

Status ScanOutbox(const Snapshot& snapshot, const std::function<void(OutboxMessage)>& visit) {
  const Status status =
      snapshot.Scan(Table::kMeta, kKeyPrefix, kBehindPrefix, [&](std::string_view key, std::string_view value) {
        if (std::optional<OutboxMessage> message = Decode(key, value)) {
          visit(*std::move(message));
        } else {
          snapshot.damages().Note("message that waits to be delivered", "malformed");
        }
        return true;
      });
  if (status.code() != Code::kDataLoss) return status;
  snapshot.damages().Note("messages that wait to be delivered", status.message());
  return {};
}

}  // namespace stillwatch::storage
