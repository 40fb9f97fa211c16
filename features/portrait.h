// The running portrait of an account.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "features/e_process.h"
#include "features/heavy_hitters.h"
#include "features/hyperloglog.h"
#include "features/log_histogram.h"
#include "features/markers.h"
#include "features/observation.h"

namespace stillwatch::features {

// What is counted, in all and with exponential decay.
enum class Counter : uint8_t {
  kEvent,
  kSuccess,        // Status below 400, or unknown.
  kRateLimited,    // Status 429.
  kText,           // The prompt's digest is known.
  kSingleTurn,     // One message, no tools.
  kTool,           // Tools were offered.
  kSampled,        // Temperature above 0.
  kRepeat,         // The prompt is one of the last few, and it was sampled; or several choices were asked for.
  kLogit,          // logit_bias together with log-probabilities or a single output token.
  kOverlap,        // Began before the account's previous request had ended.
  kUnread,         // Began before a person could have read the previous answer.
  kInputToken,
  kOutputToken,
  kReasoningElicitation,  // Markers, in the order of Marker.
  kTraceCoercion,
  kRubricGrading,
  kBulkGeneration,
  kPromptEvolution,
  kSimulatedUser,
};
inline constexpr size_t kCounterCount = 19;

// Half-lives of the decayed counters.
enum class HalfLife : uint8_t { kHour, kDay, kFortnight };
inline constexpr size_t kHalfLifeCount = 3;

// Likelihood ratios of each marker for the account's peers.
using MarkerRatios = std::array<LikelihoodRatios, kMarkerCount>;

// Sums up all events of an account in about 2.3 KiB, whatever their number. Portraits of several accounts merge into the
// portrait of the group, of which the same questions can be asked.
// Events should come in order of time; one that comes late is counted in full, but leaves rates and gaps alone.
// Plain memory: it is trivially copyable, and that is how it is checkpointed.
// Threading: none of its own.
class Portrait {
 public:
  void Update(const Observation& event, const MarkerRatios& ratios);
  void Merge(const Portrait& other);

  uint64_t event_count() const { return static_cast<uint64_t>(total(Counter::kEvent)); }
  int64_t first_time_unix_nano() const { return first_time_unix_nano_; }
  int64_t last_time_unix_nano() const { return last_time_unix_nano_; }
  // When the account was created, as its profile says; 0: unknown. Of a group, that of its youngest member.
  int64_t created_time_unix_nano() const { return created_time_unix_nano_; }
  void SetCreatedTime(int64_t created_time_unix_nano) { created_time_unix_nano_ = created_time_unix_nano; }
  double total(Counter counter) const { return totals_[static_cast<size_t>(counter)]; }
  // The count at time `now`, with weight 1/2 for each half-life that an event lies back.
  double decayed(Counter counter, HalfLife half_life, int64_t now_unix_nano) const;

  double marked(Marker marker) const { return totals_[MarkerCounter(marker)]; }
  const EProcess& e_process(Marker marker) const { return e_processes_[static_cast<size_t>(marker)]; }

  double DistinctPrompts() const { return prompts_.Estimate(); }
  double DistinctRepeatedPrompts() const { return repeated_prompts_.Estimate(); }
  double DistinctTemplates() const { return templates_.Estimate(); }
  double DistinctSystems() const { return systems_.Estimate(); }
  double DistinctConversations() const { return conversations_.Estimate(); }
  double DistinctEndUsers() const { return end_users_.Estimate(); }
  double DistinctAddresses() const { return addresses_.Estimate(); }
  double DistinctClientBundles() const { return client_bundles_.Estimate(); }
  // Events with text whose prompt begins with the most frequent first words.
  uint64_t TopHeadCount() const { return heads_.MaxCount(); }
  // Mean similarity of two different prompts of the account, in [-1, 1], estimated without bias: the mean of the random
  // sign features of its prompts (`features/skeleton.h`) has this length, and the length of the difference of two such
  // means is the maximum mean discrepancy under the arc-cosine kernel (Gretton et al. 2012; Cho and Saul 2009). 0 with
  // fewer than 2 prompts.
  double PromptCohesion() const;
  uint64_t sketched_count() const { return sketched_count_; }
  // Different prompts among the logit events, and different sizes (modulo 64) of their logit_bias.
  double DistinctLogitPrompts() const { return logit_prompts_.Estimate(); }
  int DistinctLogitBiasSizes() const;
  const LogHistogram<48>& gap_milliseconds() const { return gap_milliseconds_; }
  const LogHistogram<32>& output_tokens() const { return output_tokens_; }
  const LogHistogram<32>& input_tokens() const { return input_tokens_; }
  // Most events in one clock minute, and in one clock hour.
  uint32_t PeakPerMinute() const { return minute_.peak; }
  uint32_t PeakPerHour() const { return hour_.peak; }
  // Days (UTC) with events, of the 64 after the first.
  int ActiveDayCount() const;
  // Entropy of the hour of day (UTC), in bits; log2(24) = 4.58 for round the clock.
  double HourEntropy() const;

 private:
  static constexpr size_t MarkerCounter(Marker marker) {
    return static_cast<size_t>(Counter::kReasoningElicitation) + static_cast<size_t>(marker);
  }
  void Decay(int64_t time_unix_nano);
  void Count(Counter counter, float amount);
  void UpdateContent(const Observation& event, const MarkerRatios& ratios);
  void UpdateSketch(uint64_t sketch);
  void UpdateTiming(const Observation& event);

  struct Peak {
    int64_t period = 0;  // Number of the period since 1970 that is being counted.
    uint32_t count = 0;
    uint32_t peak = 0;
    void Add(int64_t event_period);
  };

  int64_t created_time_unix_nano_ = 0;
  int64_t first_time_unix_nano_ = 0;
  int64_t last_time_unix_nano_ = 0;
  int64_t busy_until_unix_nano_ = 0;  // End of the answer that ends last.
  std::array<double, kCounterCount> totals_{};
  std::array<std::array<float, kCounterCount>, kHalfLifeCount> decayed_{};  // As of last_time_unix_nano_.
  std::array<float, kHalfLifeCount> event_weights_{};                       // Weight of the event being counted.
  std::array<EProcess, kMarkerCount> e_processes_{};
  HyperLogLog<8> prompts_;
  HyperLogLog<6> repeated_prompts_;
  HyperLogLog<6> templates_;
  HyperLogLog<6> systems_;
  HyperLogLog<6> conversations_;
  HyperLogLog<6> end_users_;
  HyperLogLog<6> addresses_;
  HyperLogLog<6> client_bundles_;
  HeavyHitters<8> heads_;
  std::array<int32_t, 64> sketch_sums_{};  // Per bit: prompts with it less prompts without it.
  uint64_t sketched_count_ = 0;
  HyperLogLog<7> logit_prompts_;
  uint64_t logit_bias_sizes_ = 0;  // Bit i: a size of i modulo 64 was seen.
  std::array<uint32_t, 8> recent_prompts_{};  // Low halves of the newest prompts' hashes, a ring.
  uint32_t recent_prompt_position_ = 0;
  uint32_t last_output_tokens_ = 0;
  Peak minute_;
  Peak hour_;
  uint64_t active_days_ = 0;  // Bit i: day i after the first had events; bit 63 holds all later ones.
  std::array<uint32_t, 24> hours_of_day_{};
  LogHistogram<48> gap_milliseconds_;
  LogHistogram<32> output_tokens_;
  LogHistogram<32> input_tokens_;
};
static_assert(std::is_trivially_copyable_v<Portrait>);
static_assert(sizeof(Portrait) <= 4096, "the portrait of an account stays within 4 KiB");

}  // namespace stillwatch::features
