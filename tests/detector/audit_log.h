// A small event log for tests of the audit: honest accounts, one that harvests, and the live engine that saw them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "detector/scoring_engine.h"
#include "features/observation.h"
#include "proto/limits.h"
#include "storage/event_log.h"
#include "storage/memory_store.h"

namespace stillwatch::detector {

inline constexpr int64_t kAuditLogStart = 1'750'032'000 * kNanosecondsPerSecond;  // 2025-06-16T00:00:00Z
inline constexpr int64_t kAuditLogDays = 6;
inline constexpr size_t kHonestAccountCount = 150;
inline constexpr char kHarvesterId[] = "harvester";

// One event, as a test tells it.
struct AuditEvent {
  int64_t time_unix_nano = 0;
  std::string event_id;
  std::string account_id;
  bool harvests = false;
  uint64_t prompt = 0;  // Which prompt.
};

// Events of all accounts in order of time: the honest ones converse by day, each prompt a new one. The harvester asks
// 60 prompts again and again from the third day on, for reasoning and for log-probabilities: far beyond both
// thresholds.
inline std::vector<AuditEvent> MakeAuditEvents() {
  std::mt19937_64 random(7);
  std::vector<AuditEvent> events;
  const auto add = [&](int64_t time_unix_nano, const std::string& account_id, bool harvests, uint64_t prompt) {
    events.push_back({time_unix_nano, "e" + std::to_string(events.size()), account_id, harvests, prompt});
  };
  for (size_t account = 0; account < kHonestAccountCount; ++account) {
    for (int64_t day = 0; day < kAuditLogDays; ++day) {
      int64_t time =
          kAuditLogStart + day * kNanosecondsPerDay + static_cast<int64_t>(8 + random() % 8) * kNanosecondsPerHour;
      for (size_t turn = 0; turn < 2 + random() % 4; ++turn) {
        add(time += static_cast<int64_t>(60 + random() % 600) * kNanosecondsPerSecond,
            "honest-" + std::to_string(account), false, random());
      }
    }
  }
  for (int64_t i = 0; i < 600; ++i) {
    add(kAuditLogStart + 2 * kNanosecondsPerDay + i * 90 * kNanosecondsPerSecond, kHarvesterId, true,
        static_cast<uint64_t>(1000 + i % 60));
  }
  std::stable_sort(events.begin(), events.end(),
                   [](const AuditEvent& a, const AuditEvent& b) { return a.time_unix_nano < b.time_unix_nano; });
  return events;
}

inline void AddEvent(const AuditEvent& event, UsageBatch& batch) {
  const size_t row = batch.AddRow();
  batch.SetText(row, TextField::kEventId, event.event_id);
  batch.SetText(row, TextField::kAccountId, event.account_id);
  const auto set = [&](NumberField field, uint64_t value) { batch.SetNumber(row, field, value); };
  set(NumberField::kTimeUnixNano, static_cast<uint64_t>(event.time_unix_nano));
  set(NumberField::kDurationMs, 2000);
  set(NumberField::kInputTokens, 200 + event.prompt % 100);
  set(NumberField::kOutputTokens, event.harvests ? 1500 : 200 + event.prompt % 300);
  set(NumberField::kStatusCode, 200);
  const uint64_t prompt_hash = (event.prompt + 1) * 0x9e3779b97f4a7c15;
  set(NumberField::kPromptHash, prompt_hash);
  set(NumberField::kTemplateHash, event.harvests ? 77 : prompt_hash);
  set(NumberField::kHeadHash, event.harvests ? 99 : prompt_hash);
  set(NumberField::kPromptWords, 40);
  set(NumberField::kMessageCount, event.harvests ? 1 : 3 + event.prompt % 5);
  set(NumberField::kTemperature, std::bit_cast<uint64_t>(1.0));
  set(NumberField::kChoiceCount, event.harvests ? 4 : 1);
  set(NumberField::kMarkers, event.harvests ? 1 : 0);
  if (!event.harvests) return;
  set(NumberField::kTopLogprobs, 5);
  set(NumberField::kLogitBiasCount, 1 + static_cast<uint64_t>(event.time_unix_nano) / kNanosecondsPerMinute % 7);
}

// A store with the events in blocks of 100, and the engine that took them as they came.
class AuditLog {
 public:
  AuditLog() : store_(storage::MakeMemoryStore()), live_(EngineOptions(), SerialFor), events_(MakeAuditEvents()) {
    Result<storage::EventLog> log = storage::EventLog::Open(*store_);
    EXPECT_TRUE(log.ok());
    constexpr size_t kBlockEvents = 100;
    for (size_t begin = 0; begin < events_.size(); begin += kBlockEvents) {
      auto batch = std::make_shared<UsageBatch>();
      for (size_t i = begin; i < std::min(begin + kBlockEvents, events_.size()); ++i) AddEvent(events_[i], *batch);
      storage::WriteGroup group;
      const uint64_t first_sequence = log->Append(*batch, group);
      EXPECT_TRUE(store_->Commit(group).ok());
      ObservedBatch observed = Observe(batch);
      observed.first_sequence = first_sequence;
      live_.Offer({&observed, 1});
    }
  }

  storage::KeyValueStore& store() { return *store_; }
  ScoringEngine& live() { return live_; }
  const std::vector<AuditEvent>& events() const { return events_; }

 private:
  const std::unique_ptr<storage::KeyValueStore> store_;
  ScoringEngine live_;
  const std::vector<AuditEvent> events_;
};

}  // namespace stillwatch::detector
