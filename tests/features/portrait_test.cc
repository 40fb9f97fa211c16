#include "features/portrait.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <random>

#include "tests/features/portrait_builder.h"

namespace stillwatch::features {
namespace {

const MarkerRatios kRatios = SomeRatios();

TEST(PortraitTest, IsEmptyAtFirst) {
  const Portrait portrait;
  EXPECT_EQ(portrait.event_count(), 0U);
  EXPECT_EQ(portrait.DistinctPrompts(), 0);
  EXPECT_EQ(portrait.ActiveDayCount(), 0);
  EXPECT_EQ(portrait.HourEntropy(), 0);
  EXPECT_EQ(portrait.decayed(Counter::kEvent, HalfLife::kHour, kStart), 0);
}

struct CountingCase {
  const char* name;
  Counter counter;
  std::function<void(Observation&)> counts;
  std::function<void(Observation&)> does_not;
};

class PortraitCountingTest : public ::testing::TestWithParam<CountingCase> {};

TEST_P(PortraitCountingTest, CountsWhatItSays) {
  Portrait with, without;
  Observation event = EventAt(kStart);
  GetParam().counts(event);
  with.Update(event, kRatios);
  event = EventAt(kStart);
  GetParam().does_not(event);
  without.Update(event, kRatios);
  EXPECT_EQ(with.total(GetParam().counter), 1);
  EXPECT_EQ(without.total(GetParam().counter), 0);
}

INSTANTIATE_TEST_SUITE_P(
    Portrait, PortraitCountingTest,
    ::testing::Values(
        CountingCase{"success", Counter::kSuccess, [](auto& e) { e.status_code = 0; },
                     [](auto& e) { e.status_code = 400; }},
        CountingCase{"rate_limited", Counter::kRateLimited, [](auto& e) { e.status_code = 429; },
                     [](auto& e) { e.status_code = 500; }},
        CountingCase{"text", Counter::kText, [](auto& e) { e.prompt_hash = 9; }, [](auto& e) { e.prompt_hash = 0; }},
        CountingCase{"single_turn", Counter::kSingleTurn,
                     [](auto& e) { e.knows_message_count = true, e.message_count = 1; },
                     [](auto& e) { e.knows_message_count = true, e.message_count = 2; }},
        CountingCase{"single_turn_unknown", Counter::kSingleTurn,
                     [](auto& e) { e.knows_message_count = true, e.message_count = 1; }, [](auto&) {}},
        CountingCase{"single_turn_tools", Counter::kSingleTurn,
                     [](auto& e) { e.knows_message_count = true, e.message_count = 1; },
                     [](auto& e) { e.knows_message_count = true, e.message_count = 1, e.tool_count = 1; }},
        CountingCase{"tool", Counter::kTool, [](auto& e) { e.tool_count = 3; }, [](auto&) {}},
        CountingCase{"sampled", Counter::kSampled, [](auto&) {}, [](auto& e) { e.temperature = 0; }},
        CountingCase{"choices", Counter::kRepeat, [](auto& e) { e.choice_count = 4; }, [](auto&) {}},
        CountingCase{"choices_greedy", Counter::kRepeat, [](auto& e) { e.choice_count = 4; },
                     [](auto& e) { e.choice_count = 4, e.temperature = 0; }},
        CountingCase{"logit", Counter::kLogit, [](auto& e) { e.logit_bias_count = 1, e.top_logprobs = 1; },
                     [](auto& e) { e.top_logprobs = 5; }},
        CountingCase{"logit_one_token", Counter::kLogit, [](auto& e) { e.logit_bias_count = 1, e.max_tokens = 1; },
                     [](auto& e) { e.logit_bias_count = 1, e.max_tokens = 2; }},
        CountingCase{"marker", Counter::kRubricGrading, [](auto& e) { e.markers = 1 << 2; },
                     [](auto& e) { e.markers = ~uint32_t{1 << 2}; }},
        CountingCase{"marker_without_text", Counter::kRubricGrading, [](auto& e) { e.markers = 1 << 2; },
                     [](auto& e) { e.markers = 1 << 2, e.prompt_hash = 0; }}),
    [](const auto& test) { return test.param.name; });

TEST(PortraitTest, PromptAskedAgainIsARepeatOnlyIfRecentAndSampled) {
  Portrait portrait;
  int64_t time = kStart;
  const auto ask = [&](uint64_t prompt, float temperature) {
    Observation event = EventAt(time += kNanosecondsPerMinute, prompt);
    event.temperature = temperature;
    portrait.Update(event, kRatios);
  };
  ask(100, 1);
  ask(100, 0);
  EXPECT_EQ(portrait.total(Counter::kRepeat), 0);
  ask(100, 1);
  EXPECT_EQ(portrait.total(Counter::kRepeat), 1);
  for (uint64_t prompt = 200; prompt < 208; ++prompt) ask(prompt, 1);
  ask(100, 1);
  EXPECT_EQ(portrait.total(Counter::kRepeat), 1) << "eight other prompts lie between";
  EXPECT_NEAR(portrait.DistinctRepeatedPrompts(), 1, 0.1);
}

TEST(PortraitTest, NextRequestBeforeTheEndOverlaps) {
  Portrait portrait;
  Observation event = EventAt(kStart);
  event.duration_ms = 5000;
  portrait.Update(event, kRatios);
  portrait.Update(EventAt(kStart + 4 * kNanosecondsPerSecond, 2), kRatios);
  EXPECT_EQ(portrait.total(Counter::kOverlap), 1);
  portrait.Update(EventAt(kStart + 5 * kNanosecondsPerSecond, 3), kRatios);
  EXPECT_EQ(portrait.total(Counter::kOverlap), 1);
}

TEST(PortraitTest, NextRequestBeforeTheAnswerCouldBeReadIsUnread) {
  const auto unread_after = [](uint32_t tokens, int64_t seconds) {
    Portrait portrait;
    Observation event = EventAt(kStart);
    event.output_tokens = tokens;
    event.duration_ms = 1000;
    portrait.Update(event, kRatios);
    portrait.Update(EventAt(kStart + (1 + seconds) * kNanosecondsPerSecond, 2), kRatios);
    return portrait.total(Counter::kUnread);
  };
  EXPECT_EQ(unread_after(1000, 2), 1);
  EXPECT_EQ(unread_after(1000, 120), 0);
  EXPECT_EQ(unread_after(20, 0), 0) << "a short answer is taken in at a glance";
}

TEST(PortraitTest, CountersHalveEveryHalfLife) {
  Portrait portrait;
  for (uint64_t i = 0; i < 64; ++i) portrait.Update(EventAt(kStart, i + 1), kRatios);
  EXPECT_NEAR(portrait.decayed(Counter::kEvent, HalfLife::kHour, kStart), 64, 1e-3);
  EXPECT_NEAR(portrait.decayed(Counter::kEvent, HalfLife::kHour, kStart + kNanosecondsPerHour), 32, 1e-3);
  EXPECT_NEAR(portrait.decayed(Counter::kEvent, HalfLife::kDay, kStart + 2 * kNanosecondsPerDay), 16, 1e-3);
  EXPECT_NEAR(portrait.decayed(Counter::kEvent, HalfLife::kFortnight, kStart + 14 * kNanosecondsPerDay), 32, 1e-3);
  // What an event in between adds decays from then on.
  portrait.Update(EventAt(kStart + kNanosecondsPerHour, 100), kRatios);
  EXPECT_NEAR(portrait.decayed(Counter::kEvent, HalfLife::kHour, kStart + kNanosecondsPerHour), 33, 1e-3);
  EXPECT_NEAR(portrait.decayed(Counter::kEvent, HalfLife::kHour, kStart + 2 * kNanosecondsPerHour), 16.5, 1e-3);
  EXPECT_EQ(portrait.total(Counter::kEvent), 65);
}

TEST(PortraitTest, DecayEqualsTheSumOfAllWeights) {
  const std::vector<Observation> stream = RandomStream(3, 2000);
  Portrait portrait;
  for (const Observation& event : stream) portrait.Update(event, kRatios);
  const int64_t now = stream.back().time_unix_nano;
  double expected = 0;
  for (const Observation& event : stream) {
    expected += std::exp2(-static_cast<double>(now - event.time_unix_nano) / static_cast<double>(kNanosecondsPerDay));
  }
  EXPECT_NEAR(portrait.decayed(Counter::kEvent, HalfLife::kDay, now), expected, expected * 1e-3);
}

TEST(PortraitTest, LateEventIsCountedWithTheWeightThatItHasByNow) {
  Portrait in_order, late;
  Observation late_event = EventAt(kStart, 1);
  late_event.markers = 1;
  in_order.Update(late_event, kRatios);
  in_order.Update(EventAt(kStart + kNanosecondsPerHour, 2), kRatios);
  late.Update(EventAt(kStart + kNanosecondsPerHour, 2), kRatios);
  late.Update(late_event, kRatios);
  for (const Counter counter :
       {Counter::kEvent, Counter::kText, Counter::kReasoningElicitation, Counter::kInputToken}) {
    EXPECT_EQ(late.total(counter), in_order.total(counter));
    for (const HalfLife half_life : {HalfLife::kHour, HalfLife::kDay, HalfLife::kFortnight}) {
      const int64_t now = kStart + 2 * kNanosecondsPerHour;
      EXPECT_NEAR(late.decayed(counter, half_life, now), in_order.decayed(counter, half_life, now), 1e-4);
    }
  }
  EXPECT_EQ(late.first_time_unix_nano(), kStart);
  EXPECT_EQ(late.last_time_unix_nano(), kStart + kNanosecondsPerHour);
  EXPECT_EQ(late.gap_milliseconds().TotalCount(), 0U) << "a late event leaves the gaps alone";
}

TEST(PortraitTest, ActiveDaysAreTheSameWhenAnEarlierDayComesLate) {
  Portrait portrait;
  portrait.Update(EventAt(kStart + 10 * kNanosecondsPerDay, 1), kRatios);
  portrait.Update(EventAt(kStart + 8 * kNanosecondsPerDay, 2), kRatios);
  EXPECT_EQ(portrait.ActiveDayCount(), 2);
  portrait.Update(EventAt(kStart + 10 * kNanosecondsPerDay + 1, 3), kRatios);
  EXPECT_EQ(portrait.ActiveDayCount(), 2);
  portrait.Update(EventAt(kStart + 9 * kNanosecondsPerDay, 4), kRatios);
  EXPECT_EQ(portrait.ActiveDayCount(), 3);
}

TEST(PortraitTest, ActiveDaysOfAYearStayBounded) {
  Portrait portrait;
  for (int day = 0; day < 365; ++day) portrait.Update(EventAt(kStart + day * kNanosecondsPerDay), kRatios);
  EXPECT_EQ(portrait.ActiveDayCount(), 64);
}

TEST(PortraitTest, PeaksAreThoseOfTheBusiestMinuteAndHour) {
  Portrait portrait;
  const auto burst = [&](int64_t time, int count) {
    for (int i = 0; i < count; ++i) portrait.Update(EventAt(time + i), kRatios);
  };
  burst(kStart, 3);
  burst(kStart + 2 * kNanosecondsPerMinute, 7);
  burst(kStart + 5 * kNanosecondsPerMinute, 2);
  burst(kStart + 3 * kNanosecondsPerHour, 5);
  EXPECT_EQ(portrait.PeakPerMinute(), 7U);
  EXPECT_EQ(portrait.PeakPerHour(), 12U);
}

TEST(PortraitTest, EntropyTellsOneHourFromRoundTheClock) {
  Portrait one_hour, round_the_clock;
  for (int day = 0; day < 10; ++day) {
    for (int hour = 0; hour < 24; ++hour) {
      one_hour.Update(EventAt(kStart + day * kNanosecondsPerDay + hour), kRatios);
      round_the_clock.Update(EventAt(kStart + day * kNanosecondsPerDay + hour * kNanosecondsPerHour), kRatios);
    }
  }
  EXPECT_EQ(one_hour.HourEntropy(), 0);
  EXPECT_NEAR(round_the_clock.HourEntropy(), std::log2(24.0), 1e-9);
}

TEST(PortraitTest, DistinctThingsAreCounted) {
  const std::vector<Observation> stream = RandomStream(5, 1000);
  Portrait portrait;
  for (const Observation& event : stream) portrait.Update(event, kRatios);
  EXPECT_NEAR(portrait.DistinctEndUsers(), 20, 6);
  EXPECT_NEAR(portrait.DistinctAddresses(), 10, 3);
  EXPECT_NEAR(portrait.DistinctClientBundles(), 4, 1);
  EXPECT_NEAR(portrait.DistinctSystems(), 3, 1);
  EXPECT_NEAR(portrait.DistinctPrompts(), portrait.total(Counter::kText), 0.2 * portrait.total(Counter::kText));
}

Portrait Sketched(size_t count, uint64_t common, uint64_t common_mask, uint64_t seed) {
  std::mt19937_64 random(seed);
  Portrait portrait;
  for (size_t i = 0; i < count; ++i) {
    Observation event;
    event.time_unix_nano = static_cast<int64_t>(i + 1) * kNanosecondsPerSecond;
    event.prompt_hash = random() | 1;
    event.prompt_sketch = (common & common_mask) | (random() & ~common_mask);
    portrait.Update(event, MarkerRatios{});
  }
  return portrait;
}

TEST(PortraitTest, CohesionIsTheMeanSimilarityOfTwoPrompts) {
  EXPECT_EQ(Sketched(0, 0, 0, 1).PromptCohesion(), 0);
  EXPECT_EQ(Sketched(1, 0, 0, 1).PromptCohesion(), 0);
  EXPECT_NEAR(Sketched(400, 0, 0, 1).PromptCohesion(), 0, 0.02) << "unrelated";
  EXPECT_NEAR(Sketched(400, 77, ~uint64_t{0}, 1).PromptCohesion(), 1, 1e-9) << "equal";
  EXPECT_NEAR(Sketched(400, 77, 0xFFFF, 1).PromptCohesion(), 0.25, 0.03) << "a quarter of the bits in common";
  EXPECT_NEAR(Sketched(20, 77, 0xFFFF, 1).PromptCohesion(), 0.25, 0.08) << "no bias for few prompts";
}

TEST(PortraitTest, CohesionOfAMergedPortraitIsThatOfAllPrompts) {
  Portrait merged = Sketched(300, 77, ~uint64_t{0}, 1);
  merged.Merge(Sketched(300, ~uint64_t{77}, ~uint64_t{0}, 2));
  EXPECT_EQ(merged.sketched_count(), 600U);
  EXPECT_NEAR(merged.PromptCohesion(), 0, 0.01) << "two opposite templates cancel out";
}

TEST(PortraitTest, SameEventsGiveTheSameBytes) {
  Portrait first, second;
  for (Portrait* portrait : {&first, &second}) {
    for (const Observation& event : RandomStream(11, 3000)) portrait->Update(event, kRatios);
  }
  EXPECT_EQ(std::memcmp(&first, &second, sizeof(Portrait)), 0);
}

TEST(PortraitTest, ExtremeEventsLeaveItFinite) {
  Observation event = EventAt(kEventTimeMin);
  event.input_tokens = event.output_tokens = event.duration_ms = event.max_tokens = event.message_count = ~uint32_t{0};
  event.choice_count = event.top_logprobs = event.logit_bias_count = event.tool_count = event.status_code = 0xFFFF;
  event.markers = ~uint32_t{0};
  event.temperature = 1e30F;
  Portrait portrait;
  for (int i = 0; i < 100; ++i) {
    portrait.Update(event, kRatios);
    event.time_unix_nano += 30 * kNanosecondsPerDay;
  }
  for (size_t i = 0; i < kCounterCount; ++i) {
    EXPECT_TRUE(std::isfinite(portrait.total(static_cast<Counter>(i))));
    EXPECT_TRUE(
        std::isfinite(portrait.decayed(static_cast<Counter>(i), HalfLife::kFortnight, portrait.last_time_unix_nano())));
  }
}

}  // namespace
}  // namespace stillwatch::features
