// Scores, changes and labels as records and as cells of tables.
#pragma once

#include <google/protobuf/repeated_field.h>

#include <string_view>
#include <vector>

#include "cli/record.h"
#include "cli/table.h"
#include "stillwatch/v1/label.pb.h"
#include "stillwatch/v1/query.pb.h"
#include "stillwatch/v1/score.pb.h"

namespace stillwatch::cli {

std::string_view VerdictName(v1::Verdict verdict);
std::string_view LabelName(v1::Label label);
std::string_view FamilyName(v1::EvidenceFamily family);

// All keys are always there, also those of empty values: readers need no defaults.
Record ScoreRecord(const v1::AccountScore& score);
std::vector<Record> EvidenceRecords(const google::protobuf::RepeatedPtrField<v1::Evidence>& evidence);
Record ChangeRecord(const v1::VerdictChange& change);
Record LabelRecord(const v1::LabelEntry& entry);
// The keys of a score, then the profile, features, timeline and times of the account.
Record AccountRecord(const v1::GetAccountResponse& account);
// The keys of a score, then the terms and thresholds.
Record ExplanationRecord(const v1::ExplainAccountResponse& explanation);

Cell VerdictCell(v1::Verdict verdict);
Cell LabelCell(v1::Label label);
// A bar and the number.
Cell RiskCell(double risk, v1::Verdict verdict);

}  // namespace stillwatch::cli
