// The ids of the log's events by day, so that an event that is sent again is known without reading the log.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "proto/result.h"
#include "storage/key_value_store.h"

namespace stillwatch::storage {

// What stands for an event's id: 72 bits of its XXH3-128, which are as good as random.
struct EventIdHash {
  uint16_t slot = 0;  // Ids of a slot stand together.
  uint64_t rest = 0;  // 56 bits.
  bool operator==(const EventIdHash&) const = default;
  bool operator<(const EventIdHash& other) const { return slot != other.slot ? slot < other.slot : rest < other.rest; }
};
inline constexpr int kEventIdRestBits = 56;

EventIdHash HashEventId(std::string_view event_id);

// Days are counted from 1970, in UTC, by event time.
uint32_t EventDayOf(int64_t time_unix_nano);

// The index is a cache of the log: days that it does not hold are read from the log, and it may be deleted at any time
// (ClearEventIds). A day that it holds is whole: with all events below its end (ReadEventIdsEnd), and none that the log
// does not hold, but those of damaged blocks.

// The sequence below which the days of the index are whole; nothing if there is no index. Errors: those of the store;
// kDataLoss if the record is damaged.
Result<std::optional<uint64_t>> ReadEventIdsEnd(const KeyValueStore& store);
void PutEventIdsEnd(uint64_t sequence, WriteGroup& group);

// The number of a day's ids; nothing if the index does not hold the day. Errors: as above.
Result<std::optional<uint64_t>> ReadEventIdCount(const KeyValueStore& store, uint32_t day);
void PutEventIdCount(uint32_t day, uint64_t count, WriteGroup& group);

// Adds ids of a day, in order, of one slot. `sequence` tells them from those added before and after; it is used once.
void PutEventIds(uint32_t day, uint64_t sequence, std::span<const EventIdHash> ids, WriteGroup& group);

// Errors of all that follow: those of the store; kDataLoss if ids are damaged.
// The sequence with which the id was added to the day, if it was.
Result<std::optional<uint64_t>> FindEventId(const Snapshot& snapshot, uint32_t day, const EventIdHash& id);
// Visits the ids of a day with slots in [first, last], slot by slot; some of a slot at a time.
Status ScanEventIds(const Snapshot& snapshot, uint32_t day, uint16_t first_slot, uint16_t last_slot,
                    const std::function<void(std::span<const EventIdHash> ids)>& visit);
// Takes ids out of a day.
Status RemoveEventIds(const Snapshot& snapshot, uint32_t day, std::vector<EventIdHash> ids, WriteGroup& group);

// Where the ids of all days before this one stand.
KeyRange EventIdsBefore(uint32_t day);

// Deletes what the index holds of one day, of all days before it, of all.
void DeleteEventIdsOf(uint32_t day, WriteGroup& group);
void DeleteEventIdsBefore(uint32_t day, WriteGroup& group);
void ClearEventIds(WriteGroup& group);

}  // namespace stillwatch::storage
