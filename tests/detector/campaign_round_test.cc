#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "detector/campaign_book.h"
#include "proto/limits.h"
#include "tests/detector/deployment.h"
#include "tests/detector/engine_dump.h"
#include "tests/detector/relay_pool.h"

namespace stillwatch::detector {
namespace {

constexpr int kDays = 8;
constexpr size_t kPoolSize = 12;
constexpr size_t kStrangerCount = 40;
constexpr size_t kBatchSize = 1000;

struct Request {
  int64_t time_unix_nano;
  std::string account_id;
};

// A pool dealt out from one queue, and strangers.
std::vector<Request> MakeRequests() {
  MadeAccounts times(5);
  std::vector<Request> out;
  size_t next = 0;
  for (const int64_t time : times.UnevenTimes(kDays, 24.0 * kPoolSize)) {
    out.push_back({time, "pool-" + std::to_string(next++ % kPoolSize)});
  }
  for (size_t i = 0; i < kStrangerCount; ++i) {
    for (const int64_t time : times.UnevenTimes(kDays, 24)) out.push_back({time, "stranger-" + std::to_string(i)});
  }
  std::sort(out.begin(), out.end(), [](const Request& a, const Request& b) {
    return std::tie(a.time_unix_nano, a.account_id) < std::tie(b.time_unix_nano, b.account_id);
  });
  return out;
}

std::shared_ptr<const UsageBatch> BatchOf(const std::vector<Request>& requests, size_t begin, size_t end) {
  auto batch = std::make_shared<UsageBatch>();
  const auto names = std::make_shared<std::deque<std::string>>();
  for (size_t i = begin; i < std::min(end, requests.size()); ++i) {
    const size_t row = batch->AddRow();
    batch->SetText(row, TextField::kEventId, names->emplace_back("event-" + std::to_string(i)));
    batch->SetText(row, TextField::kAccountId, names->emplace_back(requests[i].account_id));
    batch->SetNumber(row, NumberField::kTimeUnixNano, static_cast<uint64_t>(requests[i].time_unix_nano));
    batch->SetNumber(row, NumberField::kStatusCode, 200);
    batch->SetNumber(row, NumberField::kMessageCount, 1);
  }
  batch->KeepAlive(names);
  return batch;
}

const std::vector<Request>& Requests() {
  static const std::vector<Request> requests = MakeRequests();
  return requests;
}

TEST(CampaignRoundTest, ThePoolIsFoundDuringTheStreamAndItsRiskReachesTheMembers) {
  Deployment deployment;
  for (size_t i = 0; i < Requests().size(); i += kBatchSize) deployment.Take(BatchOf(Requests(), i, i + kBatchSize));
  const auto campaigns = deployment.engine().campaigns();
  ASSERT_EQ(campaigns->campaigns().size(), 1U);
  const Campaign& campaign = campaigns->campaigns()[0];
  EXPECT_EQ(campaign.CountMembers(), kPoolSize);
  EXPECT_GT(campaign.event_count, 1000U);
  const auto member = deployment.engine().Get("pool-3");
  const auto stranger = deployment.engine().Get("stranger-3");
  EXPECT_EQ(member->live.membership.campaign, campaign.number);
  EXPECT_EQ(stranger->live.membership.campaign, 0U);
  EXPECT_GT(member->assessment.log_odds, stranger->assessment.log_odds + 5);
  double sum = kBaseLogOdds;
  for (const Finding& finding : member->assessment.findings) sum += finding.log_odds;
  EXPECT_DOUBLE_EQ(sum, member->assessment.log_odds);
}

// All accounts are searched at noon and at midnight.
TEST(CampaignRoundTest, APoolOfNewcomersIsFoundBeforeTheNextSearchAmongAll) {
  constexpr int64_t kMidnight = kPoolStart + 3 * kNanosecondsPerDay;
  std::vector<Request> requests = Requests();
  std::erase_if(requests, [](const Request& request) {
    return request.account_id.starts_with("pool") || request.time_unix_nano >= kMidnight + 11 * kNanosecondsPerHour;
  });
  MadeAccounts times(6);
  size_t next = 0;
  for (const int64_t time : times.UnevenTimes(1, 60.0 * kPoolSize)) {
    const int64_t later = time - kPoolStart + kMidnight + kNanosecondsPerHour / 2;
    if (later >= kMidnight + 11 * kNanosecondsPerHour) break;
    requests.push_back({later, "pool-" + std::to_string(next++ % kPoolSize)});
  }
  std::sort(requests.begin(), requests.end(),
            [](const Request& a, const Request& b) { return a.time_unix_nano < b.time_unix_nano; });
  Deployment deployment;
  for (size_t i = 0; i < requests.size(); i += kBatchSize) deployment.Take(BatchOf(requests, i, i + kBatchSize));
  EXPECT_NE(deployment.engine().Get("pool-3")->live.membership.campaign, 0U);
  EXPECT_EQ(deployment.engine().Get("stranger-3")->live.membership.campaign, 0U);
}

// The next search among newcomers in all ways would be three hours after the last.
TEST(CampaignRoundTest, APoolThatBeginsIsFoundWithinHoursByItsOrder) {
  constexpr int64_t kBegin = kPoolStart + 3 * kNanosecondsPerDay + 10 * kNanosecondsPerMinute;
  constexpr int64_t kEnd = kBegin + 165 * kNanosecondsPerMinute;
  constexpr size_t kSize = 40;
  std::vector<Request> requests = Requests();
  std::erase_if(requests, [](const Request& request) {
    return request.account_id.starts_with("pool") || request.time_unix_nano >= kEnd;
  });
  std::mt19937_64 random(8);
  size_t next = 0;
  for (int64_t time = kBegin; time < kEnd; time += static_cast<int64_t>(random() % (2 * kNanosecondsPerMinute))) {
    requests.push_back({time, "pool-" + std::to_string(next++ % kSize)});
  }
  std::sort(requests.begin(), requests.end(),
            [](const Request& a, const Request& b) { return a.time_unix_nano < b.time_unix_nano; });
  Deployment deployment;
  for (size_t i = 0; i < requests.size(); i += kBatchSize) deployment.Take(BatchOf(requests, i, i + kBatchSize));
  const auto campaigns = deployment.engine().campaigns();
  ASSERT_EQ(campaigns->campaigns().size(), 1U);
  EXPECT_GT(campaigns->campaigns()[0].CountMembers(), 12U);
  for (const CampaignMember& member : campaigns->campaigns()[0].members) {
    EXPECT_TRUE(member.account_id.starts_with("pool")) << member.account_id;
  }
}

TEST(CampaignRoundTest, BatchSizesAndRestartsChangeNothing) {
  Deployment steady, restarted;
  std::mt19937_64 random(3);
  int restart_count = 0;
  for (size_t i = 0; i < Requests().size(); i += kBatchSize) {
    steady.Take(BatchOf(Requests(), i, i + kBatchSize));
    for (size_t j = i; j < i + kBatchSize; j += 250)
      restarted.Take(BatchOf(Requests(), j, std::min(j + 250, i + kBatchSize)));
    if (random() % 3 == 0) restarted.Save();
    if (random() % 4 != 0) continue;
    ++restart_count;
    restarted.Restart();
    ASSERT_EQ(restarted.engine().campaigns()->Encode(), steady.engine().campaigns()->Encode()) << i;
  }
  EXPECT_GT(restart_count, 2);
  ExpectSame(restarted.engine(), steady.engine(), "at the end");
}

TEST(CampaignRoundTest, AMemberThatAnAnalystFoundBenignLeaves) {
  Deployment deployment;
  for (size_t i = 0; i < Requests().size(); i += kBatchSize) {
    if (i == 5 * kBatchSize) deployment.SetLabel("pool-3", Label::kBenign);
    deployment.Take(BatchOf(Requests(), i, i + kBatchSize));
  }
  EXPECT_EQ(deployment.engine().Get("pool-3")->live.membership.campaign, 0U);
  EXPECT_NE(deployment.engine().Get("pool-4")->live.membership.campaign, 0U);
}

}  // namespace
}  // namespace stillwatch::detector
