// Where states are kept, and that it makes no difference.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "detector/account_partition.h"
#include "proto/limits.h"
#include "tests/detector/portrait_maker.h"

namespace stillwatch::detector {
namespace {

constexpr int64_t kStart = 1'735'689'600 * kNanosecondsPerSecond;
constexpr size_t kAccountCount = 40;

std::string IdOf(size_t account) { return "account-" + std::to_string(account) + "-with-a-long-name"; }

// A partition with its store, of which saves and their confirmation are told apart.
class LimitedPartition {
 public:
  explicit LimitedPartition(const StateLimits& limits) {
    partition_.SetStateLimits(limits, [this](std::string_view key) -> std::optional<std::string> {
      ++load_count_;
      const auto found = stored_.find(std::string(key));
      if (found == stored_.end()) return std::nullopt;
      return found->second;
    });
  }

  void Request(size_t account) {
    features::Observation event;
    event.time_unix_nano = time_ += kNanosecondsPerSecond;
    event.event_hash = static_cast<uint64_t>(time_);
    event.prompt_hash = static_cast<uint64_t>(time_) * 0x9E3779B97F4A7C15;
    event.message_count = 1;
    event.knows_message_count = true;
    const std::string id = IdOf(account);
    const AccountPartition::Arrival arrival = {id, "", HashName(id), time_, static_cast<uint64_t>(time_), &event};
    partition_.AddWaiting({&arrival, 1});
    partition_.Settle(time_ + 1, HonestBaseline());
  }
  void RequestOfEach() {
    for (size_t account = 0; account < kAccountCount; ++account) Request(account);
  }
  uint32_t Save(AccountPartition::SaveScope scope = AccountPartition::SaveScope::kUnsaved) {
    partition_.VisitForSave(++save_, scope, [this](const std::string& key, const storage::SharedBytes& bytes) {
      stored_[key] = bytes.view();
    });
    return save_;
  }
  uint64_t EventsOf(size_t account) const {
    return partition_.Get(IdOf(account), HonestBaseline())->live.portrait.event_count();
  }

  AccountPartition& operator*() { return partition_; }
  AccountPartition* operator->() { return &partition_; }
  size_t load_count() const { return load_count_; }
  std::map<std::string, std::string>& stored() { return stored_; }

 private:
  std::map<std::string, std::string> stored_;
  size_t load_count_ = 0;
  uint32_t save_ = 0;
  int64_t time_ = kStart;
  AccountPartition partition_;
};

TEST(AccountStatesTest, OnlySoManyAreInFull) {
  LimitedPartition partition({.hot_count_max = 3});
  partition.RequestOfEach();
  const StateCounters states = partition->state_counters();
  EXPECT_EQ(states.hot_count, 3U);
  EXPECT_EQ(states.packed_count, kAccountCount - 3);
  EXPECT_EQ(states.stored_count, 0U);
  EXPECT_LT(states.bytes, kAccountCount * sizeof(LiveState) / 2);
  partition.RequestOfEach();
  for (size_t account = 0; account < kAccountCount; ++account) EXPECT_EQ(partition.EventsOf(account), 2U);
  EXPECT_EQ(partition.load_count(), 0U);
}

// What is in full is looked at in place, what is packed as a copy.
bool IsInFull(LimitedPartition& partition, uint32_t account) {
  const StateView first = partition->StateAt(account);
  const StateView second = partition->StateAt(account);
  return &*first == &*second;
}

TEST(AccountStatesTest, WhoIsUsedAgainSoonStaysInFull) {
  LimitedPartition partition({.hot_count_max = 6});
  partition.RequestOfEach();
  EXPECT_FALSE(IsInFull(partition, 20));
  partition.Request(20);
  partition.Request(20);
  for (size_t account = 0; account < 20; ++account) partition.Request(account);
  EXPECT_TRUE(IsInFull(partition, 20)) << "it passed its trial";
  EXPECT_FALSE(IsInFull(partition, 10)) << "these came once";
  for (int round = 0; round < 3; ++round) {
    for (size_t account = 22; account < 30; ++account) {
      partition.Request(account);
      partition.Request(account);
    }
  }
  EXPECT_FALSE(IsInFull(partition, 20)) << "others were used since";
  EXPECT_EQ(partition.EventsOf(20), 3U);
}

TEST(AccountStatesTest, NoneIsDroppedBeforeItsSaveIsConfirmed) {
  LimitedPartition partition({.byte_max = 1, .hot_count_max = 0});
  EXPECT_FALSE(partition->WantsSave());
  partition.RequestOfEach();
  EXPECT_TRUE(partition->WantsSave());
  EXPECT_EQ(partition->save_counts().unsaved, kAccountCount);
  EXPECT_EQ(partition->state_counters().stored_count, 0U);
  const uint32_t save = partition.Save();
  EXPECT_EQ(partition->save_counts().unsaved, 0U);
  partition.Request(0);
  EXPECT_EQ(partition->state_counters().stored_count, 0U) << "the save is on its way";
  partition->ConfirmSave(save);
  EXPECT_FALSE(partition->WantsSave());
  partition.Request(1);
  // The two that changed after the save are in no save yet.
  EXPECT_EQ(partition->state_counters().stored_count, kAccountCount - 2);
  EXPECT_TRUE(partition->WantsSave()) << "memory is still full";
}

TEST(AccountStatesTest, ASaveOfAllHoldsEveryStateOnce) {
  LimitedPartition partition({.hot_count_max = 10});
  partition.RequestOfEach();
  AccountProfile without_state;
  without_state.account_id = "without a state";
  partition->SetProfile(without_state);
  partition.Save();
  partition.stored().clear();
  partition.Request(3);
  partition.Save(AccountPartition::SaveScope::kAll);
  EXPECT_EQ(partition->save_counts().unsaved, 0U);
  EXPECT_EQ(partition->save_counts().in_memory, kAccountCount);
  ASSERT_EQ(partition.stored().size(), kAccountCount);
  AccountPartition restored;
  for (const auto& [key, bytes] : partition.stored()) {
    ASSERT_TRUE(restored.Restore(std::string_view(key).substr(kStateKeyHashBytes), bytes).has_value());
  }
  for (size_t account = 0; account < kAccountCount; ++account) {
    EXPECT_EQ(restored.Get(IdOf(account), HonestBaseline())->live.portrait.event_count(), account == 3 ? 2U : 1U);
  }
}

TEST(AccountStatesTest, StatesInTheStoreOnlyAreCounted) {
  LimitedPartition partition({.byte_max = 1, .hot_count_max = 0});
  partition.RequestOfEach();
  EXPECT_EQ(partition->save_counts().in_store_only, 0U);
  partition->ConfirmSave(partition.Save());
  partition.Request(0);
  EXPECT_EQ(partition->save_counts().in_store_only, kAccountCount - 1);
  EXPECT_EQ(partition->save_counts().in_memory, 1U);
  partition.Request(1);
  EXPECT_EQ(partition->save_counts().in_store_only, kAccountCount - 2);
  partition->Forget(IdOf(2), UINT64_MAX);
  partition->Forget(IdOf(1), UINT64_MAX);
  EXPECT_EQ(partition->save_counts().in_store_only, kAccountCount - 3);
}

TEST(AccountStatesTest, WhatIsInTheStoreComesBackOnDemand) {
  LimitedPartition partition({.byte_max = 1, .hot_count_max = 0});
  partition.RequestOfEach();
  partition->ConfirmSave(partition.Save());
  partition.Request(0);
  ASSERT_EQ(partition->state_counters().stored_count, kAccountCount - 1);
  EXPECT_EQ(partition.EventsOf(7), 1U);
  EXPECT_EQ(partition.load_count(), 1U);
  EXPECT_EQ(partition->state_counters().stored_count, kAccountCount - 1) << "a reader moves nothing";
  partition.RequestOfEach();
  EXPECT_EQ(partition.EventsOf(0), 3U);
  for (size_t account = 1; account < kAccountCount; ++account) EXPECT_EQ(partition.EventsOf(account), 2U);
  EXPECT_EQ(partition->List(HonestBaseline()).size(), kAccountCount);
  EXPECT_EQ(partition->state_counters().lost_count, 0U);
}

TEST(AccountStatesTest, AnAccountWhoseStateIsLostBeginsAnewAndIsCounted) {
  LimitedPartition partition({.byte_max = 1, .hot_count_max = 0});
  partition.RequestOfEach();
  partition->ConfirmSave(partition.Save());
  partition.Request(0);
  partition.stored().erase(StateKeyOf(HashName(IdOf(5)), IdOf(5)));
  partition.stored()[StateKeyOf(HashName(IdOf(6)), IdOf(6))].resize(20);
  EXPECT_EQ(partition.EventsOf(5), 0U);
  partition.Request(5);
  partition.Request(6);
  partition.Request(7);
  EXPECT_EQ(partition.EventsOf(5), 1U);
  EXPECT_EQ(partition.EventsOf(6), 1U);
  EXPECT_EQ(partition.EventsOf(7), 2U);
  EXPECT_EQ(partition->state_counters().lost_count, 2U);
}

TEST(AccountStatesTest, WithoutAStoreNothingIsDropped) {
  LimitedPartition partition({});
  partition->SetStateLimits({.byte_max = 1, .hot_count_max = 0}, nullptr);
  partition.RequestOfEach();
  partition->ConfirmSave(partition.Save());
  partition.RequestOfEach();
  EXPECT_EQ(partition->state_counters().packed_count, kAccountCount);
}

TEST(AccountStatesTest, AnOrganizationThatChangesIsInTheNextSave) {
  LimitedPartition partition({.hot_count_max = 0});
  partition.Request(0);
  partition.Save();
  const std::string id = IdOf(0);
  const features::Observation event{.time_unix_nano = kStart + kNanosecondsPerDay};
  const AccountPartition::Arrival arrival = {id, "organization", HashName(id), event.time_unix_nano, 1, &event};
  partition->AddWaiting({&arrival, 1});
  partition.Save();
  AccountPartition restored;
  ASSERT_TRUE(restored.Restore(id, partition.stored()[StateKeyOf(HashName(id), id)]));
  EXPECT_EQ(restored.Get(id, HonestBaseline())->organization_id, "organization");
}

TEST(AccountStatesTest, ForgettingOneLeavesTheOthersWhereTheyAre) {
  LimitedPartition partition({.byte_max = 20'000, .hot_count_max = 5});
  partition.RequestOfEach();
  partition->ConfirmSave(partition.Save());
  for (size_t account = 0; account < 10; ++account) partition.Request(account);
  const StateCounters before = partition->state_counters();
  ASSERT_GT(before.stored_count, 0U);
  ASSERT_GT(before.packed_count, 0U);
  for (const size_t account : {size_t{0}, kAccountCount - 1, size_t{17}}) partition->Forget(IdOf(account), UINT64_MAX);
  const StateCounters after = partition->state_counters();
  EXPECT_EQ(after.hot_count + after.packed_count + after.stored_count, kAccountCount - 3);
  EXPECT_LT(after.bytes, before.bytes);
  partition.RequestOfEach();
  EXPECT_EQ(partition.EventsOf(17), 1U);
  EXPECT_EQ(partition.EventsOf(18), 2U);
  EXPECT_EQ(partition.EventsOf(9), 3U);
}

}  // namespace
}  // namespace stillwatch::detector
