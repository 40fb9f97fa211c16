// What was acknowledged is there, once, whatever happens to the daemon.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/blackbox/deployment.h"

namespace stillwatch::blackbox {
namespace {

TEST(DurabilityTest, ImportCountsEveryEventAndEveryAccountIsListed) {
  const Sample sample({"--seed", "11"});
  const Deployment deployment;
  const Finished imported = Import(deployment, sample);
  EXPECT_EQ(imported.exit_code, 0) << imported.errors;
  EXPECT_EQ(NumberIn(imported.output, "accepted"), static_cast<int64_t>(sample.event_count));
  const std::string listed = deployment.Client({"suspects", "--all"}).output;
  EXPECT_EQ(static_cast<size_t>(std::count(listed.begin(), listed.end(), '\n')), sample.account_count);
}

TEST(DurabilityTest, ASecondImportCountsNothingTwice) {
  const Sample sample({"--seed", "12"});
  Deployment deployment;
  Import(deployment, sample);
  const std::string before = deployment.Client({"suspects", "--all"}).output;
  const Finished again = Import(deployment, sample);
  EXPECT_EQ(NumberIn(again.output, "accepted"), 0);
  EXPECT_EQ(NumberIn(again.output, "duplicate"), static_cast<int64_t>(sample.event_count));
  // Also when the ids are no longer in memory.
  ASSERT_EQ(deployment.Stop(), 0);
  deployment.Start();
  EXPECT_EQ(NumberIn(Import(deployment, sample).output, "accepted"), 0);
  EXPECT_EQ(deployment.Client({"suspects", "--all"}).output, before);
}

TEST(DurabilityTest, NothingIsLostOrCountedTwiceUnderTenKills) {
  const Sample sample({"--seed", "13"});
  Deployment deployment;
  deployment.Client({"import", "accounts", sample.directory / "accounts.jsonl"});
  Process client(deployment.ClientCommand({"import", "events", sample.directory / "events.jsonl", "--batch-size", "50"}),
                 deployment.directory() / "client-errors");
  std::mt19937_64 random(13);
  for (int kills = 0; kills < 10; ++kills) {
    // Each life ends after a random number of further events, or when the file is through.
    const uint64_t until = std::min<uint64_t>(deployment.Status().stored_event_count() + random() % 5000, sample.event_count);
    while (deployment.Status().stored_event_count() < until) {
    }
    deployment.Kill();
    deployment.Start();
  }
  const std::string summary = client.ReadRest();
  EXPECT_EQ(client.Wait(), 0) << ReadFile(deployment.directory() / "client-errors");
  EXPECT_EQ(NumberIn(summary, "accepted"), static_cast<int64_t>(sample.event_count));
  EXPECT_EQ(deployment.Status().stored_event_count(), sample.event_count);

  const Deployment undisturbed;
  undisturbed.Client({"import", "accounts", sample.directory / "accounts.jsonl"});
  undisturbed.Client({"import", "events", sample.directory / "events.jsonl"});
  EXPECT_EQ(deployment.Client({"suspects", "--all"}).output, undisturbed.Client({"suspects", "--all"}).output);
}

TEST(DurabilityTest, ADrainAcknowledgesWhatWasTakenAndKeepsIt) {
  const Sample sample({"--seed", "14"});
  Deployment deployment;
  Process client(deployment.ClientCommand({"import", "events", sample.directory / "events.jsonl", "--batch-size", "20"}),
                 deployment.directory() / "client-errors");
  while (deployment.Status().stored_event_count() == 0) {
  }
  EXPECT_EQ(deployment.Stop(), 0);
  deployment.Start();
  EXPECT_EQ(NumberIn(client.ReadRest(), "accepted"), static_cast<int64_t>(sample.event_count));
  EXPECT_EQ(client.Wait(), 0);
  EXPECT_EQ(deployment.Status().stored_event_count(), sample.event_count);
}

}  // namespace
}  // namespace stillwatch::blackbox
