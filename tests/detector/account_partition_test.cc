#include "detector/account_partition.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "detector/account_record.h"
#include "proto/limits.h"
#include "tests/detector/portrait_maker.h"

namespace stillwatch::detector {
namespace {

constexpr int64_t kStart = 1'735'689'600 * kNanosecondsPerSecond;
constexpr char kAccount[] = "account";

struct Arrival {
  int64_t effective_time;
  uint64_t sequence;
  features::Observation event;
};

// Events of one account; every fourth has the time of the one before.
std::vector<Arrival> Arrivals(size_t count) {
  std::mt19937_64 random(4);
  std::vector<Arrival> arrivals;
  int64_t time = kStart;
  for (uint64_t i = 0; i < count; ++i) {
    if (i % 4 != 0) time += static_cast<int64_t>(random() % kNanosecondsPerMinute);
    features::Observation event;
    event.time_unix_nano = time;
    event.event_hash = random();
    event.prompt_hash = random() | 1;
    event.head_hash = 7;
    event.markers = random() % 2;
    event.input_tokens = 10;
    event.output_tokens = 900;
    event.message_count = 1;
    event.knows_message_count = event.knows_output_tokens = true;
    arrivals.push_back({time, i, event});
  }
  return arrivals;
}

void Add(AccountPartition& partition, std::string_view organization_id, int64_t effective_time, uint64_t sequence,
         const features::Observation& event) {
  const AccountPartition::Arrival arrival = {kAccount,       organization_id, HashName(kAccount),
                                             effective_time, sequence,        &event};
  partition.AddWaiting({&arrival, 1});
}

void Add(AccountPartition& partition, const std::vector<Arrival>& arrivals) {
  for (const Arrival& arrival : arrivals) {
    Add(partition, "", arrival.effective_time, arrival.sequence, arrival.event);
  }
}

void ExpectSamePortrait(const AccountDetail& actual, const AccountDetail& expected) {
  EXPECT_EQ(std::memcmp(&actual.live.portrait, &expected.live.portrait, sizeof(features::Portrait)), 0);
  EXPECT_EQ(actual.live.score.log_odds, expected.live.score.log_odds);
  EXPECT_EQ(actual.live.score.verdict, expected.live.score.verdict);
  EXPECT_EQ(actual.live.score.first_review_time_unix_nano, expected.live.score.first_review_time_unix_nano);
  EXPECT_EQ(actual.live.score.events_at_first_act, expected.live.score.events_at_first_act);
  EXPECT_EQ(actual.timeline, expected.timeline);
}

constexpr int64_t kEnd = kStart + 400 * kNanosecondsPerDay;

TEST(AccountPartitionTest, TheOrderOfArrivalDoesNotMatter) {
  std::vector<Arrival> arrivals = Arrivals(300);
  AccountPartition in_order;
  Add(in_order, arrivals);
  in_order.Settle(kEnd, HonestBaseline());
  std::mt19937_64 random(8);
  for (int round = 0; round < 5; ++round) {
    std::shuffle(arrivals.begin(), arrivals.end(), random);
    AccountPartition shuffled;
    Add(shuffled, arrivals);
    EXPECT_EQ(shuffled.Settle(kEnd, HonestBaseline()), 300U);
    ExpectSamePortrait(*shuffled.Get(kAccount, HonestBaseline()), *in_order.Get(kAccount, HonestBaseline()));
  }
}

TEST(AccountPartitionTest, LookingAheadEqualsSettling) {
  AccountPartition waiting, settled;
  Add(waiting, Arrivals(300));
  Add(settled, Arrivals(300));
  ASSERT_EQ(settled.Settle(kEnd, HonestBaseline()), 300U);
  ExpectSamePortrait(*waiting.Get(kAccount, HonestBaseline()), *settled.Get(kAccount, HonestBaseline()));
  const AccountSummary ahead = waiting.List(HonestBaseline()).at(0);
  const AccountSummary now = settled.List(HonestBaseline()).at(0);
  EXPECT_EQ(ahead.event_count, 300U);
  EXPECT_EQ(ahead.risk, now.risk);
  EXPECT_EQ(ahead.verdict, now.verdict);
  EXPECT_NE(now.verdict, Verdict::kClear) << "a comparison of clear accounts would say little";
  // Looking changed nothing.
  EXPECT_EQ(waiting.Settle(kEnd, HonestBaseline()), 300U);
  ExpectSamePortrait(*waiting.Get(kAccount, HonestBaseline()), *settled.Get(kAccount, HonestBaseline()));
}

TEST(AccountPartitionTest, SettlesOnlyWhatIsBeforeTheTime) {
  AccountPartition partition;
  const std::vector<Arrival> arrivals = Arrivals(100);
  Add(partition, arrivals);
  const int64_t middle = arrivals[50].effective_time;
  const auto before = static_cast<size_t>(std::count_if(
      arrivals.begin(), arrivals.end(), [middle](const Arrival& arrival) { return arrival.effective_time < middle; }));
  EXPECT_EQ(partition.EarliestWaiting(), arrivals[0].effective_time);
  EXPECT_EQ(partition.Settle(middle, HonestBaseline()), before);
  EXPECT_EQ(partition.Settle(middle, HonestBaseline()), 0U);
  EXPECT_EQ(partition.EarliestWaiting(), middle);
  EXPECT_EQ(partition.WaitingEvents().size(), 100 - before);
  EXPECT_EQ(partition.Get(kAccount, HonestBaseline())->live.portrait.event_count(), 100U);
  partition.Settle(kEnd, HonestBaseline());
  EXPECT_EQ(partition.EarliestWaiting(), std::nullopt);
}

struct Unsaved {
  std::string key;
  storage::SharedBytes record;
  LiveState state;
};

std::vector<Unsaved> TakeUnsaved(AccountPartition& partition) {
  std::vector<Unsaved> out;
  partition.VisitForSave(1, AccountPartition::SaveScope::kUnsaved, [&](std::string key, storage::SharedBytes record) {
    Unsaved& unsaved = out.emplace_back(Unsaved{std::move(key), std::move(record), {}});
    EXPECT_TRUE(ReadRecord(unsaved.record.view(), unsaved.state));
  });
  return out;
}

TEST(AccountPartitionTest, ManyEventsThatSettleAtOnceLeaveThoseThatWait) {
  constexpr size_t kCount = 40'000;
  const std::vector<Arrival> arrivals = Arrivals(kCount);
  const int64_t until = arrivals[kCount - 200].effective_time;
  AccountPartition partition;
  AccountPartition stepwise;
  Add(partition, arrivals);
  const size_t settled = partition.Settle(until, HonestBaseline());
  ASSERT_LE(settled, kCount - 200);
  for (size_t i = 0; i < kCount; ++i) {
    Add(stepwise, "", arrivals[i].effective_time, arrivals[i].sequence, arrivals[i].event);
    if (i % 100 == 0 && arrivals[i].effective_time < until) {
      stepwise.Settle(arrivals[i].effective_time, HonestBaseline());
    }
  }
  stepwise.Settle(until, HonestBaseline());
  ASSERT_EQ(partition.WaitingEvents().size(), kCount - settled);
  const auto expect_same = [&] {
    const LiveState expected = stepwise.Get(kAccount, HonestBaseline())->live;
    const LiveState actual = partition.Get(kAccount, HonestBaseline())->live;
    EXPECT_EQ(std::memcmp(&actual, &expected, sizeof(LiveState)), 0);
    EXPECT_EQ(actual.portrait.event_count(), kCount);
  };
  expect_same();
  EXPECT_EQ(partition.Settle(kEnd * 2, HonestBaseline()), kCount - settled);
  stepwise.Settle(kEnd * 2, HonestBaseline());
  expect_same();
}

TEST(AccountPartitionTest, WhatChangedIsTakenOnce) {
  AccountPartition partition;
  EXPECT_TRUE(TakeUnsaved(partition).empty());
  Add(partition, Arrivals(10));
  EXPECT_TRUE(TakeUnsaved(partition).empty()) << "waiting events are saved elsewhere";
  partition.Settle(kEnd, HonestBaseline());
  const auto unsaved = TakeUnsaved(partition);
  ASSERT_EQ(unsaved.size(), 1U);
  EXPECT_EQ(unsaved[0].key, StateKeyOf(HashName(kAccount), kAccount));
  EXPECT_EQ(unsaved[0].state.portrait.event_count(), 10U);
  EXPECT_TRUE(TakeUnsaved(partition).empty());
}

TEST(AccountPartitionTest, TicksAndLabelsAndOrganizationsAreChanges) {
  AccountPartition partition;
  std::vector<Arrival> arrivals = Arrivals(10);
  for (Arrival& arrival : arrivals) arrival.event.markers = 0;  // Nothing is urgent: the assessment waits for the tick.
  Add(partition, arrivals);
  partition.Settle(kEnd, HonestBaseline());
  EXPECT_EQ(TakeUnsaved(partition).size(), 1U);
  partition.Tick(kEnd, HonestBaseline());
  EXPECT_EQ(TakeUnsaved(partition).size(), 1U) << "a tick that assesses it";
  partition.Tick(kEnd + 1, HonestBaseline());
  EXPECT_TRUE(TakeUnsaved(partition).empty()) << "a tick without events";
  partition.SetLabel(kAccount, Label::kBenign, HonestBaseline());
  EXPECT_EQ(TakeUnsaved(partition).size(), 1U) << "a label";
  partition.SetLabel(kAccount, Label::kBenign, HonestBaseline());
  EXPECT_TRUE(TakeUnsaved(partition).empty()) << "the same label";
  Add(partition, "organization", kEnd + 2, 99, Arrivals(1)[0].event);
  EXPECT_EQ(TakeUnsaved(partition).size(), 1U) << "an organization";
}

TEST(AccountPartitionTest, VerdictsFallAtTicksOnly) {
  AccountPartition partition;
  Add(partition, Arrivals(300));
  partition.Settle(kEnd, HonestBaseline());
  const Verdict verdict = partition.List(HonestBaseline()).at(0).verdict;
  ASSERT_GE(verdict, Verdict::kReview);
  const size_t change_count = partition.TakeChanges().size();
  EXPECT_GE(change_count, 1U);
  EXPECT_TRUE(partition.TakeChanges().empty());
  Baseline lenient = HonestBaseline();
  lenient.time_unix_nano += 1;
  lenient.review_log_odds = lenient.act_log_odds = 100;
  // An eighth more events, so that an assessment is due.
  for (uint64_t i = 0; i < 60; ++i) Add(partition, "", kEnd, 300 + i, Arrivals(1)[0].event);
  partition.Settle(kEnd + 1, lenient);
  EXPECT_TRUE(partition.TakeChanges().empty());
  partition.Tick(kEnd + 2, lenient);
  const std::vector<VerdictChange> changes = partition.TakeChanges();
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].to, Verdict::kClear);
  EXPECT_EQ(changes[0].time_unix_nano, kEnd + 2);
}

TEST(AccountPartitionTest, ASavedAccountComesBack) {
  AccountPartition partition;
  Add(partition, Arrivals(200));
  partition.Settle(kEnd, HonestBaseline());
  const auto unsaved = TakeUnsaved(partition);
  AccountPartition restored;
  const std::optional<Score> score = restored.Restore(kAccount, unsaved.at(0).record.view());
  ASSERT_TRUE(score.has_value());
  EXPECT_EQ(score->verdict, restored.StandingOf(kAccount)->verdict);
  restored.RestoreTimeline(kAccount, partition.Get(kAccount, HonestBaseline())->timeline);
  ExpectSamePortrait(*restored.Get(kAccount, HonestBaseline()), *partition.Get(kAccount, HonestBaseline()));
  EXPECT_TRUE(TakeUnsaved(restored).empty());
  EXPECT_FALSE(AccountPartition().Restore(kAccount, unsaved.at(0).record.view().substr(1)));
}

TEST(AccountPartitionTest, PortraitsOfSmallAccountsAreLeftOut) {
  AccountPartition partition;
  Add(partition, Arrivals(5));
  partition.Settle(kEnd, HonestBaseline());
  EXPECT_TRUE(partition.Sample(10, 6).empty());
  const std::vector<AccountPartition::Sampled> sample = partition.Sample(10, 5);
  ASSERT_EQ(sample.size(), 1U);
  EXPECT_EQ(sample[0].hash, __builtin_bswap64(HashName(kAccount)));
  EXPECT_EQ(sample[0].state->portrait.event_count(), 5U);
  EXPECT_TRUE(partition.Sample(0, 5).empty());
}

TEST(AccountPartitionTest, AccountsOfOneHashAreToldApart) {
  AccountPartition partition;
  const std::vector<Arrival> arrivals = Arrivals(6);
  const auto add = [&](std::string_view id, size_t i) {
    const AccountPartition::Arrival arrival = {
        id, "", HashName(kAccount), arrivals[i].effective_time, i, &arrivals[i].event};
    partition.AddWaiting({&arrival, 1});
  };
  const auto counts = [&] {
    partition.Settle(kEnd, HonestBaseline());
    std::map<std::string, uint64_t> out;
    for (const AccountSummary& summary : partition.List(HonestBaseline()))
      out[summary.account_id] = summary.event_count;
    return out;
  };
  using Counts = std::map<std::string, uint64_t>;
  add(kAccount, 0);
  add("twin", 1);
  add(kAccount, 2);
  add("third", 3);
  EXPECT_EQ(counts(), (Counts{{kAccount, 2}, {"twin", 1}, {"third", 1}}));
  EXPECT_EQ(partition.Get(kAccount, HonestBaseline())->live.portrait.event_count(), 2U);
  partition.Forget(kAccount, 4);
  add("twin", 4);
  add("third", 5);
  EXPECT_EQ(counts(), (Counts{{"twin", 2}, {"third", 2}}));
}

// Of accounts that began long ago a search takes a sample.
TEST(AccountPartitionTest, CandidatesAreNewcomersAndASampleOfTheOthers) {
  constexpr int kOld = 30;
  constexpr int kNew = 5;
  constexpr size_t kSampled = 10;
  const int64_t later = kStart + 30 * kNanosecondsPerDay;
  const auto id_of = [](int account) { return "account-" + std::to_string(account); };
  const auto candidates_of = [&](bool is_reversed) {
    auto partition = std::make_unique<AccountPartition>();
    for (int i = 0; i < kOld + kNew; ++i) {
      const int account = is_reversed ? kOld + kNew - 1 - i : i;
      features::Observation event;
      event.time_unix_nano = account < kOld ? kStart : later;
      event.event_hash = static_cast<uint64_t>(account) + 1;
      const std::string id = id_of(account);
      const AccountPartition::Arrival arrival = {
          id, "", HashName(id), event.time_unix_nano, static_cast<uint64_t>(i), &event};
      partition->AddWaiting({&arrival, 1});
    }
    const std::string waiting = "waits, so it is no candidate yet";
    features::Observation event;
    event.time_unix_nano = later + 1;
    const AccountPartition::Arrival arrival = {waiting, "", HashName(waiting), later + 1, 99, &event};
    partition->AddWaiting({&arrival, 1});
    partition->Settle(later + 1, HonestBaseline());
    partition->SetLabel(id_of(kOld), Label::kBenign, HonestBaseline());
    std::vector<CampaignCandidate> found;
    partition->CollectCandidates(later + 1, features::LinkSketch::BinOf(later), kSampled, found);
    std::sort(found.begin(), found.end());
    std::vector<std::pair<std::string, float>> out;
    for (const CampaignCandidate& candidate : found) out.emplace_back(candidate.account_id, candidate.weight);
    EXPECT_EQ(partition->TrafficOf(id_of(3))->event_count, 1U);
    EXPECT_EQ(partition->TrafficOf(id_of(3))->last_time_unix_nano, kStart);
    EXPECT_EQ(partition->TrafficOf(id_of(kOld)), std::nullopt) << "it is benign";
    EXPECT_EQ(partition->TrafficOf(waiting), std::nullopt);
    EXPECT_EQ(partition->TrafficOf("nobody"), std::nullopt);
    return out;
  };
  const auto found = candidates_of(false);
  EXPECT_EQ(found, candidates_of(true)) << "whatever the order of arrival was";
  EXPECT_EQ(found.size(), kSampled + kNew - 1);
  float weight = 0;
  for (const auto& [id, each] : found) weight += each;
  EXPECT_EQ(weight, kOld + kNew - 1);
}

TEST(AccountPartitionTest, PartitionsAreTheHighestBits) {
  EXPECT_EQ(PartitionOf(0), 0U);
  EXPECT_EQ(PartitionOf(~uint64_t{0}), kPartitionCount - 1);
  EXPECT_EQ(PartitionOf(uint64_t{1} << 58), 1U);
}

}  // namespace
}  // namespace stillwatch::detector
