// Messages that wait to be delivered, on disk.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "proto/result.h"
#include "storage/key_value_store.h"

namespace stillwatch::storage {

// A message to one receiver.
struct OutboxMessage {
  uint64_t receiver = 0;  // Names the receiver, as the hash of its address.
  uint64_t sequence = 0;  // Orders the messages of one receiver.
  std::string message_id;
  std::string account_id;  // Whom it is about, so that an erasure finds it.
  std::string body;

  bool operator==(const OutboxMessage&) const = default;
};

// A message of the same receiver and sequence replaces the earlier one.
void PutOutboxMessage(const OutboxMessage& message, WriteGroup& group);
void DeleteOutboxMessage(uint64_t receiver, uint64_t sequence, WriteGroup& group);
// Visits all messages, of each receiver in their order. Damaged ones are skipped and noted in the snapshot's register.
// Errors: those of the store but kDataLoss.
Status ScanOutbox(const Snapshot& snapshot, const std::function<void(OutboxMessage)>& visit);

}  // namespace stillwatch::storage
