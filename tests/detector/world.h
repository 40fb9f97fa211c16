// A made-up population with chats, applications, harvesters and logit thieves, and ways to feed it to an engine.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "detector/scoring_engine.h"
#include "proto/usage_batch.h"

namespace stillwatch::detector {

inline constexpr int64_t kWorldStart = 1'735'689'600 * kNanosecondsPerSecond;  // 2025-01-01.
inline constexpr size_t kWorldAccountCount = 200;

// Rows of `events` are in order of time. Some neighbours have equal times, as gateways round them.
struct World {
  std::shared_ptr<const UsageBatch> events;

  size_t size() const { return events->size(); }
};

// `event_count` events over three days of kWorldAccountCount accounts named "chat-…", "app-…", "harvester-…",
// "logit-…".
World MakeWorld(uint64_t seed, size_t event_count);

// The rows in order of time.
std::vector<size_t> TimeOrder(const World& world);
// The rows in an order in which none comes more than `lateness_nano` of event time behind a later one.
std::vector<size_t> ShuffledOrder(const World& world, int64_t lateness_nano, uint64_t seed);

// A batch of the rows named, in that order.
std::shared_ptr<const UsageBatch> MakeBatch(const World& world, std::span<const size_t> rows);

AccountProfile MakeProfile(std::string account_id, std::string organization_id, std::string plan);

// Offers the rows in that order in batches of `batch_size`.
void OfferRows(ScoringEngine& engine, const World& world, std::span<const size_t> order, size_t batch_size);

}  // namespace stillwatch::detector
