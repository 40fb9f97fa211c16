// What the daemon can be told: flags, environment, configuration file.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "proto/decision.h"

namespace stillwatch::daemon {

// Every option's default stands here. Flags win over the environment (STILLWATCH_DATA_DIR, …), which wins over the file.
struct Options {
  std::string data_dir;
  // HOST:PORT, one or more; all serve the same. The ready line tells the first.
  std::vector<std::string> grpc_addresses = {"127.0.0.1:7443"};
  // HOST:PORT, any number; a server of their own, for IngestService and health only.
  std::vector<std::string> ingest_addresses;
  std::vector<std::string> http_addresses = {"127.0.0.1:7480"};
  // Of kListeners.
  std::vector<std::string> without_listeners;
  // Threads that decode batches and score accounts; 0 means the cores less one.
  uint32_t worker_threads = 0;
  // Threads that answer gateways go before all usual ones, while gateways ask and where that is allowed
  // (daemon/answer_priority.h).
  bool realtime_answers = true;
  // Bytes that the daemon may take in memory, about: three quarters for what it knows of accounts, the rest for the store,
  // for event ids and for what is on its way. 0 means half of the machine's memory.
  uint64_t memory_budget = 0;
  uint32_t allowed_lateness_seconds = 120;
  // How long a commit waits for more.
  uint32_t commit_delay_ms = 0;
  // Difference of event times up to which an event id is known again.
  uint32_t idempotency_hours = 48;
  // Minutes after midnight UTC at which the daily audit begins.
  std::optional<uint32_t> audit_at_minutes;
  std::string tls_cert;
  std::string tls_key;
  std::string token_file;
  std::string digest_key_file;
  // Age, in days of event time, at which events are deleted; 0 keeps them for ever.
  uint32_t retention_days = 0;
  // File of names that gateways use, read over the built-in table.
  std::string gateway_mapping;
  // HOST:PORT of plain syslog; none if empty.
  std::string syslog_tcp_address;
  std::string syslog_udp_address;
  // Whoever reaches the syslog addresses may send: plain syslog knows no tokens.
  bool syslog_beyond_loopback = false;
  // Access logs that are read as they grow.
  std::vector<std::string> follow;
  // What gateways are told: see enforcement/policy.h.
  EnforcementMode enforce = EnforcementMode::kOn;
  Verdict enforce_verdict = Verdict::kAct;
  uint32_t decision_minutes = 240;
  // Where Envoy's external authorization finds the account, and what it answers to a client that is refused.
  std::vector<std::string> authz_account = {"extension:account_id", "jwt:sub", "header:x-account-id"};
  int authz_refusal_status = 403;
  // Who is told of verdicts and decisions, signed with the key of a file.
  std::vector<std::string> webhook_urls;
  std::string webhook_secret_file;
  std::string webhook_ca_file;
  std::string log_level = "info";
  // Check the store and end, instead of serving.
  bool verify = false;

  bool Serves(std::string_view listener) const;
};

// What takes in the logs of gateways on the addresses above, and can be turned off: OTLP, Envoy's access log service,
// and the routes /v1/ingest/NAME. Syslog and files are off unless they are asked for.
inline constexpr std::array<std::string_view, 6> kListeners = {"otlp", "envoy", "litellm", "kong", "ndjson", "portkey"};

// The program is to end now with this code: help was asked for, or an argument is not usable (2; said on standard error).
struct ExitNow {
  int code;
};

std::variant<Options, ExitNow> ParseOptions(int argc, const char* const* argv);

}  // namespace stillwatch::daemon
