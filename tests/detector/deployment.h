// An engine with its log and its store, as the daemon wires them; it can be restarted at any point.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string_view>

#include "detector/scoring_engine.h"
#include "storage/event_log.h"
#include "storage/key_value_store.h"

namespace stillwatch::detector {

class Deployment {
 public:
  explicit Deployment(const EngineOptions& options = {});

  // Appends the batch to the log, and its promise, if any; then offers it.
  void Take(std::shared_ptr<const UsageBatch> batch, std::optional<int64_t> complete_through_unix_nano = {});
  // The same, but the engine does not settle yet what it took.
  void TakeAhead(std::shared_ptr<const UsageBatch> batch);
  // Settles the oldest batch that was taken ahead; false if there is none.
  bool Advance();
  // Makes a checkpoint of what was settled. Without `kConfirmed` the engine is not told that it is durable.
  enum class Saving : uint8_t { kConfirmed, kOnItsWay };
  void Save(Saving saving = Saving::kConfirmed);
  // Throws the engine away and restores another from the store. Returns the number of events replayed.
  uint64_t Restart();
  void SetLabel(std::string_view account_id, Label label);
  // Only as the label's record; the process ended before the engine was told.
  void StoreLabel(std::string_view account_id, Label label);
  void SetProfile(const AccountProfile& profile);

  ScoringEngine& engine() { return *engine_; }
  storage::KeyValueStore& store() { return *store_; }

 private:
  void Commit(const storage::WriteGroup& group);
  void MakeEngine();
  ObservedBatch Append(std::shared_ptr<const UsageBatch> batch, std::optional<int64_t> complete_through_unix_nano);

  const EngineOptions options_;
  std::unique_ptr<storage::KeyValueStore> store_;
  std::optional<storage::EventLog> log_;
  std::unique_ptr<ScoringEngine> engine_;
  struct Ahead {
    EventTime time;
    uint64_t next_sequence;
  };
  std::deque<Ahead> ahead_;
  uint64_t next_sequence_ = 0;  // Behind what was settled.
};

}  // namespace stillwatch::detector
