// Keeps what is enforced in step with verdicts, analysts and the store.
#pragma once

#include <prometheus/metric_family.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "detector/scoring_engine.h"
#include "enforcement/decision_book.h"
#include "enforcement/enforcement_counters.h"
#include "enforcement/policy.h"
#include "enforcement/webhook_outbox.h"
#include "enforcement/webhook_sender.h"
#include "ingest/pipeline.h"
#include "proto/result.h"
#include "query/check_answer.h"
#include "storage/key_value_store.h"

namespace stillwatch::enforcement {

// Holds the book of decisions, brings it up to date at each change of a verdict, writes its trail, and has webhooks
// told. A verdict change is in the outbox before the checkpoint that knows it; one that is replayed after a crash is
// told again unless a checkpoint knew it. Threading: OnVerdictChange by the thread that scores; Start and Erase by one
// thread; the rest from any thread. Ownership: store, engine and pipeline must outlive it, and the pipeline must be
// drained before it goes. Errors: an entry of the trail that a stopping pipeline drops is made anew at the next start,
// from what then is.
class Enforcer {
 public:
  using Clock = std::function<int64_t()>;

  Enforcer(const PolicyOptions& options, const storage::KeyValueStore& store, const detector::ScoringEngine& engine,
           Clock clock);

  // Tells receivers of every verdict change and decision from now on. Before the engine is restored. Errors: those of
  // the store's reads, and of WebhookSender::Start.
  Status TellByWebhook(storage::KeyValueStore& store, WebhookOptions options);
  // The engine's listener, also for what the engine says while it is restored.
  void OnVerdictChange(const VerdictChange& change);
  // Takes up the decisions of earlier lives. Once the engine is restored. Errors: those of the store's reads.
  Status Start(ingest::Pipeline& pipeline);
  // To be called every second or so.
  void Sweep() { book_.Sweep(); }
  // Removes every trace of an erased account. Errors: those of the store's reads and of ingest::WriteAndWait.
  Status Erase(const std::string& account_id, const std::stop_token& stop);

  // The answer to a gateway, counted.
  query::CheckAnswer Ask(Interface interface, std::string_view account_id);
  DecisionBook& book() { return book_; }
  EnforcementCounters& counters() { return counters_; }
  // In the text format of Prometheus.
  std::string MetricsText() const;

 private:
  Status RestoreBook(const storage::Snapshot& snapshot);
  void OnDecisionChange(const DecisionEntry& entry, const Decision& decision);
  void TellVerdict(const VerdictChange& change);
  void TellDecision(const DecisionEntry& entry, const Decision& decision);
  void AppendWebhookMetrics(std::vector<prometheus::MetricFamily>& families) const;

  const storage::KeyValueStore& store_;
  const detector::ScoringEngine& engine_;
  const Clock clock_;
  ingest::Pipeline* pipeline_ = nullptr;  // From Start on.
  std::atomic<bool> is_started_{false};
  std::vector<std::string> suspects_;  // Accounts whose verdict changed before Start.
  EnforcementCounters counters_;
  DecisionBook book_;
  std::optional<WebhookOutbox> outbox_;
  std::unique_ptr<WebhookSender> sender_;
};

}  // namespace stillwatch::enforcement
