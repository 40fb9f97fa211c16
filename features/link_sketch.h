// What may link an account to others.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "features/bottom_k.h"
#include "features/heavy_hitters.h"
#include "features/observation.h"
#include "proto/limits.h"

namespace stillwatch::features {

// Keeps of an account what can be compared with other accounts: when its conversations began, which system prompts,
// openings, parameters, addresses and clients it uses most, and samples of its prompts and conversations.
// Plain memory: it is trivially copyable, and that is how it is checkpointed.
// Threading: none of its own. Limits: below 1 KiB; beginnings are known of the last 14 days.
class LinkSketch {
 public:
  // Beginnings are counted in bins of three hours: short enough to show a pool's pauses, long enough for a few
  // beginnings in each at 24 a day.
  static constexpr int64_t kBinNano = 3 * kNanosecondsPerHour;
  static constexpr int64_t kBinsPerDay = 8;
  static constexpr int64_t kBinCount = 14 * kBinsPerDay;
  static int64_t BinOf(int64_t time_unix_nano) { return time_unix_nano / kBinNano; }

  void Update(const Observation& event);

  // Conversations and single requests that began in the bin; 255 stands for all above. 0 if the bin is not known.
  uint8_t starts(int64_t bin) const {
    const bool is_known = bin <= newest_bin_ && bin > newest_bin_ - kBinCount && bin >= first_bin_;
    return is_known ? starts_[static_cast<size_t>(bin % kBinCount)] : 0;
  }
  // The same for the kBinCount bins before `end_bin`, newest first.
  std::array<uint8_t, kBinCount> StartsBefore(int64_t end_bin) const;
  // The newest kStartCountMax beginnings, oldest first, in ticks since 1970: their order, which bins do not know. One
  // that came late is not among them, and a silence of more than kTickSpan makes them start anew.
  static constexpr size_t kStartCountMax = 112;
  static constexpr int64_t kTickNano = 16 * kNanosecondsPerSecond;
  static constexpr int64_t kTickSpan = 1 << 16;  // 12 days.
  std::vector<int64_t> RecentStarts() const;
  size_t recent_start_count() const { return start_count_ < kStartCountMax ? start_count_ : kStartCountMax; }
  int64_t newest_start_tick() const { return newest_start_tick_; }
  int64_t first_bin() const { return first_bin_; }
  int64_t newest_bin() const { return newest_bin_; }
  uint64_t organization_hash() const { return organization_hash_; }
  const HeavyHitters<8>& systems() const { return systems_; }
  const HeavyHitters<4>& heads() const { return heads_; }
  const HeavyHitters<4>& parameters() const { return parameters_; }
  const HeavyHitters<4>& addresses() const { return addresses_; }
  const HeavyHitters<2>& clients() const { return clients_; }
  // Prompts with text, and conversations of more than one message.
  const BottomK<16>& prompts() const { return prompts_; }
  const BottomK<16>& conversations() const { return conversations_; }

 private:
  void CountStart(int64_t bin);
  void KeepStart(int64_t tick);

  int64_t first_bin_ = 0;  // 0: nothing was counted yet.
  int64_t newest_bin_ = 0;
  uint64_t organization_hash_ = 0;  // As last told.
  HeavyHitters<8> systems_;
  HeavyHitters<4> heads_;
  HeavyHitters<4> parameters_;  // Of temperature, length limit, choices and log-probabilities together.
  HeavyHitters<4> addresses_;
  HeavyHitters<2> clients_;  // Programs, whatever their network: few accounts use more than two at a time.
  BottomK<16> prompts_;
  BottomK<16> conversations_;
  std::array<uint8_t, kBinCount> starts_{};  // A ring: bin b is at b modulo kBinCount.
  int64_t newest_start_tick_ = 0;
  uint64_t start_count_ = 0;                            // Since the ring below started anew.
  std::array<uint16_t, kStartCountMax> start_ticks_{};  // A ring: ticks modulo kTickSpan.
};
static_assert(std::is_trivially_copyable_v<LinkSketch>);
static_assert(sizeof(LinkSketch) <= 1024, "what links an account stays within 1 KiB");

}  // namespace stillwatch::features
