// The parts of the audit's page.
#pragma once

#include "detector/audit.h"
#include "detector/markup_writer.h"

namespace stillwatch::detector {

// Where a number stands for more accounts than a page can show: the rest is in suspects.jsonl.
inline constexpr size_t kAuditPageRowsMax = 1000;

// Each appends one section, its heading included.
void AddPopulation(const AuditOutcome& outcome, MarkupWriter& page);  // Plots of risks and of events.
void AddAccountCards(const AuditOutcome& outcome, MarkupWriter& page);
void AddMethod(const AuditOutcome& outcome, MarkupWriter& page);

// A verdict in its colour.
void AddChip(Verdict verdict, MarkupWriter& page);

// "1 account", "2 accounts".
std::string Counted(uint64_t count, std::string_view singular, std::string_view plural);

}  // namespace stillwatch::detector
