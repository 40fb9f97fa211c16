#include "features/portrait.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "proto/limits.h"

namespace stillwatch::features {
namespace {

constexpr std::array<double, kHalfLifeCount> kHalfLivesNano = {
    static_cast<double>(kNanosecondsPerHour), static_cast<double>(kNanosecondsPerDay),
    14.0 * static_cast<double>(kNanosecondsPerDay)};

// Silent reading takes a practised reader 238 words a minute (Brysbaert 2019, 10.1016/j.jml.2019.104047), about 190 ms a
// token; four times that speed allows for skimming, so what is faster was not read by a person.
constexpr int64_t kSkimmingNanosecondsPerToken = 47'000'000;
// An answer shorter than this is taken in at a glance.
constexpr uint32_t kGlanceTokens = 100;

double DecayFactor(int64_t elapsed_nano, size_t half_life) {
  return std::exp2(-static_cast<double>(elapsed_nano) / kHalfLivesNano[half_life]);
}

int64_t DayOf(int64_t time_unix_nano) { return time_unix_nano / kNanosecondsPerDay; }

// Active days, counted from a first day that lies `shift` days earlier. What shifts beyond bit 63 gathers there.
uint64_t ShiftDays(uint64_t days, int64_t shift) {
  if (shift == 0) return days;
  shift = std::min<int64_t>(shift, 63);
  const bool is_beyond = days >> (64 - shift) != 0;
  return days << shift | (is_beyond ? uint64_t{1} << 63 : 0);
}

bool IsLogitEvent(const Observation& event) {
  return event.logit_bias_count > 0 && (event.top_logprobs > 0 || event.max_tokens == 1);
}

}  // namespace

void Portrait::Peak::Add(int64_t event_period) {
  if (event_period < period) return;  // Late: its period is closed.
  if (event_period > period) {
    period = event_period;
    count = 0;
  }
  peak = std::max(peak, ++count);
}

// Brings the decayed counters to the event's time, or, for a late event, finds the weight that it has by now.
void Portrait::Decay(int64_t time_unix_nano) {
  event_weights_.fill(1.0F);
  const int64_t elapsed = time_unix_nano - last_time_unix_nano_;
  if (event_count() == 0 || elapsed == 0) return;
  for (size_t i = 0; i < kHalfLifeCount; ++i) {
    const auto factor = static_cast<float>(DecayFactor(std::abs(elapsed), i));
    if (elapsed < 0) {
      event_weights_[i] = factor;
    } else {
      for (float& value : decayed_[i]) value *= factor;
    }
  }
}

void Portrait::Count(Counter counter, float amount) {
  const auto index = static_cast<size_t>(counter);
  totals_[index] += static_cast<double>(amount);
  for (size_t i = 0; i < kHalfLifeCount; ++i) decayed_[i][index] += amount * event_weights_[i];
}

void Portrait::UpdateContent(const Observation& event, const MarkerRatios& ratios) {
  if (event.prompt_hash == 0) return;
  Count(Counter::kText, 1);
  const auto short_hash = static_cast<uint32_t>(event.prompt_hash);
  const bool is_recent = std::find(recent_prompts_.begin(), recent_prompts_.end(), short_hash) != recent_prompts_.end();
  if (event.temperature > 0 && (is_recent || event.choice_count > 1)) {
    Count(Counter::kRepeat, 1);
    repeated_prompts_.Add(event.prompt_hash);
  }
  if (!is_recent && event.prompt_sketch != 0) UpdateSketch(event.prompt_sketch);
  if (!is_recent) recent_prompts_[recent_prompt_position_++ % recent_prompts_.size()] = short_hash;
  prompts_.Add(event.prompt_hash);
  if (event.template_hash != 0) templates_.Add(event.template_hash);
  if (event.head_hash != 0) heads_.Add(event.head_hash);
  for (size_t i = 0; i < kMarkerCount; ++i) {
    const bool is_marked = (event.markers >> i & 1) != 0;
    if (is_marked) Count(static_cast<Counter>(MarkerCounter(static_cast<Marker>(i))), 1);
    e_processes_[i].Update(is_marked, ratios[i]);
  }
}

void Portrait::UpdateSketch(uint64_t sketch) {
  for (size_t i = 0; i < sketch_sums_.size(); ++i) sketch_sums_[i] += static_cast<int32_t>(sketch >> i & 1) * 2 - 1;
  ++sketched_count_;
}

void Portrait::UpdateTiming(const Observation& event) {
  const int64_t time = event.time_unix_nano;
  const int64_t end = time + int64_t{event.duration_ms} * 1'000'000;
  if (event_count() > 0 && time >= last_time_unix_nano_) {
    gap_milliseconds_.Add(static_cast<uint64_t>(time - last_time_unix_nano_) / 1'000'000);
    if (time < busy_until_unix_nano_) Count(Counter::kOverlap, 1);
    if (last_output_tokens_ >= kGlanceTokens &&
        time - busy_until_unix_nano_ < int64_t{last_output_tokens_} * kSkimmingNanosecondsPerToken) {
      Count(Counter::kUnread, 1);
    }
  }
  if (end >= busy_until_unix_nano_) {
    busy_until_unix_nano_ = end;
    last_output_tokens_ = event.output_tokens;
  }
  minute_.Add(time / kNanosecondsPerMinute);
  hour_.Add(time / kNanosecondsPerHour);
  ++hours_of_day_[static_cast<size_t>(time / kNanosecondsPerHour % 24)];
  const int64_t first = event_count() == 0 ? time : std::min(first_time_unix_nano_, time);
  if (event_count() > 0) active_days_ = ShiftDays(active_days_, DayOf(first_time_unix_nano_) - DayOf(first));
  active_days_ |= uint64_t{1} << std::min<int64_t>(DayOf(time) - DayOf(first), 63);
  first_time_unix_nano_ = first;
}

void Portrait::Update(const Observation& event, const MarkerRatios& ratios) {
  Decay(event.time_unix_nano);
  UpdateTiming(event);
  UpdateContent(event, ratios);
  if (event.conversation_hash != 0) conversations_.Add(event.conversation_hash);
  if (event.end_user_hash != 0) end_users_.Add(event.end_user_hash);
  if (event.address_hash != 0) addresses_.Add(event.address_hash);
  if (event.client_bundle_hash != 0) client_bundles_.Add(event.client_bundle_hash);
  if (event.system_hash != 0) systems_.Add(event.system_hash);
  if (event.status_code < 400) Count(Counter::kSuccess, 1);
  if (event.status_code == 429) Count(Counter::kRateLimited, 1);
  if (event.knows_message_count && event.message_count <= 1 && event.tool_count == 0) Count(Counter::kSingleTurn, 1);
  if (event.tool_count > 0) Count(Counter::kTool, 1);
  if (event.temperature > 0) Count(Counter::kSampled, 1);
  if (IsLogitEvent(event)) {
    Count(Counter::kLogit, 1);
    // Without text the prompt's length stands in for it, multiplied out so that the sketch sees uniform bits.
    logit_prompts_.Add(event.prompt_hash != 0 ? event.prompt_hash : (event.input_tokens + 1) * 0x9E3779B97F4A7C15U);
    logit_bias_sizes_ |= uint64_t{1} << event.logit_bias_count % 64;
  }
  Count(Counter::kInputToken, static_cast<float>(event.input_tokens));
  Count(Counter::kOutputToken, static_cast<float>(event.output_tokens));
  input_tokens_.Add(event.input_tokens);
  if (event.knows_output_tokens) output_tokens_.Add(event.output_tokens);
  last_time_unix_nano_ = std::max(last_time_unix_nano_, event.time_unix_nano);
  Count(Counter::kEvent, 1);
}

void Portrait::Merge(const Portrait& other) {
  if (other.event_count() == 0) return;
  if (event_count() == 0) {
    *this = other;
    return;
  }
  const int64_t last = std::max(last_time_unix_nano_, other.last_time_unix_nano_);
  for (size_t i = 0; i < kHalfLifeCount; ++i) {
    const auto mine = static_cast<float>(DecayFactor(last - last_time_unix_nano_, i));
    const auto theirs = static_cast<float>(DecayFactor(last - other.last_time_unix_nano_, i));
    for (size_t j = 0; j < kCounterCount; ++j) decayed_[i][j] = decayed_[i][j] * mine + other.decayed_[i][j] * theirs;
  }
  const double other_weight = other.total(Counter::kEvent) / (total(Counter::kEvent) + other.total(Counter::kEvent));
  for (size_t i = 0; i < kMarkerCount; ++i) e_processes_[i].Merge(other.e_processes_[i], other_weight);
  for (size_t j = 0; j < kCounterCount; ++j) totals_[j] += other.totals_[j];
  prompts_.Merge(other.prompts_);
  repeated_prompts_.Merge(other.repeated_prompts_);
  templates_.Merge(other.templates_);
  systems_.Merge(other.systems_);
  conversations_.Merge(other.conversations_);
  end_users_.Merge(other.end_users_);
  addresses_.Merge(other.addresses_);
  client_bundles_.Merge(other.client_bundles_);
  heads_.Merge(other.heads_);
  for (size_t i = 0; i < sketch_sums_.size(); ++i) sketch_sums_[i] += other.sketch_sums_[i];
  sketched_count_ += other.sketched_count_;
  logit_prompts_.Merge(other.logit_prompts_);
  logit_bias_sizes_ |= other.logit_bias_sizes_;
  gap_milliseconds_.Merge(other.gap_milliseconds_);
  output_tokens_.Merge(other.output_tokens_);
  input_tokens_.Merge(other.input_tokens_);
  for (size_t i = 0; i < hours_of_day_.size(); ++i) hours_of_day_[i] += other.hours_of_day_[i];
  const int64_t first = std::min(first_time_unix_nano_, other.first_time_unix_nano_);
  const auto shifted = [first](const Portrait& portrait) {
    return ShiftDays(portrait.active_days_, DayOf(portrait.first_time_unix_nano_) - DayOf(first));
  };
  active_days_ = shifted(*this) | shifted(other);
  // Peaks in the same period add up; peaks in different ones do not, and which it was is only known for the newest.
  const auto merged_peak = [](const Peak& a, const Peak& b) {
    Peak out = a.period >= b.period ? a : b;
    if (a.period == b.period) out.count = a.count + b.count;
    out.peak = std::max({a.peak, b.peak, out.count});
    return out;
  };
  minute_ = merged_peak(minute_, other.minute_);
  hour_ = merged_peak(hour_, other.hour_);
  if (other.last_time_unix_nano_ >= last_time_unix_nano_) {
    recent_prompts_ = other.recent_prompts_;
    recent_prompt_position_ = other.recent_prompt_position_;
  }
  if (other.busy_until_unix_nano_ > busy_until_unix_nano_) {
    busy_until_unix_nano_ = other.busy_until_unix_nano_;
    last_output_tokens_ = other.last_output_tokens_;
  }
  created_time_unix_nano_ = std::max(created_time_unix_nano_, other.created_time_unix_nano_);
  first_time_unix_nano_ = first;
  last_time_unix_nano_ = last;
}

double Portrait::decayed(Counter counter, HalfLife half_life, int64_t now_unix_nano) const {
  const auto i = static_cast<size_t>(half_life);
  const int64_t elapsed = std::max<int64_t>(now_unix_nano - last_time_unix_nano_, 0);
  return static_cast<double>(decayed_[i][static_cast<size_t>(counter)]) * DecayFactor(elapsed, i);
}

double Portrait::PromptCohesion() const {
  if (sketched_count_ < 2) return 0;
  const auto count = static_cast<double>(sketched_count_);
  double square = 0;
  for (const int32_t sum : sketch_sums_) square += static_cast<double>(sum) * static_cast<double>(sum);
  // Without the similarity of each prompt with itself.
  return (square / static_cast<double>(sketch_sums_.size()) - count) / (count * (count - 1));
}

int Portrait::DistinctLogitBiasSizes() const { return std::popcount(logit_bias_sizes_); }

int Portrait::ActiveDayCount() const { return std::popcount(active_days_); }

double Portrait::HourEntropy() const {
  double total = 0;
  for (const uint32_t count : hours_of_day_) total += count;
  if (total == 0) return 0;
  double entropy = 0;
  for (const uint32_t count : hours_of_day_) {
    if (count != 0) entropy -= count / total * std::log2(count / total);
  }
  return entropy;
}

}  // namespace stillwatch::features
