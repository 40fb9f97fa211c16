// Real web servers and clients for the tests of access logs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/blackbox/deployment.h"

namespace stillwatch::blackbox {

// An event as the log holds it; of numbers -1 is unknown.
struct StoredEvent {
  std::string account_id;
  std::string client_address;
  std::string user_agent;
  std::string operation_name;
  std::string request_model;
  std::string response_model;
  std::string organization_id;
  std::string tls_fingerprint;
  int64_t status_code = -1;
  int64_t duration_ms = -1;
  int64_t time_to_first_token_ms = -1;
  int64_t input_tokens = -1;
  int64_t output_tokens = -1;
  int64_t reasoning_tokens = -1;
  int64_t cache_read_input_tokens = -1;
};
// All events in the store of a deployment that was stopped.
std::vector<StoredEvent> StoredEvents(const Deployment& deployment);

// A port that is free now.
uint16_t FreePort();
// Waits until somebody listens there; the process given must still run.
void WaitForListener(uint16_t port);
// Makes a GET request of a model's path for `account`, and returns the answer.
std::string Ask(uint16_t port, const std::string& account, const std::string& agent = "test-agent/1.0");
// HOST:PORT that the daemon's log tells after these words.
std::string ToldAddress(const Deployment& deployment, const std::string& words);
// A file of deploy/gateways with `from` replaced by `to`, which must be in it.
std::string Recipe(const std::string& name, const std::vector<std::pair<std::string, std::string>>& replacements);
// Waits until the daemon has accepted so many events.
void WaitForEvents(const Deployment& deployment, uint64_t count);

}  // namespace stillwatch::blackbox
