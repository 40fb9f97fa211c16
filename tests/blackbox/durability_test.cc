// What was acknowledged is there, once, whatever happens to the daemon.
#include <grpcpp/client_context.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "stillwatch/v1/ingest.grpc.pb.h"
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

// Batch `sequence` of one event, or of one that is not valid.
v1::StreamUsageRequest SmallBatch(uint64_t sequence, bool is_valid) {
  v1::StreamUsageRequest request;
  request.set_sequence(sequence);
  v1::UsageEvent& event = *request.add_events();
  event.set_event_id("event-" + std::to_string(sequence));
  if (is_valid) event.set_account_id("acme");
  event.set_time_unix_nano(1'772'409'600'000'000'000 + sequence);
  return request;
}

// Sends batches of one event, the tenth of which is not valid, and returns the acknowledgements.
std::vector<v1::StreamUsageResponse> SendSmallBatches(const Deployment& deployment, uint64_t count, bool cumulative) {
  grpc::ClientContext context;
  const auto stub = v1::IngestService::NewStub(deployment.Channel());
  const auto stream = stub->StreamUsage(&context);
  for (uint64_t sequence = 1; sequence <= count; ++sequence) {
    v1::StreamUsageRequest request = SmallBatch(sequence, sequence != 10);
    request.set_cumulative_acknowledgement(cumulative && sequence == 1);
    stream->Write(request);
  }
  stream->WritesDone();
  std::vector<v1::StreamUsageResponse> out;
  v1::StreamUsageResponse response;
  while (stream->Read(&response)) out.push_back(response);
  const grpc::Status status = stream->Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
  return out;
}

TEST(DurabilityTest, AcknowledgementsTellTheDurablePositionAndStandForSeveralBatchesIfAsked) {
  constexpr uint64_t kCount = 200;
  for (const bool cumulative : {false, true}) {
    SCOPED_TRACE(cumulative);
    const Deployment deployment;
    const auto responses = SendSmallBatches(deployment, kCount, cumulative);
    uint64_t batch_count = 0;
    uint64_t accepted_count = 0;
    uint64_t durable_count = 0;
    for (const v1::StreamUsageResponse& response : responses) {
      batch_count += response.batch_count();
      accepted_count += response.accepted_count();
      EXPECT_EQ(response.sequence(), batch_count) << "the last of its batches";
      EXPECT_GE(response.durable_event_count(), accepted_count);
      EXPECT_GE(response.durable_event_count(), durable_count);
      durable_count = response.durable_event_count();
      EXPECT_EQ(response.rejected_size(), response.sequence() == 10 ? 1 : 0);
      EXPECT_TRUE(response.batch_count() == 1 || (cumulative && response.rejected_size() == 0));
    }
    EXPECT_EQ(batch_count, kCount);
    EXPECT_EQ(accepted_count, kCount - 1);
    EXPECT_EQ(durable_count, kCount - 1);
  }
}

}  // namespace
}  // namespace stillwatch::blackbox
