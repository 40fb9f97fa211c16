#include "ingest/duplicate_filter.h"

#include <xxhash.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>

#include "proto/limits.h"
#include "storage/event_log.h"

namespace stillwatch::ingest {

int64_t DuplicateFilter::DayOf(int64_t time_unix_nano) { return time_unix_nano / kNanosecondsPerDay; }

DuplicateFilter::Key DuplicateFilter::KeyOf(std::string_view event_id) {
  const XXH128_hash_t hash = XXH3_128bits(event_id.data(), event_id.size());
  return {hash.low64, hash.high64};
}

Status DuplicateFilter::Prepare(int64_t time_unix_nano) {
  const int64_t day = DayOf(time_unix_nano);
  if (day == prepared_day_) return Status();
  for (int64_t near = day - horizon_days_; near <= day + horizon_days_; ++near) {
    if (!days_.contains(near)) STILLWATCH_RETURN_IF_ERROR(Load(near));
    days_[near].last_use = ++use_count_;
  }
  prepared_day_ = day;
  day_of_ = &days_[day];
  days_around_.clear();
  for (int64_t near = day - horizon_days_; near <= day + horizon_days_; ++near) {
    if (near != day && days_[near].size() > 0) days_around_.push_back(&days_[near]);
  }
  Evict(day);
  return Status();
}

Status DuplicateFilter::Load(int64_t day) {
  Day loaded;
  if (day <= newest_day_in_log_) {
    storage::ColumnSelection columns;
    columns.texts = uint32_t{1} << static_cast<int>(TextField::kEventId);
    columns.numbers = uint64_t{1} << static_cast<int>(NumberField::kTimeUnixNano);
    const auto visit = [&](const storage::BlockSummary&, const UsageBatch& batch) {
      for (size_t row = 0; row < batch.size(); ++row) {
        if (DayOf(batch.time_unix_nano(row)) == day) loaded.Insert(KeyOf(batch.text(row, TextField::kEventId)));
      }
      return true;
    };
    const auto report = storage::EventLog::Scan(*store_->TakeSnapshot(), 0, day * kNanosecondsPerDay,
                                                (day + 1) * kNanosecondsPerDay - 1, columns, visit);
    if (!report.ok()) return report.status();
  }
  id_count_ += loaded.size();
  days_[day] = std::move(loaded);
  return Status();
}

void DuplicateFilter::Evict(int64_t keep_day) {
  while (id_count_ > kResidentIdCountMax) {
    auto oldest = days_.end();
    for (auto it = days_.begin(); it != days_.end(); ++it) {
      const bool is_in_use = std::abs(it->first - keep_day) <= horizon_days_;
      if (!is_in_use && (oldest == days_.end() || it->second.last_use < oldest->second.last_use)) oldest = it;
    }
    if (oldest == days_.end()) return;
    // From now on the log knows this day better than memory does.
    newest_day_in_log_ = std::max(newest_day_in_log_, oldest->first);
    id_count_ -= oldest->second.size();
    days_.erase(oldest);
  }
}

void DuplicateFilter::Prefetch(const Key& key) const {
  if (day_of_ == nullptr) return;
  day_of_->Prefetch(key);
  for (const Day* day : days_around_) day->Prefetch(key);
}

bool DuplicateFilter::Insert(const Key& key) {
  for (const Day* day : days_around_) {
    if (day->Contains(key)) return false;
  }
  if (!day_of_->Insert(key)) return false;
  ++id_count_;
  return true;
}

}  // namespace stillwatch::ingest
