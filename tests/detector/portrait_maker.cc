#include "tests/detector/portrait_maker.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "detector/fusion.h"
#include "proto/limits.h"

namespace stillwatch::detector {
namespace {

constexpr int64_t kStart = 1'735'689'600 * kNanosecondsPerSecond;  // 2025-01-01.

features::Observation MakeEvent(const Behaviour& behaviour, int number, std::mt19937_64& random) {
  const auto is_true = [&random](double share) { return std::uniform_real_distribution<double>()(random) < share; };
  features::Observation event;
  // Bursts at random times of the working hours, days in order.
  const int bursts = std::max(behaviour.event_count / behaviour.events_per_minute, 1);
  const int burst = number / behaviour.events_per_minute;
  const int bursts_a_day = std::max(bursts / behaviour.active_day_count, 1);
  const int64_t slot = behaviour.hours_a_day * kNanosecondsPerHour / bursts_a_day;
  event.time_unix_nano = kStart + burst / bursts_a_day * kNanosecondsPerDay + burst % bursts_a_day * slot +
                         number % behaviour.events_per_minute * kNanosecondsPerSecond / behaviour.events_per_minute;
  event.event_hash = random();
  if (behaviour.has_text) {
    event.prompt_hash =
        behaviour.distinct_prompt_count == 0
            ? random()
            : (1 + random() % static_cast<uint64_t>(behaviour.distinct_prompt_count)) * 0x9E3779B97F4A7C15;
    event.head_hash = behaviour.has_template ? 77 : random();
    event.template_hash = event.head_hash;
    // Alike: an eighth of the bits differ from a common text.
    if (behaviour.sketch == Behaviour::Sketch::kAlike) {
      event.prompt_sketch = 0x0123456789ABCDEF ^ (random() & random() & random());
    }
    if (behaviour.sketch == Behaviour::Sketch::kUnrelated) event.prompt_sketch = random();
    if (is_true(behaviour.marker_share)) event.markers = uint32_t{1} << static_cast<int>(behaviour.marker);
  }
  event.input_tokens = static_cast<uint32_t>(behaviour.input_tokens / 2 + static_cast<int>(random() % 100));
  event.output_tokens = static_cast<uint32_t>(behaviour.output_tokens / 2 + static_cast<int>(random() % 100));
  event.knows_output_tokens = true;
  event.duration_ms = 2000;
  event.message_count = behaviour.is_single_turn ? 1 : 2 + static_cast<uint32_t>(random() % 8);
  event.knows_message_count = true;
  event.tool_count = behaviour.has_tools ? 4 : 0;
  event.temperature = static_cast<float>(behaviour.temperature);
  event.status_code = 200;
  if (behaviour.logit_bias_size_count > 0) {
    event.top_logprobs = 5;
    event.logit_bias_count =
        static_cast<uint16_t>(1 + random() % static_cast<uint64_t>(behaviour.logit_bias_size_count));
  }
  return event;
}

}  // namespace

Behaviour Application() {
  return {.event_count = 600,
          .has_template = true,
          .temperature = 0,
          .is_single_turn = true,
          .input_tokens = 1000,
          .output_tokens = 100,
          .events_per_minute = 3};
}

Behaviour Harvester() {
  return {.event_count = 600,
          .marker_share = 0.6,
          .has_template = true,
          .repeated_prompt_share = 0.4,
          .temperature = 1,
          .is_single_turn = true,
          .input_tokens = 150,
          .output_tokens = 1200,
          .events_per_minute = 60,
          .hours_a_day = 24};
}

features::Portrait MakePortrait(const Behaviour& behaviour, const Baseline& baseline) {
  std::mt19937_64 random(behaviour.seed);
  features::Portrait portrait;
  if (behaviour.age_days > 0) {
    portrait.SetCreatedTime(kStart - static_cast<int64_t>(behaviour.age_days * static_cast<double>(kNanosecondsPerDay)));
  }
  const size_t group = (behaviour.has_tools ? 1 : behaviour.is_single_turn ? 2 : 0) * kVolumeCount + 1;
  uint64_t last_prompt = 0;
  for (int i = 0; i < behaviour.event_count; ++i) {
    features::Observation event = MakeEvent(behaviour, i, random);
    // Every second event may ask the prompt before it again.
    const bool is_repeated = std::uniform_real_distribution<double>()(random) < 2 * behaviour.repeated_prompt_share;
    if (i % 2 == 1 && is_repeated && event.prompt_hash != 0) event.prompt_hash = last_prompt;
    last_prompt = event.prompt_hash;
    portrait.Update(event, baseline.groups[group].marker_ratios);
  }
  return portrait;
}

const Baseline& HonestBaseline() {
  static const Baseline baseline = [] {
    std::vector<Behaviour> population;
    for (uint64_t i = 0; i < 300; ++i) {
      Behaviour behaviour = i % 3 == 0 ? Application() : Behaviour();
      behaviour.has_tools = i % 3 == 2;
      behaviour.has_template = i % 2 == 0;
      behaviour.seed = 1000 + i;
      behaviour.event_count = 20 + static_cast<int>(i * 3);
      behaviour.events_per_minute = 1 + static_cast<int>(i % 5);
      behaviour.marker_share = 0.005 * static_cast<double>(i % 5);
      population.push_back(behaviour);
    }
    features::FeatureMatrix matrix(population.size());
    std::vector<uint8_t> groups;
    for (size_t i = 0; i < population.size(); ++i) {
      const features::FeatureRow row = features::ExtractFeatures(MakePortrait(population[i], PriorBaseline()));
      matrix.SetRow(i, row);
      groups.push_back(static_cast<uint8_t>(PeerGroupOf(row)));
    }
    return ComputeBaseline(kStart, matrix, groups);
  }();
  return baseline;
}

Finding Evaluate(const Detector& detector, const Behaviour& behaviour, const Baseline& baseline) {
  const features::Portrait portrait = MakePortrait(behaviour, baseline);
  const features::FeatureRow row = features::ExtractFeatures(portrait);
  const AccountView view{portrait, row, baseline.groups[PeerGroupOf(row)], baseline.everyone};
  const Finding finding = detector.evaluate(view);
  EXPECT_GE(finding.log_odds, 0);
  EXPECT_TRUE(std::isfinite(finding.log_odds) && std::isfinite(finding.value) && std::isfinite(finding.population));
  const std::string summary = detector.summarize(view, finding);
  EXPECT_FALSE(summary.empty());
  EXPECT_EQ(summary.find("nan"), std::string::npos) << summary;
  EXPECT_EQ(summary.find("inf"), std::string::npos) << summary;
  return finding;
}

}  // namespace stillwatch::detector
