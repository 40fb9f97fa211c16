// What of the store a checkpoint still needs, for whoever deletes from it.
#pragma once

#include <cstdint>

#include "proto/result.h"
#include "storage/key_value_store.h"

namespace stillwatch::detector {

// The sequence of the first event that a replay from the saved checkpoint reads; 0 if there is no checkpoint that can
// be read. Errors: those of the store's reads.
Result<uint64_t> ReplayStart(const storage::Snapshot& snapshot);

// Adds to `group` the deletion of the promises (SavePromise) that stand before sequence `end`. Errors: as above.
Status DeletePromises(const storage::Snapshot& snapshot, uint64_t end, storage::WriteGroup& group);

}  // namespace stillwatch::detector
