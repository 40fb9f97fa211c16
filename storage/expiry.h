// Deletion of the oldest blocks of the event log.
#pragma once

#include <cstddef>
#include <cstdint>

#include "proto/result.h"
#include "storage/key_value_store.h"

namespace stillwatch::storage {

// What one step deleted.
struct ExpiryStep {
  uint64_t block_count = 0;
  uint64_t event_count = 0;
  uint64_t first_kept_sequence = 0;  // Where the log begins after the step; 0 if nothing was deleted.
  bool is_done = true;
};

// Adds to `group` the deletion of blocks at the beginning of the log, at most `block_count_max`: those whose newest
// event is older than `horizon_unix_nano` and whose events are all below `end_sequence`. A block is only deleted with
// all those before it, so one that holds newer events keeps what is behind it until it is old itself; a damaged block
// goes with the next that can be read. The last block always stays, since the numbering of the log goes on from it.
// Errors: those of the store.
Result<ExpiryStep> ExpireBlocks(const Snapshot& snapshot, int64_t horizon_unix_nano, uint64_t end_sequence,
                                size_t block_count_max, WriteGroup& group);

}  // namespace stillwatch::storage
