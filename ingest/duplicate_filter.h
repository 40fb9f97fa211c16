// Knows which events are on disk already.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "ingest/bloom_filter.h"
#include "ingest/id_save.h"
#include "ingest/recent_ids.h"
#include "proto/result.h"
#include "storage/erasure.h"
#include "storage/event_id_index.h"
#include "storage/key_value_store.h"

namespace stillwatch::ingest {

// Recognises an event id that was accepted before with an event time on the same day (UTC) or at most `horizon_days`
// before or after it: so over at least as many days of difference between the two, and over the whole log for an event
// that is sent again as it was. Ids are compared by 72 bits of a hash: with 10^9 ids in the days around an event it is
// a false duplicate with a probability of 2 * 10^-13, with 4 * 10^9 of 9 * 10^-13.
// Of each day in use the newest ids are in memory as they are, and all others in the store's index of ids, in front of
// which stand Bloom filters: for an id that is new the store is asked about once in a thousand times. When
// `unsaved_count_max` ids are in memory only, they go into the index (BeginSave); after a start they are read from the
// end of the log. A day that the index does not hold (it is too old, or damaged) is read from the log.
// Who sends again what was saved long ago costs a read of the store for each id; where there are many, those that were
// saved together come back into memory.
// Threading: for one thread (the committer); the save, too, between BeginSave and FinishSave on any one other.
// Limits: 2 to 6 bytes an id of the days in use, up to 16 of a day's first ten million, and 12 for each that is not
// saved; those that come while a save waits for a slow disk stay in memory, too. Days that are not in use leave memory
// above kResidentIdCountMax ids.
class DuplicateFilter {
 public:
  static constexpr size_t kResidentIdCountMax = 50'000'000;

  struct Options {
    uint32_t horizon_days = 2;
    size_t unsaved_count_max = 1'600'000;
  };

  // `end_sequence`, `newest_event_unix_nano`: of the log.
  DuplicateFilter(const storage::KeyValueStore& store, uint64_t end_sequence, int64_t newest_event_unix_nano,
                  const Options& options)
      : store_(&store),
        options_(options),
        end_sequence_(end_sequence),
        newest_event_unix_nano_(newest_event_unix_nano),
        newest_day_in_log_(storage::EventDayOf(newest_event_unix_nano)) {}

  // Reads what is needed for events like the newest of the log: about two seconds for 10^8 ids. Before anything else.
  // Errors: those of the store's reads; then the same call is to be made again. So with Prepare and Insert.
  Status Load();
  // Makes the days around `time` ready, if need be.
  Status Prepare(int64_t time_unix_nano);
  // Starts to fetch what Insert will look at, so that a row of calls does not wait for memory one by one.
  void Prefetch(const storage::EventIdHash& id) const;
  // For an event of the time that Prepare was called for last, with success: false if the id was inserted before,
  // otherwise remembers it.
  Result<bool> Insert(const storage::EventIdHash& id);

  // True if there is enough to save, and no save is under way.
  bool WantsSave() const { return !save_ && unsaved_count_ >= options_.unsaved_count_max; }
  // What SaveIds is to save; all ids inserted are of events below `end_sequence`, and these are durable.
  std::shared_ptr<IdSave> BeginSave(uint64_t end_sequence);
  bool is_saving() const { return save_ != nullptr; }
  // To be called when SaveIds has returned; `is_saved`: without an error. Otherwise the ids wait for another save.
  void FinishSave(bool is_saved);

  // Forgets ids whose events leave the log with `group`. Not while a save is under way. Errors: those of the store's
  // reads.
  Status Forget(std::span<const storage::ErasedEvent> events, storage::WriteGroup& group);

 private:
  struct Day {
    bool is_whole = false;      // With what the index holds; if not, only what came after the index is known.
    bool replaces_day = false;  // What the index holds is not to be used: all is in memory.
    std::shared_ptr<RecentIds> recent;
    std::shared_ptr<const RecentIds> saving;
    std::vector<std::unique_ptr<BloomFilter>> filters;  // Of what the index holds.
    uint64_t saved_count = 0;
    uint64_t last_use = 0;

    RecentIds& Recent() {
      if (!recent) recent = std::make_shared<RecentIds>();
      return *recent;
    }
    bool has_unsaved() const { return (recent && recent->size() > 0) || saving; }
  };

  bool IsNear(uint32_t day) const;
  template <typename Map, typename Visit>
  void VisitNear(Map& by_day, const Visit& visit) const;
  Status ReadTail(uint64_t from_sequence);
  Status LoadDay(uint32_t number, Day& day);
  Status LoadFilter(uint32_t number, uint64_t count, Day& day);
  Status ReadFromLog(uint32_t number, Day& day);
  Result<bool> IsSaved(const storage::EventIdHash& id);
  Result<bool> IsSavedOn(uint32_t number, Day& day, const storage::EventIdHash& id);
  Status NoteFound(uint64_t sequence);
  void Evict();
  void FindSets();

  const storage::KeyValueStore* store_;
  Options options_;
  uint64_t end_sequence_;  // At the start, like the next.
  int64_t newest_event_unix_nano_;
  uint32_t newest_day_in_log_;  // Days after it have no event but those in memory.
  bool replaces_index_ = false;
  std::map<uint32_t, Day> days_;
  size_t unsaved_count_ = 0;  // Of all days, but for those that are being saved.
  uint64_t use_count_ = 0;
  std::shared_ptr<IdSave> save_;
  std::shared_ptr<RecentIds> spare_;      // Of an earlier save.
  std::optional<uint32_t> prepared_day_;  // That of the event that Prepare was called for.
  // Ids that were saved with one save, in memory once more since many of them are sent again (NoteFound).
  using RecalledDays = std::map<uint32_t, RecentIds>;
  std::vector<std::unique_ptr<RecalledDays>> recalled_;  // Of each save; oldest first.
  uint64_t insert_count_ = 0;
  uint64_t next_recall_ = 0;  // In inserts.
  // Ids that were found in the index of late, all with the same save.
  uint64_t found_since_ = 0;  // In inserts.
  uint64_t found_sequence_ = 0;
  size_t found_count_ = 0;
  // What is asked for each event, of that day and those around it, found once (FindSets).
  RecentIds* recent_ = nullptr;              // Of that day.
  std::vector<const RecentIds*> known_ids_;  // All others that are in memory.
  std::vector<const BloomFilter*> filters_;
};

}  // namespace stillwatch::ingest
