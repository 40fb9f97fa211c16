// Made-up accounts for the tests of campaigns: pools dealt out from one queue, and honest groups that look alike.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "detector/campaign_candidate.h"
#include "detector/state_view.h"

namespace stillwatch::detector {

inline constexpr int64_t kPoolStart = 20'000 * kNanosecondsPerDay;  // 2024-10-04.

// Accounts with what the search for campaigns looks at. Ids are in the order of Add.
class MadeAccounts final : public StateSource {
 public:
  explicit MadeAccounts(uint64_t seed) : random_(seed) {}

  size_t Add();
  void Request(size_t account, int64_t time_unix_nano, uint64_t prompt = 0, uint64_t address = 0);
  CampaignCandidate& profile(size_t account) { return accounts_[account].candidate; }
  std::vector<CampaignCandidate> Candidates() const;
  StateView StateAt(uint32_t place) const override { return StateView(accounts_[place].state); }

  // Times of requests over `days`, `per_day` on average, busier on some days than on others.
  std::vector<int64_t> UnevenTimes(int days, double per_day);
  std::mt19937_64& random() { return random_; }
  // Of the requests from now on.
  void SetToolCount(uint16_t count) { tool_count_ = count; }
  void SetMaxTokens(uint32_t count) { max_tokens_ = count; }
  void SetSystem(uint64_t hash) { system_ = hash; }
  void SetClient(uint64_t hash) { client_ = hash; }
  void SetMarkers(uint32_t markers) { markers_ = markers; }
  void SetOutputTokens(uint32_t count) { output_tokens_ = count; }

 private:
  struct Account {
    CampaignCandidate candidate;
    std::string id;
    LiveState state;
  };
  std::mt19937_64 random_;
  uint16_t tool_count_ = 0;
  uint32_t max_tokens_ = 0;
  uint64_t system_ = 0;
  uint64_t client_ = 0;
  uint32_t markers_ = 0;
  uint32_t output_tokens_ = 200;
  std::deque<Account> accounts_;
};

// Adds `count` accounts, each paid apart and of an organisation of its own, and deals `days` of traffic out to them, 24
// requests a day each. Returns their indices.
enum class Dealing : uint8_t { kLeastRecentlyUsed, kRandom };
std::vector<size_t> AddPool(MadeAccounts& accounts, size_t count, int days, Dealing dealing);

// Adds `count` customers who have nothing to do with each other, with 24 requests a day each.
std::vector<size_t> AddStrangers(MadeAccounts& accounts, size_t count, int days);

}  // namespace stillwatch::detector
