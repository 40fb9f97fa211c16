// The batch audit: everything stored, scored again from the raw events.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "detector/scoring_engine.h"
#include "proto/records.h"
#include "proto/result.h"
#include "storage/event_log.h"
#include "storage/key_value_store.h"

namespace stillwatch::detector {

// Events with a time in [from, to).
struct AuditRange {
  int64_t from_time_unix_nano = 0;  // 0: from the first event.
  int64_t to_time_unix_nano = 0;    // 0: to the last event.

  bool operator==(const AuditRange&) const = default;
};

// What came out, in numbers. Fields as in v1.AuditSummary; the first three are left to whoever keeps audits.
struct AuditSummary {
  std::string audit_id;
  int64_t start_time_unix_nano = 0;
  uint64_t duration_ms = 0;
  AuditRange range;
  uint64_t event_count = 0;
  uint64_t account_count = 0;
  uint64_t review_count = 0;
  uint64_t act_count = 0;
  uint64_t differing_count = 0;
  uint64_t damaged_block_count = 0;

  bool operator==(const AuditSummary&) const = default;
};

// One term of an account's log-odds. All terms of an account add up to them.
struct AuditTerm {
  std::string_view detector;  // Or "base", the prior odds, or "label", an analyst's decision.
  Family family = Family::kNone;
  Finding finding;      // Of base and label only the log-odds mean anything.
  std::string summary;  // A sentence; empty if the term adds nothing.
};

// An account that the audit or the live engine would review or act on.
struct AuditedAccount {
  std::string account_id;
  std::string organization_id;
  Label label = Label::kUnlabelled;
  uint64_t campaign = 0;  // By the audit: its coordinated group; 0 if none.
  // By the audit. An account without events in the range has none and is clear, unless an analyst says otherwise.
  double risk = 0;
  Verdict verdict = Verdict::kClear;
  double log_odds = 0;
  std::vector<AuditTerm> terms;  // Base first, label last if there is one.
  std::string_view peer_group;
  uint64_t event_count = 0;
  int64_t first_event_time_unix_nano = 0;
  int64_t last_event_time_unix_nano = 0;
  int64_t first_review_time_unix_nano = 0;  // 0: never. So with the three below.
  int64_t first_act_time_unix_nano = 0;
  uint64_t events_at_first_review = 0;
  uint64_t events_at_first_act = 0;
  std::vector<VerdictChange> changes;  // Oldest first.
  // By the live engine, when the audit began.
  double live_risk = 0;
  Verdict live_verdict = Verdict::kClear;
  uint64_t live_event_count = 0;
  // Events in each period of AuditOutcome's; empty but for the first kAuditTimelineCount accounts.
  std::vector<uint32_t> timeline;
};

// Accounts whose timeline is drawn: as many as a person goes through.
inline constexpr size_t kAuditTimelineCount = 20;

// How many accounts have log-odds between kMin + i · kStep and that + kStep; what lies outside counts at the ends.
// Accounts with a benign label have no odds and are counted apart.
struct LogOddsHistogram {
  static constexpr double kMin = -7.5;
  static constexpr double kStep = 0.25;
  static constexpr size_t kBinCount = 80;
  std::array<uint64_t, kBinCount> account_counts{};
  uint64_t benign_count = 0;

  void Add(double risk, Label label);
};

struct AuditOutcome {
  AuditSummary summary;
  uint64_t snapshot_event_count = 0;  // Events of the log, in or out of the range.
  int64_t first_event_time_unix_nano = 0;
  int64_t last_event_time_unix_nano = 0;
  double review_log_odds = 0;
  double act_log_odds = 0;
  std::vector<AuditedAccount> accounts;  // By descending risk of the audit, then of the live engine, then by id.
  LogOddsHistogram histogram;            // Of the accounts with events.
  // Events of all accounts, and of each timeline, in periods of `period_nano` from `first_period_unix_nano` on.
  int64_t first_period_unix_nano = 0;
  int64_t period_nano = 0;
  std::vector<uint64_t> event_counts;
};

// Told how many events of the log were scanned, of how many; returns false to cancel the audit.
using AuditProgress = std::function<bool(uint64_t scanned_event_count, uint64_t total_event_count)>;

// Reads the events of a snapshot again, rebuilds every portrait in an engine of its own, and compares with what `live`
// says, as of the call. That engine gets the snapshot's profiles, ends at the live watermark, and is told of the labels
// at the end, so that first times are those of the evidence. Over the whole log it comes to the live verdicts exactly,
// unless something is wrong or events came meanwhile.
// Senders' promises are not kept again: they only say earlier what the watermark says later.
// Threading: runs on the caller's thread and in `parallel_for`; safe while `live` works.
// Errors: kCancelled; those of the store. Blocks that cannot be read are counted and left out.
// Limits: takes as much memory as the live engine. A cancelled audit ends within one group of blocks.
Result<AuditOutcome> RunAudit(const storage::Snapshot& snapshot, const ScoringEngine& live,
                              const EngineOptions& options, const ParallelFor& parallel_for, const AuditRange& range,
                              const AuditProgress& progress);

}  // namespace stillwatch::detector
