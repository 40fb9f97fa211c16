// What the daemon can be told: flags, environment, configuration file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace stillwatch::daemon {

// Every option's default stands here. Flags win over the environment (STILLWATCH_DATA_DIR, …), which wins over the file.
struct Options {
  std::string data_dir;
  std::string grpc_address = "127.0.0.1:7443";
  std::string http_address = "127.0.0.1:7480";
  // Threads that decode batches and score accounts; 0 means the cores less one.
  uint32_t worker_threads = 0;
  uint32_t allowed_lateness_seconds = 120;
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
  std::string log_level = "info";
  // Check the store and end, instead of serving.
  bool verify = false;
};

// The program is to end now with this code: help was asked for, or an argument is not usable (2; said on standard error).
struct ExitNow {
  int code;
};

std::variant<Options, ExitNow> ParseOptions(int argc, const char* const* argv);

}  // namespace stillwatch::daemon
