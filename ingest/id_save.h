// Puts the ids of events into the store, many at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "ingest/bloom_filter.h"
#include "ingest/recent_ids.h"
#include "storage/key_value_store.h"

namespace stillwatch::ingest {

// What is to be saved: ids of events that are all in the log.
struct IdSave {
  struct Day {
    uint32_t day = 0;
    std::shared_ptr<const RecentIds> ids;
    // Ids of the day that the index holds; with those of this save they are all. Nothing: unknown, and there is only
    // something to save if the index holds the day.
    std::optional<uint64_t> saved_count;
    bool replaces_day = false;  // What the index holds of the day is damaged or out of date.
    // Takes the ids, too. If it has no room, another is made.
    BloomFilter* filter = nullptr;
    size_t capacity = 0;  // Of the one that is made.
    std::unique_ptr<BloomFilter> made;
  };

  uint64_t end_sequence = 0;    // Of the log.
  bool replaces_index = false;  // All of it is out of date.
  uint32_t first_kept_day = 0;  // Those before it are not worth their room any more.
  std::vector<Day> days;
};

// Saves it in some groups; if not all of them become durable, the index is as good as before. `commit` tries until the
// group is durable, or returns false. Errors: those of the store.
Status SaveIds(IdSave& save, storage::KeyValueStore& store,
               const std::function<bool(const storage::WriteGroup& group)>& commit);

}  // namespace stillwatch::ingest
