#include "ingest/duplicate_filter.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "proto/limits.h"
#include "storage/event_log.h"
#include "storage/memory_store.h"

namespace stillwatch::ingest {
namespace {

constexpr int64_t kNoon = 1'772'409'600 * kNanosecondsPerSecond + kNanosecondsPerDay / 2;

int64_t Days(int64_t count) { return count * kNanosecondsPerDay; }

class DuplicateFilterTest : public testing::TestWithParam<uint32_t> {
 protected:
  DuplicateFilterTest() { StartAnew(); }

  // Another life of the daemon on the same store.
  void StartAnew(size_t unsaved_count_max = 1'000'000) {
    filter_.reset();
    const DuplicateFilter::Options options = {horizon(), unsaved_count_max};
    EXPECT_TRUE(filter_.emplace(*store_, end_sequence_, newest_time_, options).Load().ok());
  }
  uint32_t horizon() const { return GetParam(); }

  bool IsFresh(const std::string& id, int64_t time_unix_nano) {
    EXPECT_TRUE(filter_->Prepare(time_unix_nano).ok());
    const storage::EventIdHash hash = storage::HashEventId(id);
    filter_->Prefetch(hash);
    return filter_->Insert(hash).value();
  }
  // As the pipeline does: what is fresh goes into the log.
  bool Accept(const std::string& id, int64_t time_unix_nano) {
    if (!IsFresh(id, time_unix_nano)) return false;
    Store(id, time_unix_nano);
    return true;
  }
  void Store(const std::string& id, int64_t time_unix_nano) {
    UsageBatch batch;
    batch.AddRow();
    batch.SetText(0, TextField::kEventId, id);
    batch.SetText(0, TextField::kAccountId, "account");
    batch.SetNumber(0, NumberField::kTimeUnixNano, static_cast<uint64_t>(time_unix_nano));
    storage::EventLog log = storage::EventLog::Open(*store_).value();
    storage::WriteGroup group;
    log.Append(batch, group);
    Commit(group);
    end_sequence_ = log.next_sequence();
    newest_time_ = std::max(newest_time_, time_unix_nano);
  }
  void Commit(const storage::WriteGroup& group) { ASSERT_TRUE(store_->Commit(group).ok()); }
  Status SaveIds(IdSave& save, size_t group_count_max = SIZE_MAX) {
    return ingest::SaveIds(save, *store_, [&](const storage::WriteGroup& group) {
      return group_count_max-- > 0 && store_->Commit(group).ok();
    });
  }
  void Save() {
    const std::shared_ptr<IdSave> save = filter_->BeginSave(end_sequence_);
    EXPECT_TRUE(SaveIds(*save).ok());
    filter_->FinishSave(true);
  }
  // So that only the index can know what was saved.
  void ForgetLog() {
    storage::WriteGroup group;
    group.Clear(storage::Table::kBlocks);
    Commit(group);
  }
  bool IsIndexed(int64_t time_unix_nano) const {
    return storage::ReadEventIdCount(*store_, storage::EventDayOf(time_unix_nano)).value().has_value();
  }
  void DamageIndex() {
    storage::WriteGroup damage;
    EXPECT_TRUE(store_->TakeSnapshot()
                    ->Scan(storage::Table::kEventIds, "", "",
                           [&damage](std::string_view key, std::string_view) {
                             damage.Put(storage::Table::kEventIds, std::string(key), "damaged!");
                             return true;
                           })
                    .ok());
    ASSERT_FALSE(damage.empty());
    Commit(damage);
  }

  const std::unique_ptr<storage::KeyValueStore> store_ = storage::MakeMemoryStore();
  uint64_t end_sequence_ = 0;
  int64_t newest_time_ = 0;
  std::optional<DuplicateFilter> filter_;
};

TEST_P(DuplicateFilterTest, KnowsAnIdWithinItsHorizonOfDaysOnly) {
  for (const int sign : {1, -1}) {
    StartAnew();
    EXPECT_TRUE(IsFresh("id", kNoon));
    EXPECT_FALSE(IsFresh("id", kNoon));
    EXPECT_FALSE(IsFresh("id", kNoon + kNanosecondsPerHour));
    EXPECT_TRUE(IsFresh("other", kNoon));
    EXPECT_FALSE(IsFresh("id", kNoon + sign * Days(horizon())));
    EXPECT_TRUE(IsFresh("id", kNoon + sign * Days(horizon() + 1)));
  }
}

TEST_P(DuplicateFilterTest, KnowsWhatOnlyTheLogKnows) {
  Store("id", kNoon);
  StartAnew();
  EXPECT_FALSE(IsFresh("id", kNoon + Days(horizon())));
  EXPECT_FALSE(IsFresh("id", kNoon - Days(horizon())));
  EXPECT_TRUE(IsFresh("other", kNoon));
  EXPECT_TRUE(IsFresh("id", kNoon + Days(horizon() + 1)));
}

TEST_P(DuplicateFilterTest, KnowsWhatOnlyTheIndexKnows) {
  ASSERT_TRUE(Accept("id", kNoon));
  Save();
  EXPECT_TRUE(IsIndexed(kNoon));
  ForgetLog();
  for (int life = 0; life < 2; ++life) {
    EXPECT_FALSE(IsFresh("id", kNoon + Days(horizon())));
    EXPECT_FALSE(IsFresh("id", kNoon - Days(horizon())));
    EXPECT_TRUE(IsFresh("id", kNoon + Days(horizon() + 1)));
    StartAnew();
  }
}

TEST_P(DuplicateFilterTest, KnowsWhatCameAfterTheNewestSave) {
  ASSERT_TRUE(Accept("before", kNoon));
  Save();
  ASSERT_TRUE(Accept("after", kNoon));
  ASSERT_TRUE(Accept("another day", kNoon - Days(30)));
  StartAnew();
  EXPECT_FALSE(IsFresh("before", kNoon));
  EXPECT_FALSE(IsFresh("after", kNoon));
  EXPECT_FALSE(IsFresh("another day", kNoon - Days(30)));
  EXPECT_TRUE(IsFresh("new", kNoon));
}

TEST_P(DuplicateFilterTest, WantsToSaveWhenEnoughIsInMemoryOnly) {
  StartAnew(3);
  EXPECT_TRUE(Accept("1", kNoon));
  EXPECT_TRUE(Accept("2", kNoon + Days(1)));
  EXPECT_FALSE(Accept("2", kNoon + Days(1)));
  EXPECT_FALSE(filter_->WantsSave());
  EXPECT_TRUE(Accept("3", kNoon));
  EXPECT_TRUE(filter_->WantsSave());
  const std::shared_ptr<IdSave> save = filter_->BeginSave(end_sequence_);
  EXPECT_TRUE(filter_->is_saving());
  for (const char* id : {"4", "5", "6"}) EXPECT_TRUE(Accept(id, kNoon));
  EXPECT_FALSE(filter_->WantsSave()) << "one at a time";
  ASSERT_TRUE(SaveIds(*save).ok());
  filter_->FinishSave(true);
  EXPECT_TRUE(filter_->WantsSave()) << "what came meanwhile";
}

TEST_P(DuplicateFilterTest, KnowsWhatIsBeingSavedAndWhatCouldNotBe) {
  ASSERT_TRUE(Accept("id", kNoon));
  const std::shared_ptr<IdSave> save = filter_->BeginSave(end_sequence_);
  EXPECT_FALSE(IsFresh("id", kNoon));
  EXPECT_FALSE(SaveIds(*save, 0).ok());
  EXPECT_FALSE(IsFresh("id", kNoon));
  filter_->FinishSave(false);
  EXPECT_FALSE(IsIndexed(kNoon));
  EXPECT_FALSE(IsFresh("id", kNoon));
  ForgetLog();
  Save();
  StartAnew();
  EXPECT_FALSE(IsFresh("id", kNoon));
}

TEST_P(DuplicateFilterTest, ReadsTheLogWhereTheIndexIsDamaged) {
  ASSERT_TRUE(Accept("id", kNoon));
  Save();
  for (const bool is_started_anew : {false, true}) {
    DamageIndex();
    if (is_started_anew) StartAnew();
    EXPECT_FALSE(IsFresh("id", kNoon));
    EXPECT_EQ(store_->damages().count(), 1U);
    EXPECT_TRUE(Accept(is_started_anew ? "later" : "new", kNoon));
    Save();  // In place of what is damaged.
  }
  ForgetLog();
  for (const char* id : {"id", "new", "later"}) EXPECT_FALSE(IsFresh(id, kNoon)) << id;
}

// What a damaged log has lost must be taken again.
TEST_P(DuplicateFilterTest, LeavesTheIndexAsideIfTheLogIsDamaged) {
  ASSERT_TRUE(Accept("lost", kNoon));
  Save();
  ForgetLog();
  end_sequence_ = 0;
  store_->damages().Note("write-ahead log", "a bit flipped");
  Store("kept", kNoon);
  StartAnew();
  EXPECT_FALSE(IsFresh("kept", kNoon));
  EXPECT_TRUE(IsFresh("lost", kNoon));
}

// A disk that lies about what it has synced may lose the end of the log and keep the index.
TEST_P(DuplicateFilterTest, LeavesAnIndexAsideThatIsAheadOfTheLog) {
  ASSERT_TRUE(Accept("lost", kNoon));
  Save();
  ForgetLog();
  end_sequence_ = 0;
  StartAnew();
  EXPECT_TRUE(IsFresh("lost", kNoon));
}

TEST_P(DuplicateFilterTest, DaysLongBeforeTheNewestLeaveTheIndexAndAreKnownFromTheLog) {
  ASSERT_TRUE(Accept("old", kNoon));
  Save();
  StartAnew();
  newest_time_ = kNoon + Days(3 * horizon() + 3);
  StartAnew();
  ASSERT_TRUE(Accept("new", newest_time_));
  Save();
  EXPECT_FALSE(IsIndexed(kNoon));
  EXPECT_TRUE(IsIndexed(newest_time_));
  EXPECT_FALSE(IsFresh("old", kNoon));
}

TEST_P(DuplicateFilterTest, ForgetsWhatLeavesTheLog) {
  ASSERT_TRUE(Accept("saved", kNoon));
  ASSERT_TRUE(Accept("other", kNoon));
  Save();
  ASSERT_TRUE(Accept("unsaved", kNoon));
  std::vector<storage::ErasedEvent> erased;
  for (const char* id : {"saved", "unsaved", "unknown"}) erased.push_back({kNoon, storage::HashEventId(id)});
  storage::WriteGroup group;
  ASSERT_TRUE(filter_->Forget(erased, group).ok());
  Commit(group);
  EXPECT_TRUE(IsFresh("saved", kNoon));
  EXPECT_TRUE(IsFresh("unsaved", kNoon));
  EXPECT_FALSE(IsFresh("other", kNoon));
  size_t count = 0;
  const auto visit = [&count](std::span<const storage::EventIdHash> ids) {
    EXPECT_EQ(ids.front(), storage::HashEventId("other"));
    count += ids.size();
  };
  const auto snapshot = store_->TakeSnapshot();
  EXPECT_TRUE(storage::ScanEventIds(*snapshot, storage::EventDayOf(kNoon), 0, UINT16_MAX, visit).ok());
  EXPECT_EQ(count, 1U);
}

// A sender that sends all again is not to wait for a read of the store with each id.
TEST_P(DuplicateFilterTest, WhatIsSentAgainInMassesComesBackIntoMemory) {
  constexpr int kCount = 1000;
  const auto time_of = [this](int i) { return kNoon + (i % 2) * Days(horizon() + 1); };
  for (int i = 0; i < kCount; ++i) ASSERT_TRUE(Accept("id-" + std::to_string(i), time_of(i)));
  Save();
  for (int i = 0; i < kCount / 2; i += 2) EXPECT_FALSE(IsFresh("id-" + std::to_string(i), time_of(i)));
  storage::WriteGroup group;
  group.Clear(storage::Table::kEventIds);
  Commit(group);
  ForgetLog();
  for (int i = 0; i < kCount; ++i) EXPECT_FALSE(IsFresh("id-" + std::to_string(i), time_of(i))) << i;
  EXPECT_TRUE(IsFresh("id-0", time_of(1))) << "too far from the event of that id";
  const std::vector<storage::ErasedEvent> erased = {{kNoon, storage::HashEventId("id-2")}};
  ASSERT_TRUE(filter_->Forget(erased, group).ok());
  EXPECT_TRUE(IsFresh("id-2", kNoon));
}

// Days that are looked at in turn, as around midnight.
TEST_P(DuplicateFilterTest, SeesWhatCameToTheDaysAroundMeanwhile) {
  const int64_t midnight = kNoon + kNanosecondsPerDay / 2;
  for (int i = 0; i < 20; ++i) {
    const std::string id = "id-" + std::to_string(i);
    EXPECT_TRUE(IsFresh(id, midnight + (i % 2 == 0 ? -1 : 1)));
    EXPECT_FALSE(IsFresh(id, midnight + (i % 2 == 0 ? 1 : -1)));
  }
}

// Against sets of all ids by day: whatever the order of days, saves, failed saves and starts.
TEST_P(DuplicateFilterTest, AgreesWithAPlainSet) {
  std::mt19937 random(GetParam());
  std::map<int64_t, std::set<std::string>> known;
  std::shared_ptr<IdSave> save;
  const auto end_save = [&] {
    const bool is_saved = SaveIds(*save, random() % 4 == 0 ? 0 : SIZE_MAX).ok();
    filter_->FinishSave(is_saved);
    save = nullptr;
  };
  for (int step = 0; step < 4000; ++step) {
    const auto day = static_cast<int64_t>(random() % 12);
    const std::string id = "id-" + std::to_string(random() % 400);
    bool is_known = false;
    for (int64_t near = day - horizon(); near <= day + int64_t{horizon()}; ++near) is_known |= known[near].contains(id);
    ASSERT_EQ(Accept(id, kNoon + Days(day)), !is_known) << "step " << step;
    if (!is_known) known[day].insert(id);
    if (random() % 50 == 0) {
      if (save) {
        end_save();
      } else {
        save = filter_->BeginSave(end_sequence_);
      }
    }
    if (random() % 200 == 0) {
      save = nullptr;  // Cut short.
      StartAnew();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Horizons, DuplicateFilterTest, testing::Values(1, 2, 7),
                         [](const auto& test) { return std::to_string(test.param) + "_days"; });

}  // namespace
}  // namespace stillwatch::ingest
