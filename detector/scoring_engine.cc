#include "detector/scoring_engine.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <tuple>

#include "detector/calibration.h"

namespace stillwatch::detector {
namespace {

// Events before the first baseline: fewer accounts than that are no population.
constexpr uint64_t kEventsForFirstBaseline = 2000;

int64_t TickAfter(int64_t time_unix_nano, int64_t tick_nano) { return (time_unix_nano / tick_nano + 1) * tick_nano; }

}  // namespace

ObservedBatch Observe(std::shared_ptr<const UsageBatch> batch) {
  ObservedBatch out;
  const size_t count = batch->size();
  out.observations = features::MakeObservations(*batch);
  out.account_hashes = batch->HashRows(TextField::kAccountId);
  out.account_ids.reserve(count);
  out.organization_ids.reserve(count);
  for (size_t row = 0; row < count; ++row) {
    out.account_ids.push_back(batch->text(row, TextField::kAccountId));
    out.organization_ids.push_back(batch->text(row, TextField::kOrganizationId));
  }
  out.keep_alive = std::move(batch);
  return out;
}

storage::ColumnSelection ObservedColumns() {
  storage::ColumnSelection columns = {.texts = 0, .numbers = 0};
  for (const TextField field : {TextField::kEventId, TextField::kAccountId, TextField::kOrganizationId,
                                TextField::kEndUserId, TextField::kClientAddress, TextField::kTlsFingerprint,
                                TextField::kUserAgent, TextField::kRequestModel, TextField::kConversationId}) {
    columns.texts |= uint32_t{1} << static_cast<size_t>(field);
  }
  using enum NumberField;
  for (const NumberField field :
       {kTimeUnixNano, kDurationMs,   kClientAsn,   kTemperature,  kMaxTokens,      kChoiceCount, kTopLogprobs,
        kToolCount,    kMessageCount, kInputTokens, kStatusCode,   kLogitBiasCount, kSystemHash,  kPromptHash,
        kTemplateHash, kOutputTokens, kHeadHash,    kPromptSketch, kMarkers,        kPromptWords}) {
    columns.numbers |= uint64_t{1} << static_cast<size_t>(field);
  }
  return columns;
}

ScoringEngine::ScoringEngine(const EngineOptions& options, ParallelFor parallel_for)
    : options_(options),
      parallel_for_(std::move(parallel_for)),
      baseline_(std::make_shared<const Baseline>(PriorBaseline())),
      campaigns_(std::make_shared<const CampaignBook>()) {
  MakePartitions();
}

void ScoringEngine::SetStateLoader(AccountPartition::StateLoader load_state) {
  load_state_ = std::move(load_state);
  MakePartitions();
}

void ScoringEngine::MakePartitions() {
  partitions_ = std::make_unique<std::array<AccountPartition, kPartitionCount>>();
  if (options_.state_bytes_max == std::numeric_limits<size_t>::max()) return;
  constexpr size_t kHotDivisor = 16;
  StateLimits limits;
  limits.byte_max = options_.state_bytes_max / kPartitionCount;
  limits.hot_count_max = limits.byte_max / kHotDivisor / sizeof(LiveState);
  for (AccountPartition& partition : *partitions_) partition.SetStateLimits(limits, load_state_);
}

AccountPartition& ScoringEngine::PartitionFor(std::string_view account_id) const {
  return (*partitions_)[PartitionOf(HashName(account_id))];
}

// Gives each row its effective time, which is its own or, if it is late, that of the watermark at its arrival. This
// runs row by row in the order of the log, so that neither batches nor threads can make a difference.
EventTime ScoringEngine::Arrive(std::span<const ObservedBatch> batches) {
  int64_t watermark = std::max(arrived_.watermark_unix_nano, shed_watermark_unix_nano_.load());
  int64_t newest = arrived_.newest_event_unix_nano;
  uint64_t count = 0;
  uint64_t late = 0;
  for (const ObservedBatch& batch : batches) {
    for (size_t i = 0; i < batch.observations.size(); ++i) {
      const int64_t time = batch.observations[i].time_unix_nano;
      if (batch.account_ids[i].empty()) {  // Erased: only its time is left, and moves the watermark as it did.
        newest = std::max(newest, time);
        watermark = std::max(watermark, time - options_.allowed_lateness_nano);
        continue;
      }
      late += time < watermark;
      arrivals_[PartitionOf(batch.account_hashes[i])].push_back({batch.account_ids[i], batch.organization_ids[i],
                                                                 batch.account_hashes[i], std::max(time, watermark),
                                                                 batch.first_sequence + i, &batch.observations[i]});
      newest = std::max(newest, time);
      watermark = std::max(watermark, time - options_.allowed_lateness_nano);
      ++count;
    }
    if (batch.complete_through_unix_nano) watermark = std::max(watermark, *batch.complete_through_unix_nano);
  }
  // The writer goes through the partitions upwards, so downwards it is met once, and not waited for in each.
  const auto add = [&](size_t i) {
    const size_t partition = kPartitionCount - 1 - i;
    (*partitions_)[partition].AddWaiting(arrivals_[partition]);
    arrivals_[partition].clear();
  };
  constexpr uint64_t kWorthSharing = 8192;  // Fewer rows are added before a helper is awake.
  if (count >= kWorthSharing) {
    parallel_for_(kPartitionCount, add);
  } else {
    SerialFor(kPartitionCount, add);
  }
  waiting_event_count_ += count;
  arrived_ = {watermark, newest, arrived_.late_event_count + late};
  return arrived_;
}

void ScoringEngine::AdvanceTo(const EventTime& time) {
  late_event_count_ = time.late_event_count;
  newest_event_unix_nano_ = time.newest_event_unix_nano;
  watermark_unix_nano_ = std::max(watermark_unix_nano_.load(), time.watermark_unix_nano);
  SettleTo(watermark_unix_nano_);
  while (waiting_event_count_ > options_.waiting_event_count_max) ShedWaiting();
  PublishChanges();
}

std::optional<int64_t> ScoringEngine::EarliestWaiting() const {
  std::optional<int64_t> earliest;
  for (const AccountPartition& partition : *partitions_) {
    const std::optional<int64_t> time = partition.EarliestWaiting();
    if (time && (!earliest || *time < *earliest)) earliest = time;
  }
  return earliest;
}

// Settles all that is before the watermark, with a tick at each boundary on the way. Where nothing happened between two
// boundaries there is nothing to look at, so the ticks go on behind the next event.
void ScoringEngine::SettleTo(int64_t watermark_unix_nano) {
  if (waiting_event_count_ == 0 && next_tick_unix_nano_ > watermark_unix_nano) return;
  while (true) {
    if (next_tick_unix_nano_ <= watermark_unix_nano && !has_news_) {
      const std::optional<int64_t> earliest = EarliestWaiting();
      if (!earliest) return;
      // Not beyond the watermark's own boundary: an event between the two may still come.
      const int64_t next = std::min(*earliest, watermark_unix_nano);
      next_tick_unix_nano_ = std::max(next_tick_unix_nano_, TickAfter(next, options_.tick_nano));
    }
    if (next_tick_unix_nano_ > watermark_unix_nano) break;
    Settle(next_tick_unix_nano_);
    Tick(next_tick_unix_nano_);
    next_tick_unix_nano_ += options_.tick_nano;
  }
  Settle(watermark_unix_nano);
}

void ScoringEngine::Settle(int64_t until_unix_nano) {
  const std::shared_ptr<const Baseline> current = baseline();
  std::atomic<uint64_t> count = 0;
  parallel_for_(kPartitionCount,
                [&](size_t partition) { count += (*partitions_)[partition].Settle(until_unix_nano, *current); });
  has_news_ |= count > 0;
  settled_event_count_ += count;
  waiting_event_count_ -= count;
}

void ScoringEngine::Tick(int64_t time_unix_nano) {
  const std::shared_ptr<const Baseline> current = baseline();
  parallel_for_(kPartitionCount, [&](size_t partition) { (*partitions_)[partition].Tick(time_unix_nano, *current); });
  has_news_ = false;
  const uint64_t settled = settled_event_count_;
  const uint64_t since = settled - settled_at_renewal_;
  const bool has_grown = since >= std::max(kEventsForFirstBaseline, settled_at_renewal_ / 2);
  const bool has_aged =
      since > 0 && settled >= kEventsForFirstBaseline && time_unix_nano - current->time_unix_nano >= kNanosecondsPerDay;
  if (has_grown || has_aged) RenewBaseline(time_unix_nano);
  SearchCampaignsIfDue(time_unix_nano);
}

// Draws the accounts with the lowest hashes: a sample that is the same whatever order they came in.
void ScoringEngine::RenewBaseline(int64_t time_unix_nano) {
  settled_at_renewal_ = settled_event_count_;
  using Sampled = AccountPartition::Sampled;
  // Hashes are uniform, so each partition has its share of the sample, give or take; a third more is room enough.
  const size_t share_max = options_.baseline_sample_count_max * 4 / 3 / kPartitionCount + 16;
  std::array<std::vector<Sampled>, kPartitionCount> parts;
  parallel_for_(kPartitionCount, [&](size_t partition) {
    parts[partition] = (*partitions_)[partition].Sample(share_max, kEventsForBaseline);
  });
  std::vector<Sampled> sample;
  for (auto& part : parts) std::move(part.begin(), part.end(), std::back_inserter(sample));
  std::sort(sample.begin(), sample.end());
  if (sample.size() > options_.baseline_sample_count_max) sample.resize(options_.baseline_sample_count_max);

  features::FeatureMatrix matrix(sample.size());
  std::vector<uint8_t> groups(sample.size());
  std::vector<SampledEvidence> evidence(sample.size());
  ForSlices(parallel_for_, sample.size(), [&](size_t /*slice*/, size_t i) {
    const features::FeatureRow row = features::ExtractFeatures(sample[i].state->portrait);
    matrix.SetRow(i, row);
    groups[i] = static_cast<uint8_t>(PeerGroupOf(row));
  });
  Baseline renewed = ComputeBaseline(time_unix_nano, matrix, groups);
  ForSlices(parallel_for_, sample.size(), [&](size_t /*slice*/, size_t i) {
    const Assessment assessment = Examine(sample[i].state->portrait, renewed);
    for (size_t d = 0; d < kDetectorCount; ++d) evidence[i].log_odds[d] = assessment.findings[d].log_odds;
    evidence[i].has_text = assessment.has_text;
    evidence[i].label = sample[i].label;
  });
  Calibrate(evidence, renewed);
  SetBaseline(renewed);
}

// Moves the watermark on beyond the middle of what waits, so that at least half of it settles.
void ScoringEngine::ShedWaiting() {
  std::vector<int64_t> times;
  times.reserve(waiting_event_count_);
  for (const AccountPartition& partition : *partitions_) {
    for (const auto& waiting : partition.WaitingEvents()) times.push_back(waiting.effective_time_unix_nano);
  }
  const auto middle = times.begin() + static_cast<ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  watermark_unix_nano_ = std::max<int64_t>(watermark_unix_nano_, *middle + 1);
  shed_watermark_unix_nano_ = watermark_unix_nano_.load();
  SettleTo(watermark_unix_nano_);
}

void ScoringEngine::PublishChanges() {
  std::vector<VerdictChange> changes;
  for (AccountPartition& partition : *partitions_) {
    for (VerdictChange& change : partition.TakeChanges()) changes.push_back(std::move(change));
  }
  std::sort(changes.begin(), changes.end(), [](const VerdictChange& a, const VerdictChange& b) {
    return std::tie(a.time_unix_nano, a.account_id, a.event_count) <
           std::tie(b.time_unix_nano, b.account_id, b.event_count);
  });
  for (const VerdictChange& change : changes) {
    if (listener_) listener_(change);
  }
  unsaved_changes_.insert(unsaved_changes_.end(), changes.begin(), changes.end());
}

std::shared_ptr<const Baseline> ScoringEngine::baseline() const {
  const std::lock_guard lock(baseline_mutex_);
  return baseline_;
}

void ScoringEngine::SetBaseline(const Baseline& baseline) {
  const std::lock_guard lock(baseline_mutex_);
  baseline_ = std::make_shared<const Baseline>(baseline);
}

void ScoringEngine::SetProfile(AccountProfile profile) {
  PartitionFor(profile.account_id).SetProfile(std::move(profile));
}

void ScoringEngine::SetLabel(std::string_view account_id, Label label) {
  PartitionFor(account_id).SetLabel(account_id, label, *baseline());
  PublishChanges();
}

std::optional<AccountDetail> ScoringEngine::Get(std::string_view account_id) const {
  return PartitionFor(account_id).Get(account_id, *baseline());
}

std::optional<Standing> ScoringEngine::StandingOf(std::string_view account_id) const {
  return PartitionFor(account_id).StandingOf(account_id);
}

std::vector<AccountSummary> ScoringEngine::List() const {
  const std::shared_ptr<const Baseline> current = baseline();
  std::vector<AccountSummary> out;
  for (const AccountPartition& partition : *partitions_) {
    for (AccountSummary& summary : partition.List(*current)) out.push_back(std::move(summary));
  }
  return out;
}

EngineCounters ScoringEngine::counters() const {
  EngineCounters out;
  for (const AccountPartition& partition : *partitions_) {
    out.account_count += partition.account_count();
    out.states.Add(partition.state_counters());
  }
  out.settled_event_count = settled_event_count_;
  out.late_event_count = late_event_count_;
  out.waiting_event_count = waiting_event_count_;
  out.watermark_unix_nano = watermark_unix_nano_;
  out.newest_event_unix_nano = newest_event_unix_nano_;
  return out;
}

}  // namespace stillwatch::detector
