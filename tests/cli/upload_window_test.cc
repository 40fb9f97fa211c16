#include "cli/upload_window.h"

#include <gtest/gtest.h>

#include <chrono>

#include "cli/backoff.h"

namespace stillwatch::cli {
namespace {

UploadBatch Batch(uint64_t sequence, size_t event_count, size_t bytes = 10) {
  UploadBatch batch;
  batch.sequence = sequence;
  batch.bytes = bytes;
  for (size_t index = 0; index < event_count; ++index) batch.origins.push_back({0, index + 1, 0});
  return batch;
}

v1::StreamUsageResponse Answer(uint64_t sequence, uint32_t accepted, uint32_t duplicate, int rejected = 0) {
  v1::StreamUsageResponse response;
  response.set_sequence(sequence);
  response.set_accepted_count(accepted);
  response.set_duplicate_count(duplicate);
  for (int index = 0; index < rejected; ++index) response.add_rejected()->set_index(static_cast<uint32_t>(index));
  return response;
}

TEST(UploadWindow, BoundsTheBytesOnTheirWayButAlwaysTakesOneBatch) {
  UploadWindow window(100);
  EXPECT_TRUE(window.HasRoomFor(1000));
  window.Add(Batch(1, 1, 60));
  EXPECT_TRUE(window.HasRoomFor(40));
  EXPECT_FALSE(window.HasRoomFor(41));
  window.TakeNext();
  ASSERT_TRUE(window.Acknowledge(Answer(1, 1, 0)).ok());
  EXPECT_TRUE(window.empty());
  EXPECT_TRUE(window.HasRoomFor(1000));
}

TEST(UploadWindow, SendsEveryBatchOnceInOrder) {
  UploadWindow window(100);
  window.Add(Batch(1, 1));
  window.Add(Batch(2, 1));
  EXPECT_EQ(window.TakeNext().sequence, 1u);
  EXPECT_EQ(window.TakeNext().sequence, 2u);
  EXPECT_FALSE(window.HasNext());
  ASSERT_TRUE(window.Acknowledge(Answer(1, 1, 0)).ok());
  EXPECT_FALSE(window.HasNext());
  window.Add(Batch(3, 1));
  EXPECT_EQ(window.TakeNext().sequence, 3u);
}

TEST(UploadWindow, SendsWhatIsNotAcknowledgedAgainInOrderAfterARewind) {
  UploadWindow window(100);
  for (uint64_t sequence = 1; sequence <= 3; ++sequence) window.Add(Batch(sequence, 1));
  for (int count = 0; count < 3; ++count) window.TakeNext();
  ASSERT_TRUE(window.Acknowledge(Answer(1, 1, 0)).ok());
  window.Rewind();
  EXPECT_EQ(window.TakeNext().sequence, 2u);
  EXPECT_EQ(window.TakeNext().sequence, 3u);
  EXPECT_FALSE(window.HasNext());
}

TEST(UploadWindow, CountsDuplicatesOfABatchThatWasSentOnceAsDuplicates) {
  UploadWindow window(100);
  window.Add(Batch(1, 5));
  window.TakeNext();
  auto outcome = window.Acknowledge(Answer(1, 2, 2, 1));
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome->accepted_count, 2u);
  EXPECT_EQ(outcome->duplicate_count, 2u);
  EXPECT_EQ(outcome->origins.size(), 5u);
}

TEST(UploadWindow, CountsDuplicatesOfABatchThatWasSentTwiceAsAccepted) {
  UploadWindow window(100);
  window.Add(Batch(1, 5));
  window.TakeNext();
  window.Rewind();
  window.TakeNext();
  auto outcome = window.Acknowledge(Answer(1, 2, 2, 1));
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome->accepted_count, 4u);
  EXPECT_EQ(outcome->duplicate_count, 0u);
}

TEST(UploadWindow, RefusesAcknowledgementsThatMakeNoSense) {
  UploadWindow window(100);
  EXPECT_EQ(window.Acknowledge(Answer(1, 1, 0)).status().code(), Code::kInternal);
  window.Add(Batch(1, 2));
  EXPECT_EQ(window.Acknowledge(Answer(1, 2, 0)).status().code(), Code::kInternal) << "was not sent yet";
  window.TakeNext();
  EXPECT_EQ(window.Acknowledge(Answer(2, 2, 0)).status().code(), Code::kInternal);
  EXPECT_EQ(window.Acknowledge(Answer(1, 3, 0)).status().code(), Code::kInternal);
  EXPECT_TRUE(window.Acknowledge(Answer(1, 2, 0)).ok());
}

TEST(Backoff, DoublesUpToItsLimitAndStartsAgain) {
  using std::chrono::milliseconds;
  Backoff backoff(milliseconds(50), milliseconds(300));
  EXPECT_EQ(backoff.Next(), milliseconds(50));
  EXPECT_EQ(backoff.Next(), milliseconds(100));
  EXPECT_EQ(backoff.Next(), milliseconds(200));
  EXPECT_EQ(backoff.Next(), milliseconds(300));
  EXPECT_EQ(backoff.Next(), milliseconds(300));
  backoff.Reset();
  EXPECT_EQ(backoff.Next(), milliseconds(50));
}

}  // namespace
}  // namespace stillwatch::cli
