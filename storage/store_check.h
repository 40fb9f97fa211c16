// Reads a whole store and says what is damaged.
#pragma once

#include <cstdint>
#include <functional>

#include "proto/result.h"
#include "storage/key_value_store.h"

namespace stillwatch::storage {

// What a check went through.
struct StoreCheckReport {
  uint64_t block_count = 0;  // With the damaged ones.
  uint64_t event_count = 0;  // In blocks whose header is sound, whatever becomes of their columns.
  uint64_t erased_event_count = 0;
  uint64_t record_count = 0;  // Profiles, models, labels and verdict changes that are sound.
  uint64_t account_count = 0;
  uint64_t damage_count = 0;
};

// Checks each block, each column and each record, then the checksums that the store itself keeps. What is damaged is
// noted in the store's register (KeyValueStore::damages), whose listener is told where. `progress` is called with the
// part of the log, 0 to 1, that was read. Damage is no error. Errors: those of the store's reads but kDataLoss.
Result<StoreCheckReport> CheckStore(const KeyValueStore& store, const std::function<void(double part)>& progress);

}  // namespace stillwatch::storage
