// The files of an audit: for people, for programs, and the numbers alone.
#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <string_view>

#include "detector/audit.h"
#include "proto/result.h"

namespace stillwatch::detector {

// report.html: self-contained, for people. suspects.jsonl: an object for each account that the audit or the live engine
// would review or act on, with the fields of `stillwatch suspects` and live_risk and live_verdict. summary.json.
inline constexpr std::array<std::string_view, 3> kAuditReportFiles = {"summary.json", "report.html", "suspects.jsonl"};

// Writes the files into `directory`, which exists. `software_version` is stated in them.
// Errors: kResourceExhausted if the disk is full; kUnavailable if a file cannot be written for any other reason.
Status WriteAuditReport(const std::filesystem::path& directory, const AuditOutcome& outcome,
                        std::string_view software_version);

// The contents of the files. `summary.json` and each line end with a line end.
std::string AuditSummaryJson(const AuditOutcome& outcome, std::string_view software_version);
std::string AuditedAccountJson(const AuditedAccount& account);
std::string AuditPage(const AuditOutcome& outcome, std::string_view software_version);

// Names as in the contract: clear, review, act; confirmed, benign, unlabelled.
std::string_view VerdictName(Verdict verdict);
std::string_view LabelName(Label label);

}  // namespace stillwatch::detector
