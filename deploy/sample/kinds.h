// The kinds of accounts in the sample, as data.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace stillwatch::sample {

// When conversations start: the share of a day's starts that falls into each hour, in thousandths, and on which days.
struct Rhythm {
  std::array<int, 24> hours;
  std::array<bool, 7> days = {true, true, true, true, true, true, true};  // Sunday first.
};

// Where a prompt's slots come from.
enum class Prompts {
  kFresh,   // New ones each time.
  kSeries,  // The next of a series, the same for all accounts, which begins again each day.
  kFew,     // One of a handful.
};

// One kind of account. Probabilities and shares are fractions; temperatures are hundredths, -1 where none is sent.
struct Kind {
  std::string_view name = {};
  bool harvester = false;
  int weight = 1;         // Accounts of the kind among its sort, relative to the others.
  size_t group_size = 0;  // So many accounts belong together: a class behind one address, a pool with one queue.
  const Rhythm* rhythm = nullptr;
  double starts_per_day = 1;
  bool timer = false;  // At even distances instead of at random.
  int turns_min = 1, turns_max = 1;
  int gap_seconds_min = 1, gap_seconds_max = 2;  // Between turns or samples.
  int samples = 1;                               // Requests with the same prompt.
  int temperature_min = -1, temperature_max = -1;
  int max_tokens = 0;
  bool stream = false;
  int tools = 0;
  bool json = false;
  int top_logprobs = 0;
  int logit_bias_max = 0;
  int context_tokens_min = 0, context_tokens_max = 0;  // Sent beside the prompt.
  int output_tokens_min = 80, output_tokens_max = 500;
  double cached = 0;  // Share of the input that the cache serves.
  std::string_view user_agent = {};
  std::string_view plan = "pro";
  Prompts prompts = Prompts::kFresh;
  bool one_opening = false;  // Each account keeps to one of the openings.
  std::string_view system = {};
  std::vector<std::string_view> openings = {};
  std::string_view follow_up = {};
};

// Honest kinds, then harvesting ones.
std::span<const Kind> Kinds();

}  // namespace stillwatch::sample
