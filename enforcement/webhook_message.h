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

// A message to every receiver. `id` is the same whenever the same thing is told again.
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

// "verdict.changed".
WebhookMessage MakeVerdictMessage(const VerdictChange& change, const AccountEvidence& evidence);
// "decision.began" or "decision.ended".
WebhookMessage MakeDecisionMessage(const DecisionEntry& entry, const Decision& decision,
                                   const AccountEvidence& evidence);

}  // namespace stillwatch::enforcement
