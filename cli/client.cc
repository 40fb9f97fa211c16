#include "cli/client.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include "cli/admin_commands.h"
#include "cli/audit_commands.h"
#include "cli/cluster_commands.h"
#include "cli/gateway_commands.h"
#include "cli/connection.h"
#include "cli/decision_commands.h"
#include "cli/import_commands.h"
#include "cli/label_commands.h"
#include "cli/query_commands.h"
#include "cli/session.h"
#include "cli/time_argument.h"
#include "proto/limits.h"

namespace stillwatch::cli {
namespace {

using Command = std::function<ExitCode(const Session&)>;

const std::map<std::string, OutputFormat> kFormats = {{"table", OutputFormat::kTable},
                                                      {"json", OutputFormat::kJson},
                                                      {"jsonl", OutputFormat::kJsonl},
                                                      {"csv", OutputFormat::kCsv}};
const std::map<std::string, v1::Verdict> kVerdicts = {
    {"clear", v1::VERDICT_CLEAR}, {"review", v1::VERDICT_REVIEW}, {"act", v1::VERDICT_ACT}};
const std::map<std::string, v1::Verdict> kSuspectVerdicts = {{"review", v1::VERDICT_REVIEW}, {"act", v1::VERDICT_ACT}};
const std::map<std::string, v1::Label> kLabels = {
    {"confirmed", v1::LABEL_CONFIRMED}, {"benign", v1::LABEL_BENIGN}, {"unlabelled", v1::LABEL_UNLABELLED}};

const std::map<std::string, v1::Ruling> kRulings = {
    {"refuse", v1::RULING_REFUSE}, {"allow", v1::RULING_ALLOW}, {"automatic", v1::RULING_AUTOMATIC}};

// What the arguments say. Lives as long as the parser, which writes into it.
struct Arguments {
  ConnectionOptions connection;
  OutputFormat format = OutputFormat::kJsonl;
  bool tls = false;
  ImportOptions import;
  int64_t retry_seconds = 60;
  uint64_t window_mebibytes = 16;
  bool more_follows = false;
  SuspectsOptions suspects;
  bool all = false;
  LabelOptions label;
  DecideOptions decide;
  std::string decide_for;
  std::string account_id;
  std::string cluster_id;
  v1::Verdict watch_min_verdict = v1::VERDICT_UNSPECIFIED;
  std::string audit_id;
  std::string audit_from;
  std::string audit_to;
  AuditRunOptions audit;
  std::string backup_directory;
  std::string listener;
  std::string captured_file;
  bool is_confirmed = false;
  Command command;
};

// Takes the texts of `names` and no numbers, unlike CLI11's own transformers, which take the enum's values too.
template <typename Value>
CLI::Option* AddChoice(CLI::App& app, const std::string& name, Value& value, const std::map<std::string, Value>& names,
                       const std::string& description) {
  std::vector<std::string> texts;
  for (const auto& [text, unused] : names) texts.push_back(text);
  return app
      .add_option_function<std::string>(
          name, [&value, &names](const std::string& text) { value = names.at(text); }, description)
      ->check(CLI::IsMember(texts))
      ->type_name("");
}

void AddConnectionOptions(CLI::App& app, Arguments& arguments) {
  app.add_option("--server", arguments.connection.server, "The daemon's address (also STILLWATCH_SERVER)")
      ->type_name("HOST:PORT")
      ->check([](const std::string& server) {
        return server.find(':') == std::string::npos ? "\"" + server + "\" is not HOST:PORT" : std::string();
      });
  AddChoice(app, "--output", arguments.format, kFormats, "Default: table on a terminal, jsonl elsewhere");
  app.add_flag("--tls", arguments.tls, "Use TLS and trust the system's authorities");
  app.add_option("--tls-ca", arguments.connection.tls_ca_path, "Use TLS and trust the authorities of this PEM file")
      ->type_name("FILE");
  app.add_option("--token-file", arguments.connection.token_path,
                 "Bearer token (also STILLWATCH_TOKEN); only sent over TLS")
      ->type_name("FILE");
}

void AddImportKind(CLI::App& parent, const std::string& name, Arguments& arguments,
                   ExitCode (*run)(const Session&, const ImportOptions&)) {
  CLI::App* app = parent.add_subcommand(name, "JSON Lines, plain, .gz or .zst; - is standard input");
  app->add_option("FILE", arguments.import.paths)->required();
  app->add_option("--batch-size", arguments.import.batch_size, "Lines per batch")
      ->check(CLI::Range(size_t{1}, kBatchEventCountMax))
      ->capture_default_str();
  app->add_option("--retry-seconds", arguments.retry_seconds, "How long to try again without an answer")
      ->check(CLI::Range(int64_t{0}, int64_t{7 * 86'400}))
      ->capture_default_str();
  if (run == RunImportEvents) {
    app->add_option("--window-mib", arguments.window_mebibytes, "MiB that may be on their way")
        ->check(CLI::Range(1, 1024))
        ->capture_default_str();
    app->add_flag("--more-follows", arguments.more_follows,
                  "Do not say at the end that no earlier event will follow; scores then settle later");
  }
  app->callback([&arguments, run] {
    arguments.command = [&arguments, run](const Session& session) {
      ImportOptions& options = arguments.import;
      options.retry_time = std::chrono::seconds(arguments.retry_seconds);
      options.window_bytes = arguments.window_mebibytes << 20;
      if (arguments.more_follows) options.completeness = Completeness::kMoreFollows;
      return run(session, options);
    };
  });
}

void AddImportCommands(CLI::App& app, Arguments& arguments) {
  CLI::App* import = app.add_subcommand("import", "Stream files into the daemon; exit code 3 if lines were rejected");
  import->require_subcommand(1);
  AddImportKind(*import, "events", arguments, RunImportEvents);
  AddImportKind(*import, "accounts", arguments, RunImportAccounts);
  AddImportKind(*import, "models", arguments, RunImportModels);
}

void AddSuspectsCommand(CLI::App& app, Arguments& arguments) {
  CLI::App* suspects = app.add_subcommand("suspects", "List accounts by descending risk");
  CLI::Option* min_verdict = AddChoice(*suspects, "--min-verdict", arguments.suspects.min_verdict, kSuspectVerdicts,
                                       "Only accounts of this verdict or a higher one; default review");
  suspects->add_flag("--all", arguments.all, "Every known account")->excludes(min_verdict);
  suspects->add_option("--limit", arguments.suspects.limit, "At most so many accounts")->type_name("N");
  suspects->add_option("--filter", arguments.suspects.filter, "Such as: risk >= 0.5 AND event_count >= 100")
      ->type_name("EXPR");
  suspects->add_option("--order-by", arguments.suspects.order_by,
                       "risk desc (default), risk, event_count desc, event_count, account_id");
  suspects->callback([&arguments] {
    if (arguments.all) arguments.suspects.scope = SuspectScope::kEveryAccount;
    arguments.command = [&arguments](const Session& session) { return RunSuspects(session, arguments.suspects); };
  });
}

void AddAccountCommand(CLI::App& app, Arguments& arguments, const std::string& name, const std::string& description,
                       ExitCode (*run)(const Session&, const std::string&)) {
  CLI::App* command = app.add_subcommand(name, description);
  command->add_option("ID", arguments.account_id, "The account")->required();
  command->callback([&arguments, run] {
    arguments.command = [&arguments, run](const Session& session) { return run(session, arguments.account_id); };
  });
}

void AddClusterCommands(CLI::App& app, Arguments& arguments) {
  CLI::App* clusters = app.add_subcommand("clusters", "List coordinated groups by descending risk");
  clusters->add_flag("--all", arguments.all, "Also groups below review");
  clusters->callback([&arguments] {
    arguments.command = [&arguments](const Session& session) {
      return RunClusters(session, arguments.all ? v1::VERDICT_UNSPECIFIED : v1::VERDICT_REVIEW);
    };
  });
  CLI::App* cluster = app.add_subcommand("cluster", "Show one coordinated group");
  cluster->add_option("ID", arguments.cluster_id, "The group")->required();
  cluster->callback([&arguments] {
    arguments.command = [&arguments](const Session& session) { return RunCluster(session, arguments.cluster_id); };
  });
}

void AddQueryCommands(CLI::App& app, Arguments& arguments) {
  AddSuspectsCommand(app, arguments);
  AddAccountCommand(app, arguments, "account", "Show one account", RunAccount);
  AddAccountCommand(app, arguments, "explain", "Show why an account has its risk", RunExplain);
  AddAccountCommand(app, arguments, "check", "Ask whether an account may go on; exit code 4 if not", RunCheck);
  AddClusterCommands(app, arguments);
  CLI::App* watch = app.add_subcommand("watch", "Follow verdict changes as they happen");
  AddChoice(*watch, "--min-verdict", arguments.watch_min_verdict, kVerdicts,
            "Only changes to or from this verdict or a higher one");
  watch->callback([&arguments] {
    arguments.command = [&arguments](const Session& session) { return RunWatch(session, arguments.watch_min_verdict); };
  });
}

void AddLabelCommands(CLI::App& app, Arguments& arguments) {
  CLI::App* label = app.add_subcommand("label", "Record an analyst's decision on an account");
  label->add_option("ID", arguments.label.account_id, "The account")->required();
  AddChoice(*label, "LABEL", arguments.label.label, kLabels, "confirmed, benign, or unlabelled to take it back")
      ->required();
  label->add_option("--note", arguments.label.note, "Why")->type_name("TEXT");
  label->callback([&arguments] {
    arguments.command = [&arguments](const Session& session) { return RunLabel(session, arguments.label); };
  });
  app.add_subcommand("labels", "List all labels")->callback([&arguments] { arguments.command = RunLabels; });
}

void AddDecisionCommands(CLI::App& app, Arguments& arguments) {
  CLI::App* decide = app.add_subcommand("decide", "Refuse or allow an account at the gateways, for a time");
  decide->add_option("ID", arguments.decide.account_id, "The account")->required();
  AddChoice(*decide, "RULING", arguments.decide.ruling, kRulings,
            "refuse, allow, or automatic to give it back to its verdict")
      ->required();
  decide->add_option("--for", arguments.decide_for, "How long, such as 90s, 30m, 12h, 7d; default: 4h")
      ->type_name("TIME")
      ->check([](const std::string& text) { return ParseLength(text).status().message(); });
  decide->add_option("--note", arguments.decide.note, "Why")->type_name("TEXT");
  decide->callback([&arguments] {
    arguments.command = [&arguments](const Session& session) {
      DecideOptions& options = arguments.decide;
      if (!arguments.decide_for.empty()) {
        options.duration_seconds = static_cast<uint32_t>(ParseLength(arguments.decide_for).value());
      }
      return RunDecide(session, options);
    };
  });
  CLI::App* decisions = app.add_subcommand("decisions", "List what is enforced, or the trail of one account");
  decisions->add_option("ID", arguments.account_id, "The account whose trail to show");
  decisions->callback([&arguments] {
    arguments.command = [&arguments](const Session& session) { return RunDecisions(session, arguments.account_id); };
  });
}

void AddAuditCommands(CLI::App& app, Arguments& arguments, int64_t now_unix_nano) {
  CLI::App* audit = app.add_subcommand("audit", "Score everything stored again, from the raw events");
  audit->require_subcommand(1);
  const auto check_time = [now_unix_nano](const std::string& text) {
    return ParseTime(text, now_unix_nano).status().message();
  };
  const std::string forms = "RFC 3339, a date, now, or an age such as -24h";
  CLI::App* run = audit->add_subcommand("run", "Run an audit now");
  run->add_option("--from", arguments.audit_from, forms + "; default: the first event")
      ->type_name("T")
      ->check(check_time);
  run->add_option("--to", arguments.audit_to, forms + "; default: the last event")->type_name("T")->check(check_time);
  run->add_option("--report", arguments.audit.report_directory, "Write the report here")->type_name("DIR");
  run->callback([&arguments, now_unix_nano] {
    const auto time_or_zero = [now_unix_nano](const std::string& text) {
      return text.empty() ? 0 : ParseTime(text, now_unix_nano).value();
    };
    arguments.audit.from_time_unix_nano = time_or_zero(arguments.audit_from);
    arguments.audit.to_time_unix_nano = time_or_zero(arguments.audit_to);
    arguments.command = [&arguments](const Session& session) { return RunAudit(session, arguments.audit); };
  });
  audit->add_subcommand("list", "List the audits that were made")->callback([&arguments] {
    arguments.command = RunAuditList;
  });
  CLI::App* show = audit->add_subcommand("show", "Show one audit");
  show->add_option("ID", arguments.audit_id, "The audit")->required();
  show->add_option("--report", arguments.audit.report_directory, "Write the report here")->type_name("DIR");
  show->callback([&arguments] {
    arguments.command = [&arguments](const Session& session) {
      return RunAuditShow(session, arguments.audit_id, arguments.audit.report_directory);
    };
  });
}

void AddAdminCommands(CLI::App& app, Arguments& arguments) {
  app.add_subcommand("status", "Show the daemon's counters and positions")->callback([&arguments] {
    arguments.command = RunStatus;
  });
  CLI::App* erase = app.add_subcommand("erase", "Remove every trace of an account");
  erase->add_option("ID", arguments.account_id, "The account")->required();
  erase->add_flag("--yes", arguments.is_confirmed, "Do not ask");
  erase->callback([&arguments] {
    arguments.command = [&arguments](const Session& session) {
      return RunErase(session, arguments.account_id, arguments.is_confirmed);
    };
  });
  CLI::App* map = app.add_subcommand("map", "Show what a captured message of a gateway becomes");
  map->add_option("--listener", arguments.listener, "otlp, …")->required();
  map->add_option("FILE", arguments.captured_file, "The body of a request; - for standard input")->required();
  map->callback([&arguments] {
    arguments.command = [&arguments](const Session& session) {
      return RunMap(session, arguments.listener, arguments.captured_file);
    };
  });
  CLI::App* backup = app.add_subcommand("backup", "Copy the daemon's data while it serves");
  backup->add_option("DIR", arguments.backup_directory, "Does not exist; on the daemon's machine")->required();
  backup->callback([&arguments] {
    arguments.command = [&arguments](const Session& session) { return RunBackup(session, arguments.backup_directory); };
  });
  app.add_subcommand("version", "Show versions, builds and instruction sets")->callback([&arguments] {
    arguments.command = RunVersion;
  });
}

int ToInt(ExitCode code) { return static_cast<int>(code); }

int RunCommand(Arguments& arguments, const Environment& environment) {
  if (arguments.tls || !arguments.connection.tls_ca_path.empty()) arguments.connection.transport = Transport::kTls;
  StatusLine status_line(environment.err, environment.err_kind == StreamKind::kTerminal ? StatusLine::Kind::kTerminal
                                                                                        : StatusLine::Kind::kPlain);
  auto channel = MakeChannel(arguments.connection);
  if (!channel.ok()) {
    status_line.Say(channel.status().message());
    return ToInt(ExitCode::kBadArguments);
  }
  const bool colours = environment.out_kind == StreamKind::kTerminal && environment.no_color.empty();
  const Session session{arguments.connection.server,         *channel, environment.out, status_line, arguments.format,
                        colours ? Colour::kOn : Colour::kOff};
  const ExitCode code = arguments.command(session);
  environment.out.flush();
  if (!environment.out) {
    status_line.Say("cannot write to standard output");
    return ToInt(ExitCode::kFailed);
  }
  return ToInt(code);
}

}  // namespace

int RunClient(const std::vector<std::string>& arguments_text, const Environment& environment) {
  Arguments arguments;
  if (!environment.server.empty()) arguments.connection.server = environment.server;
  arguments.connection.token = environment.token;
  if (environment.out_kind == StreamKind::kTerminal) arguments.format = OutputFormat::kTable;

  CLI::App app("Finds who is copying a language model through its API", "stillwatch");
  app.require_subcommand(1);
  app.fallthrough();
  AddConnectionOptions(app, arguments);
  AddImportCommands(app, arguments);
  AddQueryCommands(app, arguments);
  AddLabelCommands(app, arguments);
  AddDecisionCommands(app, arguments);
  AddAuditCommands(app, arguments, environment.now_unix_nano);
  AddAdminCommands(app, arguments);
  try {
    app.parse(std::vector<std::string>(arguments_text.rbegin(), arguments_text.rend()));
  } catch (const CLI::Success& request) {  // --help: CLI11 ends its parse this way.
    return app.exit(request, environment.out, environment.err);
  } catch (const CLI::Error& error) {  // CLI11: arguments that cannot be used.
    environment.err << "stillwatch: " << error.what() << " (stillwatch --help shows what can be)\n";
    return ToInt(ExitCode::kBadArguments);
  }
  return RunCommand(arguments, environment);
}

}  // namespace stillwatch::cli
