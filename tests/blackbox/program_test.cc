// The programs as their users meet them: arguments, exit codes, exposure, services, the audit.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <thread>

#include "grpc/health/v1/health.grpc.pb.h"
#include "stillwatch/v1/query.grpc.pb.h"
#include "tests/blackbox/deployment.h"

namespace stillwatch::blackbox {
namespace {

TEST(ProgramTest, UnusableArgumentsEndWithTwoAndOneLineThatNamesThem) {
  const TemporaryDirectory directory;
  WriteFile(directory / "bad.toml", "data-dir = \"x\"\nno-such-key = 1\n");
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{}, "data-dir"},
      {{"--data-dir", directory / "data", "--no-such-flag"}, "no-such-flag"},
      {{"--config", directory / "bad.toml"}, "no-such-key"},
      {{"--data-dir", directory / "data", "--audit-at", "25:00"}, "audit-at"},
      {{"--data-dir", directory / "data", "--memory-budget", "1MiB"}, "memory-budget"},
      {{"--data-dir", directory / "data", "--memory-budget", "much"}, "memory-budget"},
      {{"--data-dir", directory / "data", "--grpc-address", "0.0.0.0:0"}, "grpc-address"},
      {{"--data-dir", directory / "data", "--tls-cert", "x"}, "tls-key"},
  };
  for (const auto& [arguments, named] : cases) {
    std::vector<std::string> command = {STILLWATCHD};
    command.insert(command.end(), arguments.begin(), arguments.end());
    const Finished finished = RunToEnd(command);
    EXPECT_EQ(finished.exit_code, 2) << finished.errors;
    EXPECT_NE(finished.errors.find(named), std::string::npos) << finished.errors;
    EXPECT_EQ(std::count(finished.errors.begin(), finished.errors.end(), '\n'), 1) << finished.errors;
    EXPECT_EQ(finished.output, "");
  }
}

TEST(ProgramTest, TheDaemonSaysNothingButItsReadyLineAndEndsCleanly) {
  Deployment deployment;
  EXPECT_EQ(deployment.Stop(), 0);
  EXPECT_EQ(deployment.daemon().ReadRest(), "");
}

TEST(ProgramTest, ThreadsOfIngestGiveWayToThoseThatAnswer) {
  const Sample sample({"--accounts", "20", "--events", "200"});
  Deployment deployment;
  // A thread has its name and niceness once it runs, and each of them has worked for this import and this answer.
  Import(deployment, sample);
  EXPECT_EQ(deployment.Client({"suspects"}).exit_code, 0);
  const pid_t daemon = deployment.daemon().pid();
  const int usual = getpriority(PRIO_PROCESS, static_cast<id_t>(daemon));
  std::map<std::string, int> niceness;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/" + std::to_string(daemon) + "/task")) {
    const id_t id = static_cast<id_t>(std::stoul(thread.path().filename()));
    niceness[ReadFile(thread.path() / "comm")] = getpriority(PRIO_PROCESS, id) - usual;
  }
  EXPECT_GT(niceness["applier\n"], 0);
  EXPECT_GT(niceness["committer\n"], 0);
  EXPECT_EQ(niceness.count("nexting_thread\n"), 1U) << "gRPC's threads have another name";
  EXPECT_EQ(niceness["nexting_thread\n"], 0);
}

TEST(ProgramTest, ThreadsThatAnswerGoFirstIfThatIsAllowed) {
  bool is_allowed = false;
  std::thread([&is_allowed] {
    sched_param parameters{};
    parameters.sched_priority = sched_get_priority_min(SCHED_RR);
    is_allowed = sched_setscheduler(0, SCHED_RR, &parameters) == 0;
  }).join();
  Deployment deployment;
  EXPECT_EQ(deployment.Client({"check", "unknown"}).exit_code, 0);
  std::multimap<std::string, int> policies;
  const std::string tasks = "/proc/" + std::to_string(deployment.daemon().pid()) + "/task";
  for (const auto& thread : std::filesystem::directory_iterator(tasks)) {
    policies.emplace(ReadFile(thread.path() / "comm"), sched_getscheduler(std::stoi(thread.path().filename())));
  }
  // That which answered; others may not have run yet.
  const auto [begin, end] = policies.equal_range("nexting_thread\n");
  ASSERT_NE(begin, end) << "gRPC's threads have another name";
  EXPECT_EQ(std::any_of(begin, end, [](const auto& thread) { return thread.second == SCHED_RR; }), is_allowed);
  const auto applier = policies.find("applier\n");
  EXPECT_TRUE(applier == policies.end() || applier->second == SCHED_OTHER);
}

TEST(ProgramTest, ASecondDaemonOnTheSameDirectoryIsTurnedAway) {
  const Deployment deployment;
  const Finished second = RunToEnd({STILLWATCHD, "--data-dir", deployment.directory() / "data", "--grpc-address", "127.0.0.1:0",
                               "--http-address", "127.0.0.1:0"});
  EXPECT_EQ(second.exit_code, 1);
  EXPECT_EQ(second.output, "");
}

TEST(ProgramTest, HealthIsServingAndUnknownServicesAreNotFound) {
  const Deployment deployment;
  const auto stub = grpc::health::v1::Health::NewStub(deployment.Channel());
  grpc::health::v1::HealthCheckResponse response;
  grpc::health::v1::HealthCheckRequest request;
  grpc::ClientContext first;
  ASSERT_TRUE(stub->Check(&first, request, &response).ok());
  EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::SERVING);
  request.set_service("no.such.Service");
  grpc::ClientContext second;
  EXPECT_EQ(stub->Check(&second, request, &response).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST(ProgramTest, LabelsDecideAtOnceAndSurviveARestart) {
  const Sample sample({"--seed", "31"});
  Deployment deployment;
  Import(deployment, sample);
  const std::string suspects = deployment.Client({"suspects", "--limit", "1"}).output;
  const size_t begin = suspects.find("\"account_id\":\"") + 14;
  const std::string account = suspects.substr(begin, suspects.find('"', begin) - begin);
  EXPECT_EQ(deployment.Client({"label", account, "benign", "--note", "ours"}).exit_code, 0);
  const std::string cleared = deployment.Client({"account", account}).output;
  EXPECT_NE(cleared.find("\"verdict\":\"clear\""), std::string::npos) << cleared;
  EXPECT_NE(cleared.find("\"label\":\"benign\""), std::string::npos);
  EXPECT_EQ(deployment.Client({"label", account, "confirmed"}).exit_code, 0);
  EXPECT_EQ(deployment.Client({"check", account}).exit_code, 4);
  deployment.Kill();
  deployment.Start();
  EXPECT_EQ(deployment.Client({"check", account}).exit_code, 4);
  EXPECT_EQ(deployment.Client({"label", account, "unlabelled"}).exit_code, 0);
  EXPECT_EQ(deployment.Client({"suspects", "--limit", "1"}).output, suspects);
}

TEST(ProgramTest, WatchersSeeChangesAsTheyHappen) {
  const Deployment deployment;
  deployment.Client({"label", "mallory", "unlabelled"});
  const auto stub = v1::QueryService::NewStub(deployment.Channel());
  grpc::ClientContext context;
  const auto stream = stub->WatchVerdicts(&context, {});
  stream->WaitForInitialMetadata();
  EXPECT_EQ(deployment.Client({"label", "mallory", "confirmed"}).exit_code, 0);
  v1::WatchVerdictsResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.change().account_id(), "mallory");
  EXPECT_EQ(response.change().to_verdict(), v1::VERDICT_ACT);
  context.TryCancel();
  stream->Finish();
}

TEST(ProgramTest, AnAuditFindsWhatTheLiveScoresFound) {
  const Sample sample({"--seed", "32"});
  const Deployment deployment;
  Import(deployment, sample);
  const TemporaryDirectory report;
  const Finished audit = deployment.Client({"audit", "run", "--from", "2026-01-01", "--to", "now", "--report", report / "out"});
  ASSERT_EQ(audit.exit_code, 0) << audit.errors;
  EXPECT_EQ(NumberIn(audit.output, "event_count"), static_cast<int64_t>(sample.event_count));
  EXPECT_EQ(NumberIn(audit.output, "differing_count"), 0);
  EXPECT_NE(ReadFile(report / "out/report.html").find("<svg"), std::string::npos);
  const std::string suspects = ReadFile(report / "out/suspects.jsonl");
  const std::string live = deployment.Client({"suspects"}).output;
  EXPECT_EQ(std::count(suspects.begin(), suspects.end(), '\n'), std::count(live.begin(), live.end(), '\n'));
  EXPECT_NE(deployment.Client({"audit", "list"}).output.find("audit_id"), std::string::npos);
}

// No text that was sent may be found in what the daemon wrote.
TEST(ProgramTest, PromptTextIsNotKept) {
  Deployment deployment;
  const std::string secret = "xylophone-marmalade-quasar";
  const TemporaryDirectory directory;
  std::string lines;
  for (int i = 0; i < 100; ++i) {
    lines += "{\"event_id\":\"e" + std::to_string(i) + "\",\"account_id\":\"a\",\"time_unix_nano\":\"1772409600000000000\"," +
             "\"prompt\":\"" + secret + "\",\"system_prompt\":\"" + secret + "\",\"completion\":\"" + secret + "\"}\n";
  }
  WriteFile(directory / "events.jsonl", lines);
  EXPECT_EQ(NumberIn(deployment.Client({"import", "events", directory / "events.jsonl"}).output, "accepted"), 100);
  ASSERT_EQ(deployment.Stop(), 0);
  size_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(deployment.directory().path())) {
    if (!entry.is_regular_file()) continue;
    const std::string text = ReadFile(entry.path().string());
    bytes += text.size();
    EXPECT_EQ(text.find(secret), std::string::npos) << entry.path();
  }
  EXPECT_GT(bytes, 1000U);
}

}  // namespace
}  // namespace stillwatch::blackbox
