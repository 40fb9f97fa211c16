// Records beside the event log: profiles, models, labels, verdict changes.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/records.h"
#include "proto/result.h"
#include "storage/key_value_store.h"

namespace stillwatch::storage {

// Each Put adds a record to `group`; a record of the same identity replaces the earlier one.
void PutProfile(const AccountProfile& profile, WriteGroup& group);
void PutModel(const ModelInfo& model, WriteGroup& group);
void PutLabel(const LabelEntry& label, WriteGroup& group);
void DeleteLabel(std::string_view account_id, WriteGroup& group);
// Identity: account, event time and new verdict; writing the same change twice keeps one.
void PutVerdictChange(const VerdictChange& change, WriteGroup& group);

// Deletes what stands beside the log of an account. Errors: those of the store's reads.
Status DeleteVerdictChanges(const Snapshot& snapshot, std::string_view account_id, WriteGroup& group);
// The same, its profile and its label.
Status DeleteRecords(const Snapshot& snapshot, std::string_view account_id, WriteGroup& group);

// Each Scan visits all records in order of key. Damaged ones are skipped and noted in the snapshot's register; so are
// those that the store cannot read, and what is behind them in their table. Errors: those of the store but kDataLoss.
Status ScanProfiles(const Snapshot& snapshot, const std::function<void(AccountProfile)>& visit);
Status ScanModels(const Snapshot& snapshot, const std::function<void(ModelInfo)>& visit);
Status ScanLabels(const Snapshot& snapshot, const std::function<void(LabelEntry)>& visit);
Status ScanVerdictChanges(const Snapshot& snapshot, const std::function<void(VerdictChange)>& visit);
// The changes of one account, oldest first, as a Scan.
Result<std::vector<VerdictChange>> ReadVerdictChanges(const Snapshot& snapshot, std::string_view account_id);
// Whether the change is in the journal. Errors: those of the store.
Result<bool> HasVerdictChange(const KeyValueStore& store, const VerdictChange& change);

}  // namespace stillwatch::storage
