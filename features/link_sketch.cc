#include "features/link_sketch.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <bit>

namespace stillwatch::features {
namespace {

uint64_t HashParameters(const Observation& event) {
  const uint64_t parts[] = {std::bit_cast<uint32_t>(event.temperature), event.max_tokens, event.choice_count,
                            event.top_logprobs};
  return XXH3_64bits(parts, sizeof(parts));
}

}  // namespace

void LinkSketch::CountStart(int64_t bin) {
  if (first_bin_ == 0) first_bin_ = newest_bin_ = bin;
  if (bin <= newest_bin_ - kBinCount) return;  // Late: the ring has gone on.
  for (; newest_bin_ < bin; ++newest_bin_) {
    if (bin - newest_bin_ > kBinCount) newest_bin_ = bin - kBinCount;
    starts_[static_cast<size_t>((newest_bin_ + 1) % kBinCount)] = 0;
  }
  first_bin_ = std::min(first_bin_, bin);
  uint8_t& count = starts_[static_cast<size_t>(bin % kBinCount)];
  if (count < UINT8_MAX) ++count;
}

void LinkSketch::KeepStart(int64_t tick) {
  if (start_count_ > 0 && tick < newest_start_tick_) return;
  if (tick - newest_start_tick_ >= kTickSpan) start_count_ = 0;
  start_ticks_[start_count_++ % kStartCountMax] = static_cast<uint16_t>(tick);
  newest_start_tick_ = tick;
}

std::vector<int64_t> LinkSketch::RecentStarts() const {
  std::vector<int64_t> out(recent_start_count());
  int64_t tick = newest_start_tick_;
  for (size_t i = 0; i < out.size(); ++i) {
    const uint16_t kept = start_ticks_[(start_count_ - 1 - i) % kStartCountMax];
    tick -= static_cast<uint16_t>(static_cast<uint16_t>(tick) - kept);
    out[out.size() - 1 - i] = tick;
  }
  return out;
}

std::array<uint8_t, LinkSketch::kBinCount> LinkSketch::StartsBefore(int64_t end_bin) const {
  std::array<uint8_t, kBinCount> out{};
  const int64_t begin = std::max({end_bin - kBinCount, newest_bin_ - kBinCount + 1, first_bin_});
  int64_t bin = std::min(end_bin - 1, newest_bin_);
  if (bin < begin) return out;
  auto slot = static_cast<size_t>(bin % kBinCount);
  for (auto i = static_cast<size_t>(end_bin - 1 - bin); bin >= begin; --bin, ++i) {
    out[i] = starts_[slot];
    slot = slot == 0 ? kBinCount - 1 : slot - 1;
  }
  return out;
}

void LinkSketch::Update(const Observation& event) {
  if (event.organization_hash != 0) organization_hash_ = event.organization_hash;
  const bool is_start = !event.knows_message_count || event.message_count <= 1;
  if (is_start) {
    CountStart(BinOf(event.time_unix_nano));
    KeepStart(event.time_unix_nano / kTickNano);
  }
  if (event.system_hash != 0) systems_.Add(event.system_hash);
  if (event.head_hash != 0 && is_start) heads_.Add(event.head_hash);
  if (event.address_hash != 0) addresses_.Add(event.address_hash);
  if (event.client_hash != 0) clients_.Add(event.client_hash);
  parameters_.Add(HashParameters(event));
  prompts_.Add(event.prompt_hash);
  if (!is_start) conversations_.Add(event.conversation_hash);
}

}  // namespace stillwatch::features
