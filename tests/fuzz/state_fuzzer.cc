// States of accounts, as a checkpoint holds them.
#include "detector/state_codec.h"
#include "tests/fuzz/fuzz_target.h"

using namespace stillwatch;
using namespace stillwatch::detector;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes = fuzz::TextOf(data, size);
  const std::optional<LiveState> state = ReadState(bytes);
  if (!state) return 0;
  // What can be read can be written, and reads as the same.
  std::string again;
  AppendState(*state, again);
  const std::optional<LiveState> same = ReadState(again);
  std::string twice;
  if (same) AppendState(*same, twice);
  if (twice != again) __builtin_trap();
  return 0;
}

std::vector<std::string> fuzz::Seeds() {
  std::vector<std::string> seeds;
  LiveState state;
  const auto add = [&] { AppendState(state, seeds.emplace_back()); };
  add();
  features::Observation event;
  const Baseline baseline = PriorBaseline();
  for (int i = 0; i < 300; ++i) {
    event.time_unix_nano += 1'780'000'000'000'000 + i;
    event.event_hash = static_cast<uint64_t>(i) * 0x9E3779B97F4A7C15;
    ApplyEvent(state, event, baseline, Label::kUnlabelled, [](Verdict, const LiveState&, int64_t) {});
    if (i == 0) add();
  }
  add();
  return seeds;
}
