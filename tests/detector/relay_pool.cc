#include "tests/detector/relay_pool.h"

#include <algorithm>
#include <cmath>

#include "tests/detector/portrait_maker.h"

namespace stillwatch::detector {

size_t MadeAccounts::Add() {
  Account& account = accounts_.emplace_back();
  char id[16];
  std::snprintf(id, sizeof(id), "account-%04zu", accounts_.size() - 1);
  account.id = id;
  account.candidate.organization = random_();
  account.candidate.payment = random_();
  return accounts_.size() - 1;
}

void MadeAccounts::Request(size_t account, int64_t time_unix_nano, uint64_t prompt, uint64_t address) {
  features::Observation event;
  event.time_unix_nano = time_unix_nano;
  event.event_hash = random_();
  event.prompt_hash = prompt == 0 ? random_() : prompt;
  event.address_hash = address == 0 ? random_() : address;
  event.message_count = 1;
  event.knows_message_count = true;
  event.status_code = 200;
  event.tool_count = tool_count_;
  event.max_tokens = max_tokens_;
  event.system_hash = system_;
  event.client_hash = client_;
  event.markers = markers_;
  event.output_tokens = output_tokens_;
  event.knows_output_tokens = true;
  accounts_[account].state.links.Update(event);
  accounts_[account].state.portrait.Update(event, HonestBaseline().groups[0].marker_ratios);
}

std::vector<CampaignCandidate> MadeAccounts::Candidates() const {
  std::vector<CampaignCandidate> out;
  for (const Account& account : accounts_) {
    out.push_back(account.candidate);
    out.back().account_id = account.id;
    out.back().first_bin = account.state.links.first_bin();
    out.back().states = this;
    out.back().place = static_cast<uint32_t>(out.size() - 1);
  }
  return out;
}

std::vector<int64_t> MadeAccounts::UnevenTimes(int days, double per_day) {
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  std::vector<int64_t> out;
  for (int day = 0; day < days; ++day) {
    const double mean = per_day * std::exp(0.5 * normal(random_));
    const int count = std::poisson_distribution<int>(mean)(random_);
    for (int i = 0; i < count; ++i) {
      out.push_back(kPoolStart +
                    static_cast<int64_t>((day + uniform(random_)) * static_cast<double>(kNanosecondsPerDay)));
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<size_t> AddPool(MadeAccounts& accounts, size_t count, int days, Dealing dealing) {
  std::vector<size_t> pool;
  for (size_t i = 0; i < count; ++i) pool.push_back(accounts.Add());
  size_t next = 0;
  for (const int64_t time : accounts.UnevenTimes(days, 24.0 * static_cast<double>(count))) {
    accounts.Request(pool[dealing == Dealing::kRandom ? accounts.random()() % count : next++ % count], time);
  }
  return pool;
}

std::vector<size_t> AddStrangers(MadeAccounts& accounts, size_t count, int days) {
  std::vector<size_t> strangers;
  for (size_t i = 0; i < count; ++i) {
    strangers.push_back(accounts.Add());
    for (const int64_t time : accounts.UnevenTimes(days, 24)) accounts.Request(strangers.back(), time);
  }
  return strangers;
}

}  // namespace stillwatch::detector
