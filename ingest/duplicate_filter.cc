#include "ingest/duplicate_filter.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <limits>
#include <thread>
#include <utility>

#include "proto/limits.h"
#include "storage/damage_register.h"
#include "storage/event_log.h"

namespace stillwatch::ingest {
namespace {

// Filters of a day grow by this factor, so that there are few of them.
constexpr size_t kFilterGrowth = 2;
// Ids are recalled when so many of the last kFoundWindow were found in the index, all with the same save: those of the
// last kRecalledEventCount events before its end. That takes some tenths of a second, so not more often than every
// kRecallPause ids.
constexpr size_t kFoundMin = 100;
constexpr uint64_t kFoundWindow = 1000;
constexpr uint64_t kRecalledEventCount = 2'000'000;
constexpr uint64_t kRecallPause = 200'000;
constexpr size_t kRecalledSetCountMax = 4;
// Room in the first filter of a day, in saves like the first.
constexpr size_t kFirstFilterSaves = 8;

storage::ColumnSelection IdColumns() {
  storage::ColumnSelection columns;
  columns.texts = uint32_t{1} << static_cast<int>(TextField::kEventId);
  columns.numbers = uint64_t{1} << static_cast<int>(NumberField::kTimeUnixNano);
  return columns;
}

constexpr uint64_t kLogEnd = std::numeric_limits<uint64_t>::max();

// Calls visit(day, id) for each event of the blocks of the log that overlap [first, end), with a time in [min_time,
// max_time].
template <typename Visit>
Status ScanIds(const storage::KeyValueStore& store, uint64_t first, uint64_t end, int64_t min_time, int64_t max_time,
               const Visit& visit) {
  const auto visit_block = [&](const storage::BlockSummary& summary, const UsageBatch& batch) {
    if (summary.first_sequence >= end) return false;
    for (size_t row = 0; row < batch.size(); ++row) {
      const int64_t time = batch.time_unix_nano(row);
      const std::string_view id = batch.text(row, TextField::kEventId);
      if (id.empty() || time < min_time || time > max_time) continue;  // Without an id: it was erased.
      visit(storage::EventDayOf(time), storage::HashEventId(id));
    }
    return true;
  };
  return storage::EventLog::Scan(*store.TakeSnapshot(), first, min_time, max_time, IdColumns(), visit_block).status();
}

}  // namespace

Status DuplicateFilter::Load() {
  const Result<std::optional<uint64_t>> end = storage::ReadEventIdsEnd(*store_);
  if (!end.ok() && end.status().code() != Code::kDataLoss) return end.status();
  // What is lost of the log must not be known from the index: its sender may have it still, and sends it again.
  const bool is_log_damaged = store_->damages().count() > 0;
  replaces_index_ = is_log_damaged || !end.ok() || !end.value() || *end.value() > end_sequence_;
  if (!replaces_index_) STILLWATCH_RETURN_IF_ERROR(ReadTail(*end.value()));
  return end_sequence_ > 0 ? Prepare(newest_event_unix_nano_) : Status();
}

bool DuplicateFilter::IsNear(uint32_t day) const {
  if (!prepared_day_) return false;
  return std::max(day, *prepared_day_) - std::min(day, *prepared_day_) <= options_.horizon_days;
}

// Around midnight, and for events in no order of time, this is asked for each event.
template <typename Map, typename Visit>
void DuplicateFilter::VisitNear(Map& by_day, const Visit& visit) const {
  if (!prepared_day_) return;
  const uint32_t first = *prepared_day_ - std::min(*prepared_day_, options_.horizon_days);
  for (auto it = by_day.lower_bound(first); it != by_day.end() && IsNear(it->first); ++it) visit(it->first, it->second);
}

// What came after the newest save.
Status DuplicateFilter::ReadTail(uint64_t from_sequence) {
  return ScanIds(
      *store_, from_sequence, kLogEnd, std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max(),
      [this](uint32_t day, const storage::EventIdHash& id) { unsaved_count_ += days_[day].Recent().Insert(id); });
}

Status DuplicateFilter::Prepare(int64_t time_unix_nano) {
  const uint32_t number = storage::EventDayOf(time_unix_nano);
  if (prepared_day_ == number) return {};
  const uint32_t first = number - std::min(number, options_.horizon_days);
  bool has_loaded = false;
  for (uint32_t near = first; near <= number + options_.horizon_days; ++near) {
    Day& day = days_[near];
    if (!day.is_whole) {
      STILLWATCH_RETURN_IF_ERROR(LoadDay(near, day));
      has_loaded = true;
    }
    day.last_use = ++use_count_;
  }
  prepared_day_ = number;
  if (has_loaded) Evict();
  FindSets();
  return {};
}

void DuplicateFilter::FindSets() {
  known_ids_.clear();
  filters_.clear();
  VisitNear(days_, [this](uint32_t number, Day& day) {
    if (number == *prepared_day_) {
      recent_ = &day.Recent();
    } else if (day.recent) {
      known_ids_.push_back(day.recent.get());
    }
    if (day.saving) known_ids_.push_back(day.saving.get());
    if (day.replaces_day) return;
    for (const auto& filter : day.filters) filters_.push_back(filter.get());
  });
  for (const auto& recalled : recalled_) {
    VisitNear(*recalled, [this](uint32_t, const RecentIds& ids) { known_ids_.push_back(&ids); });
  }
}

Status DuplicateFilter::LoadDay(uint32_t number, Day& day) {
  const Result<std::optional<uint64_t>> count =
      replaces_index_ ? std::optional<uint64_t>() : storage::ReadEventIdCount(*store_, number);
  Status status = count.status();
  if (count.ok() && count.value()) status = LoadFilter(number, *count.value(), day);
  if (!status.ok() && status.code() != Code::kDataLoss) return status;
  if (!status.ok()) store_->damages().Note("ids of the events of day " + std::to_string(number), status.message());
  const bool is_loaded = status.ok() && count.value().has_value();
  if (!is_loaded) STILLWATCH_RETURN_IF_ERROR(ReadFromLog(number, day));
  day.is_whole = true;
  return {};
}

Status DuplicateFilter::LoadFilter(uint32_t number, uint64_t count, Day& day) {
  constexpr uint64_t kThreadIdCount = 1'000'000;  // For fewer another thread is not worth its start.
  constexpr uint32_t kSlotsOfPart = (uint32_t{1} << 16) / BloomFilter::kPartCount;
  auto filter = std::make_unique<BloomFilter>(count + count / 4);
  const std::unique_ptr<storage::Snapshot> snapshot = store_->TakeSnapshot();
  std::atomic<uint32_t> next_part = 0;
  const auto load_parts = [&]() -> Status {
    for (uint32_t part = next_part++; part < BloomFilter::kPartCount; part = next_part++) {
      const uint32_t first = part * kSlotsOfPart;
      STILLWATCH_RETURN_IF_ERROR(storage::ScanEventIds(
          *snapshot, number, static_cast<uint16_t>(first), static_cast<uint16_t>(first + kSlotsOfPart - 1),
          [&filter](std::span<const storage::EventIdHash> ids) { filter->AddOfPart(ids); }));
    }
    return {};
  };
  const uint64_t thread_count = std::min<uint64_t>(std::thread::hardware_concurrency(), count / kThreadIdCount);
  std::vector<std::future<Status>> others;
  for (uint64_t i = 1; i < thread_count; ++i) others.push_back(std::async(std::launch::async, load_parts));
  Status status = load_parts();
  for (std::future<Status>& other : others) {
    if (Status ended = other.get(); status.ok()) status = std::move(ended);
  }
  if (!status.ok()) return status;
  filter->CountAdded(count);
  day.filters.push_back(std::move(filter));
  day.saved_count = count;
  return {};
}

Status DuplicateFilter::ReadFromLog(uint32_t number, Day& day) {
  if (number <= newest_day_in_log_) {
    STILLWATCH_RETURN_IF_ERROR(
        ScanIds(*store_, 0, kLogEnd, number * kNanosecondsPerDay, (number + int64_t{1}) * kNanosecondsPerDay - 1,
                [&](uint32_t, const storage::EventIdHash& id) { unsaved_count_ += day.Recent().Insert(id); }));
  }
  day.replaces_day = true;
  return {};
}

void DuplicateFilter::Evict() {
  const auto is_needed = [this](const auto& entry) { return IsNear(entry.first) || entry.second.has_unsaved(); };
  size_t resident_count = 0;
  for (const auto& [number, day] : days_) resident_count += day.saved_count;
  while (resident_count > kResidentIdCountMax) {
    auto oldest = days_.end();
    for (auto it = days_.begin(); it != days_.end(); ++it) {
      if (is_needed(*it) || it->second.saved_count == 0) continue;
      if (oldest == days_.end() || it->second.last_use < oldest->second.last_use) oldest = it;
    }
    if (oldest == days_.end()) return;
    resident_count -= oldest->second.saved_count;
    days_.erase(oldest);
  }
}

void DuplicateFilter::Prefetch(const storage::EventIdHash& id) const {
  if (recent_ != nullptr) recent_->Prefetch(id);
  for (const RecentIds* ids : known_ids_) ids->Prefetch(id);
  for (const BloomFilter* filter : filters_) filter->Prefetch(id);
}

Result<bool> DuplicateFilter::Insert(const storage::EventIdHash& id) {
  ++insert_count_;
  for (const RecentIds* ids : known_ids_) {
    if (ids->Contains(id)) return false;
  }
  for (const BloomFilter* filter : filters_) {
    if (!filter->MayContain(id)) continue;
    const Result<bool> is_saved = IsSaved(id);
    if (!is_saved.ok()) return is_saved.status();
    if (is_saved.value()) return false;
    break;
  }
  const bool is_new = recent_->Insert(id);
  unsaved_count_ += is_new;
  return is_new;
}

Result<bool> DuplicateFilter::IsSaved(const storage::EventIdHash& id) {
  for (auto& [number, day] : days_) {
    if (!IsNear(number) || day.replaces_day) continue;
    const bool may_contain = std::any_of(day.filters.begin(), day.filters.end(),
                                         [&id](const auto& filter) { return filter->MayContain(id); });
    if (!may_contain) continue;
    Result<bool> is_saved = IsSavedOn(number, day, id);
    if (!is_saved.ok() || is_saved.value()) return is_saved;
  }
  return false;
}

Result<bool> DuplicateFilter::IsSavedOn(uint32_t number, Day& day, const storage::EventIdHash& id) {
  const Result<std::optional<uint64_t>> found = storage::FindEventId(*store_->TakeSnapshot(), number, id);
  if (found.ok()) {
    if (found.value()) STILLWATCH_RETURN_IF_ERROR(NoteFound(*found.value()));
    return found.value().has_value();
  }
  if (found.status().code() != Code::kDataLoss) return found.status();
  store_->damages().Note("ids of the events of day " + std::to_string(number), found.status().message());
  STILLWATCH_RETURN_IF_ERROR(ReadFromLog(number, day));
  FindSets();
  return day.recent && day.recent->Contains(id);
}

// A sender that sends all again does so in about the order of the log.
Status DuplicateFilter::NoteFound(uint64_t sequence) {
  if (sequence != found_sequence_ || insert_count_ - found_since_ > kFoundWindow) {
    found_sequence_ = sequence;
    found_since_ = insert_count_;
    found_count_ = 0;
  }
  if (++found_count_ < kFoundMin || insert_count_ < next_recall_) return {};
  next_recall_ = insert_count_ + kRecallPause;
  const uint64_t first = sequence - std::min(sequence, kRecalledEventCount);
  auto recalled = std::make_unique<RecalledDays>();
  STILLWATCH_RETURN_IF_ERROR(
      ScanIds(*store_, first, sequence, std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max(),
              [&](uint32_t day, const storage::EventIdHash& id) { (*recalled)[day].Insert(id); }));
  if (recalled_.size() == kRecalledSetCountMax) recalled_.erase(recalled_.begin());
  recalled_.push_back(std::move(recalled));
  FindSets();
  return {};
}

std::shared_ptr<IdSave> DuplicateFilter::BeginSave(uint64_t end_sequence) {
  auto save = std::make_shared<IdSave>();
  save->end_sequence = end_sequence;
  save->replaces_index = replaces_index_;
  uint32_t newest = 0;
  for (auto& [number, day] : days_) {
    if (!day.recent || day.recent->size() == 0) continue;
    newest = number;
    IdSave::Day& saved = save->days.emplace_back();
    saved.day = number;
    saved.ids = day.recent;
    if (day.is_whole) saved.saved_count = day.saved_count;
    saved.replaces_day = day.replaces_day;
    const size_t count = day.recent->size();
    const bool has_room = !day.replaces_day && !day.filters.empty() && day.filters.back()->free_count() >= count;
    if (has_room) saved.filter = day.filters.back().get();
    saved.capacity = std::max<size_t>(kFirstFilterSaves * count, kFilterGrowth * day.saved_count);
    day.saving = std::exchange(day.recent, nullptr);
    // Most of what comes next is of the same day. Other days take no room before they need it.
    if (number == prepared_day_) {
      const bool has_spare = spare_ && spare_->expected_count() >= count;
      day.recent = has_spare ? std::move(spare_) : std::make_shared<RecentIds>(count);
      spare_ = nullptr;
    }
  }
  newest_day_in_log_ = std::max(newest_day_in_log_, newest);
  // As far back as events near the newest day look, and those near these.
  const uint32_t kept_days = 2 * options_.horizon_days + 1;
  save->first_kept_day = newest - std::min(newest, kept_days);
  if (!days_.empty()) save->first_kept_day = std::min(save->first_kept_day, days_.begin()->first);
  unsaved_count_ = 0;
  recalled_.clear();  // If they are still asked for, they come back.
  save_ = save;
  FindSets();
  return save;
}

void DuplicateFilter::FinishSave(bool is_saved) {
  for (IdSave::Day& saved : save_->days) {
    Day& day = days_[saved.day];
    day.saving = nullptr;
    const bool was_read_meanwhile = day.replaces_day && !saved.replaces_day;  // Then all of it is in memory once more.
    if (!is_saved) {
      saved.ids->VisitSlots([&](const std::vector<storage::EventIdHash>& ids) {
        for (const storage::EventIdHash& id : ids) unsaved_count_ += day.Recent().Insert(id);
      });
    } else if (!was_read_meanwhile) {
      if (saved.replaces_day) day.filters.clear();
      day.replaces_day = false;
      day.saved_count = (saved.replaces_day ? 0 : day.saved_count) + saved.ids->size();
      if (saved.made) day.filters.push_back(std::move(saved.made));
    }
    // Its memory is there already.
    if (is_saved && (!spare_ || spare_->expected_count() < saved.ids->expected_count())) {
      spare_ = std::const_pointer_cast<RecentIds>(std::move(saved.ids));
      spare_->Clear();
    }
    // Of those that came after the last save only a part of the day was in memory.
    if (is_saved && !day.is_whole && !day.has_unsaved()) days_.erase(saved.day);
  }
  if (is_saved) replaces_index_ = false;
  save_ = nullptr;
  FindSets();
}

Status DuplicateFilter::Forget(std::span<const storage::ErasedEvent> events, storage::WriteGroup& group) {
  std::map<uint32_t, std::vector<storage::EventIdHash>> by_day;
  for (const storage::ErasedEvent& event : events) {
    by_day[storage::EventDayOf(event.time_unix_nano)].push_back(event.id);
  }
  for (auto& [number, ids] : by_day) {
    const auto found = days_.find(number);
    if (found != days_.end() && found->second.recent) {
      for (const storage::EventIdHash& id : ids) unsaved_count_ -= found->second.recent->Remove(id);
    }
    const Status removed = storage::RemoveEventIds(*store_->TakeSnapshot(), number, std::move(ids), group);
    if (removed.ok()) continue;
    if (removed.code() != Code::kDataLoss) return removed;
    // Then the day is read from the log, which hides what is being erased.
    if (found != days_.end() && !found->second.replaces_day) {
      STILLWATCH_RETURN_IF_ERROR(ReadFromLog(number, found->second));
    }
    storage::DeleteEventIdsOf(number, group);
  }
  recalled_.clear();
  FindSets();
  return {};
}

}  // namespace stillwatch::ingest
