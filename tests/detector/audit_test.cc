#include "detector/audit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <numeric>
#include <optional>
#include <set>

#include "storage/block_codec.h"
#include "storage/record_store.h"
#include "tests/detector/audit_log.h"

namespace stillwatch::detector {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::Gt;
using ::testing::IsEmpty;
using ::testing::SizeIs;

bool GoOn(uint64_t, uint64_t) { return true; }

Result<AuditOutcome> RunOver(AuditLog& log, const AuditRange& range, const AuditProgress& progress = GoOn) {
  return RunAudit(*log.store().TakeSnapshot(), log.live(), EngineOptions(), SerialFor, range, progress);
}

uint64_t Sum(const auto& counts) { return std::accumulate(counts.begin(), counts.end(), uint64_t{0}); }

TEST(AuditTest, WholeLogGivesTheLiveVerdicts) {
  AuditLog log;
  Result<AuditOutcome> outcome = RunOver(log, {});
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome->summary.event_count, log.events().size());
  EXPECT_EQ(outcome->summary.account_count, kHonestAccountCount + 1);
  EXPECT_EQ(outcome->summary.differing_count, 0u);
  EXPECT_EQ(outcome->summary.damaged_block_count, 0u);
  EXPECT_EQ(outcome->snapshot_event_count, log.events().size());

  ASSERT_THAT(outcome->accounts, ElementsAre(Field(&AuditedAccount::account_id, kHarvesterId)));
  const AuditedAccount& harvester = outcome->accounts.front();
  const std::optional<AccountDetail> live = log.live().Get(kHarvesterId);
  ASSERT_TRUE(live.has_value());
  EXPECT_EQ(harvester.verdict, Verdict::kAct);
  EXPECT_EQ(harvester.live_verdict, Verdict::kAct);
  EXPECT_EQ(harvester.event_count, 600u);
  EXPECT_EQ(harvester.live_event_count, 600u);
  EXPECT_EQ(harvester.log_odds, live->assessment.log_odds);
  EXPECT_EQ(harvester.risk, harvester.live_risk);
  EXPECT_EQ(harvester.first_review_time_unix_nano, live->live.score.first_review_time_unix_nano);
  EXPECT_EQ(harvester.first_act_time_unix_nano, live->live.score.first_act_time_unix_nano);
  EXPECT_EQ(harvester.events_at_first_act, live->live.score.events_at_first_act);
  EXPECT_EQ(harvester.changes, live->timeline);
}

TEST(AuditTest, BlocksOfAnySizeGiveTheSame) {
  AuditLog log;
  Result<AuditOutcome> outcome = RunOver(log, {});
  std::unique_ptr<storage::KeyValueStore> other = storage::MakeMemoryStore();
  UsageBatch batch;
  for (const AuditEvent& event : log.events()) AddEvent(event, batch);
  storage::WriteGroup group;
  storage::EventLog::Open(*other)->Append(batch, group);
  ASSERT_TRUE(other->Commit(group).ok());
  Result<AuditOutcome> same = RunAudit(*other->TakeSnapshot(), log.live(), EngineOptions(), SerialFor, {}, GoOn);
  ASSERT_TRUE(outcome.ok() && same.ok());
  EXPECT_EQ(same->summary, outcome->summary);
  EXPECT_EQ(same->histogram.account_counts, outcome->histogram.account_counts);
  EXPECT_EQ(same->accounts.at(0).log_odds, outcome->accounts.at(0).log_odds);
}

TEST(AuditTest, TermsAddUpToTheLogOdds) {
  AuditLog log;
  Result<AuditOutcome> outcome = RunOver(log, {});
  ASSERT_TRUE(outcome.ok());
  for (const AuditedAccount& account : outcome->accounts) {
    EXPECT_THAT(account.terms, SizeIs(1 + kDetectorCount));
    double sum = 0;
    for (const AuditTerm& term : account.terms) sum += term.finding.log_odds;
    EXPECT_EQ(sum, account.log_odds);
    EXPECT_EQ(RiskOf(sum, account.label), account.risk);
  }
}

TEST(AuditTest, RangeKeepsEventsFromItsStartAndBeforeItsEnd) {
  AuditLog log;
  // Times of events, so that both borders are met exactly.
  const AuditRange range = {log.events()[1050].time_unix_nano, log.events()[2550].time_unix_nano};
  uint64_t expected = 0;
  std::set<std::string> accounts;
  for (const AuditEvent& event : log.events()) {
    if (event.time_unix_nano < range.from_time_unix_nano || event.time_unix_nano >= range.to_time_unix_nano) continue;
    ++expected;
    accounts.insert(event.account_id);
  }
  Result<AuditOutcome> outcome = RunOver(log, range);
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome->summary.range, range);
  EXPECT_EQ(outcome->summary.event_count, expected);
  EXPECT_EQ(outcome->summary.account_count, accounts.size());
  EXPECT_EQ(outcome->first_event_time_unix_nano, range.from_time_unix_nano);
  EXPECT_LT(outcome->last_event_time_unix_nano, range.to_time_unix_nano);
  EXPECT_EQ(outcome->snapshot_event_count, log.events().size());
  EXPECT_EQ(Sum(outcome->event_counts), expected);
}

TEST(AuditTest, SuspectWithoutEventsInTheRangeIsShownAsDiffering) {
  AuditLog log;
  Result<AuditOutcome> outcome = RunOver(log, {.to_time_unix_nano = kAuditLogStart + 2 * kNanosecondsPerDay});
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome->summary.act_count, 0u);
  EXPECT_EQ(outcome->summary.differing_count, 1u);
  ASSERT_THAT(outcome->accounts, ElementsAre(Field(&AuditedAccount::account_id, kHarvesterId)));
  EXPECT_EQ(outcome->accounts[0].verdict, Verdict::kClear);
  EXPECT_EQ(outcome->accounts[0].live_verdict, Verdict::kAct);
  EXPECT_EQ(outcome->accounts[0].event_count, 0u);
}

TEST(AuditTest, TimelinesCountEventsInPeriods) {
  AuditLog log;
  Result<AuditOutcome> outcome = RunOver(log, {});
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome->period_nano, kNanosecondsPerHour);
  EXPECT_EQ(outcome->first_period_unix_nano % kNanosecondsPerHour, 0);
  EXPECT_EQ(Sum(outcome->event_counts), log.events().size());
  const AuditedAccount& harvester = outcome->accounts.at(0);
  ASSERT_EQ(harvester.timeline.size(), outcome->event_counts.size());
  EXPECT_EQ(Sum(harvester.timeline), 600u);
  const auto first = static_cast<size_t>((kAuditLogStart + 2 * kNanosecondsPerDay - outcome->first_period_unix_nano) /
                                         kNanosecondsPerHour);
  EXPECT_EQ(harvester.timeline[first], 40u);  // One in 90 seconds.
  EXPECT_EQ(harvester.timeline[first - 1], 0u);
}

TEST(AuditTest, LabelsDecideTheVerdictButNotTheFirstTimes) {
  AuditLog log;
  Result<AuditOutcome> before = RunOver(log, {});
  storage::WriteGroup group;
  storage::PutLabel({kHarvesterId, Label::kBenign, "", 1}, group);
  storage::PutLabel({"honest-1", Label::kConfirmed, "", 1}, group);
  ASSERT_TRUE(log.store().Commit(group).ok());
  log.live().SetLabel(kHarvesterId, Label::kBenign);
  log.live().SetLabel("honest-1", Label::kConfirmed);
  Result<AuditOutcome> outcome = RunOver(log, {});
  ASSERT_TRUE(before.ok() && outcome.ok());
  EXPECT_EQ(outcome->summary.differing_count, 0u);
  EXPECT_EQ(outcome->summary.act_count, 1u);
  EXPECT_EQ(outcome->histogram.benign_count, 1u);
  ASSERT_THAT(outcome->accounts, ElementsAre(Field(&AuditedAccount::account_id, "honest-1")));
  EXPECT_EQ(outcome->accounts[0].terms.back().detector, "label");

  storage::WriteGroup other;
  storage::PutLabel({kHarvesterId, Label::kConfirmed, "", 1}, other);
  ASSERT_TRUE(log.store().Commit(other).ok());
  Result<AuditOutcome> confirmed = RunOver(log, {});
  ASSERT_TRUE(confirmed.ok());
  EXPECT_EQ(confirmed->accounts.at(0).first_act_time_unix_nano, before->accounts.at(0).first_act_time_unix_nano);
}

TEST(AuditTest, ProgressGrowsToTheWholeLog) {
  AuditLog log;
  std::vector<uint64_t> scanned;
  Result<AuditOutcome> outcome = RunOver(log, {}, [&](uint64_t scanned_event_count, uint64_t total_event_count) {
    EXPECT_EQ(total_event_count, log.events().size());
    scanned.push_back(scanned_event_count);
    return true;
  });
  ASSERT_TRUE(outcome.ok());
  ASSERT_THAT(scanned, SizeIs(Gt(10u)));
  EXPECT_TRUE(std::is_sorted(scanned.begin(), scanned.end()));
  EXPECT_EQ(scanned.back(), log.events().size());
}

TEST(AuditTest, EndsAtOnceWhenCancelled) {
  AuditLog log;
  int call_count = 0;
  Result<AuditOutcome> outcome = RunOver(log, {}, [&](uint64_t, uint64_t) { return ++call_count < 3; });
  EXPECT_EQ(outcome.status().code(), Code::kCancelled);
  EXPECT_EQ(call_count, 3);
}

TEST(AuditTest, CanBeCancelledWhenNoBlockIsInTheRange) {
  AuditLog log;
  std::vector<uint64_t> scanned;
  Result<AuditOutcome> outcome =
      RunOver(log, {.to_time_unix_nano = kAuditLogStart}, [&](uint64_t scanned_event_count, uint64_t) {
        scanned.push_back(scanned_event_count);
        return false;
      });
  EXPECT_EQ(outcome.status().code(), Code::kCancelled);
  EXPECT_THAT(scanned, ElementsAre(log.events().size()));
}

TEST(AuditTest, DamagedBlocksAreCountedAndLeftOut) {
  AuditLog log;
  const std::unique_ptr<storage::Snapshot> whole = log.store().TakeSnapshot();
  std::vector<std::string> keys;
  ASSERT_TRUE(whole
                  ->Scan(storage::Table::kBlocks, "", "",
                         [&](std::string_view key, std::string_view) {
                           keys.emplace_back(key);
                           return true;
                         })
                  .ok());
  storage::WriteGroup group;
  std::string block = *whole->Get(storage::Table::kBlocks, keys[3]).value();
  block[block.size() / 2] = static_cast<char>(~block[block.size() / 2]);
  group.Put(storage::Table::kBlocks, keys[3], block);
  group.Put(storage::Table::kBlocks, keys.back(), "no block");
  ASSERT_TRUE(log.store().Commit(group).ok());
  Result<AuditOutcome> outcome = RunOver(log, {});
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome->summary.damaged_block_count, 2u);
  EXPECT_EQ(outcome->summary.event_count, log.events().size() - 100 - (log.events().size() - 1) % 100 - 1);
  EXPECT_EQ(outcome->summary.act_count, 1u);
}

TEST(AuditTest, EmptyLogGivesAnEmptyOutcome) {
  const std::unique_ptr<storage::KeyValueStore> store = storage::MakeMemoryStore();
  const ScoringEngine live({}, SerialFor);
  Result<AuditOutcome> outcome = RunAudit(*store->TakeSnapshot(), live, {}, SerialFor, {}, GoOn);
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome->summary, AuditSummary());
  EXPECT_THAT(outcome->accounts, IsEmpty());
  EXPECT_THAT(outcome->event_counts, IsEmpty());
}

TEST(AuditTest, SelectedColumnsAreAllThatObservationsRead) {
  UsageBatch batch;
  const size_t row = batch.AddRow();
  std::vector<std::string> texts(kTextFieldCount);
  for (size_t i = 0; i < kTextFieldCount; ++i) {
    texts[i] = "text " + std::to_string(i);
    batch.SetText(row, static_cast<TextField>(i), texts[i]);
  }
  for (size_t i = 0; i < kNumberFieldCount; ++i) batch.SetNumber(row, static_cast<NumberField>(i), 1000 + i);
  const std::string block = storage::EncodeBlock(batch, 0, 1, 0);
  Result<UsageBatch> selected = storage::DecodeBlock(block, ObservedColumns());
  ASSERT_TRUE(selected.ok());
  const features::Observation expected = features::MakeObservations(batch)[0];
  const features::Observation observed = features::MakeObservations(*selected)[0];
  // All members up to the last, which leave no gaps between them.
  EXPECT_EQ(std::memcmp(&observed, &expected, offsetof(features::Observation, knows_message_count) + 1), 0);
  EXPECT_EQ(selected->text(0, TextField::kAccountId), batch.text(0, TextField::kAccountId));
  EXPECT_EQ(selected->text(0, TextField::kOrganizationId), batch.text(0, TextField::kOrganizationId));
}

TEST(LogOddsHistogramTest, RisksFallIntoTheirBinsAndExtremesToTheEnds) {
  LogOddsHistogram histogram;
  histogram.Add(0.5, Label::kUnlabelled);
  histogram.Add(0, Label::kUnlabelled);
  histogram.Add(1, Label::kConfirmed);
  histogram.Add(0, Label::kBenign);
  const auto even = static_cast<size_t>(-LogOddsHistogram::kMin / LogOddsHistogram::kStep);
  EXPECT_EQ(histogram.account_counts[even], 1u);
  EXPECT_EQ(histogram.account_counts.front(), 1u);
  EXPECT_EQ(histogram.account_counts.back(), 1u);
  EXPECT_EQ(histogram.benign_count, 1u);
  EXPECT_EQ(Sum(histogram.account_counts), 3u);
}

}  // namespace
}  // namespace stillwatch::detector
