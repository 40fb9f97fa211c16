// An account is forgotten: in the engine at work, over restarts, and before a checkpoint knew of it.
#include <gtest/gtest.h>

#include <map>
#include <span>
#include <string>
#include <vector>

#include "detector/checkpoint.h"
#include "detector/scoring_engine.h"
#include "storage/erasure.h"
#include "storage/record_store.h"
#include "tests/detector/deployment.h"
#include "tests/detector/engine_dump.h"
#include "tests/detector/world.h"

namespace stillwatch::detector {
namespace {

constexpr size_t kEventCount = 8000;

const World& SmallWorld() {
  static const World world = MakeWorld(5, kEventCount);
  return world;
}

void TakeRows(size_t begin, size_t end, Deployment& deployment) {
  static const std::vector<size_t> order = TimeOrder(SmallWorld());
  deployment.Take(MakeBatch(SmallWorld(), std::span(order).subspan(begin, end - begin)));
}

std::string FirstAccount() {
  return std::string(SmallWorld().events->text(TimeOrder(SmallWorld())[0], TextField::kAccountId));
}

// What the pipeline commits first.
storage::Erasure Record(const std::string& account_id, uint64_t end_sequence, Deployment& deployment) {
  const storage::Erasure erasure = {account_id, end_sequence, false};
  storage::WriteGroup group;
  storage::PutErasure(erasure, group);
  EXPECT_TRUE(deployment.store().Commit(group).ok());
  return erasure;
}

void Forget(const storage::Erasure& erasure, Deployment& deployment) {
  EXPECT_TRUE(deployment.engine().Forget(erasure, *deployment.store().TakeSnapshot()).ok());
}

std::map<std::string, uint64_t> EventCounts(const ScoringEngine& engine) {
  std::map<std::string, uint64_t> counts;
  for (const AccountSummary& account : engine.List()) counts[account.account_id] = account.event_count;
  return counts;
}

TEST(AccountErasureTest, TheEngineForgetsTheAccountAndKeepsTheOthers) {
  Deployment deployment;
  TakeRows(0, kEventCount / 2, deployment);
  std::map<std::string, uint64_t> expected = EventCounts(deployment.engine());
  ASSERT_EQ(expected.erase(FirstAccount()), 1U);
  const uint64_t known = deployment.engine().counters().account_count;
  Forget({FirstAccount(), kEventCount / 2, false}, deployment);
  EXPECT_FALSE(deployment.engine().Get(FirstAccount()).has_value());
  EXPECT_EQ(EventCounts(deployment.engine()), expected);
  EXPECT_EQ(deployment.engine().counters().account_count, known - 1);
  Forget({"nobody", kEventCount / 2, false}, deployment);
  EXPECT_EQ(EventCounts(deployment.engine()), expected);
}

// Every account in turn, so that each place in a partition is left and taken.
TEST(AccountErasureTest, ManyErasuresLeaveAnEngineThatGoesOnAndRestarts) {
  Deployment deployment;
  TakeRows(0, kEventCount / 2, deployment);
  size_t count = 0;
  for (const auto& [account_id, event_count] : EventCounts(deployment.engine())) {
    if (count++ % 3 == 0) Forget(Record(account_id, kEventCount / 2, deployment), deployment);
  }
  deployment.Save();
  const std::map<std::string, uint64_t> live = EventCounts(deployment.engine());
  deployment.Restart();
  EXPECT_EQ(EventCounts(deployment.engine()), live);
  TakeRows(kEventCount / 2, kEventCount, deployment);
  const std::map<std::string, uint64_t> later = EventCounts(deployment.engine());
  deployment.Save();
  deployment.Restart();
  EXPECT_EQ(EventCounts(deployment.engine()), later);
}

TEST(AccountErasureTest, ARestartAfterTheCheckpointAnswersTheSame) {
  Deployment live, restarted;
  for (Deployment* deployment : {&live, &restarted}) {
    TakeRows(0, kEventCount / 2, *deployment);
    deployment->Save();
    Forget(Record(FirstAccount(), kEventCount / 2, *deployment), *deployment);
    deployment->Save();
  }
  restarted.Restart();
  ExpectSame(restarted.engine(), live.engine(), "after the erasure");
  TakeRows(kEventCount / 2, kEventCount, live);
  TakeRows(kEventCount / 2, kEventCount, restarted);
  ExpectSame(restarted.engine(), live.engine(), "after further events, some of them of the new account");
}

TEST(AccountErasureTest, ACrashBetweenTheRecordAndTheCheckpointBringsNobodyBack) {
  Deployment deployment;
  TakeRows(0, kEventCount / 4, deployment);
  deployment.Save();
  TakeRows(kEventCount / 4, kEventCount / 2, deployment);
  std::map<std::string, uint64_t> expected = EventCounts(deployment.engine());
  expected.erase(FirstAccount());
  Record(FirstAccount(), kEventCount / 2, deployment);
  deployment.Restart();
  EXPECT_EQ(EventCounts(deployment.engine()), expected);
  EXPECT_TRUE(deployment.engine().has_unsaved_erasures());
  deployment.Save();
  EXPECT_EQ(deployment.store().Get(storage::Table::kAccounts, FirstAccount()).value(), std::nullopt);
  const auto erasures = storage::ReadErasures(*deployment.store().TakeSnapshot());
  ASSERT_EQ(erasures.value().size(), 1U);
  EXPECT_TRUE(erasures.value()[0].is_applied);
  deployment.Restart();
  EXPECT_EQ(EventCounts(deployment.engine()), expected);
  EXPECT_FALSE(deployment.engine().has_unsaved_erasures());
}

TEST(AccountErasureTest, TheWatermarkOfAFullReplayIsWhatItWas) {
  Deployment deployment;
  TakeRows(0, kEventCount, deployment);
  const EngineCounters before = deployment.engine().counters();
  std::map<std::string, uint64_t> expected = EventCounts(deployment.engine());
  expected.erase(FirstAccount());
  Record(FirstAccount(), kEventCount, deployment);
  EXPECT_GT(deployment.Restart(), 0U) << "there is no checkpoint";
  EXPECT_EQ(EventCounts(deployment.engine()), expected);
  EXPECT_EQ(deployment.engine().counters().watermark_unix_nano, before.watermark_unix_nano);
  EXPECT_EQ(deployment.engine().counters().newest_event_unix_nano, before.newest_event_unix_nano);
}

TEST(AccountErasureTest, VerdictChangesOfTheAccountLeaveTheJournal) {
  Deployment deployment;
  TakeRows(0, 100, deployment);
  storage::WriteGroup group;
  storage::PutVerdictChange({FirstAccount(), Verdict::kClear, Verdict::kReview, 5, 0.5, 7}, group);
  storage::PutVerdictChange({FirstAccount() + "-other", Verdict::kClear, Verdict::kReview, 5, 0.5, 7}, group);
  ASSERT_TRUE(deployment.store().Commit(group).ok());
  Forget(Record(FirstAccount(), 100, deployment), deployment);
  deployment.Save();
  const auto snapshot = deployment.store().TakeSnapshot();
  EXPECT_TRUE(storage::ReadVerdictChanges(*snapshot, FirstAccount()).value().empty());
  EXPECT_EQ(storage::ReadVerdictChanges(*snapshot, FirstAccount() + "-other").value().size(), 1U);
}

TEST(CheckpointNeedsTest, AReplayStartsAtTheOldestEventThatWaited) {
  Deployment deployment;
  EXPECT_EQ(ReplayStart(*deployment.store().TakeSnapshot()).value(), 0U);
  TakeRows(0, 1000, deployment);
  EXPECT_EQ(ReplayStart(*deployment.store().TakeSnapshot()).value(), 0U);
  deployment.Save();
  const uint64_t start = ReplayStart(*deployment.store().TakeSnapshot()).value();
  EXPECT_GT(start, 0U);
  EXPECT_LE(start, 1000U);
}

TEST(CheckpointNeedsTest, PromisesBelowASequenceAreDeleted) {
  Deployment deployment;
  storage::WriteGroup promises;
  for (const uint64_t sequence : {1, 5, 9}) SavePromise(sequence, 1000, promises);
  ASSERT_TRUE(deployment.store().Commit(promises).ok());
  storage::WriteGroup group;
  ASSERT_TRUE(DeletePromises(*deployment.store().TakeSnapshot(), 5, group).ok());
  EXPECT_EQ(group.operations().size(), 1U);
}

}  // namespace
}  // namespace stillwatch::detector
