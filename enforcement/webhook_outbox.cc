#include "enforcement/webhook_outbox.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace stillwatch::enforcement {

WebhookOutbox::WebhookOutbox(storage::KeyValueStore& store, std::vector<uint64_t> receivers,
                             const OutboxOptions& options)
    : store_(store), options_(options) {
  for (const uint64_t receiver : receivers) queues_[receiver];
}

Status WebhookOutbox::Load() {
  const std::lock_guard lock(mutex_);
  uint64_t orphan_count = 0;
  STILLWATCH_RETURN_IF_ERROR(storage::ScanOutbox(*store_.TakeSnapshot(), [&](storage::OutboxMessage message) {
    next_sequence_ = std::max(next_sequence_, message.sequence + 1);
    const auto queue = queues_.find(message.receiver);
    if (queue == queues_.end()) {
      storage::DeleteOutboxMessage(message.receiver, message.sequence, unsaved_);
      ++orphan_count;
      return;
    }
    queue->second.body_bytes += message.body.size();
    queue->second.messages.push_back(std::move(message));
  }));
  if (orphan_count > 0) spdlog::warn("webhook: dropped {} messages to receivers that are none any more", orphan_count);
  dropped_message_count_ += orphan_count;
  CommitLocked();
  return Status();
}

void WebhookOutbox::Append(const WebhookMessage& message) {
  {
    const std::lock_guard lock(mutex_);
    for (auto& [receiver, queue] : queues_) {
      queue.messages.push_back({receiver, next_sequence_, message.id, message.account_id, message.body});
      queue.body_bytes += message.body.size();
      storage::PutOutboxMessage(queue.messages.back(), unsaved_);
      DropExcess(receiver, queue);
    }
    ++next_sequence_;
    CommitLocked();
  }
  if (listener_) listener_();
}

void WebhookOutbox::DropExcess(uint64_t receiver, Queue& queue) {
  while (queue.messages.size() > options_.message_count_max ||
         (queue.body_bytes > options_.body_bytes_max && queue.messages.size() > 1)) {
    if (dropped_message_count_++ % 1000 == 0)
      spdlog::error("webhook: the outbox is full, its oldest messages are dropped");
    queue.body_bytes -= queue.messages.front().body.size();
    storage::DeleteOutboxMessage(receiver, queue.messages.front().sequence, unsaved_);
    queue.messages.pop_front();
  }
}

void WebhookOutbox::CommitLocked() {
  if (unsaved_.empty()) return;
  const Status status = store_.Commit(unsaved_);
  if (status.ok()) {
    unsaved_ = {};
  } else {
    spdlog::error("webhook: messages wait in memory only: {}", status.message());
  }
}

std::optional<storage::OutboxMessage> WebhookOutbox::Front(uint64_t receiver) const {
  const std::lock_guard lock(mutex_);
  const Queue& queue = queues_.at(receiver);
  if (queue.messages.empty()) return std::nullopt;
  return queue.messages.front();
}

void WebhookOutbox::Remove(uint64_t receiver, uint64_t sequence) {
  const std::lock_guard lock(mutex_);
  Queue& queue = queues_.at(receiver);
  if (queue.messages.empty() || queue.messages.front().sequence != sequence) return;
  queue.body_bytes -= queue.messages.front().body.size();
  queue.messages.pop_front();
  storage::DeleteOutboxMessage(receiver, sequence, unsaved_);
  CommitLocked();
}

void WebhookOutbox::Forget(const std::string& account_id) {
  const std::lock_guard lock(mutex_);
  for (auto& entry : queues_) {
    Queue& queue = entry.second;
    std::erase_if(queue.messages, [&, receiver = entry.first](const storage::OutboxMessage& message) {
      if (message.account_id != account_id) return false;
      queue.body_bytes -= message.body.size();
      storage::DeleteOutboxMessage(receiver, message.sequence, unsaved_);
      return true;
    });
  }
  CommitLocked();
}

OutboxCounters WebhookOutbox::counters() const {
  const std::lock_guard lock(mutex_);
  OutboxCounters counters;
  counters.dropped_message_count = dropped_message_count_;
  for (const auto& [receiver, queue] : queues_) counters.waiting_message_count += queue.messages.size();
  return counters;
}

}  // namespace stillwatch::enforcement
