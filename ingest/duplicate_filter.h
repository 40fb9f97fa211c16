// Knows which events are on disk already.
#pragma once

#include <absl/container/flat_hash_set.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "proto/result.h"
#include "storage/key_value_store.h"

namespace stillwatch::ingest {

// Recognises an event id that was accepted before with an event time on the same day (UTC) or at most `horizon_days` before
// or after it: so over at least as many days of difference between the two, and over the whole log for an event that is
// sent again as it was. Ids are compared by 74 bits of a hash: with 10^9 ids in the days around an event it is a false
// duplicate with a probability of 5 * 10^-14, with 10^10 of 5 * 10^-13.
// Ids are kept by day; the days in use are in memory, others are read from the log when an event of them comes.
// Threading: for one thread (the committer).
// Limits: about 14 bytes an id of the days in memory. Above kResidentIdCountMax the days that were not used for longest
// leave memory; events spread at random over more than that read the log again and again: slow, but right.
class DuplicateFilter {
 public:
  static constexpr size_t kResidentIdCountMax = 20'000'000;

  // `newest_event_unix_nano`: of the whole log; days after it need no look at the log.
  DuplicateFilter(const storage::KeyValueStore& store, int64_t newest_event_unix_nano, uint32_t horizon_days)
      : store_(&store), horizon_days_(horizon_days), newest_day_in_log_(DayOf(newest_event_unix_nano)) {}

  // Loads the days around `time` if need be. Errors: those of the store's reads; then nothing changed.
  Status Prepare(int64_t time_unix_nano);
  // The identity of an event.
  struct Key {
    uint64_t low;
    uint64_t high;
  };
  static Key KeyOf(std::string_view event_id);
  // Starts to fetch what Insert will look at, so that a row of calls does not wait for memory one by one.
  void Prefetch(const Key& key) const;
  // For an event of the time that Prepare was called for last, with success: returns false if the id was inserted before,
  // otherwise remembers it.
  bool Insert(const Key& key);

 private:
  // The ids of a day, in many small sets: one large one would hold up all senders for a tenth of a second whenever it grows.
  class Day {
   public:
    bool Contains(const Key& key) const { return shards_[ShardOf(key)].contains(key.low); }
    bool Insert(const Key& key) {
      const bool is_new = shards_[ShardOf(key)].insert(key.low).second;
      size_ += is_new;
      return is_new;
    }
    void Prefetch(const Key& key) const { shards_[ShardOf(key)].prefetch(key.low); }
    size_t size() const { return size_; }

    uint64_t last_use = 0;

   private:
    struct UniformHash {
      size_t operator()(uint64_t low) const {
        // Otherwise GCC takes the set's prefetch for a function without effect, and drops its calls.
        asm volatile("" : "+r"(low));
        return low;
      }
    };
    // Holds the lower half of the keys whose higher half begins with its number.
    using Shard = absl::flat_hash_set<uint64_t, UniformHash>;
    static constexpr int kShardBits = 10;
    static size_t ShardOf(const Key& key) { return key.high >> (64 - kShardBits); }

    std::vector<Shard> shards_{size_t{1} << kShardBits};
    size_t size_ = 0;
  };

  static int64_t DayOf(int64_t time_unix_nano);
  Status Load(int64_t day);
  void Evict(int64_t keep_day);

  const storage::KeyValueStore* store_;
  int64_t horizon_days_;
  int64_t newest_day_in_log_;
  std::map<int64_t, Day> days_;
  size_t id_count_ = 0;
  uint64_t use_count_ = 0;
  // The day of the event that Prepare was called for, and those around it that have ids; they stay where they are in the
  // map.
  int64_t prepared_day_ = -1;
  Day* day_of_ = nullptr;
  std::vector<const Day*> days_around_;
};

}  // namespace stillwatch::ingest
