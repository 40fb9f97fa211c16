#include "daemon/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>

namespace stillwatch::daemon {
namespace {

// "02:30" to 150, or nothing.
std::optional<uint32_t> ParseTimeOfDay(std::string_view text) {
  const auto digit = [&text](size_t i) { return text[i] >= '0' && text[i] <= '9' ? text[i] - '0' : 99; };
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const int hours = 10 * digit(0) + digit(1);
  const int minutes = 10 * digit(3) + digit(4);
  if (hours > 23 || minutes > 59) return std::nullopt;
  return static_cast<uint32_t>(60 * hours + minutes);
}

const std::map<std::string, EnforcementMode> kModes = {
    {"off", EnforcementMode::kOff}, {"shadow", EnforcementMode::kShadow}, {"on", EnforcementMode::kOn}};
const std::map<std::string, Verdict> kEnforcedVerdicts = {{"review", Verdict::kReview}, {"act", Verdict::kAct}};

// Takes the texts of `names` and nothing else.
template <typename Value>
CLI::Option* AddChoice(CLI::App& app, const std::string& name, const std::string& variable, Value& value,
                       const std::map<std::string, Value>& names, const std::string& help) {
  std::vector<std::string> texts;
  for (const auto& [text, unused] : names) texts.push_back(text);
  return app
      .add_option_function<std::string>(
          "--" + name, [&value, &names](const std::string& text) { value = names.at(text); }, help)
      ->envname(variable)
      ->check(CLI::IsMember(texts))
      ->type_name("");
}

void AddEnforcementOptions(CLI::App& app, Options& options) {
  AddChoice(app, "enforce", "STILLWATCH_ENFORCE", options.enforce, kModes,
            "on: gateways that ask are told to refuse; shadow: they are told, and nothing is refused; off. Default: on");
  AddChoice(app, "enforce-verdict", "STILLWATCH_ENFORCE_VERDICT", options.enforce_verdict, kEnforcedVerdicts,
            "The lowest verdict that is enforced: act or review. Default: act");
  app.add_option("--decision-minutes", options.decision_minutes,
                 "How long a decision is told to last; renewed as long as the verdict stands")
      ->envname("STILLWATCH_DECISION_MINUTES")
      ->capture_default_str()
      ->check(CLI::Range(1, 60 * 24 * 365));
  app.add_option("--authz-account", options.authz_account,
                 "Where Envoy's external authorization finds the account, the first that is there: extension:NAME, "
                 "jwt:CLAIM, metadata:FILTER/KEY, header:NAME, principal")
      ->envname("STILLWATCH_AUTHZ_ACCOUNT")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--authz-refusal-status", options.authz_refusal_status,
                 "HTTP status that Envoy gives to a client that is refused")
      ->envname("STILLWATCH_AUTHZ_REFUSAL_STATUS")
      ->capture_default_str()
      ->check(CLI::IsMember({403, 429}));
}

void AddWebhookOptions(CLI::App& app, Options& options) {
  app.add_option("--webhook-url", options.webhook_urls,
                 "Where verdict changes and decisions are posted, http:// or https://; may be given several times")
      ->envname("STILLWATCH_WEBHOOK_URL")
      ->delimiter(',');
  app.add_option("--webhook-secret-file", options.webhook_secret_file,
                 "File of the key that they are signed with: whsec_ and base64, or plain text")
      ->envname("STILLWATCH_WEBHOOK_SECRET_FILE");
  app.add_option("--webhook-ca-file", options.webhook_ca_file,
                 "PEM file of the authorities that receivers' certificates are checked against; the system's if empty")
      ->envname("STILLWATCH_WEBHOOK_CA_FILE");
}

constexpr uint64_t kMemoryBudgetMin = 64 << 20;

void AddOptions(CLI::App& app, Options& options, std::string& audit_at) {
  // A variable an option: --data-dir is STILLWATCH_DATA_DIR.
  const auto add = [&app](const std::string& name, auto& value, const std::string& help) {
    std::string variable = "STILLWATCH_";
    for (const char c : name) variable += c == '-' ? '_' : static_cast<char>(std::toupper(c));
    return app.add_option("--" + name, value, help)->envname(variable)->capture_default_str();
  };
  add("data-dir", options.data_dir, "Directory of the store; made if missing")->required();
  const auto add_list = [&add](const std::string& name, std::vector<std::string>& values, const std::string& help) {
    return add(name, values, help + "; may be given several times")->delimiter(',')->allow_extra_args(false);
  };
  add_list("grpc-address", options.grpc_addresses, "HOST:PORT of all gRPC services; port 0 picks a free one");
  add_list("ingest-address", options.ingest_addresses,
           "HOST:PORT of a server of its own for heavy senders of usage events; none by default");
  add_list("http-address", options.http_addresses,
           "HOST:PORT of everything that is served over HTTP: health, metrics, what gateways push");
  add_list("without-listener", options.without_listeners, "A listener that takes nothing in")
      ->check(CLI::IsMember(std::vector<std::string>(kListeners.begin(), kListeners.end())));
  add("worker-threads", options.worker_threads, "Threads that decode and score; 0 means the cores less one")
      ->check(CLI::Range(0, 256));
  add("memory-budget", options.memory_budget,
      "Memory that the daemon may take, about, as in 12GiB: accounts that were not used longest are kept on disk beyond it; 0 "
      "means half of the machine's")
      ->transform(CLI::AsSizeValue(false))
      ->check([](const std::string& text) {
        const uint64_t bytes = std::stoull(text);
        return bytes == 0 || bytes >= kMemoryBudgetMin ? std::string() : "expected 64MiB or more, or 0";
      });
  add("realtime-answers", options.realtime_answers,
      "While gateways ask, threads that answer them go before all others of the machine (SCHED_RR), where that is allowed");
  add("allowed-lateness-seconds", options.allowed_lateness_seconds,
      "How much later than others an event may come and still count in order of time")
      ->check(CLI::Range(0, 86400));
  add("commit-delay-ms", options.commit_delay_ms,
      "How long a commit waits for more events, for fewer and larger writes; 0 commits what is there")
      ->check(CLI::Range(0, 1000));
  add("idempotency-hours", options.idempotency_hours,
      "Difference of event times up to which an event id that was used for another event is known again; an event that "
      "is sent again as it was always is")
      ->check(CLI::Range(24, 24 * 31));
  add("audit-at", audit_at, "Time of the daily audit, HH:MM in UTC; none if empty")
      ->check([](const std::string& text) {
        return text.empty() || ParseTimeOfDay(text) ? std::string() : "expected HH:MM, got " + text;
      });
  add("tls-cert", options.tls_cert, "PEM file of the server's certificate chain");
  add("tls-key", options.tls_key, "PEM file of its private key");
  add("token-file", options.token_file, "File of SHA-256 hashes of the bearer tokens that are accepted");
  add("digest-key-file", options.digest_key_file,
      "File of the key that prompts are hashed with; made if missing. Without it the built-in key is used");
  add("retention-days", options.retention_days,
      "Delete events that are this many days older than the newest, by event time; 0 keeps them for ever")
      ->check(CLI::Range(0, 36500));
  add("gateway-mapping", options.gateway_mapping,
      "File of what your gateways call things, in the form of gateways/mapping.toml, read over the built-in table");
  AddEnforcementOptions(app, options);
  AddWebhookOptions(app, options);
  app.add_flag("--verify", options.verify,
               "Check every checksum of the store, say what is damaged, and end: exit code 0 if nothing is, 1 if something "
               "is. No daemon may serve from the directory meanwhile");
  add("syslog-tcp-address", options.syslog_tcp_address, "HOST:PORT of syslog over TCP, for access logs; none if empty");
  add("syslog-udp-address", options.syslog_udp_address, "HOST:PORT of syslog over UDP, for access logs; none if empty");
  app.add_flag("--syslog-beyond-loopback", options.syslog_beyond_loopback,
               "Take syslog from other machines, too: whoever reaches the addresses may send, as plain syslog knows no "
               "tokens");
  add("follow", options.follow, "Access log files that are read as they grow, over rotations and restarts");
  add("log-level", options.log_level, "trace, debug, info, warn, error")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error"}));
}

}  // namespace

bool Options::Serves(std::string_view listener) const {
  return std::find(without_listeners.begin(), without_listeners.end(), listener) == without_listeners.end();
}

std::variant<Options, ExitNow> ParseOptions(int argc, const char* const* argv) {
  Options options;
  std::string audit_at;
  CLI::App app("stillwatchd: tells who is copying your model through its own API", "stillwatchd");
  AddOptions(app, options, audit_at);
  app.set_config("--config", "", "TOML file with the options above as keys")->envname("STILLWATCH_CONFIG");
  app.allow_config_extras(CLI::config_extras_mode::error);
  app.set_version_flag("--version", STILLWATCH_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {  // --help and --version.
    return ExitNow{app.exit(asked)};
  } catch (const CLI::Error& error) {
    std::fprintf(stderr, "stillwatchd: %s\n", error.what());
    return ExitNow{2};
  }
  if (options.tls_cert.empty() != options.tls_key.empty()) {
    std::fprintf(stderr, "stillwatchd: --tls-cert and --tls-key belong together\n");
    return ExitNow{2};
  }
  if (!options.webhook_urls.empty() && options.webhook_secret_file.empty()) {
    std::fprintf(stderr, "stillwatchd: --webhook-url needs --webhook-secret-file\n");
    return ExitNow{2};
  }
  if (!audit_at.empty()) options.audit_at_minutes = ParseTimeOfDay(audit_at);
  return options;
}

}  // namespace stillwatch::daemon
