#include "deploy/sample/kinds.h"

namespace stillwatch::sample {
namespace {

constexpr std::array<bool, 7> kWeekdays = {false, true, true, true, true, true, false};
constexpr Rhythm kWaking = {{5, 2, 1, 1, 2, 8, 20, 45, 60, 60, 58, 56, 60, 58, 52, 50, 54, 60, 68, 78, 80, 62, 40, 20}};
constexpr Rhythm kOffice = {{0, 0, 0, 0, 0, 0, 5, 30, 95, 120, 125, 100, 60, 95, 120, 110, 80, 40, 10, 5, 5, 0, 0, 0},
                            kWeekdays};
constexpr Rhythm kSteady = {
    {38, 36, 35, 35, 36, 38, 40, 42, 44, 45, 46, 46, 46, 46, 46, 46, 45, 44, 43, 42, 41, 41, 40, 39}};
constexpr Rhythm kNight = {{0, 500, 500}};
constexpr Rhythm kLesson = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 600, 400}, {false, true, false, true, false, true, false}};
constexpr Rhythm kRun = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 550, 450},
                         {false, false, true, false, true, false, false}};

constexpr std::string_view kBrowser = "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/135.0";
constexpr std::string_view kPython = "python-sdk/1.61.0";
constexpr std::string_view kNode = "node-sdk/4.82.1";
constexpr std::string_view kAgent = "code-agent/0.9.14 node/22";
constexpr std::string_view kScript = "python-httpx/0.28.1";

}  // namespace

std::span<const Kind> Kinds() {
  // One field a line would hide the table.
  // clang-format off
  static const std::vector<Kind> kinds = {
      {.name = "chat", .weight = 46, .rhythm = &kWaking, .starts_per_day = 2.2, .turns_max = 7, .gap_seconds_min = 15,
       .gap_seconds_max = 240, .stream = true, .user_agent = kBrowser, .system = "You are a helpful assistant.",
       .openings = {"{chat}"}, .follow_up = "{more}"},
      {.name = "coding_agent", .weight = 13, .rhythm = &kOffice, .starts_per_day = 4, .turns_min = 4, .turns_max = 22,
       .gap_seconds_min = 4, .gap_seconds_max = 40, .temperature_min = 0, .temperature_max = 0, .max_tokens = 8192,
       .stream = true, .tools = 14, .context_tokens_min = 6000, .context_tokens_max = 30000, .output_tokens_max = 900,
       .cached = 0.85, .user_agent = kAgent, .plan = "team",
       .system = "You are a coding agent. Use the tools to read, edit and test the repository.",
       .openings = {"{code}"}, .follow_up = "{step}"},
      {.name = "backend", .weight = 9, .rhythm = &kSteady, .starts_per_day = 40, .temperature_min = 20,
       .temperature_max = 20, .max_tokens = 256, .json = true, .context_tokens_min = 150, .context_tokens_max = 300,
       .output_tokens_min = 20, .output_tokens_max = 90, .user_agent = kNode, .plan = "scale", .one_opening = true,
       .system = "You route tickets of a web shop. Answer with JSON.",
       .openings = {"Ticket: {ticket}. Which team should take it?", "Summarise for the agent on duty: {ticket}.",
                    "Is the customer angry? Message: {ticket}."}},
      {.name = "retrieval_bot", .weight = 7, .rhythm = &kOffice, .starts_per_day = 55, .turns_max = 2,
       .gap_seconds_min = 20, .gap_seconds_max = 120, .temperature_min = 30, .temperature_max = 30,
       .max_tokens = 1024, .stream = true, .context_tokens_min = 1500, .context_tokens_max = 5000, .cached = 0.2,
       .user_agent = kPython, .plan = "scale", .system = "Answer from the handbook pages given and name the page.",
       .openings = {"Pages: {clause} {clause} {clause}\nQuestion: {chat}"}, .follow_up = "{more}"},
      {.name = "nightly_batch", .weight = 2, .rhythm = &kNight, .starts_per_day = 150, .temperature_min = 0,
       .temperature_max = 0, .max_tokens = 400, .context_tokens_min = 300, .context_tokens_max = 900,
       .user_agent = kPython, .plan = "scale", .system = "You extract the terms of contracts.",
       .openings = {"List the parties, sums and dates in this contract: {clause} {clause} {clause}"}},
      {.name = "evaluation", .weight = 2, .rhythm = &kRun, .starts_per_day = 200, .temperature_min = 0,
       .temperature_max = 0, .max_tokens = 1024, .output_tokens_min = 150, .output_tokens_max = 450,
       .user_agent = kPython, .plan = "scale", .prompts = Prompts::kSeries, .openings = {"{exam}"}},
      {.name = "judge", .weight = 3, .rhythm = &kSteady, .starts_per_day = 40, .temperature_min = 0,
       .temperature_max = 0, .max_tokens = 64, .json = true, .output_tokens_min = 8, .output_tokens_max = 20,
       .user_agent = kPython, .plan = "scale", .system = "You check the quality of a customer service bot.",
       .openings = {"{judge}"}},
      {.name = "monitor", .weight = 2, .rhythm = &kSteady, .starts_per_day = 96, .timer = true, .temperature_min = 0,
       .temperature_max = 0, .max_tokens = 8, .output_tokens_min = 1, .output_tokens_max = 3,
       .user_agent = "uptime-probe/3.2", .openings = {"Reply with the word pong."}},
      {.name = "classroom", .weight = 16, .group_size = 30, .rhythm = &kLesson, .starts_per_day = 3, .turns_max = 4,
       .gap_seconds_min = 20, .gap_seconds_max = 200, .stream = true, .user_agent = kBrowser, .plan = "school",
       .system = "You are a patient tutor.", .openings = {"{school}"}, .follow_up = "{more}"},

      {.name = "bulk_generation", .harvester = true, .rhythm = &kSteady, .starts_per_day = 110, .temperature_min = 90,
       .temperature_max = 100, .max_tokens = 4096, .output_tokens_min = 2200, .output_tokens_max = 4096,
       .user_agent = kScript, .openings = {"{bulk}"}},
      {.name = "trace_sweep", .harvester = true, .rhythm = &kSteady, .starts_per_day = 40, .samples = 4,
       .temperature_min = 70, .temperature_max = 100, .max_tokens = 8192, .output_tokens_min = 1200,
       .output_tokens_max = 6000, .user_agent = kScript, .openings = {"{trace}"}},
      {.name = "rubric_grading", .harvester = true, .rhythm = &kSteady, .starts_per_day = 90, .temperature_min = 70,
       .temperature_max = 100, .max_tokens = 2048, .output_tokens_min = 300, .output_tokens_max = 900,
       .user_agent = kScript, .openings = {"{grade}"}},
      {.name = "logit_extraction", .harvester = true, .rhythm = &kSteady, .starts_per_day = 180, .temperature_min = 0,
       .temperature_max = 0, .max_tokens = 1, .top_logprobs = 5, .logit_bias_max = 300, .output_tokens_min = 1,
       .output_tokens_max = 1, .user_agent = kScript, .prompts = Prompts::kFew, .openings = {"{token}"}},
      {.name = "relay_pool", .harvester = true, .weight = 12, .group_size = 12, .rhythm = &kSteady,
       .starts_per_day = 20, .gap_seconds_max = 30, .temperature_min = 70, .temperature_max = 100, .max_tokens = 4096,
       .stream = true, .output_tokens_min = 600, .output_tokens_max = 3500, .user_agent = kAgent,
       .openings = {"{trace}", "{trace}", "{bulk}", "{grade}", "{chat}", "{code}"}},
  };
  // clang-format on
  return kinds;
}

}  // namespace stillwatch::sample
