#include "storage/event_id_index.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "proto/limits.h"
#include "storage/byte_codec.h"

namespace stillwatch::storage {
namespace {

constexpr std::string_view kEndKey = "event_ids";
constexpr std::string_view kDayPrefix = "event_ids/";
constexpr std::string_view kBehindDays = "event_ids0";  // '0' follows '/'.
constexpr uint8_t kVersion = 1;
constexpr size_t kRestBytes = kEventIdRestBits / 8;

std::string DayKey(uint32_t day) {
  std::string key(kDayPrefix);
  AppendFixed(key, __builtin_bswap32(day));
  return key;
}

std::string SlotKey(uint32_t day, uint16_t slot) {
  std::string key;
  AppendFixed(key, __builtin_bswap32(day));
  AppendFixed(key, __builtin_bswap16(slot));
  return key;
}

// Behind all keys of a slot, which have a number of 8 bytes behind the slot's.
std::string BehindSlot(uint32_t day, uint16_t slot) { return SlotKey(day, slot) + std::string(9, '\xFF'); }
std::string BehindDay(uint32_t day) { return BehindSlot(day, UINT16_MAX); }

bool ReadSlot(std::string_view key, uint16_t& slot) {
  constexpr size_t kKeyBytes = sizeof(uint32_t) + sizeof(uint16_t) + sizeof(uint64_t);
  if (key.size() != kKeyBytes) return false;
  std::memcpy(&slot, key.data() + sizeof(uint32_t), sizeof(slot));
  slot = __builtin_bswap16(slot);
  return true;
}

// Of a key whose slot was read.
uint64_t ReadSequence(std::string_view key) {
  uint64_t sequence = 0;
  std::memcpy(&sequence, key.data() + key.size() - sizeof(sequence), sizeof(sequence));
  return __builtin_bswap64(sequence);
}

std::string NumberValue(uint64_t number) {
  std::string value(1, static_cast<char>(kVersion));
  AppendFixed(value, number);
  return value;
}

Result<std::optional<uint64_t>> ReadNumber(const KeyValueStore& store, std::string_view key) {
  const Result<std::optional<std::string>> value = store.Get(Table::kMeta, key);
  if (!value.ok()) return value.status();
  if (!value.value()) return std::optional<uint64_t>();
  ByteReader reader(*value.value());
  uint8_t version = 0;
  uint64_t number = 0;
  if (reader.ReadFixed(version) && version == kVersion && reader.ReadFixed(number) && reader.empty()) {
    return std::optional<uint64_t>(number);
  }
  return {Code::kDataLoss, "a record of the index of event ids is damaged"};
}

// In order of the numbers, byte for byte.
void AppendRest(std::string& out, uint64_t rest) {
  const uint64_t bytes = __builtin_bswap64(rest << (64 - kEventIdRestBits));
  out.append(reinterpret_cast<const char*>(&bytes), kRestBytes);
}

uint64_t ReadRest(const char* bytes) {
  uint64_t rest = 0;
  std::memcpy(&rest, bytes, kRestBytes);
  return __builtin_bswap64(rest) >> (64 - kEventIdRestBits);
}

// The ids that were added to a slot at one time: numbers of seven bytes in order.
class SlotIds {
 public:
  explicit SlotIds(std::string_view bytes) : bytes_(bytes) {}

  bool is_sound() const { return !bytes_.empty() && bytes_.size() % kRestBytes == 0; }
  size_t size() const { return bytes_.size() / kRestBytes; }
  uint64_t operator[](size_t i) const { return ReadRest(bytes_.data() + i * kRestBytes); }
  bool Contains(uint64_t rest) const {
    size_t low = 0;
    size_t high = size();
    while (low < high) {
      const size_t middle = (low + high) / 2;
      if ((*this)[middle] < rest) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low < size() && (*this)[low] == rest;
  }

 private:
  std::string_view bytes_;
};

// `visit` returns false to stop.
using IdsVisitor = std::function<bool(std::string_view key, uint16_t slot, const SlotIds& ids)>;
Status ScanSlots(const Snapshot& snapshot, const std::string& from, const std::string& to, const IdsVisitor& visit) {
  bool is_sound = true;
  const Status status = snapshot.Scan(Table::kEventIds, from, to, [&](std::string_view key, std::string_view value) {
    uint16_t slot = 0;
    const SlotIds ids(value);
    is_sound = ReadSlot(key, slot) && ids.is_sound();
    return is_sound && visit(key, slot, ids);
  });
  if (!status.ok()) return status;
  return is_sound ? Status() : Status(Code::kDataLoss, "the index of event ids is damaged");
}

Status RemoveFromSlot(const Snapshot& snapshot, uint32_t day, uint16_t slot, std::span<const EventIdHash> removed,
                      WriteGroup& group) {
  return ScanSlots(snapshot, SlotKey(day, slot), BehindSlot(day, slot),
                   [&](std::string_view key, uint16_t, const SlotIds& ids) {
                     std::string kept;
                     for (size_t i = 0; i < ids.size(); ++i) {
                       if (!std::binary_search(removed.begin(), removed.end(), EventIdHash{slot, ids[i]})) {
                         AppendRest(kept, ids[i]);
                       }
                     }
                     if (kept.size() == ids.size() * kRestBytes) return true;
                     if (kept.empty()) {
                       group.Delete(Table::kEventIds, std::string(key));
                     } else {
                       group.Put(Table::kEventIds, std::string(key), std::move(kept));
                     }
                     return true;
                   });
}

}  // namespace

EventIdHash HashEventId(std::string_view event_id) {
  const XXH128_hash_t hash = XXH3_128bits(event_id.data(), event_id.size());
  return {static_cast<uint16_t>(hash.high64 >> 48), hash.low64 >> (64 - kEventIdRestBits)};
}

uint32_t EventDayOf(int64_t time_unix_nano) { return static_cast<uint32_t>(time_unix_nano / kNanosecondsPerDay); }

Result<std::optional<uint64_t>> ReadEventIdsEnd(const KeyValueStore& store) { return ReadNumber(store, kEndKey); }
void PutEventIdsEnd(uint64_t sequence, WriteGroup& group) {
  group.Put(Table::kMeta, std::string(kEndKey), NumberValue(sequence));
}

Result<std::optional<uint64_t>> ReadEventIdCount(const KeyValueStore& store, uint32_t day) {
  return ReadNumber(store, DayKey(day));
}
void PutEventIdCount(uint32_t day, uint64_t count, WriteGroup& group) {
  group.Put(Table::kMeta, DayKey(day), NumberValue(count));
}

void PutEventIds(uint32_t day, uint64_t sequence, std::span<const EventIdHash> ids, WriteGroup& group) {
  std::string key = SlotKey(day, ids.front().slot);
  AppendKeyNumber(key, sequence);
  std::string value;
  value.reserve(ids.size() * kRestBytes);
  for (const EventIdHash& id : ids) AppendRest(value, id.rest);
  group.Put(Table::kEventIds, std::move(key), std::move(value));
}

Result<std::optional<uint64_t>> FindEventId(const Snapshot& snapshot, uint32_t day, const EventIdHash& id) {
  std::optional<uint64_t> sequence;
  const Status status = ScanSlots(snapshot, SlotKey(day, id.slot), BehindSlot(day, id.slot),
                                  [&](std::string_view key, uint16_t, const SlotIds& ids) {
                                    if (ids.Contains(id.rest)) sequence = ReadSequence(key);
                                    return !sequence;
                                  });
  if (!status.ok()) return status;
  return sequence;
}

Status ScanEventIds(const Snapshot& snapshot, uint32_t day, uint16_t first_slot, uint16_t last_slot,
                    const std::function<void(std::span<const EventIdHash> ids)>& visit) {
  std::vector<EventIdHash> of_slot;
  return ScanSlots(snapshot, SlotKey(day, first_slot), BehindSlot(day, last_slot),
                   [&](std::string_view, uint16_t slot, const SlotIds& ids) {
                     of_slot.clear();
                     for (size_t i = 0; i < ids.size(); ++i) of_slot.push_back({slot, ids[i]});
                     visit(of_slot);
                     return true;
                   });
}

Status RemoveEventIds(const Snapshot& snapshot, uint32_t day, std::vector<EventIdHash> ids, WriteGroup& group) {
  std::sort(ids.begin(), ids.end());
  for (size_t begin = 0; begin < ids.size();) {
    size_t end = begin;
    while (end < ids.size() && ids[end].slot == ids[begin].slot) ++end;
    const std::span<const EventIdHash> of_slot = std::span(ids).subspan(begin, end - begin);
    STILLWATCH_RETURN_IF_ERROR(RemoveFromSlot(snapshot, day, ids[begin].slot, of_slot, group));
    begin = end;
  }
  return {};
}

void DeleteEventIdsOf(uint32_t day, WriteGroup& group) {
  group.DeleteRange({Table::kEventIds, SlotKey(day, 0), BehindDay(day)});
  group.Delete(Table::kMeta, DayKey(day));
}

KeyRange EventIdsBefore(uint32_t day) { return {Table::kEventIds, "", SlotKey(day, 0)}; }

void DeleteEventIdsBefore(uint32_t day, WriteGroup& group) {
  group.DeleteRange(EventIdsBefore(day));
  group.DeleteRange({Table::kMeta, std::string(kDayPrefix), DayKey(day)});
}

void ClearEventIds(WriteGroup& group) {
  group.Clear(Table::kEventIds);
  group.DeleteRange({Table::kMeta, std::string(kEndKey), std::string(kBehindDays)});
}

}  // namespace stillwatch::storage
