#include "detector/queue_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "tests/detector/four_threads_for.h"
#include "tests/detector/relay_pool.h"

namespace stillwatch::detector {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kMinute = kNanosecondsPerMinute;
constexpr int64_t kHour = kNanosecondsPerHour;
constexpr int64_t kBegin = kPoolStart + 3 * kNanosecondsPerDay + 9 * kHour;  // Of what the tests look for.

// Length of the longest increasing subsequence, by its definition.
size_t LengthByDefinition(const std::vector<int64_t>& values) {
  std::vector<size_t> lengths(values.size(), 1);
  for (size_t i = 0; i < values.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (values[j] < values[i]) lengths[i] = std::max(lengths[i], lengths[j] + 1);
    }
  }
  return values.empty() ? 0 : *std::max_element(lengths.begin(), lengths.end());
}

TEST(LongestIncreasingTest, GivesPositionsInOrder) {
  EXPECT_THAT(LongestIncreasing({}), IsEmpty());
  EXPECT_THAT(LongestIncreasing(std::vector<int64_t>{7}), ElementsAre(0));
  EXPECT_THAT(LongestIncreasing(std::vector<int64_t>{5, 1, 4, 2, 3, 0}), ElementsAre(1, 3, 4));
  EXPECT_THAT(LongestIncreasing(std::vector<int64_t>{2, 2, 2}), ElementsAre(2)) << "what is equal does not increase";
}

TEST(LongestIncreasingTest, NoneIsLonger) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 300; ++round) {
    std::vector<int64_t> values(random() % 60);
    for (int64_t& value : values) value = static_cast<int64_t>(random() % 40);
    const std::vector<uint32_t> found = LongestIncreasing(values);
    EXPECT_EQ(found.size(), LengthByDefinition(values));
    for (size_t i = 1; i < found.size(); ++i) {
      EXPECT_LT(found[i - 1], found[i]);
      EXPECT_LT(values[found[i - 1]], values[found[i]]);
    }
  }
}

// What the tests look at: accounts from the log's first day, customers who begin at any time, and the moment of the
// search.
class QueueOrderTest : public ::testing::Test {
 protected:
  explicit QueueOrderTest(uint64_t seed = 1) : accounts_(seed) { AddStrangers(accounts_, 20, 3); }

  double Uniform() { return std::uniform_real_distribution<double>()(accounts_.random()); }
  // Waiting times of a Poisson process.
  int64_t Wait(int64_t mean) {
    return static_cast<int64_t>(
        std::exponential_distribution<double>(1.0 / static_cast<double>(mean))(accounts_.random()));
  }

  // Customers who began within the day before `end`, each at a rate of its own, from one request in ten minutes to two
  // a day.
  void AddNewcomers(size_t count, int64_t end = kBegin + 8 * kHour) {
    for (size_t i = 0; i < count; ++i) {
      const size_t account = accounts_.Add();
      const auto gap = static_cast<int64_t>(static_cast<double>(10 * kMinute) * std::exp(4.3 * Uniform()));
      int64_t time = end - static_cast<int64_t>(Uniform() * static_cast<double>(kNanosecondsPerDay));
      for (; time < end; time += Wait(gap)) accounts_.Request(account, time);
    }
  }

  // Deals requests out to `count` accounts, one every two minutes, `turns` for each, to the one that waited longest or,
  // in a part of the cases, to any.
  std::vector<size_t> AddQueue(size_t count, double turns, double skipped = 0, int64_t begin = kBegin) {
    std::vector<size_t> queue;
    for (size_t i = 0; i < count; ++i) queue.push_back(accounts_.Add());
    std::vector<size_t> out = queue;
    int64_t time = begin;
    for (int i = 0; i < static_cast<int>(turns * static_cast<double>(count)); ++i) {
      const auto next = queue.begin() + static_cast<ptrdiff_t>(Uniform() < skipped ? accounts_.random()() % count : 0);
      accounts_.Request(*next, time);
      std::rotate(next, next + 1, queue.end());
      time += Wait(2 * kMinute);
      end_ = std::max(end_, time);
    }
    return out;
  }

  std::vector<QueueGroup> Find(const ParallelFor& parallel_for = SerialFor) {
    const auto candidates = accounts_.Candidates();
    return FindQueues(candidates, end_, parallel_for, std::vector<bool>(candidates.size(), false));
  }

  MadeAccounts accounts_;
  int64_t end_ = kBegin;  // When the search is.
};

void ExpectOf(const QueueGroup& group, const std::vector<size_t>& queue, size_t count_min) {
  EXPECT_GE(group.members.size(), count_min);
  EXPECT_GT(group.in_order, group.in_order_by_habit);
  EXPECT_LT(group.in_order_by_habit, 1);
  EXPECT_GT(group.in_order_by_habit, 0);
  EXPECT_LE(group.in_order, 1);
  for (const GroupMember& member : group.members) {
    EXPECT_NE(std::find(queue.begin(), queue.end(), member.index), queue.end()) << member.index;
    EXPECT_GT(member.share, 0.9F);
    EXPECT_LE(member.share, 1.0F);
  }
}

TEST_F(QueueOrderTest, ThreeTurnsOfEachShowAPoolAmongStrangers) {
  AddNewcomers(60);
  const auto pool = AddQueue(40, 3);
  const auto found = Find();
  ASSERT_EQ(found.size(), 1U);
  ExpectOf(found[0], pool, 20);
  EXPECT_GT(found[0].log_likelihood_ratio, 8);
}

TEST_F(QueueOrderTest, SoDoesAPoolWhoseQueueIsOftenSkipped) {
  AddNewcomers(60);
  const auto pool = AddQueue(40, 4, 0.1);
  const auto found = Find();
  ASSERT_EQ(found.size(), 1U);
  ExpectOf(found[0], pool, 12);
}

TEST_F(QueueOrderTest, AmongManyStrangersItsSettingShowsIt) {
  for (uint32_t i = 0; i < 20; ++i) {
    accounts_.SetMaxTokens(2000 + i);
    AddNewcomers(40);
  }
  accounts_.SetMaxTokens(512);
  AddNewcomers(20);
  const auto pool = AddQueue(25, 5);
  const auto found = Find();
  ASSERT_EQ(found.size(), 1U);
  ExpectOf(found[0], pool, 10);
}

TEST_F(QueueOrderTest, TwoPoolsAreTwoGroupsOnAnyNumberOfThreads) {
  AddNewcomers(30);
  accounts_.SetMaxTokens(512);
  const auto pool = AddQueue(40, 4.5);
  accounts_.SetMaxTokens(1024);
  const auto other = AddQueue(40, 4.5, 0, kBegin + 4 * kHour);
  const auto one = Find();
  const auto four = Find(FourThreadsFor);
  ASSERT_EQ(one.size(), 2U);
  ExpectOf(one[0], pool, 15);
  ExpectOf(one[1], other, 15);
  ASSERT_EQ(four.size(), 2U);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(one[i].log_likelihood_ratio, four[i].log_likelihood_ratio);
    ASSERT_EQ(one[i].members.size(), four[i].members.size());
    for (size_t j = 0; j < one[i].members.size(); ++j) EXPECT_EQ(one[i].members[j].index, four[i].members[j].index);
  }
}

TEST_F(QueueOrderTest, WhatIsDealtOutAtRandomHasNoOrder) {
  AddNewcomers(60);
  AddQueue(40, 6, 1);
  EXPECT_THAT(Find(), IsEmpty());
}

TEST_F(QueueOrderTest, TwoTurnsOfEachAreTooFew) {
  AddNewcomers(60);
  AddQueue(40, 2);
  EXPECT_THAT(Find(), IsEmpty()) << "nothing is left to test the chain with";
}

TEST_F(QueueOrderTest, StrangersAreNone) {
  AddNewcomers(300);
  for (end_ = kBegin; end_ < kBegin + 8 * kHour; end_ += kHour / 2) EXPECT_THAT(Find(), IsEmpty());
}

// Each asks every two hours, from a minute of its own on.
TEST_F(QueueOrderTest, TimersOfOnePeriodAreNone) {
  for (const double jitter : {0.0, 0.01, 0.03, 0.1, 0.3}) {
    for (const size_t count : {10, 30, 100}) {
      SCOPED_TRACE(std::to_string(count) + " that err by " + std::to_string(jitter));
      accounts_ = MadeAccounts(count);
      AddStrangers(accounts_, 20, 3);
      for (size_t i = 0; i < count; ++i) {
        const size_t account = accounts_.Add();
        const double first = Uniform();
        for (int beat = 0; beat < 6; ++beat) {
          const double time = 2 * (first + beat + jitter * (Uniform() - 0.5));
          accounts_.Request(account, kBegin + static_cast<int64_t>(time * static_cast<double>(kHour)));
        }
      }
      end_ = kBegin + 11 * kHour;
      EXPECT_THAT(Find(), IsEmpty());
    }
  }
}

// Who comes at half past eight comes before who comes at nine, on every day.
TEST_F(QueueOrderTest, PeopleWithHoursOfTheirOwnAreNone) {
  std::normal_distribution<double> normal;
  for (const double wander : {0.1, 0.5, 1.0}) {
    SCOPED_TRACE(wander);
    for (size_t i = 0; i < 200; ++i) {
      const size_t account = accounts_.Add();
      const double hour = 10 * Uniform();
      for (int day = 0; day < 3; ++day) {
        const double time = 24 * day + hour + wander * normal(accounts_.random());
        accounts_.Request(account, kBegin + static_cast<int64_t>(time * static_cast<double>(kHour)));
      }
    }
    end_ = kBegin + 62 * kHour;
    EXPECT_THAT(Find(), IsEmpty());
  }
}

TEST_F(QueueOrderTest, AccountsOfOneOrganizationAreNone) {
  AddNewcomers(60);
  for (const size_t account : AddQueue(40, 4)) accounts_.profile(account).organization = 7;
  EXPECT_THAT(Find(), IsEmpty());
}

TEST_F(QueueOrderTest, WhoBeganLongAgoOrOnTheLogsFirstDayIsNoNewcomer) {
  AddQueue(40, 4);
  ASSERT_EQ(Find().size(), 1U);
  end_ += 3 * kNanosecondsPerDay + 4 * kHour;
  EXPECT_THAT(Find(), IsEmpty());
  accounts_ = MadeAccounts(2);
  AddStrangers(accounts_, 20, 3);
  end_ = kBegin;
  AddQueue(40, 4, 0, kPoolStart + kHour);
  EXPECT_THAT(Find(), IsEmpty());
}

TEST_F(QueueOrderTest, WhoIsLeftOutStaysOut) {
  const auto pool = AddQueue(40, 4);
  const auto candidates = accounts_.Candidates();
  std::vector<bool> is_left_out(candidates.size(), false);
  EXPECT_EQ(FindQueues(candidates, end_, SerialFor, is_left_out).size(), 1U);
  for (size_t i = 0; i < 35; ++i) is_left_out[pool[i]] = true;
  EXPECT_THAT(FindQueues(candidates, end_, SerialFor, is_left_out), IsEmpty());
}

TEST_F(QueueOrderTest, NothingIsFoundAmongNobody) { EXPECT_THAT(FindQueues({}, kBegin, SerialFor, {}), IsEmpty()); }

// Who is in no group may be asked about, too.
LinkGroup GroupOf(const std::vector<size_t>& accounts) {
  LinkGroup group;
  for (const size_t account : accounts) group.push_back({static_cast<uint32_t>(account), 1});
  return group;
}

TEST_F(QueueOrderTest, TheOrderOfAPoolIsBeyondItsHabits) {
  const auto pool = AddQueue(30, 10, 0.1);
  EXPECT_GT(OrderBeyondHabits(accounts_.Candidates(), GroupOf(pool)).value(), 2);
  const auto any = AddQueue(30, 10, 1);
  EXPECT_LT(OrderBeyondHabits(accounts_.Candidates(), GroupOf(any)).value(), 1);
}

TEST_F(QueueOrderTest, TimersAreInNoOrderBeyondTheirHabits) {
  for (const double jitter : {0.003, 0.01, 0.03}) {
    std::vector<size_t> timers;
    for (int i = 0; i < 10; ++i) {
      timers.push_back(accounts_.Add());
      const double first = Uniform();
      for (int day = 0; day < 12; ++day) {
        for (const int slot : {0, 1}) {  // Of ten a day, which the others sleep through.
          const double hours = 24 * day + 2.4 * (first + slot + jitter * (Uniform() - 0.5));
          accounts_.Request(timers.back(), kBegin + static_cast<int64_t>(hours * static_cast<double>(kHour)));
        }
      }
    }
    EXPECT_LT(OrderBeyondHabits(accounts_.Candidates(), GroupOf(timers)).value(), 0.5) << jitter;
  }
}

TEST_F(QueueOrderTest, OfFewTurnsNothingIsSaid) {
  EXPECT_FALSE(OrderBeyondHabits(accounts_.Candidates(), {}).has_value());
  EXPECT_FALSE(OrderBeyondHabits(accounts_.Candidates(), GroupOf(AddQueue(10, 1))).has_value());
}

}  // namespace
}  // namespace stillwatch::detector
