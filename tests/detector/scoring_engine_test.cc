#include "detector/scoring_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "tests/detector/engine_dump.h"
#include "tests/detector/world.h"

namespace stillwatch::detector {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Gt;
using ::testing::Key;
using ::testing::Lt;

constexpr size_t kEventCount = 20'000;
const EngineOptions kOptions;

const World& LargeWorld() {
  static const World world = MakeWorld(1, kEventCount);
  return world;
}

// The engine that all others are held against: everything in order, in one batch, in one thread.
const ScoringEngine& Reference() {
  static const ScoringEngine& engine = *[] {
    auto* made = new ScoringEngine(kOptions, SerialFor);
    OfferRows(*made, LargeWorld(), TimeOrder(LargeWorld()), kEventCount);
    return made;
  }();
  return engine;
}

std::string KindOf(const std::string& account_id) { return account_id.substr(0, account_id.find('-')); }

TEST(ScoringEngineTest, TheWorldIsWorthComparing) {
  std::map<std::pair<std::string, Verdict>, int> verdicts;
  size_t change_count = 0;
  std::set<int> groups;
  for (const AccountSummary& summary : Reference().List()) {
    ++verdicts[{KindOf(summary.account_id), summary.verdict}];
    const AccountDetail detail = Reference().Get(summary.account_id).value();
    change_count += detail.timeline.size();
    groups.insert(detail.live.peer_group);
  }
  EXPECT_EQ(Reference().counters().account_count, kWorldAccountCount);
  EXPECT_THAT(verdicts, Contains(Key(std::pair("harvester", Verdict::kAct))));
  EXPECT_THAT(verdicts, Contains(Key(std::pair("chat", Verdict::kClear))));
  EXPECT_THAT(verdicts, Contains(Key(::testing::Pair(::testing::_, Verdict::kReview))));
  EXPECT_GT(change_count, 10U);
  EXPECT_GT(groups.size(), 2U);
  EXPECT_GT(Reference().baseline()->groups[0].account_count, 0U);
  EXPECT_GT(Reference().baseline()->time_unix_nano, kWorldStart + kNanosecondsPerDay) << "renewed more than once";
  EXPECT_EQ(Reference().counters().late_event_count, 0U);
  EXPECT_GT(Reference().counters().waiting_event_count, 0U);
}

class BatchSizeTest : public ::testing::TestWithParam<size_t> {};

TEST_P(BatchSizeTest, DoesNotMatter) {
  ScoringEngine engine(kOptions, SerialFor);
  OfferRows(engine, LargeWorld(), TimeOrder(LargeWorld()), GetParam());
  ExpectSame(engine, Reference(), "in batches of " + std::to_string(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(ScoringEngine, BatchSizeTest, ::testing::Values(1, 7, 1000, 5000));

struct OptionsCase {
  const char* name;
  int64_t allowed_lateness_nano;
  int64_t tick_nano;
  size_t event_count;
};

class OptionsTest : public ::testing::TestWithParam<OptionsCase> {};

TEST_P(OptionsTest, BatchesAndOrderDoNotMatterUnderThem) {
  const World world = MakeWorld(3, GetParam().event_count);
  EngineOptions options;
  options.allowed_lateness_nano = GetParam().allowed_lateness_nano;
  options.tick_nano = GetParam().tick_nano;
  ScoringEngine at_once(options, SerialFor), one_by_one(options, SerialFor), shuffled(options, SerialFor);
  OfferRows(at_once, world, TimeOrder(world), world.size());
  OfferRows(one_by_one, world, TimeOrder(world), 1);
  OfferRows(shuffled, world, ShuffledOrder(world, std::max<int64_t>(options.allowed_lateness_nano, 1), 9), 13);
  ExpectSame(one_by_one, at_once, "one by one");
  ExpectSame(shuffled, at_once, "shuffled");
}

INSTANTIATE_TEST_SUITE_P(
    ScoringEngine, OptionsTest,
    ::testing::Values(OptionsCase{"no_lateness", 0, 10 * kNanosecondsPerMinute, 3000},
                      OptionsCase{"ticks_within_the_lateness", kNanosecondsPerHour, kNanosecondsPerMinute, 3000},
                      OptionsCase{"rare_ticks", kNanosecondsPerMinute, kNanosecondsPerDay, 5000},
                      OptionsCase{"rare_events", kNanosecondsPerMinute, kNanosecondsPerMinute, 200}),
    [](const auto& test) { return test.param.name; });

TEST(ScoringEngineTest, SeveralBatchesOfferedAtOnceAreOneStream) {
  ScoringEngine engine(kOptions, SerialFor);
  std::vector<ObservedBatch> batches;
  const std::vector<size_t> order = TimeOrder(LargeWorld());
  for (size_t begin = 0; begin < order.size(); begin += 500) {
    batches.push_back(Observe(MakeBatch(LargeWorld(), std::span(order).subspan(begin, 500))));
    batches.back().first_sequence = begin;
  }
  for (size_t i = 0; i < batches.size(); i += 8)
    engine.Offer(std::span(batches).subspan(i, std::min<size_t>(8, batches.size() - i)));
  ExpectSame(engine, Reference(), "eight batches at once");
}

class ArrivalOrderTest : public ::testing::TestWithParam<uint64_t> {};

TEST_P(ArrivalOrderTest, WithinTheAllowedLatenessDoesNotMatter) {
  ScoringEngine engine(kOptions, SerialFor);
  const std::vector<size_t> order = ShuffledOrder(LargeWorld(), kOptions.allowed_lateness_nano, GetParam());
  ASSERT_FALSE(std::is_sorted(order.begin(), order.end()));
  OfferRows(engine, LargeWorld(), order, 1 + 100 * GetParam());
  ExpectSame(engine, Reference(), "shuffled by seed " + std::to_string(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(ScoringEngine, ArrivalOrderTest, ::testing::Values(0, 1, 2, 3));

TEST(ScoringEngineTest, TwoSourcesGiveWhatOneGives) {
  // Each source is in order; the second runs behind by nearly the allowed lateness.
  std::vector<std::pair<int64_t, size_t>> arrivals;
  for (size_t row = 0; row < kEventCount; ++row) {
    const int64_t delay = row % 3 == 0 ? kOptions.allowed_lateness_nano - 1 : 0;
    arrivals.emplace_back(LargeWorld().events->time_unix_nano(row) + delay, row);
  }
  std::sort(arrivals.begin(), arrivals.end());
  std::vector<size_t> order;
  for (const auto& [time, row] : arrivals) order.push_back(row);
  ScoringEngine engine(kOptions, SerialFor);
  OfferRows(engine, LargeWorld(), order, 33);
  ExpectSame(engine, Reference(), "two sources");
}

uint64_t EventsOfAllAccounts(const ScoringEngine& engine) {
  uint64_t count = 0;
  for (const AccountSummary& summary : engine.List()) count += summary.event_count;
  return count;
}

TEST(ScoringEngineTest, LateEventsAreToldAndCounted) {
  ScoringEngine engine(kOptions, SerialFor);
  const std::vector<size_t> order = ShuffledOrder(LargeWorld(), 20 * kOptions.allowed_lateness_nano, 5);
  OfferRows(engine, LargeWorld(), order, 100);
  const EngineCounters counters = engine.counters();
  EXPECT_THAT(counters.late_event_count, AllOf(Gt(0U), Lt(kEventCount)));
  EXPECT_EQ(counters.settled_event_count + counters.waiting_event_count, kEventCount);
  EXPECT_EQ(EventsOfAllAccounts(engine), kEventCount);
  ScoringEngine other(kOptions, SerialFor);
  OfferRows(other, LargeWorld(), order, 1000);
  ExpectSame(other, engine, "late events in other batches");
}

TEST(ScoringEngineTest, TooManyWaitingEventsAreSettledEarlyAndCountedOnce) {
  EngineOptions options;
  options.allowed_lateness_nano = 30 * kNanosecondsPerDay;
  options.waiting_event_count_max = 100;
  for (const size_t batch_size : {50, 1000, 20'000}) {
    ScoringEngine engine(options, SerialFor);
    OfferRows(engine, LargeWorld(), TimeOrder(LargeWorld()), batch_size);
    const EngineCounters counters = engine.counters();
    EXPECT_LE(counters.waiting_event_count, 100U) << batch_size;
    EXPECT_EQ(counters.settled_event_count + counters.waiting_event_count, kEventCount);
    EXPECT_EQ(EventsOfAllAccounts(engine), kEventCount);
  }
}

TEST(ScoringEngineTest, EventsOfOneMomentCanAllBeShed) {
  EngineOptions options;
  options.waiting_event_count_max = 10;
  UsageBatch batch;
  for (int i = 0; i < 100; ++i) {
    const size_t row = batch.AddRow();
    batch.SetText(row, TextField::kAccountId, "account");
    batch.SetNumber(row, NumberField::kTimeUnixNano, static_cast<uint64_t>(kWorldStart));
  }
  ScoringEngine engine(options, SerialFor);
  const ObservedBatch observed = Observe(std::make_shared<const UsageBatch>(std::move(batch)));
  engine.Offer({&observed, 1});
  EXPECT_EQ(engine.counters().settled_event_count, 100U);
  EXPECT_EQ(engine.Get("account")->live.portrait.event_count(), 100U);
}

TEST(ScoringEngineTest, APromiseSettlesWhatItCovers) {
  ScoringEngine engine(kOptions, SerialFor);
  const std::vector<size_t> order = TimeOrder(LargeWorld());
  ObservedBatch batch = Observe(MakeBatch(LargeWorld(), std::span(order).first(1000)));
  batch.complete_through_unix_nano = LargeWorld().events->time_unix_nano(999) + 1;
  engine.Offer({&batch, 1});
  EXPECT_EQ(engine.counters().waiting_event_count, 0U);
  EXPECT_EQ(engine.counters().settled_event_count, 1000U);
}

TEST(ScoringEngineTest, PromisesChangeNoAccount) {
  ScoringEngine engine(kOptions, SerialFor);
  const std::vector<size_t> order = TimeOrder(LargeWorld());
  for (size_t begin = 0; begin < kEventCount; begin += 250) {
    ObservedBatch batch = Observe(MakeBatch(LargeWorld(), std::span(order).subspan(begin, 250)));
    batch.first_sequence = begin;
    // A neighbour in the next batch may have the same time.
    if (begin % 1000 == 0) batch.complete_through_unix_nano = LargeWorld().events->time_unix_nano(begin + 249) - 1;
    engine.Offer({&batch, 1});
  }
  EXPECT_EQ(engine.counters().late_event_count, 0U);
  ExpectSame(engine, Reference(), "with promises");
}

TEST(ScoringEngineTest, VerdictChangesAreToldInOrderAndMatchTheTimelines) {
  ScoringEngine engine(kOptions, SerialFor);
  std::map<std::string, std::vector<VerdictChange>> told;
  int64_t last_time = 0;
  engine.OnVerdictChange([&](const VerdictChange& change) {
    EXPECT_GE(change.time_unix_nano, last_time);
    EXPECT_NE(change.from, change.to);
    last_time = change.time_unix_nano;
    told[change.account_id].push_back(change);
  });
  OfferRows(engine, LargeWorld(), TimeOrder(LargeWorld()), kEventCount);
  ObservedBatch end;
  end.complete_through_unix_nano = kWorldStart + 4 * kNanosecondsPerDay;
  last_time = 0;
  engine.Offer({&end, 1});
  EXPECT_FALSE(told.empty());
  for (const AccountSummary& summary : engine.List()) {
    const AccountDetail detail = engine.Get(summary.account_id).value();
    std::vector<VerdictChange> timeline = detail.timeline;
    // A reader sees the account under the newest baseline, which may differ from its last assessment.
    timeline.resize(std::min(timeline.size(), told[summary.account_id].size()));
    EXPECT_EQ(timeline, told[summary.account_id]) << summary.account_id;
  }
}

TEST(ScoringEngineTest, FirstTimesAreThoseOfTheTimeline) {
  for (const AccountSummary& summary : Reference().List()) {
    const AccountDetail detail = Reference().Get(summary.account_id).value();
    const auto first = std::find_if(detail.timeline.begin(), detail.timeline.end(),
                                    [](const VerdictChange& change) { return change.to >= Verdict::kReview; });
    const Score& score = detail.live.score;
    if (first == detail.timeline.end()) {
      EXPECT_EQ(score.first_review_time_unix_nano, 0);
      EXPECT_EQ(score.events_at_first_review, 0U);
    } else {
      EXPECT_EQ(score.first_review_time_unix_nano, first->time_unix_nano);
      EXPECT_EQ(score.events_at_first_review, first->event_count);
      EXPECT_LE(score.events_at_first_review, detail.live.portrait.event_count());
    }
  }
}

TEST(ScoringEngineTest, TimelinesGoForwardEvenWithLateEvents) {
  ScoringEngine engine(kOptions, SerialFor);
  OfferRows(engine, LargeWorld(), ShuffledOrder(LargeWorld(), 20 * kOptions.allowed_lateness_nano, 6), 100);
  for (const AccountSummary& summary : engine.List()) {
    const std::vector<VerdictChange> timeline = engine.Get(summary.account_id)->timeline;
    EXPECT_TRUE(std::is_sorted(timeline.begin(), timeline.end(), [](const auto& a, const auto& b) {
      return a.time_unix_nano < b.time_unix_nano;
    })) << summary.account_id;
  }
}

AccountSummary SummaryOf(const ScoringEngine& engine, const std::string& account_id) {
  for (const AccountSummary& summary : engine.List()) {
    if (summary.account_id == account_id) return summary;
  }
  ADD_FAILURE() << account_id << " is not known";
  return {};
}

TEST(ScoringEngineTest, ListAndGetSayTheSame) {
  for (const AccountSummary& summary : Reference().List()) {
    const AccountDetail detail = Reference().Get(summary.account_id).value();
    EXPECT_EQ(summary.verdict, detail.live.score.verdict);
    EXPECT_EQ(summary.risk, RiskOf(detail.live.score.log_odds, detail.label));
    EXPECT_EQ(summary.event_count, detail.live.portrait.event_count());
    EXPECT_EQ(detail.assessment.log_odds, detail.live.score.log_odds);
  }
  EXPECT_FALSE(Reference().Get("no such account").has_value());
}

TEST(ScoringEngineTest, LabelsAreRespectedAtOnce) {
  ScoringEngine engine(kOptions, SerialFor);
  OfferRows(engine, LargeWorld(), TimeOrder(LargeWorld()), 1000);
  const std::string thief = "harvester-194";
  ASSERT_EQ(SummaryOf(engine, thief).verdict, Verdict::kAct);
  engine.SetLabel(thief, Label::kBenign);
  EXPECT_EQ(SummaryOf(engine, thief).verdict, Verdict::kClear);
  EXPECT_EQ(SummaryOf(engine, thief).risk, 0);
  EXPECT_EQ(engine.Get(thief)->live.score.verdict, Verdict::kClear);
  engine.SetLabel(thief, Label::kUnlabelled);
  EXPECT_EQ(SummaryOf(engine, thief).verdict, Verdict::kAct);
  engine.SetLabel("chat-0", Label::kConfirmed);
  EXPECT_EQ(SummaryOf(engine, "chat-0").verdict, Verdict::kAct);
  EXPECT_GT(SummaryOf(engine, "chat-0").risk, 0.99);
  engine.SetLabel("never seen", Label::kConfirmed);
  EXPECT_EQ(SummaryOf(engine, "never seen").verdict, Verdict::kAct);
}

TEST(ScoringEngineTest, ABenignAccountStaysClearWhateverFollows) {
  ScoringEngine engine(kOptions, SerialFor);
  engine.OnVerdictChange([](const VerdictChange& change) { EXPECT_NE(change.account_id, "harvester-194"); });
  engine.SetLabel("harvester-194", Label::kBenign);
  OfferRows(engine, LargeWorld(), TimeOrder(LargeWorld()), 1000);
  EXPECT_EQ(SummaryOf(engine, "harvester-194").verdict, Verdict::kClear);
  EXPECT_EQ(engine.Get("harvester-194")->live.score.first_review_time_unix_nano, 0);
}

TEST(ScoringEngineTest, ProfilesAreKeptAndLaterOnesReplaceThem) {
  ScoringEngine engine(kOptions, SerialFor);
  engine.SetProfile(MakeProfile("a", "first", "free"));
  EXPECT_EQ(engine.Get("a")->organization_id, "first");
  engine.SetProfile(MakeProfile("a", "second", "team"));
  EXPECT_EQ(engine.Get("a")->organization_id, "second");
  EXPECT_EQ(SummaryOf(engine, "a").organization_id, "second");
  EXPECT_EQ(engine.Get("a")->profile->plan, "team");
}

}  // namespace
}  // namespace stillwatch::detector
