#include "enforcement/decision_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace stillwatch::enforcement {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kHour = kNanosecondsPerHour;
constexpr int64_t kStart = 1'000 * kHour;

class DecisionBookTest : public ::testing::Test {
 protected:
  DecisionBookTest() { Restart({}); }

  // A book of a new life that knows the trail of those before.
  void Restart(const PolicyOptions& options) {
    book_ = std::make_unique<DecisionBook>(
        options, [this](std::string_view id) { return Standing(std::string(id)); }, [this] { return now_; });
    book_->OnChange([this](const DecisionEntry& entry, const Decision&) { Record(entry); });
    const std::vector<DecisionEntry> earlier = trail_;
    for (const DecisionEntry& entry : earlier) book_->Restore(entry);
    std::vector<std::string> suspects;
    for (const auto& [id, standing] : standings_) suspects.push_back(id);
    book_->FinishRestore(suspects);
  }
  std::optional<detector::Standing> Standing(const std::string& id) {
    const auto found = standings_.find(id);
    return found == standings_.end() ? std::nullopt : std::optional(found->second);
  }
  void Record(const DecisionEntry& entry) {
    if (trail_.empty() || trail_.back() != entry) trail_.push_back(entry);
  }
  void SetVerdict(const std::string& id, Verdict verdict, Label label = Label::kUnlabelled) {
    standings_[id] = {verdict, label, 0};
    book_->Reconsider(id);
  }
  void Decide(const std::string& id, Ruling ruling, int64_t duration) {
    DecisionEntry entry;
    entry.account_id = id;
    entry.time_unix_nano = book_->NextTime();
    entry.end_unix_nano = ruling == Ruling::kAutomatic ? 0 : entry.time_unix_nano + duration;
    entry.ruling = ruling;
    entry.origin = DecisionOrigin::kAnalyst;
    entry.mode = book_->options().mode;
    Record(entry);
    book_->Decide(entry);
  }
  bool IsRefused(const std::string& id) const { return book_->Ask(id).permission == Permission::kRefused; }
  std::vector<std::string> Listed() const { return Ids(book_->List()); }
  static std::vector<std::string> Ids(const std::vector<Decision>& decisions) {
    std::vector<std::string> ids;
    for (const Decision& decision : decisions) ids.push_back(decision.account_id);
    return ids;
  }

  int64_t now_ = kStart;
  std::map<std::string, detector::Standing> standings_;
  std::vector<DecisionEntry> trail_;
  std::unique_ptr<DecisionBook> book_;
};

TEST_F(DecisionBookTest, AnAccountUnderActIsRefusedUntilItsVerdictFalls) {
  SetVerdict("thief", Verdict::kAct);
  SetVerdict("other", Verdict::kReview);
  EXPECT_TRUE(IsRefused("thief"));
  EXPECT_FALSE(IsRefused("other"));
  EXPECT_FALSE(IsRefused("nobody"));
  EXPECT_THAT(Listed(), ElementsAre("thief"));
  EXPECT_EQ(book_->List()[0].begin_unix_nano, kStart);
  EXPECT_EQ(book_->List()[0].end_unix_nano, kStart + 4 * kHour);
  SetVerdict("thief", Verdict::kReview);
  EXPECT_FALSE(IsRefused("thief"));
  EXPECT_THAT(Listed(), IsEmpty());
  ASSERT_EQ(trail_.size(), 2u);
  EXPECT_EQ(trail_[0].ruling, Ruling::kRefuse);
  EXPECT_EQ(trail_[0].verdict, Verdict::kAct);
  EXPECT_EQ(trail_[1].ruling, Ruling::kAllow);
  EXPECT_EQ(trail_[1].origin, DecisionOrigin::kVerdict);
}

TEST_F(DecisionBookTest, ADecisionIsRenewedAsLongAsTheVerdictStands) {
  SetVerdict("thief", Verdict::kAct);
  const uint64_t revision = book_->ChangesSince({}).revision;
  now_ += kHour;
  book_->Sweep();
  EXPECT_THAT(book_->ChangesSince(revision).begun, IsEmpty());
  now_ += kHour;
  book_->Sweep();
  EXPECT_EQ(book_->List()[0].end_unix_nano, now_ + 4 * kHour);
  EXPECT_THAT(Ids(book_->ChangesSince(revision).begun), ElementsAre("thief"));
  EXPECT_EQ(trail_.size(), 1u);
}

TEST_F(DecisionBookTest, AnAnalystRefusesForATime) {
  Decide("someone", Ruling::kRefuse, kHour);
  EXPECT_TRUE(IsRefused("someone"));
  now_ += kHour - 1;
  book_->Sweep();
  EXPECT_TRUE(IsRefused("someone"));
  EXPECT_EQ(book_->List()[0].end_unix_nano, kStart + kHour);
  now_ += 1;
  EXPECT_FALSE(IsRefused("someone"));
  book_->Sweep();
  EXPECT_THAT(Listed(), IsEmpty());
}

TEST_F(DecisionBookTest, AnAnalystAllowsForATimeAndTheVerdictTakesOverAgain) {
  SetVerdict("thief", Verdict::kAct);
  Decide("thief", Ruling::kAllow, kHour);
  EXPECT_FALSE(IsRefused("thief"));
  EXPECT_THAT(Listed(), IsEmpty());
  EXPECT_EQ(book_->ListByAnalyst().size(), 1u);
  now_ += kHour + 1;
  book_->Sweep();
  EXPECT_TRUE(IsRefused("thief"));
  EXPECT_THAT(Listed(), ElementsAre("thief"));
  EXPECT_THAT(book_->ListByAnalyst(), IsEmpty());
}

TEST_F(DecisionBookTest, AnAnalystTakesBackWhatWasDecided) {
  Decide("someone", Ruling::kRefuse, kHour);
  Decide("someone", Ruling::kAutomatic, 0);
  EXPECT_FALSE(IsRefused("someone"));
  EXPECT_THAT(Listed(), IsEmpty());
}

TEST_F(DecisionBookTest, ABenignLabelTakesBackEverythingForGood) {
  Decide("someone", Ruling::kRefuse, kHour);
  standings_["someone"] = {Verdict::kClear, Label::kBenign, 0};
  EXPECT_FALSE(IsRefused("someone"));
  book_->Sweep();
  EXPECT_THAT(Listed(), IsEmpty());
  EXPECT_EQ(trail_.back().note, "labelled benign");
  standings_["someone"].label = Label::kUnlabelled;
  book_->Sweep();
  EXPECT_FALSE(IsRefused("someone"));
  Restart({});
  EXPECT_FALSE(IsRefused("someone"));
}

TEST_F(DecisionBookTest, ShadowTellsAndRefusesNothing) {
  Restart({.mode = EnforcementMode::kShadow});
  SetVerdict("thief", Verdict::kAct);
  EXPECT_EQ(book_->Ask("thief").permission, Permission::kAllowedInShadow);
  EXPECT_THAT(Listed(), ElementsAre("thief"));
  EXPECT_EQ(trail_[0].mode, EnforcementMode::kShadow);
}

TEST_F(DecisionBookTest, ChangesAreThoseSinceTheRevision) {
  SetVerdict("first", Verdict::kAct);
  const DecisionChanges all = book_->ChangesSince({});
  EXPECT_THAT(Ids(all.begun), ElementsAre("first"));
  EXPECT_THAT(all.ended, IsEmpty());
  SetVerdict("second", Verdict::kAct);
  SetVerdict("first", Verdict::kClear);
  const DecisionChanges later = book_->ChangesSince(all.revision);
  EXPECT_THAT(Ids(later.begun), ElementsAre("second"));
  EXPECT_EQ(later.ended, all.begun);
  const DecisionChanges none = book_->ChangesSince(later.revision);
  EXPECT_THAT(none.begun, IsEmpty());
  EXPECT_THAT(none.ended, IsEmpty());
}

TEST_F(DecisionBookTest, NobodyIsAmongThoseThatBeganAndThoseThatEnded) {
  SetVerdict("thief", Verdict::kAct);
  SetVerdict("thief", Verdict::kClear);
  ++now_;
  SetVerdict("thief", Verdict::kAct);
  const DecisionChanges changes = book_->ChangesSince({});
  EXPECT_THAT(Ids(changes.begun), ElementsAre("thief"));
  EXPECT_THAT(changes.ended, IsEmpty());
}

TEST_F(DecisionBookTest, WhatEndedIsToldUntilItsTimeIsOver) {
  SetVerdict("thief", Verdict::kAct);
  SetVerdict("thief", Verdict::kClear);
  now_ += 4 * kHour - 1;
  book_->Sweep();
  EXPECT_THAT(Ids(book_->ChangesSince({}).ended), ElementsAre("thief"));
  now_ += 1;
  book_->Sweep();
  EXPECT_THAT(book_->ChangesSince({}).ended, IsEmpty());
}

TEST_F(DecisionBookTest, ARestartKeepsDecisionsAndTheirIds) {
  SetVerdict("thief", Verdict::kAct);
  Decide("someone", Ruling::kRefuse, kHour);
  Decide("pardoned", Ruling::kAllow, kHour);
  const std::vector<Decision> before = book_->List();
  const size_t trail_size = trail_.size();
  Restart({});
  const std::vector<Decision> after = book_->List();
  ASSERT_EQ(after.size(), 2u);
  EXPECT_EQ(after, before);
  EXPECT_EQ(book_->ListByAnalyst().size(), 2u);
  EXPECT_EQ(trail_.size(), trail_size) << "nothing began or ended";
  EXPECT_LT(after[0].id, uint64_t{1} << 53);
}

TEST_F(DecisionBookTest, WhatEndedWhileNobodyLookedIsTold) {
  SetVerdict("thief", Verdict::kAct);
  standings_["thief"].verdict = Verdict::kClear;
  standings_["late"].verdict = Verdict::kAct;
  Restart({});
  const DecisionChanges changes = book_->ChangesSince({});
  EXPECT_THAT(Ids(changes.begun), ElementsAre("late"));
  EXPECT_THAT(Ids(changes.ended), ElementsAre("thief"));
}

TEST_F(DecisionBookTest, AnotherModeBeginsAnewAndTellsThatTheOldOnesEnded) {
  SetVerdict("thief", Verdict::kAct);
  Restart({.mode = EnforcementMode::kOff});
  EXPECT_EQ(book_->Ask("thief").permission, Permission::kAllowed);
  EXPECT_THAT(Listed(), IsEmpty());
  EXPECT_THAT(Ids(book_->ChangesSince({}).ended), ElementsAre("thief"));
  EXPECT_EQ(trail_.back().note, "enforcement is off");
  Restart({.mode = EnforcementMode::kShadow});
  EXPECT_THAT(Listed(), ElementsAre("thief"));
  EXPECT_EQ(trail_.back().mode, EnforcementMode::kShadow);
}

TEST_F(DecisionBookTest, AnErasedAccountIsForgotten) {
  SetVerdict("thief", Verdict::kAct);
  Decide("thief", Ruling::kRefuse, kHour);
  const size_t trail_size = trail_.size();
  standings_.clear();
  book_->Forget("thief");
  book_->Sweep();
  EXPECT_FALSE(IsRefused("thief"));
  EXPECT_THAT(Listed(), IsEmpty());
  EXPECT_THAT(Ids(book_->ChangesSince({}).ended), ElementsAre("thief")) << "a gateway may still enforce it";
  EXPECT_EQ(trail_.size(), trail_size);
}

TEST(DecisionBookThreadsTest, QuestionsAreAnsweredWhileDecisionsChange) {
  std::atomic<Verdict> verdict = Verdict::kClear;
  std::atomic<int64_t> now = kStart;
  DecisionBook book(
      {},
      [&](std::string_view) {
        return detector::Standing{verdict, Label::kUnlabelled, 0};
      },
      [&] { return now.load(); });
  std::atomic<int> begun_less_ended = 0;
  book.OnChange([&](const DecisionEntry& entry, const Decision&) {
    begun_less_ended += entry.ruling == Ruling::kRefuse ? 1 : -1;
  });
  std::atomic<bool> is_done = false;
  std::thread asker([&] {
    while (!is_done) {
      book.Ask("thief");
      book.ChangesSince({});
    }
  });
  std::thread sweeper([&] {
    while (!is_done) {
      now += kHour;
      book.Sweep();
    }
  });
  for (int i = 0; i < 500; ++i) {
    verdict = i % 2 == 0 ? Verdict::kAct : Verdict::kClear;
    book.Reconsider("thief");
  }
  verdict = Verdict::kAct;
  book.Reconsider("thief");
  is_done = true;
  asker.join();
  sweeper.join();
  EXPECT_EQ(book.Ask("thief").permission, Permission::kRefused);
  EXPECT_EQ(book.active_count(), 1u);
  EXPECT_EQ(begun_less_ended, 1);
}

}  // namespace
}  // namespace stillwatch::enforcement
