// What a webhook tells: a verdict that changed, or a decision, with the evidence for it.
#pragma once

#include <optional>
#include <string>

#include "detector/account_partition.h"
#include "detector/baseline.h"
#include "enforcement/decision_book.h"
#include "proto/decision.h"
#include "proto/records.h"

namespace stillwatch::enforcement {

// A message to every receiver. `id` is the same over all tries and restarts.
struct WebhookMessage {
  std::string id;
  std::string account_id;
  std::string body;  // JSON: {"type": …, "id": …, "data": {…}}; docs/WEBHOOK.md describes it.
};

// What is known of the account at that time; nothing if it was erased.
struct AccountEvidence {
  std::optional<detector::AccountDetail> account;
  const detector::Baseline& baseline;
};

// "verdict.changed". `told_unix_nano`: when it was noticed, since a label may change a verdict several times at one
// event time; 0 for one that a replay of the log says again.
WebhookMessage MakeVerdictMessage(const VerdictChange& change, int64_t told_unix_nano, const AccountEvidence& evidence);
// "decision.began" or "decision.ended".
WebhookMessage MakeDecisionMessage(const DecisionEntry& entry, const Decision& decision,
                                   const AccountEvidence& evidence);

}  // namespace stillwatch::enforcement
