// A real daemon on free ports, and the real client beside it.
#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "stillwatch/v1/admin.pb.h"
#include "tests/blackbox/process.h"

namespace stillwatch::blackbox {

// Runs the daemon on a data directory of its own. Once it has a port it keeps it over restarts, as clients expect.
class Deployment {
 public:
  explicit Deployment(std::vector<std::string> flags = {});

  void Start();
  // SIGTERM; returns the exit code.
  int Stop();
  // SIGKILL.
  void Kill();
  Process& daemon() { return *daemon_; }

  // Runs the client with these arguments against the daemon.
  Finished Client(std::vector<std::string> arguments) const;
  std::vector<std::string> ClientCommand(std::vector<std::string> arguments) const;
  std::shared_ptr<grpc::Channel> Channel() const;
  v1::GetStatusResponse Status() const;

  const std::string& grpc_address() const { return grpc_address_; }
  const std::string& http_address() const { return http_address_; }
  const TemporaryDirectory& directory() const { return directory_; }

 private:
  const std::vector<std::string> flags_;
  TemporaryDirectory directory_;
  std::string grpc_address_ = "127.0.0.1:0";
  std::string http_address_ = "127.0.0.1:0";
  std::optional<Process> daemon_;
};

// Files of made-up traffic, the same for the same arguments of stillwatch-sample.
struct Sample {
  explicit Sample(std::vector<std::string> arguments = {});

  TemporaryDirectory directory;
  size_t event_count = 0;
  size_t account_count = 0;
};

// Imports models, accounts and events of the sample; returns what the client said of the events.
Finished Import(const Deployment& deployment, const Sample& sample, std::vector<std::string> flags = {});

// The number after "name": in a line of JSON; -1 if there is none.
int64_t NumberIn(const std::string& json, const std::string& name);

}  // namespace stillwatch::blackbox
