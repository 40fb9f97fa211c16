// Brings the states of accounts back from the store.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "storage/key_value_store.h"

namespace stillwatch::ingest {

// Reads what a checkpoint wrote of an account.
// A state that is damaged is noted as such and given up: its account begins anew, and an audit, which goes by the log,
// shows the difference. A read that fails otherwise is tried again until it works: whoever needs the state waits
// meanwhile, and with it the senders. Only after Stop it is given up; then no checkpoint may follow.
// Threading: from any thread. Ownership: the store must outlive it.
class StateReader {
 public:
  // `retry_nano`: wait between two tries.
  StateReader(const storage::KeyValueStore& store, int64_t retry_nano) : store_(store), retry_nano_(retry_nano) {}

  std::optional<std::string> Read(std::string_view key);
  void Stop() { is_stopping_ = true; }
  bool has_given_up() const { return has_given_up_; }

 private:
  const storage::KeyValueStore& store_;
  const int64_t retry_nano_;
  std::atomic<bool> is_stopping_{false};
  std::atomic<bool> has_given_up_{false};
};

}  // namespace stillwatch::ingest
