#include "storage/event_id_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "storage/memory_store.h"

namespace stillwatch::storage {
namespace {

constexpr uint32_t kDay = 20'000;

class EventIdIndexTest : public testing::Test {
 protected:
  void Add(uint32_t day, uint64_t sequence, std::vector<EventIdHash> ids) {
    std::sort(ids.begin(), ids.end());
    WriteGroup group;
    for (size_t i = 0; i < ids.size(); ++i) {
      size_t end = i + 1;
      while (end < ids.size() && ids[end].slot == ids[i].slot) ++end;
      PutEventIds(day, sequence, std::span(ids).subspan(i, end - i), group);
      i = end - 1;
    }
    Commit(group);
  }
  void Commit(const WriteGroup& group) { ASSERT_TRUE(store_->Commit(group).ok()); }
  bool Contains(uint32_t day, const EventIdHash& id) const {
    return FindEventId(*store_->TakeSnapshot(), day, id).value().has_value();
  }
  std::vector<EventIdHash> IdsOf(uint32_t day) const {
    std::vector<EventIdHash> ids;
    const auto visit = [&ids](std::span<const EventIdHash> of_slot) {
      ids.insert(ids.end(), of_slot.begin(), of_slot.end());
    };
    EXPECT_TRUE(ScanEventIds(*store_->TakeSnapshot(), day, 0, UINT16_MAX, visit).ok());
    return ids;
  }

  static constexpr EventIdHash kFirst = {0, 0};
  static constexpr EventIdHash kSecond = {0, 1};
  static constexpr EventIdHash kMiddle = {258, 0x0123456789abcd};
  static constexpr EventIdHash kLast = {UINT16_MAX, (uint64_t{1} << kEventIdRestBits) - 1};
  const std::unique_ptr<KeyValueStore> store_ = MakeMemoryStore();
};

TEST_F(EventIdIndexTest, AnIdIsFoundOnItsDayAndNoOther) {
  Add(kDay, 7, {kFirst, kMiddle, kLast});
  for (const EventIdHash& id : {kFirst, kMiddle, kLast}) {
    EXPECT_TRUE(Contains(kDay, id));
    EXPECT_FALSE(Contains(kDay - 1, id));
    EXPECT_FALSE(Contains(kDay + 1, id));
  }
  EXPECT_FALSE(Contains(kDay, kSecond));
  EXPECT_FALSE(Contains(kDay, {kMiddle.slot, kMiddle.rest + 1}));
  EXPECT_FALSE(Contains(kDay, {1, 0}));
}

TEST_F(EventIdIndexTest, WhatIsAddedLaterLeavesWhatIsThere) {
  Add(kDay, 7, {kFirst, kMiddle});
  Add(kDay, 300, {kSecond, kLast});
  EXPECT_EQ(IdsOf(kDay), std::vector<EventIdHash>({kFirst, kSecond, kMiddle, kLast}));
  EXPECT_EQ(FindEventId(*store_->TakeSnapshot(), kDay, kFirst).value(), 7U);
  EXPECT_EQ(FindEventId(*store_->TakeSnapshot(), kDay, kSecond).value(), 300U);
  EXPECT_EQ(IdsOf(kDay + 1), std::vector<EventIdHash>());
  std::vector<EventIdHash> visited;
  const auto visit = [&visited](std::span<const EventIdHash> of_slot) { visited.push_back(of_slot.front()); };
  ASSERT_TRUE(ScanEventIds(*store_->TakeSnapshot(), kDay, 1, UINT16_MAX - 1, visit).ok());
  EXPECT_EQ(visited, std::vector<EventIdHash>({kMiddle}));
}

TEST_F(EventIdIndexTest, RemovedIdsAreGoneAndOthersStay) {
  Add(kDay, 7, {kFirst, kMiddle});
  Add(kDay, 8, {kSecond, kLast});
  WriteGroup group;
  ASSERT_TRUE(RemoveEventIds(*store_->TakeSnapshot(), kDay, {kMiddle, {3, 3}, kFirst}, group).ok());
  Commit(group);
  EXPECT_EQ(IdsOf(kDay), std::vector<EventIdHash>({kSecond, kLast}));
  EXPECT_EQ(group.operations().size(), 2U) << "entries without the ids are not written again";
}

TEST_F(EventIdIndexTest, DaysAreDeletedOneByOneOrAllBefore) {
  WriteGroup records;
  for (uint32_t day = kDay; day < kDay + 4; ++day) {
    Add(day, 7, {kFirst, kLast});
    PutEventIdCount(day, 2, records);
  }
  PutEventIdsEnd(9, records);
  DeleteEventIdsBefore(kDay + 1, records);
  DeleteEventIdsOf(kDay + 2, records);
  WriteGroup deletion;
  DeleteEventIdsBefore(kDay + 1, deletion);
  DeleteEventIdsOf(kDay + 2, deletion);
  Commit(records);
  Commit(deletion);
  for (uint32_t day = kDay; day < kDay + 4; ++day) {
    const bool is_kept = day == kDay + 1 || day == kDay + 3;
    EXPECT_EQ(IdsOf(day).size(), is_kept ? 2U : 0U) << day - kDay;
    EXPECT_EQ(ReadEventIdCount(*store_, day).value().has_value(), is_kept) << day - kDay;
  }
  EXPECT_EQ(ReadEventIdsEnd(*store_).value(), 9U);
  WriteGroup all;
  ClearEventIds(all);
  Commit(all);
  EXPECT_EQ(IdsOf(kDay + 1).size(), 0U);
  EXPECT_EQ(ReadEventIdCount(*store_, kDay + 1).value(), std::nullopt);
  EXPECT_EQ(ReadEventIdsEnd(*store_).value(), std::nullopt);
}

TEST_F(EventIdIndexTest, VersionOneKeepsItsBytes) {
  using namespace std::string_literals;
  const EventIdHash id = HashEventId("event-1");
  EXPECT_EQ(id.slot, 0x8d1b);
  EXPECT_EQ(id.rest, 0xd7bff3191c74e5U);
  WriteGroup group;
  PutEventIds(0x01020304, 0x1122334455667788, std::vector<EventIdHash>{{0x0506, 1}, {0x0506, 0x0123456789abcd}}, group);
  PutEventIdCount(0x01020304, 258, group);
  PutEventIdsEnd(259, group);
  EXPECT_EQ(group.operations()[0].key, "\1\2\3\4\5\6\x11\x22\x33\x44\x55\x66\x77\x88"s);
  EXPECT_EQ(group.operations()[0].value, "\0\0\0\0\0\0\1\x01\x23\x45\x67\x89\xab\xcd"s);
  EXPECT_EQ(group.operations()[1].key, "event_ids/\1\2\3\4"s);
  EXPECT_EQ(group.operations()[1].value, "\1\2\1\0\0\0\0\0\0"s);
  EXPECT_EQ(group.operations()[2].key, "event_ids"s);
  EXPECT_EQ(group.operations()[2].value, "\1\3\1\0\0\0\0\0\0"s);
}

TEST_F(EventIdIndexTest, DamageIsDataLoss) {
  Add(kDay, 7, {kFirst, kMiddle});
  std::vector<std::string> keys;
  ASSERT_TRUE(store_->TakeSnapshot()
                  ->Scan(Table::kEventIds, "", "",
                         [&keys](std::string_view key, std::string_view) {
                           keys.emplace_back(key);
                           return true;
                         })
                  .ok());
  ASSERT_EQ(keys.size(), 2U);
  WriteGroup damage;
  damage.Put(Table::kEventIds, keys[0], "eight by");
  damage.Put(Table::kMeta, "event_ids", "\2");
  damage.Put(Table::kMeta, std::string("event_ids/\0\0\x4e\x20", 14), "");
  Commit(damage);
  const auto snapshot = store_->TakeSnapshot();
  EXPECT_EQ(FindEventId(*snapshot, kDay, kFirst).status().code(), Code::kDataLoss);
  EXPECT_EQ(FindEventId(*snapshot, kDay, kMiddle).value(), 7U) << "of another slot";
  EXPECT_EQ(ScanEventIds(*snapshot, kDay, 0, UINT16_MAX, [](auto) {}).code(), Code::kDataLoss);
  WriteGroup unused;
  EXPECT_EQ(RemoveEventIds(*snapshot, kDay, {kFirst}, unused).code(), Code::kDataLoss);
  EXPECT_EQ(ReadEventIdsEnd(*store_).status().code(), Code::kDataLoss);
  EXPECT_EQ(ReadEventIdCount(*store_, kDay).status().code(), Code::kDataLoss);
}

}  // namespace
}  // namespace stillwatch::storage
