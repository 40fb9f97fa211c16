#include <gtest/gtest.h>

#include "tests/detector/portrait_maker.h"

namespace stillwatch::detector {
namespace {

TEST(PeakRateTest, FindsABusiestMinuteFarAboveThePeers) {
  const Finding finding = Evaluate(kPeakRate, Harvester());
  EXPECT_GT(finding.log_odds, 0.5);
  EXPECT_EQ(finding.value, 60);
  EXPECT_LT(finding.population, 10);
}

TEST(PeakRateTest, NeverDecidesAlone) {
  Behaviour batch_job = Application();
  batch_job.event_count = 20'000;
  batch_job.events_per_minute = 5000;
  EXPECT_LT(Evaluate(kPeakRate, batch_job).log_odds, kReviewEvidence / 2);
}

TEST(PeakRateTest, IsSilentAboutUsualRates) {
  EXPECT_EQ(Evaluate(kPeakRate, Behaviour()).log_odds, 0);
  EXPECT_EQ(Evaluate(kPeakRate, Application()).log_odds, 0);
  Behaviour slow = Harvester();
  slow.events_per_minute = 4;
  EXPECT_LT(Evaluate(kPeakRate, slow).log_odds, 0.7);
}

TEST(PeakRateTest, IsSilentAsLongAsNoPeersAreKnown) {
  EXPECT_EQ(Evaluate(kPeakRate, Harvester(), PriorBaseline()).log_odds, 0);
}

}  // namespace
}  // namespace stillwatch::detector
