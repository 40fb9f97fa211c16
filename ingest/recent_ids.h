// The event ids of a day that the store does not hold yet.
#pragma once

#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory_resource>
#include <vector>

#include "ingest/huge_pages.h"
#include "storage/event_id_index.h"

namespace stillwatch::ingest {

// An exact set, in many small parts: one large one would hold up all senders whenever it grows.
// Threading: for one thread, or several that only read.
// Limits: about 12 bytes an id.
class RecentIds {
 public:
  // `expected_count`: room that is made beforehand, and kept.
  explicit RecentIds(size_t expected_count = 0)
      : expected_count_(expected_count),
        room_(kBytesPerId * expected_count, MemoryFor(kBytesPerId * expected_count)),
        memory_(room_.data(), room_.size()) {
    MakeParts();
  }
  RecentIds(const RecentIds&) = delete;
  RecentIds& operator=(const RecentIds&) = delete;

  void Clear() {
    parts_.clear();
    memory_.release();
    size_ = 0;
    MakeParts();
  }
  size_t expected_count() const { return expected_count_; }

  bool Contains(const storage::EventIdHash& id) const { return parts_[PartOf(id)].contains(KeyOf(id)); }
  // Returns false if it is there already.
  bool Insert(const storage::EventIdHash& id) {
    const bool is_new = parts_[PartOf(id)].insert(KeyOf(id)).second;
    size_ += is_new;
    return is_new;
  }
  // Returns false if it is not there.
  bool Remove(const storage::EventIdHash& id) {
    const bool was_there = parts_[PartOf(id)].erase(KeyOf(id)) > 0;
    size_ -= was_there;
    return was_there;
  }
  void Prefetch(const storage::EventIdHash& id) const { parts_[PartOf(id)].prefetch(KeyOf(id)); }
  size_t size() const { return size_; }

  // Calls visit(ids) for the ids of each slot that has any, in order.
  template <typename Visit>
  void VisitSlots(const Visit& visit) const {
    std::vector<uint64_t> keys;
    std::vector<storage::EventIdHash> ids;
    for (size_t part = 0; part < kPartCount; ++part) {
      keys.assign(parts_[part].begin(), parts_[part].end());
      std::sort(keys.begin(), keys.end());
      for (size_t i = 0; i < keys.size();) {
        ids.clear();
        const auto slot = static_cast<uint16_t>(part << kSlotBitsOfKey | keys[i] >> storage::kEventIdRestBits);
        for (; i < keys.size() && keys[i] >> storage::kEventIdRestBits == (slot & kSlotMaskOfKey); ++i) {
          ids.push_back({slot, keys[i] & kRestMask});
        }
        visit(ids);
      }
    }
  }

 private:
  static constexpr int kPartBits = 10;
  static constexpr size_t kPartCount = size_t{1} << kPartBits;
  static constexpr int kSlotBitsOfKey = 16 - kPartBits;
  static constexpr uint16_t kSlotMaskOfKey = (1 << kSlotBitsOfKey) - 1;
  static constexpr uint64_t kRestMask = (uint64_t{1} << storage::kEventIdRestBits) - 1;

  struct UniformHash {
    size_t operator()(uint64_t key) const {
      // Otherwise GCC takes the set's prefetch for a function without effect, and drops its calls.
      asm volatile("" : "+r"(key));
      return key;
    }
  };
  using Part = absl::flat_hash_set<uint64_t, UniformHash, std::equal_to<>, std::pmr::polymorphic_allocator<uint64_t>>;
  static constexpr size_t kBytesPerId = 13;  // Of a part that has just grown.

  // Memory that is not written to.
  struct Byte {
    Byte() {}  // NOLINT: leaves it as it is.
    std::byte byte;
  };

  void MakeParts() {
    // A part that is a tenth larger than others still has room.
    const size_t part_size = expected_count_ / kPartCount * 11 / 10;
    parts_.reserve(kPartCount);
    // Memory of what has grown is given back only by the usual resource.
    std::pmr::memory_resource* const memory = expected_count_ > 0 ? &memory_ : std::pmr::new_delete_resource();
    for (size_t i = 0; i < kPartCount; ++i) parts_.emplace_back(part_size, memory);
  }
  // The first bits of the slot choose the part; its last bits and the rest are the key.
  static size_t PartOf(const storage::EventIdHash& id) { return id.slot >> kSlotBitsOfKey; }
  static uint64_t KeyOf(const storage::EventIdHash& id) {
    return static_cast<uint64_t>(id.slot & kSlotMaskOfKey) << storage::kEventIdRestBits | id.rest;
  }

  size_t expected_count_;
  std::pmr::vector<Byte> room_;
  std::pmr::monotonic_buffer_resource memory_;
  std::vector<Part> parts_;
  size_t size_ = 0;
};

}  // namespace stillwatch::ingest
