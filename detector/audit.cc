#include "detector/audit.h"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <tuple>
#include <utility>

#include "storage/block_codec.h"
#include "storage/byte_codec.h"
#include "storage/record_store.h"

namespace stillwatch::detector {
namespace {

// Events that are offered to the engine together: enough for its threads, few enough to cancel soon.
constexpr size_t kGroupEventCount = 32'768;
// Hours are drawn up to this length, days beyond it, and never more periods than a screen has room for.
constexpr int64_t kHourlySpanMax = 14 * kNanosecondsPerDay;
constexpr int64_t kPeriodCountMax = 400;

int64_t FirstTime(const AuditRange& range) {
  return range.from_time_unix_nano == 0 ? std::numeric_limits<int64_t>::min() : range.from_time_unix_nano;
}
int64_t LastTime(const AuditRange& range) {
  return range.to_time_unix_nano == 0 ? std::numeric_limits<int64_t>::max() : range.to_time_unix_nano - 1;
}
bool Contains(const AuditRange& range, int64_t time_unix_nano) {
  return time_unix_nano >= FirstTime(range) && time_unix_nano <= LastTime(range);
}

// Drops the rows outside the range. The others keep their order, which is all that their sequences are good for here.
void KeepRange(const AuditRange& range, ObservedBatch& batch) {
  size_t kept = 0;
  for (size_t row = 0; row < batch.observations.size(); ++row) {
    if (!Contains(range, batch.observations[row].time_unix_nano)) continue;
    batch.observations[kept] = batch.observations[row];
    batch.account_ids[kept] = batch.account_ids[row];
    batch.organization_ids[kept] = batch.organization_ids[row];
    batch.account_hashes[kept] = batch.account_hashes[row];
    ++kept;
  }
  batch.observations.resize(kept);
  batch.account_ids.resize(kept);
  batch.organization_ids.resize(kept);
  batch.account_hashes.resize(kept);
}

// Where the log ends; a damaged last block counts as empty: its length is unknown.
Result<uint64_t> CountEvents(const storage::Snapshot& snapshot) {
  Result<std::optional<std::string>> key = snapshot.LastKey(storage::Table::kBlocks);
  if (!key.ok()) return key.status();
  if (!key->has_value()) return uint64_t{0};
  Result<std::optional<std::string>> block = snapshot.Get(storage::Table::kBlocks, **key);
  if (!block.ok()) return block.status();
  Result<storage::BlockSummary> last = storage::DecodeBlockSummary(block->value_or(""));
  if (last.ok()) return last->first_sequence + last->event_count;
  uint64_t first_sequence = 0;
  storage::ByteReader(**key).ReadKeyNumber(first_sequence);
  return first_sequence;
}

std::vector<AuditTerm> TermsOf(const AccountDetail& detail, const Baseline& baseline) {
  std::vector<AuditTerm> terms;
  terms.push_back({"base", Family::kNone, {.log_odds = kBaseLogOdds}, "prior odds, before any evidence"});
  const features::FeatureRow row = features::ExtractFeatures(detail.live.portrait);
  const AccountView view{detail.live.portrait, row, baseline.groups[detail.assessment.peer_group], baseline.everyone,
                         detail.live.membership};
  for (size_t i = 0; i < kDetectorCount; ++i) {
    const Detector& detector = *AllDetectors()[i];
    const Finding& finding = detail.assessment.findings[i];
    terms.push_back({detector.name, detector.family, finding,
                     finding.log_odds > 0 ? detector.summarize(view, finding) : std::string()});
  }
  if (detail.label != Label::kUnlabelled) {
    terms.push_back({"label",
                     Family::kNone,
                     {.log_odds = LabelLogOdds(detail.label)},
                     detail.label == Label::kConfirmed ? "an analyst confirmed it" : "an analyst found it benign"});
  }
  return terms;
}

Status Cancelled() { return {Code::kCancelled, "the audit was cancelled"}; }

bool IsSuspect(Verdict verdict) { return verdict >= Verdict::kReview; }

// One audit, from the first block to the last period of the last timeline.
class Audit {
 public:
  Audit(const storage::Snapshot& snapshot, const ScoringEngine& live, const EngineOptions& options,
        const ParallelFor& parallel_for, const AuditRange& range, const AuditProgress& progress)
      : snapshot_(snapshot),
        parallel_for_(parallel_for),
        range_(range),
        progress_(progress),
        engine_(options, parallel_for),
        live_watermark_unix_nano_(live.counters().watermark_unix_nano) {
    outcome_.summary.range = range;
    for (AccountSummary& account : live.List()) {
      live_.emplace(std::move(account.account_id), LiveVerdict{account.risk, account.verdict, account.event_count});
    }
  }

  Result<AuditOutcome> Run() {
    Result<uint64_t> total = CountEvents(snapshot_);
    if (!total.ok()) return total.status();
    outcome_.snapshot_event_count = *total;
    STILLWATCH_RETURN_IF_ERROR(
        storage::ScanProfiles(snapshot_, [this](AccountProfile profile) { engine_.SetProfile(std::move(profile)); }));
    STILLWATCH_RETURN_IF_ERROR(ScanEvents());
    ObservedBatch end;
    end.complete_through_unix_nano = live_watermark_unix_nano_;
    engine_.Offer({&end, 1});
    // Blocks at the end of the log may have been skipped.
    if (!progress_(outcome_.snapshot_event_count, outcome_.snapshot_event_count)) return Cancelled();
    STILLWATCH_RETURN_IF_ERROR(storage::ScanLabels(
        snapshot_, [this](const LabelEntry& entry) { engine_.SetLabel(entry.account_id, entry.label); }));
    Compare();
    SetPeriods();
    STILLWATCH_RETURN_IF_ERROR(ScanTimelines());
    return std::move(outcome_);
  }

 private:
  struct LiveVerdict {
    double risk = 0;
    Verdict verdict = Verdict::kClear;
    uint64_t event_count = 0;
  };

  Status ScanEvents();
  void Offer(std::vector<storage::EventLog::Block> blocks);
  void CountHour(int64_t time_unix_nano);
  void Compare();
  AuditedAccount Describe(const AccountSummary& account, const LiveVerdict& live) const;
  void SetPeriods();
  Status ScanTimelines();
  size_t PeriodOf(int64_t time_unix_nano) const {
    return static_cast<size_t>((time_unix_nano - outcome_.first_period_unix_nano) / outcome_.period_nano);
  }

  const storage::Snapshot& snapshot_;
  const ParallelFor& parallel_for_;
  const AuditRange range_;
  const AuditProgress& progress_;
  ScoringEngine engine_;
  const int64_t live_watermark_unix_nano_;
  absl::flat_hash_map<std::string, LiveVerdict> live_;
  std::map<int64_t, uint64_t> hours_;                          // Events by number of the hour since 1970.
  std::map<int64_t, uint64_t>::iterator hour_ = hours_.end();  // Of the last event.
  AuditOutcome outcome_;
};

// Ends with kCancelled when the progress says so.
Status Audit::ScanEvents() {
  bool is_stopped = false;
  const auto visit = [&](std::vector<storage::EventLog::Block> blocks) {
    const storage::BlockSummary last = blocks.back().summary;
    Offer(std::move(blocks));
    is_stopped = !progress_(last.first_sequence + last.event_count, outcome_.snapshot_event_count);
    return !is_stopped;
  };
  const auto report = storage::EventLog::ScanGroups(snapshot_, 0, FirstTime(range_), LastTime(range_),
                                                    ObservedColumns(), kGroupEventCount, parallel_for_, visit);
  if (!report.ok()) return report.status();
  if (is_stopped) return Cancelled();
  outcome_.summary.damaged_block_count = report.value().damaged_block_count;
  return {};
}

void Audit::Offer(std::vector<storage::EventLog::Block> blocks) {
  std::vector<ObservedBatch> batches(blocks.size());
  parallel_for_(blocks.size(), [&](size_t i) {
    batches[i] = Observe(std::make_shared<const UsageBatch>(std::move(blocks[i].events)));
    batches[i].first_sequence = blocks[i].summary.first_sequence;
    KeepRange(range_, batches[i]);
  });
  for (const ObservedBatch& batch : batches) {
    outcome_.summary.event_count += batch.observations.size();
    for (const features::Observation& event : batch.observations) CountHour(event.time_unix_nano);
  }
  engine_.Offer(batches);
}

void Audit::CountHour(int64_t time_unix_nano) {
  int64_t& first = outcome_.first_event_time_unix_nano;
  first = hours_.empty() ? time_unix_nano : std::min(first, time_unix_nano);
  outcome_.last_event_time_unix_nano = std::max(outcome_.last_event_time_unix_nano, time_unix_nano);
  const int64_t hour = time_unix_nano / kNanosecondsPerHour;
  // Neighbours in the log are neighbours in time: most need no look-up.
  if (hour_ == hours_.end() || hour_->first != hour) hour_ = hours_.try_emplace(hour).first;
  ++hour_->second;
}

AuditedAccount Audit::Describe(const AccountSummary& account, const LiveVerdict& live) const {
  AuditedAccount out;
  out.account_id = account.account_id;
  out.organization_id = account.organization_id;
  out.label = account.label;
  out.risk = account.risk;
  out.verdict = account.verdict;
  out.event_count = account.event_count;
  out.live_risk = live.risk;
  out.live_verdict = live.verdict;
  out.live_event_count = live.event_count;
  std::optional<AccountDetail> detail = engine_.Get(account.account_id);
  if (!detail) return out;
  out.log_odds = detail->assessment.log_odds;
  out.terms = TermsOf(*detail, *engine_.baseline());
  out.campaign = detail->live.membership.campaign;
  out.peer_group = PeerGroupName(detail->assessment.peer_group);
  out.first_event_time_unix_nano = detail->live.portrait.first_time_unix_nano();
  out.last_event_time_unix_nano = detail->live.portrait.last_time_unix_nano();
  const Score& score = detail->live.score;
  out.first_review_time_unix_nano = score.first_review_time_unix_nano;
  out.first_act_time_unix_nano = score.first_act_time_unix_nano;
  out.events_at_first_review = score.events_at_first_review;
  out.events_at_first_act = score.events_at_first_act;
  out.changes = std::move(detail->timeline);
  return out;
}

void Audit::Compare() {
  AuditSummary& summary = outcome_.summary;
  const auto compare = [&](const AccountSummary& account, const LiveVerdict& live) {
    summary.differing_count += account.verdict != live.verdict;
    if (IsSuspect(account.verdict) || IsSuspect(live.verdict)) outcome_.accounts.push_back(Describe(account, live));
  };
  for (const AccountSummary& account : engine_.List()) {
    const auto found = live_.find(account.account_id);
    compare(account, found == live_.end() ? LiveVerdict() : found->second);
    if (found != live_.end()) live_.erase(found);
    summary.review_count += account.verdict == Verdict::kReview;
    summary.act_count += account.verdict == Verdict::kAct;
    if (account.event_count == 0) continue;
    ++summary.account_count;
    outcome_.histogram.Add(account.risk, account.label);
  }
  // Accounts that the audit never met.
  for (const auto& [account_id, live] : live_) {
    AccountSummary account;
    account.account_id = account_id;
    compare(account, live);
  }
  std::sort(outcome_.accounts.begin(), outcome_.accounts.end(), [](const AuditedAccount& a, const AuditedAccount& b) {
    return std::tie(b.risk, b.live_risk, a.account_id) < std::tie(a.risk, a.live_risk, b.account_id);
  });
  const std::shared_ptr<const Baseline> baseline = engine_.baseline();
  outcome_.review_log_odds = baseline->review_log_odds;
  outcome_.act_log_odds = baseline->act_log_odds;
}

void Audit::SetPeriods() {
  if (hours_.empty()) return;
  const int64_t span = outcome_.last_event_time_unix_nano - outcome_.first_event_time_unix_nano;
  const int64_t days = span / kNanosecondsPerDay / kPeriodCountMax + 1;
  outcome_.period_nano = span <= kHourlySpanMax ? kNanosecondsPerHour : days * kNanosecondsPerDay;
  outcome_.first_period_unix_nano = outcome_.first_event_time_unix_nano / outcome_.period_nano * outcome_.period_nano;
  outcome_.event_counts.resize(PeriodOf(outcome_.last_event_time_unix_nano) + 1);
  for (const auto& [hour, count] : hours_) {
    outcome_.event_counts[PeriodOf(hour * kNanosecondsPerHour)] += count;
  }
}

// Goes through the log once more for the few accounts whose timeline is drawn: two columns take a fraction of the time
// and, other than periods of every account from the start, next to no memory.
Status Audit::ScanTimelines() {
  absl::flat_hash_map<std::string_view, std::vector<uint32_t>*> timelines;
  const size_t count = std::min(kAuditTimelineCount, outcome_.accounts.size());
  for (AuditedAccount& account : std::span(outcome_.accounts).first(count)) {
    account.timeline.resize(outcome_.event_counts.size());
    timelines.emplace(account.account_id, &account.timeline);
  }
  if (timelines.empty() || outcome_.event_counts.empty()) return {};
  const storage::ColumnSelection columns = {.texts = uint32_t{1} << static_cast<size_t>(TextField::kAccountId),
                                            .numbers = uint64_t{1} << static_cast<size_t>(NumberField::kTimeUnixNano)};
  bool is_stopped = false;
  const auto visit = [&](const storage::BlockSummary&, const UsageBatch& events) {
    for (size_t row = 0; row < events.size(); ++row) {
      const auto found = timelines.find(events.text(row, TextField::kAccountId));
      if (found == timelines.end() || !Contains(range_, events.time_unix_nano(row))) continue;
      // A block may be readable in these columns alone; then its times can lie outside the periods.
      const size_t period = PeriodOf(std::max(events.time_unix_nano(row), outcome_.first_period_unix_nano));
      if (period < found->second->size()) ++(*found->second)[period];
    }
    is_stopped = !progress_(outcome_.snapshot_event_count, outcome_.snapshot_event_count);
    return !is_stopped;
  };
  const auto report = storage::EventLog::Scan(snapshot_, 0, FirstTime(range_), LastTime(range_), columns, visit);
  if (!report.ok()) return report.status();
  return is_stopped ? Cancelled() : Status();
}

}  // namespace

void LogOddsHistogram::Add(double risk, Label label) {
  if (label == Label::kBenign) {
    ++benign_count;
    return;
  }
  const double log_odds = std::log(risk) - std::log1p(-risk);  // Infinite for a risk of 1, which goes to the last bin.
  const double bin = std::clamp(std::floor((log_odds - kMin) / kStep), 0.0, double{kBinCount - 1});
  ++account_counts[static_cast<size_t>(bin)];
}

Result<AuditOutcome> RunAudit(const storage::Snapshot& snapshot, const ScoringEngine& live,
                              const EngineOptions& options, const ParallelFor& parallel_for, const AuditRange& range,
                              const AuditProgress& progress) {
  return Audit(snapshot, live, options, parallel_for, range, progress).Run();
}

}  // namespace stillwatch::detector
