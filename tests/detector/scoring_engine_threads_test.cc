#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "detector/scoring_engine.h"
#include "tests/detector/engine_dump.h"
#include "tests/detector/four_threads_for.h"
#include "tests/detector/world.h"

namespace stillwatch::detector {
namespace {

constexpr size_t kEventCount = 20'000;

const World& LargeWorld() {
  static const World world = MakeWorld(1, kEventCount);
  return world;
}

TEST(ScoringEngineThreadsTest, TheNumberOfThreadsDoesNotMatter) {
  ScoringEngine serial({}, SerialFor);
  OfferRows(serial, LargeWorld(), TimeOrder(LargeWorld()), 1000);
  ScoringEngine parallel({}, FourThreadsFor);
  OfferRows(parallel, LargeWorld(), TimeOrder(LargeWorld()), 1000);
  ExpectSame(parallel, serial, "four threads");
}

// What the writer does: events, and now and then a profile and a label.
void OfferAndLabel(ScoringEngine& engine) {
  const std::vector<size_t> order = TimeOrder(LargeWorld());
  for (size_t begin = 0; begin < order.size(); begin += 1000) {
    OfferRows(engine, LargeWorld(), std::span(order).subspan(begin, 1000), 500);
    engine.SetProfile(MakeProfile("app-" + std::to_string(140 + begin % 10), "", "team"));
    engine.SetLabel("chat-" + std::to_string(begin % 7), begin % 2000 == 0 ? Label::kConfirmed : Label::kUnlabelled);
  }
}

TEST(ScoringEngineThreadsTest, ReadersDoNotDisturbTheWriter) {
  ScoringEngine engine({}, FourThreadsFor);
  std::atomic<uint64_t> told = 0;
  engine.OnVerdictChange([&](const VerdictChange&) { ++told; });
  std::atomic<bool> is_done = false;
  std::atomic<uint64_t> read_count = 0;
  {
    std::jthread lister([&] {
      while (!is_done) {
        uint64_t events = 0;
        for (const AccountSummary& summary : engine.List()) events += summary.event_count;
        EXPECT_LE(events, kEventCount);
        EXPECT_LE(engine.counters().settled_event_count, kEventCount);
        ++read_count;
      }
    });
    std::jthread getter([&] {
      for (int i = 0; !is_done; ++i) {
        const auto detail = engine.Get("harvester-" + std::to_string(180 + i % 15));
        EXPECT_TRUE(!detail || detail->account_id.starts_with("harvester"));
        EXPECT_GE(engine.baseline()->act_log_odds, engine.baseline()->review_log_odds);
        ++read_count;
      }
    });
    OfferAndLabel(engine);
    is_done = true;
  }
  EXPECT_GT(read_count, 0U);
  EXPECT_GT(told, 0U);
  EXPECT_GT(told, 0U);
  const EngineCounters counters = engine.counters();
  EXPECT_EQ(counters.settled_event_count + counters.waiting_event_count, kEventCount);
  // The accounts are those of an engine that nobody looked at.
  ScoringEngine alone({}, SerialFor);
  OfferAndLabel(alone);
  for (const AccountSummary& summary : alone.List()) {
    const auto detail = engine.Get(summary.account_id);
    ASSERT_TRUE(detail.has_value());
    EXPECT_EQ(detail->live.portrait.event_count(), summary.event_count);
    EXPECT_EQ(detail->live.score.verdict, summary.verdict) << summary.account_id;
  }
}

// As the pipeline does it: one thread lets events arrive, another advances.
TEST(ScoringEngineThreadsTest, EventsArriveWhileOthersAreSettled) {
  EngineOptions options;
  options.state_bytes_max = 400'000;
  options.campaign_round_nano = kNanosecondsPerHour;
  ScoringEngine engine(options, FourThreadsFor);
  const std::vector<size_t> order = TimeOrder(LargeWorld());
  std::mutex mutex;
  std::vector<EventTime> arrived;
  std::jthread arriver([&] {
    for (size_t begin = 0; begin < order.size(); begin += 250) {
      const ObservedBatch batch =
          Observe(MakeBatch(LargeWorld(), std::span(order).subspan(begin, std::min<size_t>(250, order.size() - begin))));
      const EventTime time = engine.Arrive({&batch, 1});
      const std::lock_guard lock(mutex);
      arrived.push_back(time);
    }
  });
  const size_t batch_count = (order.size() + 249) / 250;
  for (size_t done = 0; done < batch_count;) {
    EventTime time;
    {
      const std::lock_guard lock(mutex);
      if (arrived.size() <= done) continue;
      time = arrived[done++];
    }
    engine.AdvanceTo(time);
  }
  arriver.join();
  ScoringEngine alone(EngineOptions{.campaign_round_nano = kNanosecondsPerHour}, SerialFor);
  OfferRows(alone, LargeWorld(), order, 250);
  ExpectSame(engine, alone, "at the end");
}

}  // namespace
}  // namespace stillwatch::detector
