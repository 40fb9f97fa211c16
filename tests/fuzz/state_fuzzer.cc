// States of accounts, as a checkpoint holds them.
#include <cstring>

#include "detector/account_record.h"
#include "detector/state_codec.h"
#include "tests/fuzz/fuzz_target.h"

using namespace stillwatch;
using namespace stillwatch::detector;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes = fuzz::TextOf(data, size);
  LiveState state;
  const std::optional<std::string_view> organization_id = ReadRecord(bytes, state);
  if (!organization_id) return 0;
  // What can be read can be written, and reads as the same, by any instructions.
  const storage::SharedBytes again = EncodeRecord(*organization_id, state);
  LiveState same;
  if (ReadRecord(again.view(), same) != organization_id || std::memcmp(&same, &state, sizeof(state)) != 0) __builtin_trap();
  std::string plain;
  AppendState(state, plain, StatePacking{});
  if (!again.view().ends_with(plain)) __builtin_trap();
  return 0;
}

std::vector<std::string> fuzz::Seeds() {
  std::vector<std::string> seeds;
  LiveState state;
  const auto add = [&] { seeds.emplace_back(EncodeRecord("organization", state).view()); };
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
