// The trail of decisions: what was enforced on whom, from when, and who decided it.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "proto/decision.h"
#include "proto/result.h"
#include "storage/key_value_store.h"

namespace stillwatch::storage {

// Adds an entry to `group`. Identity: account and time; writing the same entry twice keeps one.
void PutDecision(const DecisionEntry& entry, WriteGroup& group);

// Visits all entries, of each account oldest first. Damaged ones are skipped and noted in the snapshot's register.
// Errors: those of the store but kDataLoss.
Status ScanDecisions(const Snapshot& snapshot, const std::function<void(DecisionEntry)>& visit);
// Those of one account, oldest first, as a Scan.
Result<std::vector<DecisionEntry>> ReadDecisions(const Snapshot& snapshot, std::string_view account_id);
// Deletes those of one account. Errors: those of the store's reads.
Status DeleteDecisions(const Snapshot& snapshot, std::string_view account_id, WriteGroup& group);

}  // namespace stillwatch::storage
