#include "ingest/id_save.h"

#include <spdlog/spdlog.h>

#include <optional>

#include "proto/result.h"
#include "storage/event_id_index.h"

namespace stillwatch::ingest {
namespace {

// Ids of one group: some ten megabytes.
constexpr size_t kGroupIdCountMax = 2'000'000;

// Collects writes and commits them whenever they are many.
class Groups {
 public:
  explicit Groups(const std::function<bool(const storage::WriteGroup& group)>& commit) : commit_(commit) {}

  storage::WriteGroup& Add(size_t id_count) {
    if (id_count_ + id_count > kGroupIdCountMax) Commit();
    id_count_ += id_count;
    return group_;
  }
  bool Commit() {
    if (!has_failed_) has_failed_ = !commit_(group_);
    group_ = {};
    id_count_ = 0;
    return !has_failed_;
  }

 private:
  const std::function<bool(const storage::WriteGroup& group)>& commit_;
  storage::WriteGroup group_;
  size_t id_count_ = 0;
  bool has_failed_ = false;
};

Status SaveDay(IdSave::Day& day, bool replaces_index, uint64_t end_sequence, const storage::KeyValueStore& store,
               Groups& groups) {
  std::optional<uint64_t> saved_count = day.saved_count;
  if (!saved_count && !replaces_index) {
    const Result<std::optional<uint64_t>> count = storage::ReadEventIdCount(store, day.day);
    if (!count.ok() && count.status().code() != Code::kDataLoss) return count.status();
    if (count.ok()) saved_count = count.value();
  }
  if (!saved_count) return {};
  if (day.replaces_day) storage::DeleteEventIdsOf(day.day, groups.Add(0));
  if (day.filter == nullptr) {
    day.made = std::make_unique<BloomFilter>(day.capacity);
    day.filter = day.made.get();
  }
  day.ids->VisitSlots([&](const std::vector<storage::EventIdHash>& ids) {
    storage::PutEventIds(day.day, end_sequence, ids, groups.Add(ids.size()));
    day.filter->Add(ids);
  });
  storage::PutEventIdCount(day.day, *saved_count + day.ids->size(), groups.Add(0));
  return {};
}

}  // namespace

Status SaveIds(IdSave& save, storage::KeyValueStore& store,
               const std::function<bool(const storage::WriteGroup& group)>& commit) {
  Groups groups(commit);
  if (save.replaces_index) storage::ClearEventIds(groups.Add(0));
  for (IdSave::Day& day : save.days) {
    STILLWATCH_RETURN_IF_ERROR(SaveDay(day, save.replaces_index, save.end_sequence, store, groups));
  }
  storage::DeleteEventIdsBefore(save.first_kept_day, groups.Add(0));
  storage::PutEventIdsEnd(save.end_sequence, groups.Add(0));
  if (!groups.Commit()) return {Code::kCancelled, "the daemon is stopping"};
  // The ids are saved, whatever comes of this. With a reader in the way the next save gives the room back.
  const Status dropped = store.DropDeleted(storage::EventIdsBefore(save.first_kept_day));
  if (!dropped.ok() && dropped.code() != Code::kUnavailable) {
    spdlog::warn("ids of old events still take room: {}", dropped.message());
  }
  return {};
}

}  // namespace stillwatch::ingest
