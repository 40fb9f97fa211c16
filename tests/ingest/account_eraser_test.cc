#include "ingest/account_eraser.h"

#include <gtest/gtest.h>

#include <future>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "ingest/pending_write.h"
#include "storage/memory_store.h"
#include "storage/record_store.h"

namespace stillwatch::ingest {
namespace {

class AccountEraserTest : public testing::Test {
 protected:
  AccountEraserTest() { StartAnew(); }
  ~AccountEraserTest() override {
    eraser_.reset();
    pipeline_.reset();
  }

  // Another life of the daemon on the same store.
  void StartAnew() {
    eraser_.reset();
    pipeline_.reset();
    engine_.emplace(detector::EngineOptions(), detector::SerialFor);
    pipeline_ = Pipeline::Start(*store_, *engine_, {.duplicates = {.unsaved_count_max = kUnsavedIdCountMax}}).value();
    eraser_.emplace(*store_, *pipeline_, *engine_, upkeep_,
                    [this](const std::string& account_id, const std::stop_token&) -> Result<uint64_t> {
                      asked_.push_back(account_id);
                      if (fails_) return Status(Code::kUnavailable, "told to fail");
                      return uint64_t{2};
                    });
  }

  static constexpr size_t kUnsavedIdCountMax = 60;

  // Events of alice and eve in turn.
  void AddEvents(const std::string& prefix, size_t count) {
    auto ids = std::make_shared<std::vector<std::string>>(count);
    auto batch = std::make_shared<UsageBatch>();
    batch->KeepAlive(ids);
    for (size_t i = 0; i < count; ++i) {
      const size_t row = batch->AddRow();
      (*ids)[i] = prefix + std::to_string(i);
      batch->SetText(row, TextField::kEventId, (*ids)[i]);
      batch->SetText(row, TextField::kAccountId, i % 2 == 0 ? "alice" : "eve");
      batch->SetNumber(row, NumberField::kTimeUnixNano, 1'750'000'000'000'000'000 + i * 1'000'000'000);
    }
    std::promise<void> durable;
    SubmittedBatch submitted;
    submitted.observed = detector::Observe(batch);
    submitted.events = std::move(batch);
    submitted.on_durable = [&durable](uint32_t, uint32_t) { durable.set_value(); };
    pipeline_->Submit(std::move(submitted));
    durable.get_future().wait();
    pipeline_->WaitUntilApplied();
  }

  // Events of the account in the log, hidden ones not counted.
  size_t CountStored(const std::string& account_id) const {
    size_t count = 0;
    const auto visit = [&](const storage::BlockSummary&, const UsageBatch& batch) {
      for (size_t row = 0; row < batch.size(); ++row) count += batch.text(row, TextField::kAccountId) == account_id;
      return true;
    };
    EXPECT_TRUE(storage::EventLog::Scan(*store_->TakeSnapshot(), 0, std::numeric_limits<int64_t>::min(),
                                        std::numeric_limits<int64_t>::max(), {}, visit)
                    .ok());
    return count;
  }

  uint64_t EventCount(const std::string& account_id) const {
    const auto account = engine_->Get(account_id);
    return account ? account->live.portrait.event_count() : 0;
  }

  // Keys of kMeta that an erasure leaves until it is done.
  std::vector<std::string> Traces() const {
    std::vector<std::string> keys;
    EXPECT_TRUE(store_->TakeSnapshot()
                    ->Scan(storage::Table::kMeta, "", "",
                           [&keys](std::string_view key, std::string_view) {
                             if (key.starts_with("erasure/") || key == "purge") keys.emplace_back(key);
                             return true;
                           })
                    .ok());
    return keys;
  }

  using Keys = std::vector<std::string>;
  const std::unique_ptr<storage::KeyValueStore> store_ = storage::MakeMemoryStore();
  std::optional<detector::ScoringEngine> engine_;
  std::unique_ptr<Pipeline> pipeline_;
  std::mutex upkeep_;
  std::optional<AccountEraser> eraser_;
  std::vector<std::string> asked_;
  bool fails_ = false;
};

TEST_F(AccountEraserTest, RemovesEventsRecordsAndPortrait) {
  AddEvents("a", 100);
  storage::WriteGroup records;
  AccountProfile profile;
  profile.account_id = "eve";
  storage::PutProfile(profile, records);
  storage::PutLabel({"eve", Label::kBenign, "", 0}, records);
  ASSERT_TRUE(WriteAndWait(*pipeline_, std::move(records), {}).ok());
  const Result<ErasureReport> report = eraser_->Erase("eve", {});
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_EQ(report.value().event_count, 50U);
  EXPECT_EQ(report.value().rewritten_block_count, 1U);
  EXPECT_EQ(report.value().deleted_report_count, 2U);
  EXPECT_EQ(asked_, Keys{"eve"});
  EXPECT_EQ(CountStored("eve"), 0U);
  EXPECT_EQ(CountStored("alice"), 50U);
  EXPECT_EQ(store_->Get(storage::Table::kProfiles, "eve").value(), std::nullopt);
  EXPECT_EQ(store_->Get(storage::Table::kLabels, "eve").value(), std::nullopt);
  EXPECT_EQ(store_->Get(storage::Table::kAccounts, "eve").value(), std::nullopt);
  EXPECT_FALSE(engine_->Get("eve").has_value());
  EXPECT_EQ(Traces(), Keys());
}

TEST_F(AccountEraserTest, LaterEventsAreOfANewAccountAlsoAfterARestart) {
  AddEvents("a", 100);
  ASSERT_TRUE(eraser_->Erase("eve", {}).ok());
  AddEvents("b", 10);
  EXPECT_EQ(EventCount("eve"), 5U);
  EXPECT_EQ(EventCount("alice"), 55U);
  StartAnew();
  EXPECT_EQ(EventCount("eve"), 5U);
  EXPECT_EQ(EventCount("alice"), 55U);
  EXPECT_EQ(CountStored("eve"), 5U);
}

TEST_F(AccountEraserTest, IdsOfItsEventsAreForgottenWhereverTheyAre) {
  AddEvents("saved-", kUnsavedIdCountMax);
  AddEvents("b", 10);
  ASSERT_TRUE(eraser_->Erase("eve", {}).ok());
  AddEvents("saved-", kUnsavedIdCountMax);
  AddEvents("b", 10);
  EXPECT_EQ(EventCount("eve"), kUnsavedIdCountMax / 2 + 5);
  EXPECT_EQ(EventCount("alice"), kUnsavedIdCountMax / 2 + 5) << "hers are known still";
  ASSERT_TRUE(eraser_->Erase("eve", {}).ok());
  std::set<storage::EventIdHash> of_eve;
  for (size_t i = 1; i < kUnsavedIdCountMax; i += 2) of_eve.insert(storage::HashEventId("saved-" + std::to_string(i)));
  size_t count = 0;
  for (uint32_t day = 0; day < 30'000; ++day) {
    if (!storage::ReadEventIdCount(*store_, day).value()) continue;
    const auto visit = [&](std::span<const storage::EventIdHash> ids) {
      count += ids.size();
      for (const storage::EventIdHash& id : ids) EXPECT_FALSE(of_eve.contains(id));
    };
    ASSERT_TRUE(storage::ScanEventIds(*store_->TakeSnapshot(), day, 0, UINT16_MAX, visit).ok());
  }
  EXPECT_GE(count, kUnsavedIdCountMax / 2);
}

TEST_F(AccountEraserTest, WhatWasCutOffIsResumed) {
  AddEvents("a", 100);
  fails_ = true;
  EXPECT_FALSE(eraser_->Erase("eve", {}).ok());
  EXPECT_EQ(Traces(), Keys{"erasure/eve"});
  AddEvents("b", 10);
  fails_ = false;
  StartAnew();
  EXPECT_EQ(EventCount("eve"), 5U);
  ASSERT_TRUE(eraser_->Resume({}).ok());
  EXPECT_EQ(Traces(), Keys());
  EXPECT_EQ(CountStored("eve"), 5U) << "those that came later";
  EXPECT_EQ(EventCount("eve"), 5U);
}

// The process ended right after the record was committed.
TEST_F(AccountEraserTest, ARecordAloneIsEnoughToResume) {
  AddEvents("a", 100);
  storage::WriteGroup record;
  storage::PutErasure({"eve", 100, false}, record);
  ASSERT_TRUE(WriteAndWait(*pipeline_, std::move(record), {}).ok());
  StartAnew();
  EXPECT_EQ(EventCount("eve"), 0U);
  EXPECT_EQ(EventCount("alice"), 50U);
  ASSERT_TRUE(eraser_->Resume({}).ok());
  EXPECT_EQ(Traces(), Keys());
  EXPECT_EQ(CountStored("eve"), 0U);
  EXPECT_EQ(store_->Get(storage::Table::kAccounts, "eve").value(), std::nullopt);
}

TEST_F(AccountEraserTest, AnOpenPurgeIsResumed) {
  storage::WriteGroup records;
  records.Put(storage::Table::kMeta, "purge", "");
  ASSERT_TRUE(WriteAndWait(*pipeline_, std::move(records), {}).ok());
  ASSERT_TRUE(eraser_->Resume({}).ok());
  EXPECT_EQ(Traces(), Keys());
}

TEST_F(AccountEraserTest, AnUnknownAccountIsNoError) {
  AddEvents("a", 10);
  const Result<ErasureReport> report = eraser_->Erase("nobody", {});
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report.value().event_count, 0U);
  EXPECT_EQ(EventCount("eve"), 5U);
}

}  // namespace
}  // namespace stillwatch::ingest
