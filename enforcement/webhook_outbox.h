// Messages that wait for their receivers, on disk until they are delivered.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "enforcement/webhook_message.h"
#include "proto/result.h"
#include "storage/key_value_store.h"
#include "storage/outbox_store.h"

namespace stillwatch::enforcement {

struct OutboxOptions {
  // Of one receiver. When either is reached the oldest messages are dropped, counted and logged: what is newest about
  // an account matters most, and everything stays in the journal of verdicts.
  size_t message_count_max = 10'000;
  size_t body_bytes_max = 32u << 20;
};

struct OutboxCounters {
  uint64_t waiting_message_count = 0;
  uint64_t dropped_message_count = 0;
};

// Queues each message for every receiver, in order. A message is on disk when Append returns, and is in memory too.
// Threading: safe from any thread; Append takes an fsync. Ownership: the store must outlive it.
// Errors: while the disk fails messages wait in memory, and are written with the next one; what a crash then takes is
// lost unless the verdict is replayed too. Limits: see OutboxOptions.
class WebhookOutbox {
 public:
  WebhookOutbox(storage::KeyValueStore& store, std::vector<uint64_t> receivers, const OutboxOptions& options);

  // Takes up what earlier lives left. What waits for a receiver that is none any more is dropped. Errors: the store's.
  Status Load();
  // Called without a lock whenever a message was appended.
  void OnAppend(std::function<void()> listener) { listener_ = std::move(listener); }

  void Append(const WebhookMessage& message);
  // The oldest message of a receiver, if one waits.
  std::optional<storage::OutboxMessage> Front(uint64_t receiver) const;
  // The message is done with: delivered, or not wanted. One that was dropped meanwhile may be told of.
  void Remove(uint64_t receiver, uint64_t sequence);
  // Drops all messages about an account that was erased.
  void Forget(const std::string& account_id);

  OutboxCounters counters() const;

 private:
  struct Queue {
    std::deque<storage::OutboxMessage> messages;
    size_t body_bytes = 0;
  };

  void DropExcess(uint64_t receiver, Queue& queue);
  void CommitLocked();

  storage::KeyValueStore& store_;
  const OutboxOptions options_;
  std::function<void()> listener_;

  mutable std::mutex mutex_;
  std::map<uint64_t, Queue> queues_;  // By receiver.
  storage::WriteGroup unsaved_;       // Grows while the disk fails.
  uint64_t next_sequence_ = 1;
  uint64_t dropped_message_count_ = 0;
};

}  // namespace stillwatch::enforcement
