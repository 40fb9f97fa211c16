// Envoy's access log service with a client that nobody here wrote the transport of.
#include <gtest/gtest.h>

#include <csignal>
#include <map>
#include <string>
#include <vector>

#include "tests/blackbox/access_log_programs.h"
#include "tests/blackbox/http_exchange.h"

namespace stillwatch::blackbox {
namespace {

// The value of a source's metric; -1 if there is none.
int64_t OfSource(const Deployment& deployment, const std::string& metric) {
  const std::string metrics = Get(deployment.http_address(), "/metrics");
  const std::string name = metric + "{listener=\"envoy\",source=\"envoy-1/llm\"} ";
  const size_t at = metrics.find(name);
  return at == std::string::npos ? -1 : std::stoll(metrics.substr(at + name.size()));
}

class EnvoyTest : public ::testing::Test {
 protected:
  EnvoyTest() { setenv("STILLWATCH_NODE_MODULES", STILLWATCH_NODE_MODULES, 1); }

  std::vector<std::string> Sender(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"/usr/bin/env", "node", STILLWATCH_ENVOY_SENDER, deployment_.grpc_address()});
    return arguments;
  }

  Deployment deployment_;
};

TEST_F(EnvoyTest, TenThousandEntriesAreTenThousandEventsAndAGapIsTold) {
  const Finished sent = RunToEnd(Sender({"10000", "5"}));
  ASSERT_EQ(sent.exit_code, 0) << sent.errors;
  // A stream is answered when all of it is durable.
  EXPECT_EQ(deployment_.Status().accepted_event_count(), 10'000U);
  EXPECT_EQ(OfSource(deployment_, "stillwatch_source_accepted_total"), 10'000);
  EXPECT_EQ(OfSource(deployment_, "stillwatch_source_ignored_total"), 2'000);
  EXPECT_EQ(OfSource(deployment_, "stillwatch_source_suspected_lost_total"), 0);

  // What was sent already counts once; then the sender dies in the middle of a stream.
  Process holding(Sender({"100", "1", "hold"}), deployment_.directory() / "sender-errors");
  ASSERT_EQ(holding.ReadLine(), "sent") << ReadFile(deployment_.directory() / "sender-errors");
  while (OfSource(deployment_, "stillwatch_source_duplicate_total") < 101) {
  }
  holding.Signal(SIGKILL);
  holding.Wait();
  while (OfSource(deployment_, "stillwatch_source_suspected_lost_total") != 1) {
  }
  ASSERT_EQ(deployment_.Stop(), 0);

  const std::vector<StoredEvent> events = StoredEvents(deployment_);
  ASSERT_EQ(events.size(), 10'000U);
  std::map<std::string, size_t> counts;
  for (const StoredEvent& event : events) ++counts[event.account_id];
  EXPECT_EQ(counts.size(), 20U);
  for (const auto& [account, count] : counts) EXPECT_EQ(count, 500U) << account;
  for (const StoredEvent& event : events) {
    EXPECT_GE(event.input_tokens, 100);
    EXPECT_EQ(event.output_tokens, 50);
    EXPECT_EQ(event.reasoning_tokens, 7);
    EXPECT_EQ(event.cache_read_input_tokens, 3);
    EXPECT_EQ(event.time_to_first_token_ms, 321);
    EXPECT_EQ(event.duration_ms, 1250);
    EXPECT_EQ(event.request_model, "model-asked");
    EXPECT_EQ(event.response_model, "model-of-answer");
    EXPECT_EQ(event.organization_id, "org-1");
    EXPECT_EQ(event.tls_fingerprint, "ja3-of-client");
    EXPECT_EQ(event.user_agent, "python-client/1.2");
    EXPECT_EQ(event.operation_name, "chat");
    EXPECT_TRUE(event.client_address.starts_with("203.0.113.")) << event.client_address;
    EXPECT_EQ(event.status_code, 200);
    if (HasFailure()) return;
  }
}

TEST_F(EnvoyTest, AStopMakesDurableWhatWasReadAndEndsTheStreams) {
  Process holding(Sender({"100", "1", "hold"}), deployment_.directory() / "sender-errors");
  ASSERT_EQ(holding.ReadLine(), "sent") << ReadFile(deployment_.directory() / "sender-errors");
  WaitForEvents(deployment_, 101);
  ASSERT_EQ(deployment_.Stop(), 0);
  EXPECT_NE(holding.Wait(), 0);
  EXPECT_EQ(StoredEvents(deployment_).size(), 101U);
}

}  // namespace
}  // namespace stillwatch::blackbox
