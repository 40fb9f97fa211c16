// How fast events become durable through the real client and daemon, and what they cost the daemon.
//   stillwatch_ingest_bench [--events FILE] [--count N] [--batch-size N] [--worker-threads N]
// Without FILE it makes N events (default 1,000,000) without text. Prints one line of JSON: events/s as the client sees
// them, acknowledged and durable, and CPU seconds per million events of the daemon's process alone.
#include <gtest/gtest.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <sstream>

#include "tests/blackbox/deployment.h"

namespace stillwatch::blackbox {
namespace {

struct Arguments {
  std::string events;
  uint64_t count = 1'000'000;
  uint64_t batch_size = 2000;
  uint64_t worker_threads = 0;
};

// User and system time of a process so far.
double CpuSeconds(pid_t pid) {
  const std::string stat = ReadFile("/proc/" + std::to_string(pid) + "/stat");
  // The fields behind the name in parentheses; utime and stime are the 14th and 15th of all.
  std::istringstream fields(stat.substr(stat.rfind(')') + 2));
  std::string skipped;
  for (int i = 3; i < 14; ++i) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

uint64_t BytesBelow(const std::string& path) {
  uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
    if (entry.is_regular_file()) bytes += entry.file_size();
  }
  return bytes;
}

int Measure(const Arguments& arguments) {
  const TemporaryDirectory directory;
  std::string events = arguments.events;
  if (events.empty()) {
    const Finished made = RunToEnd({STILLWATCH_SAMPLE, "--out", directory.path(), "--no-text", "--events",
                               std::to_string(arguments.count), "--accounts", std::to_string(arguments.count / 100)});
    if (made.exit_code != 0) return made.exit_code;
    events = directory / "events.jsonl";
  }
  Deployment deployment({"--worker-threads", std::to_string(arguments.worker_threads)});
  const double cpu_before = CpuSeconds(deployment.daemon().pid());
  const Finished imported =
      deployment.Client({"import", "events", events, "--batch-size", std::to_string(arguments.batch_size)});
  const double cpu = CpuSeconds(deployment.daemon().pid()) - cpu_before;
  const auto accepted = static_cast<double>(NumberIn(imported.output, "accepted"));
  const auto rate = NumberIn(imported.output, "events_per_second");
  if (deployment.Stop() != 0 || accepted <= 0) return 1;
  std::printf("{\"events\":%.0f,\"batch_size\":%llu,\"events_per_second\":%lld,\"daemon_cpu_seconds_per_million\":%.3f,"
              "\"disk_bytes_per_event\":%.1f}\n",
              accepted, static_cast<unsigned long long>(arguments.batch_size), static_cast<long long>(rate),
              cpu / accepted * 1e6, static_cast<double>(BytesBelow(deployment.directory() / "data/store")) / accepted);
  return 0;
}

}  // namespace
}  // namespace stillwatch::blackbox

int main(int argc, char** argv) {
  stillwatch::blackbox::Arguments arguments;
  CLI::App app("Measures ingest through the real client and daemon");
  app.add_option("--events", arguments.events, "JSON Lines file to import; made if not given");
  app.add_option("--count", arguments.count, "Events to make");
  app.add_option("--batch-size", arguments.batch_size, "Events a batch");
  app.add_option("--worker-threads", arguments.worker_threads, "Of the daemon; 0 means the cores less one");
  CLI11_PARSE(app, argc, argv);
  return stillwatch::blackbox::Measure(arguments);
}
