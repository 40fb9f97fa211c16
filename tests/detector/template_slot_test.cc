#include <gtest/gtest.h>

#include "tests/detector/portrait_maker.h"

namespace stillwatch::detector {
namespace {

// Peers who talk: none of them has a template.
const Baseline& TalkingPeers() {
  static const Baseline baseline = [] {
    Baseline made = HonestBaseline();
    for (PeerBaseline& peers : made.groups) {
      peers.scale.median[static_cast<size_t>(features::Feature::kTopHeadShare)] = 0.02F;
    }
    return made;
  }();
  return baseline;
}

TEST(TemplateSlotTest, FindsATemplateWithEverNewSlots) {
  Behaviour harvester = Harvester();
  harvester.repeated_prompt_share = 0;
  const Finding finding = Evaluate(kTemplateSlot, harvester, TalkingPeers());
  EXPECT_GT(finding.log_odds, 0.3);
  EXPECT_GT(finding.value, finding.population);
}

TEST(TemplateSlotTest, NeverDecidesAlone) {
  Behaviour harvester = Harvester();
  harvester.event_count = 20'000;
  EXPECT_LT(Evaluate(kTemplateSlot, harvester, TalkingPeers()).log_odds, kReviewEvidence / 2);
}

TEST(TemplateSlotTest, IsSilentWherePeersHaveTemplatesToo) {
  Baseline peers = TalkingPeers();
  for (PeerBaseline& group : peers.groups) {
    for (const features::Feature feature : {features::Feature::kTopHeadShare, features::Feature::kDistinctPromptShare,
                                            features::Feature::kSingleTurnShare}) {
      group.scale.median[static_cast<size_t>(feature)] = 0.95F;
    }
  }
  EXPECT_EQ(Evaluate(kTemplateSlot, Application(), peers).log_odds, 0);
}

TEST(TemplateSlotTest, IsSilentAboutRetriesChatsAndFewEvents) {
  Behaviour monitor = Application();
  monitor.distinct_prompt_count = 3;
  EXPECT_EQ(Evaluate(kTemplateSlot, monitor, TalkingPeers()).log_odds, 0);
  Behaviour chat;
  chat.has_template = true;
  EXPECT_EQ(Evaluate(kTemplateSlot, chat, TalkingPeers()).log_odds, 0);
  Behaviour beginner = Harvester();
  beginner.event_count = 10;
  EXPECT_EQ(Evaluate(kTemplateSlot, beginner, TalkingPeers()).log_odds, 0);
}

TEST(TemplateSlotTest, IsSilentAsLongAsNoPeersAreKnown) {
  EXPECT_EQ(Evaluate(kTemplateSlot, Harvester(), PriorBaseline()).log_odds, 0);
}

}  // namespace
}  // namespace stillwatch::detector
