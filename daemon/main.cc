// stillwatchd: log ingest, features, scoring, query and audit services over gRPC; health and metrics over HTTP.
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>

#include <cstdio>
#include <variant>

#include "daemon/daemon.h"
#include "daemon/options.h"
#include "daemon/verify.h"

namespace {

using stillwatch::Code;
using stillwatch::Result;
using stillwatch::Status;
using stillwatch::daemon::Daemon;
using stillwatch::daemon::ExitNow;
using stillwatch::daemon::Options;

constexpr int kExitUnusable = 2;
constexpr int kExitOther = 1;

int Fail(const Status& status) {
  std::fprintf(stderr, "stillwatchd: %s\n", status.message().c_str());
  return status.code() == Code::kInvalidArgument ? kExitUnusable : kExitOther;
}

// Connections and the store's files count together. With the usual soft limit of 1,024 a thousand idle connections would
// keep everybody else out.
void RaiseFileLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) spdlog::warn("the limit of open files stays at its soft value");
}

}  // namespace

int main(int argc, char** argv) {
  const std::variant<Options, ExitNow> parsed = stillwatch::daemon::ParseOptions(argc, argv);
  if (const auto* exit = std::get_if<ExitNow>(&parsed)) return exit->code;
  const auto& options = std::get<Options>(parsed);
  if (options.verify) return stillwatch::daemon::Verify(options.data_dir, stdout);
  spdlog::set_default_logger(spdlog::stderr_logger_mt("stillwatchd"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
  spdlog::set_level(spdlog::level::from_str(options.log_level));
  RaiseFileLimit();

  Result<std::unique_ptr<Daemon>> daemon = Daemon::Start(options);
  if (!daemon.ok()) return Fail(daemon.status());
  std::printf("%s\n", daemon.value()->ReadyLine().c_str());
  std::fflush(stdout);
  sd_notify(0, "READY=1");

  const Status status = daemon.value()->Run();
  daemon.value().reset();
  return status.ok() ? 0 : Fail(status);
}
