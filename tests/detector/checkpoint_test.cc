#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <string>

#include "detector/scoring_engine.h"
#include "storage/record_store.h"
#include "tests/detector/deployment.h"
#include "tests/detector/engine_dump.h"
#include "tests/detector/world.h"

namespace stillwatch::detector {
namespace {

using storage::Table;

constexpr size_t kEventCount = 8000;
constexpr char kThief[] = "harvester-194";

const World& SmallWorld() {
  static const World world = MakeWorld(2, kEventCount);
  return world;
}

// Events are counted as soon as they arrive; scores may follow a baseline that is not renewed yet.
void ExpectSamePortraits(const ScoringEngine& actual, const ScoringEngine& expected) {
  for (const AccountSummary& summary : expected.List()) {
    const auto detail = actual.Get(summary.account_id);
    ASSERT_TRUE(detail.has_value()) << summary.account_id;
    EXPECT_EQ(detail->live.portrait.event_count(), summary.event_count) << summary.account_id;
  }
}

struct Step {
  size_t begin;
  size_t end;
  std::optional<int64_t> promise;
};

// Cuts the rows into batches of random sizes, some with a promise that all before their oldest waiting event has come.
std::vector<Step> RandomSteps(const std::vector<size_t>& order, std::mt19937_64& random) {
  std::vector<Step> steps;
  for (size_t begin = 0; begin < order.size();) {
    const size_t size_max = random() % 24 == 0 ? 5000 : 200;
    const size_t end = std::min(order.size(), begin + 1 + random() % size_max);
    Step step{begin, end, {}};
    if (end < order.size() && random() % 4 == 0) {
      int64_t earliest = std::numeric_limits<int64_t>::max();
      for (size_t i = end; i < order.size(); ++i) {
        earliest = std::min(earliest, SmallWorld().events->time_unix_nano(order[i]));
      }
      step.promise = earliest - 1;
    }
    steps.push_back(step);
    begin = end;
  }
  return steps;
}

std::shared_ptr<const UsageBatch> BatchOf(const std::vector<size_t>& order, const Step& step) {
  return MakeBatch(SmallWorld(), std::span(order).subspan(step.begin, step.end - step.begin));
}

struct Case {
  uint64_t seed;
  int64_t disorder_nano;  // Above the allowed lateness some events come late.
};
void PrintTo(const Case& test, std::ostream* out) {
  *out << "seed " << test.seed << " disorder " << test.disorder_nano;
}

class RestartTest : public ::testing::TestWithParam<Case> {};

TEST_P(RestartTest, AtAnyPointChangesNothing) {
  std::mt19937_64 random(GetParam().seed);
  const std::vector<size_t> order = ShuffledOrder(SmallWorld(), GetParam().disorder_nano, GetParam().seed);
  Deployment steady, restarted;
  int restart_count = 0;
  uint64_t replayed_count = 0;
  for (const Step& step : RandomSteps(order, random)) {
    steady.Take(BatchOf(order, step), step.promise);
    restarted.Take(BatchOf(order, step), step.promise);
    if (random() % 4 == 0) restarted.Save();
    if (random() % 4 != 0) continue;
    ++restart_count;
    replayed_count += restarted.Restart();
    ExpectSame(restarted.engine(), steady.engine(), "after event " + std::to_string(step.end));
    if (HasFailure()) return;
  }
  EXPECT_GT(restart_count, 2);
  EXPECT_GT(replayed_count, 0U);
  restarted.Save();
  EXPECT_EQ(restarted.Restart(), 0U) << "everything is in the checkpoint";
  ExpectSame(restarted.engine(), steady.engine(), "at the end");
  EXPECT_EQ(steady.engine().counters().late_event_count > 0,
            GetParam().disorder_nano > EngineOptions().allowed_lateness_nano);
}

INSTANTIATE_TEST_SUITE_P(Checkpoint, RestartTest,
                         ::testing::Values(Case{1, 1}, Case{2, 60 * kNanosecondsPerSecond},
                                           Case{3, 120 * kNanosecondsPerSecond}, Case{4, kNanosecondsPerHour},
                                           Case{5, 6 * kNanosecondsPerHour}, Case{6, 120 * kNanosecondsPerSecond}),
                         [](const auto& test) { return "seed_" + std::to_string(test.param.seed); });

TEST(CheckpointTest, WhatArrivedAheadIsSettledLaterAndSavedLater) {
  std::mt19937_64 random(5);
  const std::vector<size_t> order = ShuffledOrder(SmallWorld(), kNanosecondsPerHour, 5);
  Deployment steady;
  auto ahead = std::make_unique<Deployment>(EngineOptions{.state_bytes_max = 200'000});
  size_t restart_count = 0;
  for (size_t begin = 0; begin < kEventCount; begin += 200) {
    const auto batch = BatchOf(order, {begin, begin + 200, {}});
    steady.Take(batch);
    ahead->TakeAhead(batch);
    if (random() % 3 == 0) ExpectSamePortraits(ahead->engine(), steady.engine());
    while (random() % 4 != 0 && ahead->Advance()) {
    }
    if (random() % 4 == 0) ahead->Save();
    if (random() % 6 != 0) continue;
    ++restart_count;
    ahead->Restart();
    ExpectSame(ahead->engine(), steady.engine(), "after event " + std::to_string(begin + 200));
    if (HasFailure()) return;
  }
  EXPECT_GT(restart_count, 2U);
  while (ahead->Advance()) {
  }
  ExpectSame(ahead->engine(), steady.engine(), "at the end");
}

TEST(CheckpointTest, ALabelCountsFromItsPlaceOnWhateverArrivedAhead) {
  const std::vector<size_t> order = TimeOrder(SmallWorld());
  Deployment steady, ahead;
  for (size_t begin = 0; begin < kEventCount; begin += 500) {
    const auto batch = BatchOf(order, {begin, begin + 500, {}});
    steady.Take(batch);
    if (begin == 3000) steady.SetLabel(kThief, Label::kBenign);
    ahead.TakeAhead(batch);
  }
  for (size_t begin = 0; begin < kEventCount; begin += 500) {
    ASSERT_TRUE(ahead.Advance());
    if (begin == 3000) ahead.SetLabel(kThief, Label::kBenign);
  }
  ExpectSame(ahead.engine(), steady.engine(), "labelled in the middle");
}

// A deployment that has seen the small world, saved at `saved_at` and not since.
std::unique_ptr<Deployment> Fed(size_t saved_at) {
  auto deployment = std::make_unique<Deployment>();
  const std::vector<size_t> order = TimeOrder(SmallWorld());
  for (size_t begin = 0; begin < kEventCount; begin += 500) {
    deployment->Take(BatchOf(order, {begin, begin + 500, {}}));
    if (begin + 500 == saved_at) deployment->Save();
  }
  return deployment;
}

TEST(CheckpointTest, ATickAfterASaveIsInTheNextSave) {
  Deployment deployment;
  const std::vector<size_t> order = TimeOrder(SmallWorld());
  deployment.Take(BatchOf(order, {0, 3000, {}}));
  deployment.Save();
  // Only ticks happen: no event comes, but time goes on.
  deployment.Take(std::make_shared<const UsageBatch>(), SmallWorld().events->time_unix_nano(2999) + kNanosecondsPerDay);
  const auto before = DumpEngine(deployment.engine());
  deployment.Save();
  EXPECT_EQ(deployment.Restart(), 0U);
  ExpectSame(DumpEngine(deployment.engine()), before, "after a save with nothing but ticks");
  deployment.Take(BatchOf(order, {3000, 3001, {}}));
}

// What a save writes of the accounts.
struct SavedAccounts {
  size_t count;
  bool is_in_place_of_all;
  bool operator==(const SavedAccounts&) const = default;
};

SavedAccounts SaveAccounts(ScoringEngine& engine, uint64_t next_sequence) {
  storage::WriteGroup group;
  engine.Save(next_sequence, group);
  engine.ConfirmSave();
  const auto is_of_account = [](const auto& operation) { return operation.table == Table::kAccounts; };
  const auto count = std::count_if(group.operations().begin(), group.operations().end(), is_of_account);
  return {static_cast<size_t>(count), !group.deleted_ranges().empty()};
}

TEST(CheckpointTest, WhereMostAccountsChangedAllAreSavedAnew) {
  ScoringEngine engine({}, SerialFor);
  int64_t time = 1'735'689'600 * kNanosecondsPerSecond;
  uint64_t sequence = 0;
  std::deque<std::string> texts;  // Batches hold views of them.
  const auto request_of = [&](size_t account_count) {
    auto batch = std::make_shared<UsageBatch>();
    for (size_t account = 0; account < account_count; ++account) {
      const size_t row = batch->AddRow();
      batch->SetText(row, TextField::kEventId, texts.emplace_back(std::to_string(time)));
      batch->SetText(row, TextField::kAccountId, texts.emplace_back("account-" + std::to_string(account)));
      batch->SetNumber(row, NumberField::kTimeUnixNano, static_cast<uint64_t>(time += 1000));
    }
    ObservedBatch observed = Observe(batch);
    observed.first_sequence = sequence;
    observed.complete_through_unix_nano = time + 1;
    sequence += account_count;
    engine.Offer({&observed, 1});
  };
  request_of(100);
  EXPECT_EQ(SaveAccounts(engine, sequence), SavedAccounts({100, true}));
  request_of(49);
  EXPECT_EQ(engine.save_account_count(), 49U);
  EXPECT_EQ(SaveAccounts(engine, sequence), SavedAccounts({49, false}));
  request_of(50);
  EXPECT_EQ(engine.save_account_count(), 100U);
  EXPECT_EQ(SaveAccounts(engine, sequence), SavedAccounts({100, true}));
  EXPECT_EQ(SaveAccounts(engine, sequence), SavedAccounts({0, false}));
}

TEST(CheckpointTest, LabelsHoldAfterARestartWithACheckpoint) {
  for (const Label label : {Label::kBenign, Label::kConfirmed}) {
    const auto deployment = Fed(4000);
    deployment->SetLabel(kThief, label);
    deployment->SetLabel("chat-3", label);
    deployment->Save();
    const auto before = DumpEngine(deployment->engine());
    deployment->Restart();
    ExpectSame(DumpEngine(deployment->engine()), before, "labelled");
    EXPECT_EQ(deployment->engine().Get(kThief)->label, label);
  }
}

Verdict ListedVerdict(const ScoringEngine& engine, std::string_view account_id) {
  for (const AccountSummary& summary : engine.List()) {
    if (summary.account_id == account_id) return summary.verdict;
  }
  ADD_FAILURE() << account_id << " is not known";
  return Verdict::kClear;
}

TEST(CheckpointTest, LabelsStoredAfterTheCheckpointHoldAfterARestart) {
  const auto deployment = Fed(kEventCount);
  ASSERT_EQ(ListedVerdict(deployment->engine(), kThief), Verdict::kAct);
  deployment->StoreLabel(kThief, Label::kBenign);
  deployment->StoreLabel("chat-3", Label::kConfirmed);
  deployment->Restart();
  EXPECT_EQ(ListedVerdict(deployment->engine(), kThief), Verdict::kClear);
  EXPECT_EQ(ListedVerdict(deployment->engine(), "chat-3"), Verdict::kAct);
  EXPECT_EQ(deployment->engine().Get(kThief)->live.score.verdict, Verdict::kClear);
  EXPECT_GT(RiskOf(deployment->engine().Get("chat-3")->live.score.log_odds, Label::kConfirmed), 0.99);
}

TEST(CheckpointTest, LabelsGivenSinceTheCheckpointLeaveTheSameTimelines) {
  const auto deployment = Fed(kEventCount);
  deployment->SetLabel(kThief, Label::kBenign);
  deployment->SetLabel("chat-3", Label::kConfirmed);
  const auto before = DumpEngine(deployment->engine());
  deployment->Restart();
  ExpectSame(DumpEngine(deployment->engine()), before, "labelled after the checkpoint");
}

TEST(CheckpointTest, ALabelTakenBackAfterTheCheckpointIsForgotten) {
  const auto deployment = Fed(kEventCount);
  deployment->SetLabel(kThief, Label::kBenign);
  deployment->Save();
  storage::WriteGroup group;
  storage::DeleteLabel(kThief, group);
  ASSERT_TRUE(deployment->store().Commit(group).ok());
  deployment->Restart();
  EXPECT_EQ(ListedVerdict(deployment->engine(), kThief), Verdict::kAct);
  EXPECT_EQ(deployment->engine().Get(kThief)->live.score.verdict, Verdict::kAct);
}

TEST(CheckpointTest, AVerdictChangedByALabelIsInTheJournal) {
  const auto deployment = Fed(4000);
  deployment->SetLabel("chat-3", Label::kConfirmed);
  deployment->Save();
  const auto changes = storage::ReadVerdictChanges(*deployment->store().TakeSnapshot(), "chat-3");
  ASSERT_TRUE(changes.ok());
  ASSERT_FALSE(changes.value().empty());
  EXPECT_EQ(changes.value().back().to, Verdict::kAct);
}

TEST(CheckpointTest, TheJournalHoldsTheTimelines) {
  const auto deployment = Fed(kEventCount);
  const auto snapshot = deployment->store().TakeSnapshot();
  size_t change_count = 0;
  for (const AccountSummary& summary : deployment->engine().List()) {
    const auto journal = storage::ReadVerdictChanges(*snapshot, summary.account_id);
    ASSERT_TRUE(journal.ok());
    std::vector<VerdictChange> timeline = deployment->engine().Get(summary.account_id)->timeline;
    ASSERT_GE(timeline.size(), journal.value().size()) << "a reader may see one change ahead";
    timeline.resize(journal.value().size());
    EXPECT_EQ(timeline, journal.value());
    change_count += journal.value().size();
  }
  EXPECT_GT(change_count, 5U);
}

TEST(CheckpointTest, ProfilesComeBack) {
  const auto deployment = Fed(4000);
  deployment->SetProfile(MakeProfile("chat-0", "elsewhere", "team"));
  deployment->SetProfile(MakeProfile("silent", "elsewhere", "free"));
  const auto before = DumpEngine(deployment->engine());
  deployment->Restart();
  ExpectSame(DumpEngine(deployment->engine()), before, "with profiles");
  EXPECT_EQ(deployment->engine().Get("silent")->profile->plan, "free");
}

TEST(CheckpointTest, WithoutACheckpointTheWholeLogIsReplayed) {
  const auto deployment = Fed(0);
  const auto before = DumpEngine(deployment->engine());
  EXPECT_EQ(deployment->Restart(), kEventCount);
  ExpectSame(DumpEngine(deployment->engine()), before, "replayed");
}

// Changes one byte of a stored value.
void Damage(storage::KeyValueStore& store, Table table, const std::string& key, size_t position) {
  Result<std::optional<std::string>> value = store.Get(table, key);
  ASSERT_TRUE(value.ok() && value.value().has_value());
  (**value)[position] = static_cast<char>((**value)[position] ^ 0x55);
  storage::WriteGroup group;
  group.Put(table, key, **value);
  ASSERT_TRUE(store.Commit(group).ok());
}

TEST(CheckpointTest, ACheckpointOfAnotherVersionIsLeftAside) {
  const auto deployment = Fed(4000);
  const auto before = DumpEngine(deployment->engine());
  Damage(deployment->store(), Table::kMeta, "checkpoint", 0);
  EXPECT_EQ(deployment->Restart(), kEventCount);
  ExpectSame(DumpEngine(deployment->engine()), before, "replayed");
}

TEST(CheckpointTest, ACheckpointWithAnUnreadableAccountIsLeftAside) {
  const auto deployment = Fed(4000);
  const auto before = DumpEngine(deployment->engine());
  Damage(deployment->store(), Table::kAccounts, StateKeyOf(HashName(kThief), kThief), 0);
  EXPECT_EQ(deployment->Restart(), kEventCount);
  ExpectSame(DumpEngine(deployment->engine()), before, "replayed");
  deployment->Save();
  EXPECT_EQ(deployment->Restart(), 0U);
  ExpectSame(DumpEngine(deployment->engine()), before, "after the next checkpoint");
}

TEST(CheckpointTest, SavedStatesHaveNoUndefinedBytes) {
  // Two deployments that saw the same write the same bytes, whatever their memory held before.
  const auto first = Fed(kEventCount);
  const auto second = Fed(kEventCount);
  const auto other = second->store().TakeSnapshot();
  size_t account_count = 0;
  const Status status =
      first->store().TakeSnapshot()->Scan(Table::kAccounts, "", "", [&](std::string_view key, std::string_view value) {
        const auto twin = other->Get(Table::kAccounts, key);
        EXPECT_TRUE(twin.ok() && twin.value() == value) << key;
        ++account_count;
        return true;
      });
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(account_count, kWorldAccountCount);
}

TEST(CheckpointTest, PromisesOfTheSamePositionAllHold) {
  Deployment deployment;
  const std::vector<size_t> order = TimeOrder(SmallWorld());
  deployment.Take(BatchOf(order, {0, 1000, {}}));
  const auto nothing = std::make_shared<const UsageBatch>();
  deployment.Take(nothing, SmallWorld().events->time_unix_nano(999) + kNanosecondsPerHour);
  deployment.Take(nothing, SmallWorld().events->time_unix_nano(999));
  const auto before = DumpEngine(deployment.engine());
  deployment.Restart();
  ExpectSame(DumpEngine(deployment.engine()), before, "with two promises");
}

}  // namespace
}  // namespace stillwatch::detector
