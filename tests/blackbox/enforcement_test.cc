// What gateways that nobody here wrote make of verdicts.
#include <gmock/gmock.h>
#include <grpcpp/client_context.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "envoy/service/auth/v3/external_auth.grpc.pb.h"
#include "tests/blackbox/deployment.h"

namespace stillwatch::blackbox {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kSecret[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

void ReplaceAll(std::string& text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

std::string Recipe(const std::string& name) { return ReadFile(STILLWATCH_SOURCE_DIR "/deploy/gateways/" + name); }

// A script of tests/enforcement/clients under node, with the packages that deploy/setup test fetched.
std::vector<std::string> NodeCommand(const std::string& script, std::vector<std::string> arguments) {
  EXPECT_TRUE(fs::exists(STILLWATCH_CLIENTS "/node_modules")) << "run deploy/setup test";
  setenv("STILLWATCH_CLIENTS", STILLWATCH_CLIENTS, 1);
  arguments.insert(arguments.begin(),
                   {"/usr/bin/env", "node", STILLWATCH_SOURCE_DIR "/tests/enforcement/clients/" + script});
  return arguments;
}

// Returns once `text` stands in the file.
void WaitForText(const std::string& path, const std::string& text) {
  while (ReadFile(path).find(text) == std::string::npos) std::this_thread::yield();
}

void Label(const Deployment& deployment, const std::string& account, const std::string& label) {
  const Finished finished = deployment.Client({"label", account, label});
  ASSERT_EQ(finished.exit_code, 0) << finished.errors;
}

void Decide(const Deployment& deployment, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "decide");
  const Finished finished = deployment.Client(std::move(arguments));
  ASSERT_EQ(finished.exit_code, 0) << finished.errors;
}

int Check(const Deployment& deployment, const std::string& account) {
  return deployment.Client({"check", account}).exit_code;
}

std::string Decisions(const Deployment& deployment) { return deployment.Client({"decisions"}).output; }

std::vector<std::string> FilesWith(const std::string& directory, const std::string& text) {
  std::vector<std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file() && ReadFile(entry.path()).find(text) != std::string::npos)
      found.push_back(entry.path());
  }
  return found;
}

envoy::service::auth::v3::CheckResponse AskAsEnvoy(const Deployment& deployment, const std::string& account) {
  envoy::service::auth::v3::CheckRequest request;
  (*request.mutable_attributes()->mutable_context_extensions())["account_id"] = account;
  envoy::service::auth::v3::CheckResponse response;
  grpc::ClientContext context;
  const grpc::Status status =
      envoy::service::auth::v3::Authorization::NewStub(deployment.Channel())->Check(&context, request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response;
}

TEST(EnforcementTest, DecisionsFollowVerdictsAndAnalysts) {
  const Deployment deployment;
  EXPECT_EQ(Check(deployment, "thief"), 0);
  Label(deployment, "thief", "confirmed");
  EXPECT_EQ(Check(deployment, "thief"), 4);
  EXPECT_THAT(Decisions(deployment), HasSubstr(R"("account_id":"thief","ruling":"refuse","origin":"verdict")"));

  Decide(deployment, {"thief", "allow", "--for", "1h", "--note", "asked to go on"});
  EXPECT_EQ(Check(deployment, "thief"), 0);
  EXPECT_THAT(Decisions(deployment), HasSubstr(R"("ruling":"allow","origin":"analyst")"));
  Decide(deployment, {"thief", "automatic"});
  EXPECT_EQ(Check(deployment, "thief"), 4);

  Decide(deployment, {"other", "refuse", "--for", "30m"});
  EXPECT_EQ(Check(deployment, "other"), 4);
  Label(deployment, "other", "benign");
  EXPECT_EQ(Check(deployment, "other"), 0);
  EXPECT_THAT(Decisions(deployment), Not(HasSubstr("other")));
  EXPECT_EQ(deployment.Client({"decide", "other", "refuse"}).exit_code, 1) << "it is labelled benign";

  const std::vector<std::string> trail = Lines(deployment.Client({"decisions", "thief"}).output);
  ASSERT_EQ(trail.size(), 4U);
  EXPECT_THAT(trail[0], HasSubstr(R"("ruling":"refuse","origin":"verdict","verdict":"act")"));
  EXPECT_THAT(trail[1], HasSubstr(R"("note":"asked to go on")"));
  EXPECT_THAT(trail[2], HasSubstr(R"("ruling":"automatic")"));
  EXPECT_THAT(trail[3], HasSubstr(R"("ruling":"refuse")"));
}

TEST(EnforcementTest, DecisionsSurviveAKill) {
  Deployment deployment;
  Label(deployment, "thief", "confirmed");
  Decide(deployment, {"other", "refuse", "--for", "1h"});
  Decide(deployment, {"pardoned", "allow", "--for", "1h"});
  const std::string before = Decisions(deployment);
  ASSERT_EQ(Lines(before).size(), 3U) << before;
  deployment.Kill();
  deployment.Start();
  const std::vector<std::string> after = Lines(Decisions(deployment));
  ASSERT_EQ(after.size(), 3U);
  for (const char* account : {"thief", "other", "pardoned"}) {
    EXPECT_THAT(Decisions(deployment), HasSubstr(account));
  }
  EXPECT_EQ(Check(deployment, "other"), 4);
  EXPECT_EQ(deployment.Client({"decisions", "other"}).output.find("\"note\":\"labelled"), std::string::npos);
  EXPECT_EQ(Lines(deployment.Client({"decisions", "thief"}).output).size(), 1U) << "a restart decides nothing anew";
}

TEST(EnforcementTest, ShadowModeTellsAndRefusesNothing) {
  const Deployment deployment({"--enforce", "shadow"});
  Label(deployment, "thief", "confirmed");
  EXPECT_EQ(Check(deployment, "thief"), 0);
  EXPECT_THAT(Decisions(deployment), HasSubstr(R"("mode":"shadow")"));
  const auto response = AskAsEnvoy(deployment, "thief");
  EXPECT_EQ(response.status().code(), grpc::StatusCode::OK);
  ASSERT_EQ(response.ok_response().headers_size(), 1);
  EXPECT_EQ(response.ok_response().headers(0).header().key(), "x-stillwatch-verdict");
  WaitForText(deployment.directory() / "log", "shadow: account thief is refused");
}

TEST(EnforcementTest, OffDecidesNothing) {
  const Deployment deployment({"--enforce", "off"});
  Label(deployment, "thief", "confirmed");
  EXPECT_EQ(Check(deployment, "thief"), 0);
  EXPECT_THAT(Decisions(deployment), IsEmpty());
}

TEST(EnforcementTest, EnvoyIsTold) {
  const Deployment deployment({"--authz-refusal-status", "429"});
  Label(deployment, "thief", "confirmed");
  EXPECT_EQ(AskAsEnvoy(deployment, "honest").status().code(), grpc::StatusCode::OK);
  const auto refused = AskAsEnvoy(deployment, "thief");
  EXPECT_EQ(refused.status().code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(refused.denied_response().status().code(), 429);
  EXPECT_THAT(refused.denied_response().body(), HasSubstr("account_under_review"));
  Label(deployment, "thief", "benign");
  EXPECT_EQ(AskAsEnvoy(deployment, "thief").status().code(), grpc::StatusCode::OK);
}

TEST(EnforcementTest, CrowdSecsBouncerAddsAndRemovesAnAccount) {
  Deployment deployment;
  const TemporaryDirectory directory;
  const std::string calls = directory / "calls";
  WriteFile(directory / "act", "#!/bin/sh\necho \"$1 $2 $4\" >>" + calls + "\n");
  fs::permissions(directory / "act", fs::perms::owner_all);
  std::string config = Recipe("crowdsec-custom-bouncer.yaml");
  ReplaceAll(config, "/usr/local/bin/refuse-account", directory / "act");
  ReplaceAll(config, "127.0.0.1:7480", deployment.http_address());
  ReplaceAll(config, "/run/", directory.path() + "/");
  ReplaceAll(config, "/var/log/", directory.path() + "/");
  ReplaceAll(config, "10s", "50ms");
  WriteFile(directory / "config.yaml", config);

  Label(deployment, "thief", "confirmed");
  Process bouncer({"/usr/bin/crowdsec-custom-bouncer", "-c", directory / "config.yaml"}, directory / "bouncer-log");
  WaitForText(calls, "add thief stillwatch/act");
  Decide(deployment, {"other", "refuse", "--for", "1h"});
  WaitForText(calls, "add other stillwatch/analyst");
  Label(deployment, "thief", "benign");
  WaitForText(calls, "del thief stillwatch/act");
  // What ends while the daemon is down is told when it is back.
  deployment.Kill();
  deployment.Start();
  Decide(deployment, {"other", "automatic"});
  WaitForText(calls, "del other stillwatch/analyst");
}

TEST(EnforcementTest, PortkeysGatewayRefusesAnAccountUnderAct) {
  const Deployment deployment;
  Label(deployment, "thief", "confirmed");
  const Finished calls = RunToEnd(NodeCommand("portkey_calls.mjs", {deployment.http_address(), "honest", "thief"}));
  ASSERT_EQ(calls.exit_code, 0) << calls.errors;
  const std::vector<std::string> lines = Lines(calls.output);
  ASSERT_EQ(lines.size(), 2U) << calls.output;
  EXPECT_THAT(lines[0], StartsWith(R"({"account":"honest","status":200,"reached_upstream":true)"));
  EXPECT_THAT(lines[1], StartsWith(R"({"account":"thief","status":446,"reached_upstream":false)"));
  // The usage of the call that was made, and of no other.
  EXPECT_EQ(deployment.Status().stored_event_count(), 1U);
  const std::string account = deployment.Client({"account", "honest"}).output;
  EXPECT_THAT(account, HasSubstr(R"("event_count":1)"));
}

TEST(EnforcementTest, WebhooksArriveSignedInOrderAndSurviveAKill) {
  const TemporaryDirectory directory;
  WriteFile(directory / "secret", std::string(kSecret) + "\n");
  Process receiver(NodeCommand("webhook_receiver.mjs", {kSecret, "3"}), directory / "receiver-log");
  const std::string port = receiver.ReadLine();
  Deployment deployment(
      {"--webhook-url", "http://127.0.0.1:" + port + "/hook", "--webhook-secret-file", directory / "secret"});
  const Sample sample({"--seed", "31"});
  Import(deployment, sample);
  Label(deployment, "thief", "confirmed");
  deployment.Kill();
  deployment.Start();
  std::string told;
  std::vector<std::string> verdicts;
  while (told.find("decision.began") == std::string::npos ||
         told.find(R"("account_id":"thief")") == std::string::npos) {
    told = receiver.ReadLine();
    EXPECT_THAT(told, Not(StartsWith("refused")));
    if (told.find("verdict.changed") != std::string::npos) verdicts.push_back(told);
  }
  ASSERT_THAT(verdicts, Not(IsEmpty()));
  for (const char* part : {"\"volume\":{\"event_count\":", "\"input_distribution\":{",
                           "\"peer_median\":", "\"evidence\":[{\"detector\":"}) {
    EXPECT_THAT(verdicts.front(), HasSubstr(part));
  }
}

TEST(EnforcementTest, AnErasedAccountIsInNoFile) {
  const TemporaryDirectory directory;
  WriteFile(directory / "secret", kSecret);
  Deployment deployment({"--webhook-url", "http://127.0.0.1:1/", "--webhook-secret-file", directory / "secret"});
  Label(deployment, "thief-to-be-erased", "confirmed");
  Decide(deployment, {"thief-to-be-erased", "refuse", "--note", "a note to be erased"});
  const std::string data = deployment.directory() / "data";
  ASSERT_THAT(FilesWith(data, "thief-to-be-erased"), Not(IsEmpty()));
  const Finished erased = deployment.Client({"erase", "thief-to-be-erased", "--yes"});
  ASSERT_EQ(erased.exit_code, 0) << erased.errors;
  EXPECT_THAT(FilesWith(data, "thief-to-be-erased"), IsEmpty());
  EXPECT_THAT(FilesWith(data, "a note to be erased"), IsEmpty());
  EXPECT_THAT(Decisions(deployment), IsEmpty());
  EXPECT_EQ(Check(deployment, "thief-to-be-erased"), 0);
}

}  // namespace
}  // namespace stillwatch::blackbox
