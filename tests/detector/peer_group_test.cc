#include "detector/peer_group.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/detector/portrait_maker.h"

namespace stillwatch::detector {
namespace {

size_t GroupOf(const Behaviour& behaviour) { return PeerGroupOf(features::ExtractFeatures(MakePortrait(behaviour))); }

TEST(PeerGroupTest, FollowsModeAndVolume) {
  std::set<size_t> groups;
  for (const int events_a_day : {5, 50, 500}) {
    for (const int mode : {0, 1, 2}) {
      Behaviour behaviour;
      behaviour.event_count = events_a_day * 10;
      behaviour.active_day_count = 10;
      behaviour.has_tools = mode == 1;
      behaviour.is_single_turn = mode == 2;
      groups.insert(GroupOf(behaviour));
    }
  }
  EXPECT_EQ(groups.size(), kPeerGroupCount);
}

TEST(PeerGroupTest, EveryGroupHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (size_t group = 0; group < kPeerGroupCount; ++group) names.insert(PeerGroupName(group));
  EXPECT_EQ(names.size(), kPeerGroupCount);
}

TEST(PeerGroupTest, AnEmptyAccountHasAGroup) {
  EXPECT_LT(PeerGroupOf(features::ExtractFeatures(features::Portrait())), kPeerGroupCount);
}

}  // namespace
}  // namespace stillwatch::detector
