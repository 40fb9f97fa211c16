#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/detector/portrait_maker.h"

namespace stillwatch::detector {
namespace {

class MarkerEProcessTest : public ::testing::TestWithParam<features::Marker> {};

TEST_P(MarkerEProcessTest, FindsAHarvesterByAnyClassOfPhrases) {
  Behaviour harvester = Harvester();
  harvester.marker = GetParam();
  const Finding finding = Evaluate(kMarkerEProcess, harvester);
  EXPECT_GT(finding.log_odds, 3);
  EXPECT_NEAR(finding.value, harvester.marker_share, 0.1);
  EXPECT_GT(finding.value, finding.population);
}

INSTANTIATE_TEST_SUITE_P(MarkerEProcess, MarkerEProcessTest,
                         ::testing::Values(features::Marker::kReasoningElicitation, features::Marker::kTraceCoercion,
                                           features::Marker::kRubricGrading, features::Marker::kBulkGeneration,
                                           features::Marker::kPromptEvolution, features::Marker::kSimulatedUser));

TEST(MarkerEProcessTest, NeverDecidesAlone) {
  Behaviour judge = Application();
  judge.marker = features::Marker::kRubricGrading;
  judge.marker_share = 1;
  judge.event_count = 20'000;
  EXPECT_LT(Evaluate(kMarkerEProcess, judge).log_odds, kReviewEvidence);
}

TEST(MarkerEProcessTest, IsSilentAboutAlmostAllAccountsAtTheNull) {
  int loud = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Behaviour honest;
    honest.seed = seed;
    honest.event_count = 1000;
    // The bound that peers stay below.
    honest.marker_share = static_cast<double>(HonestBaseline().groups[1].marker_null_share[0]);
    loud += Evaluate(kMarkerEProcess, honest).log_odds > 2.0;
  }
  EXPECT_LE(loud, 10);
}

TEST(MarkerEProcessTest, HasItsSayAfterAFewDozenEvents) {
  Behaviour harvester = Harvester();
  harvester.event_count = 30;
  EXPECT_GT(Evaluate(kMarkerEProcess, harvester).log_odds, 2);
}

TEST(MarkerEProcessTest, GrowsWithTheShare) {
  double before = 0;
  for (const double share : {0.02, 0.1, 0.2, 0.4, 0.8}) {
    Behaviour harvester = Harvester();
    harvester.marker_share = share;
    harvester.event_count = 60;
    const double log_odds = Evaluate(kMarkerEProcess, harvester).log_odds;
    EXPECT_GE(log_odds, before) << share;
    before = log_odds;
  }
}

TEST(MarkerEProcessTest, SaysNothingOfAnAccountWithoutText) {
  Behaviour silent;
  silent.has_text = false;
  EXPECT_EQ(Evaluate(kMarkerEProcess, silent).log_odds, 0);
}

}  // namespace
}  // namespace stillwatch::detector
