// Accounts that are being forgotten: what is left of an erasure until it is done.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proto/result.h"
#include "proto/usage_batch.h"
#include "storage/event_id_index.h"
#include "storage/key_value_store.h"

namespace stillwatch::storage {

// An account to be removed from the log below a position. As long as its record stands, EventLog::Scan shows the
// account's events as erased, whether their blocks were written anew yet or not.
struct Erasure {
  std::string account_id;
  uint64_t end_sequence = 0;  // Events from here on are of a new account.
  bool is_applied = false;    // The checkpoint does not know the account any more, or knows the new one.
};

// A record of the same account replaces the earlier one.
void PutErasure(const Erasure& erasure, WriteGroup& group);
void DeleteErasure(std::string_view account_id, WriteGroup& group);
// All erasures that are not done, by account id. Errors: those of the store; kDataLoss if a record is damaged, since
// what was to be forgotten must not come back.
Result<std::vector<Erasure>> ReadErasures(const Snapshot& snapshot);

// Leaves of each event that an erasure covers nothing but its time, so that the watermark of a replay is what it was.
// Returns the number of them. `batch` holds account ids, and begins at `first_sequence`.
size_t EraseRows(std::span<const Erasure> erasures, uint64_t first_sequence, UsageBatch& batch);

// An event that left the log.
struct ErasedEvent {
  int64_t time_unix_nano = 0;
  EventIdHash id;
};

// What one step through the log did.
struct EraseStep {
  uint64_t next_sequence = 0;  // Where the next step begins.
  bool is_done = false;
  std::vector<ErasedEvent> events;
  uint64_t block_count = 0;          // Written anew.
  uint64_t damaged_block_count = 0;  // Could not be searched; they stay as they are.
};
// Adds to `group` the blocks from `from` on that hold events of `erasure`, without them, at most `block_count_max`.
// Errors: those of the store.
Result<EraseStep> EraseFromBlocks(const Snapshot& snapshot, const Erasure& erasure, uint64_t from,
                                  size_t block_count_max, WriteGroup& group);

}  // namespace stillwatch::storage
