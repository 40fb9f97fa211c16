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

// Each Scan visits all records in order of key. Errors: those of the store, and kDataLoss if a record is damaged; the
// undamaged ones are visited nevertheless.
Status ScanProfiles(const Snapshot& snapshot, const std::function<void(AccountProfile)>& visit);
Status ScanModels(const Snapshot& snapshot, const std::function<void(ModelInfo)>& visit);
Status ScanLabels(const Snapshot& snapshot, const std::function<void(LabelEntry)>& visit);
// The changes of one account, oldest first. Errors: those of the store, and kDataLoss if one of them is damaged.
Result<std::vector<VerdictChange>> ReadVerdictChanges(const Snapshot& snapshot, std::string_view account_id);

}  // namespace stillwatch::storage
