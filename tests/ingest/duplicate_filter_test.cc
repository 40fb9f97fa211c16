#include "ingest/duplicate_filter.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "proto/limits.h"
#include "storage/event_log.h"
#include "storage/memory_store.h"

namespace stillwatch::ingest {
namespace {

constexpr int64_t kNoon = 1'772'409'600 * kNanosecondsPerSecond + kNanosecondsPerDay / 2;

class DuplicateFilterTest : public testing::TestWithParam<uint32_t> {
 protected:
  static bool IsFresh(DuplicateFilter& filter, const std::string& id, int64_t time_unix_nano) {
    EXPECT_TRUE(filter.Prepare(time_unix_nano).ok());
    return filter.Insert(DuplicateFilter::KeyOf(id));
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
    ASSERT_TRUE(store_->Commit(group).ok());
  }

  std::unique_ptr<storage::KeyValueStore> store_ = storage::MakeMemoryStore();
};

TEST_P(DuplicateFilterTest, KnowsAnIdWithinItsHorizonOfDaysOnly) {
  const uint32_t horizon = GetParam();
  const auto days = [](int64_t count) { return count * kNanosecondsPerDay; };
  for (const int sign : {1, -1}) {
    DuplicateFilter filter(*store_, 0, horizon);
    EXPECT_TRUE(IsFresh(filter, "id", kNoon));
    EXPECT_FALSE(IsFresh(filter, "id", kNoon));
    EXPECT_FALSE(IsFresh(filter, "id", kNoon + kNanosecondsPerHour));
    EXPECT_TRUE(IsFresh(filter, "other", kNoon));
    EXPECT_FALSE(IsFresh(filter, "id", kNoon + sign * days(horizon)));
    EXPECT_TRUE(IsFresh(filter, "id", kNoon + sign * days(horizon + 1)));
  }
}

TEST_P(DuplicateFilterTest, KnowsWhatOnlyTheLogKnows) {
  const uint32_t horizon = GetParam();
  Store("id", kNoon);
  DuplicateFilter filter(*store_, kNoon, horizon);
  EXPECT_FALSE(IsFresh(filter, "id", kNoon + horizon * kNanosecondsPerDay));
  EXPECT_FALSE(IsFresh(filter, "id", kNoon - horizon * kNanosecondsPerDay));
  EXPECT_TRUE(IsFresh(filter, "other", kNoon));
  EXPECT_TRUE(IsFresh(filter, "id", kNoon + (horizon + 1) * kNanosecondsPerDay));
}

// Days that are looked at in turn, as around midnight.
TEST_P(DuplicateFilterTest, SeesWhatCameToTheDaysAroundMeanwhile) {
  DuplicateFilter filter(*store_, 0, GetParam());
  const int64_t midnight = kNoon + kNanosecondsPerDay / 2;
  for (int i = 0; i < 20; ++i) {
    const std::string id = "id-" + std::to_string(i);
    EXPECT_TRUE(IsFresh(filter, id, midnight + (i % 2 == 0 ? -1 : 1)));
    EXPECT_FALSE(IsFresh(filter, id, midnight + (i % 2 == 0 ? 1 : -1)));
  }
}

INSTANTIATE_TEST_SUITE_P(Horizons, DuplicateFilterTest, testing::Values(1, 2, 7),
                         [](const auto& test) { return std::to_string(test.param) + "_days"; });

}  // namespace
}  // namespace stillwatch::ingest
