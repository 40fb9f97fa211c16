// Verdicts are a function of events and their times, never of batches, threads or restarts.
#include <gtest/gtest.h>

#include "tests/blackbox/deployment.h"

namespace stillwatch::blackbox {
namespace {

class SameAnswerTest : public testing::Test {
 protected:
  static std::string Suspects(const Deployment& deployment) { return deployment.Client({"suspects", "--all"}).output; }

  // What the reference says: one import, default flags.
  std::string Expected() const {
    const Deployment deployment;
    Import(deployment, sample_);
    return Suspects(deployment);
  }

  const Sample sample_{{"--seed", "21"}};
};

TEST_F(SameAnswerTest, WhateverTheBatchSize) {
  const std::string expected = Expected();
  EXPECT_NE(expected.find("\"verdict\":\"act\""), std::string::npos) << "a world without suspects shows nothing";
  for (const char* size : {"1", "37", "10000"}) {
    const Deployment deployment;
    Import(deployment, sample_, {"--batch-size", size});
    EXPECT_EQ(Suspects(deployment), expected) << size;
  }
}

TEST_F(SameAnswerTest, WhateverTheNumberOfThreads) {
  const std::string expected = Expected();
  for (const char* threads : {"1", "4"}) {
    const Deployment deployment({"--worker-threads", threads});
    Import(deployment, sample_);
    EXPECT_EQ(Suspects(deployment), expected) << threads;
  }
}

TEST_F(SameAnswerTest, WhateverTheMemory) {
  const Deployment deployment({"--memory-budget", "64MiB"});
  Import(deployment, sample_);
  EXPECT_EQ(Suspects(deployment), Expected());
}

TEST_F(SameAnswerTest, WithARestartInTheMiddle) {
  const std::string events = ReadFile(sample_.directory / "events.jsonl");
  const size_t half = events.find('\n', events.size() / 2) + 1;
  WriteFile(sample_.directory / "first.jsonl", events.substr(0, half));
  WriteFile(sample_.directory / "second.jsonl", events.substr(half));
  Deployment deployment;
  deployment.Client({"import", "accounts", sample_.directory / "accounts.jsonl"});
  deployment.Client({"import", "events", sample_.directory / "first.jsonl"});
  const std::string before = Suspects(deployment);
  ASSERT_EQ(deployment.Stop(), 0);
  deployment.Start();
  EXPECT_EQ(Suspects(deployment), before);
  deployment.Kill();
  deployment.Start();
  EXPECT_EQ(Suspects(deployment), before);
  deployment.Client({"import", "events", sample_.directory / "second.jsonl"});
  EXPECT_EQ(Suspects(deployment), Expected());
}

}  // namespace
}  // namespace stillwatch::blackbox
