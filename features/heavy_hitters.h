// The most frequent hashes of a stream.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <tuple>

namespace stillwatch::features {

// Keeps the kCapacity most frequent hashes of a stream, after the Space-Saving algorithm: a hash with a share above
// 1 / kCapacity is always among them, and a count is too high by at most the smallest count.
// Source: Metwally, Agrawal, El Abbadi, ICDT 2005. Merging adds the counts of equal hashes and keeps the largest; a hash
// that only one side holds may have come to the other as often as its smallest count, so that is added, and the promises
// hold for the joined stream (Cafaro, Pulimeno, Tempesta 2016, 10.1016/j.ins.2015.09.003).
template <size_t kCapacity>
class HeavyHitters {
 public:
  struct Entry {
    uint64_t hash = 0;  // 0: the slot is free.
    uint64_t count = 0;
  };

  void Add(uint64_t hash, uint64_t count = 1) {
    Entry* smallest = &entries_[0];
    for (Entry& entry : entries_) {
      if (entry.hash == hash) {
        entry.count += count;
        return;
      }
      if (entry.count < smallest->count) smallest = &entry;
    }
    smallest->hash = hash;
    smallest->count += count;
  }

  void Merge(const HeavyHitters& other) {
    std::array<Entry, 2 * kCapacity> joined{};
    for (size_t i = 0; i < kCapacity; ++i) {
      const Entry& ours = entries_[i];
      const Entry& theirs = other.entries_[i];
      if (ours.hash != 0) joined[i] = {ours.hash, ours.count + other.UpperBound(ours.hash)};
      if (theirs.hash != 0 && Find(theirs.hash) == nullptr) {
        joined[kCapacity + i] = {theirs.hash, theirs.count + UpperBound(theirs.hash)};
      }
    }
    std::sort(joined.begin(), joined.end(), [](const Entry& a, const Entry& b) {
      return std::tie(a.count, a.hash) > std::tie(b.count, b.hash);
    });
    std::copy_n(joined.begin(), kCapacity, entries_.begin());
  }

  // The largest count; 0 if nothing was added.
  uint64_t MaxCount() const {
    uint64_t result = 0;
    for (const Entry& entry : entries_) result = std::max(result, entry.count);
    return result;
  }
  const std::array<Entry, kCapacity>& entries() const { return entries_; }

 private:
  const Entry* Find(uint64_t hash) const {
    const auto found = std::find_if(entries_.begin(), entries_.end(), [hash](const Entry& e) { return e.hash == hash; });
    return found == entries_.end() ? nullptr : &*found;
  }
  // How often the hash may have been added, at most.
  uint64_t UpperBound(uint64_t hash) const {
    if (const Entry* entry = Find(hash)) return entry->count;
    uint64_t smallest = entries_[0].count;
    for (const Entry& entry : entries_) smallest = std::min(smallest, entry.count);
    return smallest;
  }

  std::array<Entry, kCapacity> entries_{};
};

}  // namespace stillwatch::features
