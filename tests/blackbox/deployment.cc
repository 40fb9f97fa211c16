#include "tests/blackbox/deployment.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <utility>

#include "stillwatch/v1/admin.grpc.pb.h"

namespace stillwatch::blackbox {
namespace {

size_t CountLines(const std::string& path) {
  const std::string text = ReadFile(path);
  return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
}

std::string After(const std::string& text, const std::string& key) {
  const size_t begin = text.find(key);
  if (begin == std::string::npos) return "";
  return text.substr(begin + key.size(), text.find(' ', begin + key.size()) - begin - key.size());
}

}  // namespace

Deployment::Deployment(std::vector<std::string> flags) : flags_(std::move(flags)) { Start(); }

void Deployment::Start() {
  std::vector<std::string> command = {STILLWATCHD,      "--data-dir",   directory_ / "data", "--grpc-address", grpc_address_,
                                      "--http-address", http_address_};
  command.insert(command.end(), flags_.begin(), flags_.end());
  daemon_.emplace(command, directory_ / "log");
  const std::string ready = daemon_->ReadLine();
  ASSERT_EQ(ready.rfind("ready grpc=", 0), 0U) << ready << ReadFile(directory_ / "log");
  grpc_address_ = After(ready, "grpc=");
  http_address_ = After(ready, "http=");
}

int Deployment::Stop() {
  daemon_->Signal(SIGTERM);
  const int exit_code = daemon_->Wait();
  EXPECT_EQ(exit_code, 0) << ReadFile(directory_ / "log");
  return exit_code;
}

void Deployment::Kill() {
  daemon_->Signal(SIGKILL);
  daemon_->Wait();
}

std::vector<std::string> Deployment::ClientCommand(std::vector<std::string> arguments) const {
  std::vector<std::string> command = {STILLWATCH, "--server", grpc_address_, "--output", "jsonl"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

Finished Deployment::Client(std::vector<std::string> arguments) const { return RunToEnd(ClientCommand(std::move(arguments))); }

std::shared_ptr<grpc::Channel> Deployment::Channel() const {
  return grpc::CreateChannel(grpc_address_, grpc::InsecureChannelCredentials());
}

v1::GetStatusResponse Deployment::Status() const {
  grpc::ClientContext context;
  v1::GetStatusResponse response;
  const grpc::Status status = v1::AdminService::NewStub(Channel())->GetStatus(&context, {}, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response;
}

Sample::Sample(std::vector<std::string> arguments) {
  std::vector<std::string> command = {STILLWATCH_SAMPLE, "--out", directory.path()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  const Finished finished = RunToEnd(command);
  EXPECT_EQ(finished.exit_code, 0) << finished.errors;
  event_count = CountLines(directory / "events.jsonl");
  account_count = CountLines(directory / "accounts.jsonl");
}

Finished Import(const Deployment& deployment, const Sample& sample, std::vector<std::string> flags) {
  EXPECT_EQ(deployment.Client({"import", "models", sample.directory / "models.jsonl"}).exit_code, 0);
  EXPECT_EQ(deployment.Client({"import", "accounts", sample.directory / "accounts.jsonl"}).exit_code, 0);
  std::vector<std::string> arguments = {"import", "events", "--retry-seconds", "20", sample.directory / "events.jsonl"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  return deployment.Client(arguments);
}

int64_t NumberIn(const std::string& json, const std::string& name) {
  const size_t found = json.find("\"" + name + "\":");
  if (found == std::string::npos) return -1;
  return std::strtoll(json.c_str() + found + name.size() + 3, nullptr, 10);
}

}  // namespace stillwatch::blackbox
