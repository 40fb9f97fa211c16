// How fast events become durable through the real daemon, and what they cost it.
//   stillwatch_ingest_bench [--events FILE] [--count N] [--text] [--via client|rows|columns] [--batch-size N]
//                           [--streams N] [--rate N] [--queries N] [--worker-threads N] [--accounts N] [--live-rate N]
//                           [--lateness SECONDS] [--cumulative] [--rounds N] [--account-copies N]
//                           [--daemon-flag=FLAG …]
// Without FILE it makes events. Via `client` it imports the file with the real client; via `rows` or `columns` it sends
// batches that are made beforehand, at full speed or at --rate events/s. --queries asks so many questions a second
// meanwhile, half of them CheckAccount, half GetAccount. A file that is imported holds weeks, whose ticks and searches for
// campaigns come one after the other; --live-rate gives its events the times that they would have at so many a second.
// --rounds sends the file so often, each time as other events; --account-copies deals those of each account out to so many.
// At the end the daemon is killed and started again.
// Prints one line of JSON: events/s acknowledged and durable, CPU
// seconds per million events of the daemon's process, by kind of thread too, times in milliseconds, and bytes an event on the
// disk at the end and written to it in all (log, blocks, checkpoints).
#include <gtest/gtest.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>
#include <sstream>
#include <thread>

#include "proto/json_writer.h"
#include "stillwatch/v1/query.grpc.pb.h"
#include "tests/bench/usage_load.h"
#include "tests/blackbox/deployment.h"

namespace stillwatch::bench {
namespace {

using blackbox::Deployment;

struct Arguments {
  std::string events;
  uint64_t count = 1'000'000;
  bool has_text = false;
  std::string via = "client";
  uint64_t batch_size = 2000;
  size_t stream_count = 1;
  double rate = 0;
  double queries_per_second = 0;
  uint64_t worker_threads = 0;
  uint64_t account_count = 0;
  double live_rate = 0;
  uint64_t lateness_seconds = 120;
  bool is_acknowledged_together = false;
  uint64_t round_count = 1;
  uint32_t account_copies = 1;
  std::vector<std::string> daemon_flags;
};

// User and system time so far, of the process or thread whose `stat` file this is.
double CpuSeconds(const std::string& stat_path) {
  const std::string stat = blackbox::ReadFile(stat_path);
  // The fields behind the name in parentheses; utime and stime are the 14th and 15th of all.
  std::istringstream fields(stat.substr(stat.rfind(')') + 2));
  std::string skipped;
  for (int i = 3; i < 14; ++i) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

std::string ProcessFolder(pid_t pid) { return "/proc/" + std::to_string(pid); }

// By name of thread, summed up over those of one name. A thread that ended is missing.
std::map<std::string, double> CpuSecondsByThread(pid_t pid) {
  std::map<std::string, double> out;
  for (const auto& task : std::filesystem::directory_iterator(ProcessFolder(pid) + "/task")) {
    std::string name = blackbox::ReadFile(task.path() / "comm");
    name.erase(name.find_last_not_of("\n0123456789") + 1);
    out[name] += CpuSeconds(task.path() / "stat");
  }
  return out;
}

uint64_t BytesBelow(const std::string& path) {
  uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
    if (entry.is_regular_file()) bytes += entry.file_size();
  }
  return bytes;
}

uint64_t ResidentBytes(pid_t pid) {
  std::istringstream fields(blackbox::ReadFile(ProcessFolder(pid) + "/statm"));
  uint64_t pages = 0;
  fields >> pages >> pages;
  return pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

// Asks at a steady rate until told to stop. CheckAccount and GetAccount have a thread each: one question may wait for
// another of its own kind, which then counts as its time, too.
class Questions {
 public:
  // `account_ids`: whom to ask for.
  Questions(std::shared_ptr<grpc::Channel> channel, std::vector<std::string> account_ids, double per_second)
      : account_ids_(std::move(account_ids)) {
    if (per_second <= 0 || account_ids_.empty()) return;
    const auto stub = std::make_shared<v1::QueryService::Stub>(channel);
    check_thread_ = std::jthread([this, stub, per_second](const std::stop_token& stop) {
      Ask(per_second / 2, stop, check_seconds, [&stub](const std::string& account_id) {
        grpc::ClientContext context;
        v1::CheckAccountRequest request;
        v1::CheckAccountResponse response;
        request.set_account_id(account_id);
        stub->CheckAccount(&context, request, &response);
      });
    });
    get_thread_ = std::jthread([this, stub, per_second](const std::stop_token& stop) {
      Ask(per_second / 2, stop, get_seconds, [&stub](const std::string& account_id) {
        grpc::ClientContext context;
        v1::GetAccountRequest request;
        v1::GetAccountResponse response;
        request.set_account_id(account_id);
        stub->GetAccount(&context, request, &response);
      });
    });
  }
  void Stop() {
    check_thread_ = {};
    get_thread_ = {};
  }

  std::vector<double> check_seconds;
  std::vector<double> get_seconds;

 private:
  using Clock = std::chrono::steady_clock;

  void Ask(double per_second, const std::stop_token& stop, std::vector<double>& seconds,
           const std::function<void(const std::string&)>& ask) const {
    const auto start = Clock::now();
    for (uint64_t i = 0; !stop.stop_requested(); ++i) {
      const auto due = start + std::chrono::duration_cast<Clock::duration>(
                                   std::chrono::duration<double>(static_cast<double>(i) / per_second));
      std::this_thread::sleep_until(due);
      ask(account_ids_[i % account_ids_.size()]);
      seconds.push_back(std::chrono::duration<double>(Clock::now() - due).count());
    }
  }

  const std::vector<std::string> account_ids_;
  std::jthread check_thread_;
  std::jthread get_thread_;
};

// The most that was resident so far.
uint64_t PeakResidentBytes(pid_t pid) {
  const std::string status = blackbox::ReadFile(ProcessFolder(pid) + "/status");
  const std::string name = "VmHWM:";
  const size_t at = status.find(name);
  return at == std::string::npos ? 0 : std::stoull(status.substr(at + name.size())) << 10;
}

// Handed to the file system by the process so far.
uint64_t WrittenBytes(pid_t pid) {
  const std::string io = blackbox::ReadFile(ProcessFolder(pid) + "/io");
  const std::string name = "write_bytes: ";
  const size_t at = io.find(name);
  return at == std::string::npos ? 0 : std::stoull(io.substr(at + name.size()));
}

// Returns when the engine has seen all that was acknowledged, since this question waits for that.
void WaitUntilCounted(const Deployment& deployment) {
  grpc::ClientContext context;
  v1::GetAccountRequest request;
  v1::GetAccountResponse response;
  request.set_account_id("nobody");
  v1::QueryService::NewStub(deployment.Channel())->GetAccount(&context, request, &response);
}

LoadResult ImportWithClient(const Deployment& deployment, const std::string& events, const Arguments& arguments) {
  const blackbox::Finished imported =
      deployment.Client({"import", "events", events, "--batch-size", std::to_string(arguments.batch_size)});
  LoadResult out;
  if (imported.exit_code != 0) out.error = imported.errors;
  out.accepted_count = static_cast<uint64_t>(std::max<int64_t>(0, blackbox::NumberIn(imported.output, "accepted")));
  const auto rate = static_cast<double>(blackbox::NumberIn(imported.output, "events_per_second"));
  out.seconds = static_cast<double>(out.accepted_count) / std::max(rate, 1.0);
  return out;
}

// Adds what another round did.
void AddRound(LoadResult round, LoadResult& sum) {
  sum.accepted_count += round.accepted_count;
  sum.other_count += round.other_count;
  sum.seconds += round.seconds;
  sum.latency_seconds.insert(sum.latency_seconds.end(), round.latency_seconds.begin(), round.latency_seconds.end());
  if (sum.error.empty()) sum.error = round.error;
}

// From the start of the process until it serves.
double SecondsToStart(Deployment& deployment) {
  const auto before = std::chrono::steady_clock::now();
  deployment.Start();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count();
}

void WriteQuantiles(JsonWriter& json, const std::string& name, std::vector<double>& seconds) {
  if (seconds.empty()) return;
  for (const auto& [suffix, share] : {std::pair("_p50_ms", 0.5), {"_p99_ms", 0.99}, {"_p999_ms", 0.999}}) {
    json.Name(name + suffix).Number(Quantile(seconds, share) * 1e3);
  }
}

int Measure(const Arguments& arguments) {
  const blackbox::TemporaryDirectory directory;
  std::string events = arguments.events;
  if (events.empty()) {
    const uint64_t accounts = arguments.account_count > 0 ? arguments.account_count : arguments.count / 100;
    std::vector<std::string> command = {STILLWATCH_SAMPLE, "--out", directory.path(), "--events",
                                        std::to_string(arguments.count), "--accounts",
                                        std::to_string(accounts)};
    if (!arguments.has_text) command.emplace_back("--no-text");
    const blackbox::Finished made = blackbox::RunToEnd(command);
    if (made.exit_code != 0) return made.exit_code;
    events = directory / "events.jsonl";
  }
  Batches batches;
  const auto make_batches = [&](uint64_t round) {
    batches.payloads.clear();
    batches = MakeBatches(events, {.event_count = arguments.count,
                                   .batch_size = arguments.batch_size,
                                   .form = arguments.via == "rows" ? WireForm::kRows : WireForm::kColumns,
                                   .is_acknowledged_together = arguments.is_acknowledged_together,
                                   .round = round,
                                   .account_copies = arguments.account_copies,
                                   .events_per_second_of_event_time = arguments.live_rate});
  };
  if (arguments.via != "client") make_batches(0);
  sync();  // What was just made is not to be written out beside what is measured.
  std::vector<std::string> flags = {"--worker-threads", std::to_string(arguments.worker_threads),
                                    "--allowed-lateness-seconds", std::to_string(arguments.lateness_seconds)};
  flags.insert(flags.end(), arguments.daemon_flags.begin(), arguments.daemon_flags.end());
  Deployment deployment(flags);
  const pid_t pid = deployment.daemon().pid();
  const double cpu_before = CpuSeconds(ProcessFolder(pid) + "/stat");
  const std::map<std::string, double> threads_before = CpuSecondsByThread(pid);
  Questions questions(deployment.Channel(), batches.account_ids, arguments.queries_per_second);
  LoadResult load;
  if (arguments.via == "client") load = ImportWithClient(deployment, events, arguments);
  for (uint64_t round = 0; arguments.via != "client" && round < arguments.round_count; ++round) {
    if (round > 0) make_batches(round);
    AddRound(RunLoad(deployment.Channel(), batches.payloads,
                     {.stream_count = arguments.stream_count, .events_per_second = arguments.rate}),
             load);
  }
  questions.Stop();
  WaitUntilCounted(deployment);
  const double cpu = CpuSeconds(ProcessFolder(pid) + "/stat") - cpu_before;
  std::map<std::string, double> threads = CpuSecondsByThread(pid);
  const uint64_t resident_bytes = ResidentBytes(pid);
  const uint64_t peak_resident_bytes = PeakResidentBytes(pid);
  const uint64_t written_bytes = WrittenBytes(pid);
  const uint64_t account_count = deployment.Status().account_count();
  deployment.Kill();
  const double start_seconds = SecondsToStart(deployment);
  const uint64_t resident_after_start_bytes = ResidentBytes(deployment.daemon().pid());
  if (deployment.Stop() != 0 || load.accepted_count == 0 || !load.error.empty()) {
    std::fprintf(stderr, "%s\n", load.error.c_str());
    return 1;
  }
  const auto accepted = static_cast<double>(load.accepted_count);
  JsonWriter json;
  json.BeginObject();
  json.Name("events").Number(accepted);
  json.Name("via").Text(arguments.via);
  json.Name("batch_size").Number(static_cast<double>(arguments.batch_size));
  json.Name("streams").Number(static_cast<double>(arguments.stream_count));
  json.Name("events_per_second").Number(accepted / load.seconds);
  json.Name("daemon_cpu_seconds_per_million").Number(cpu / accepted * 1e6);
  for (auto& [name, seconds] : threads) {
    const auto before = threads_before.find(name);
    if (before != threads_before.end()) seconds -= before->second;
    if (seconds / cpu > 0.01) json.Name("cpu_" + name).Number(seconds / accepted * 1e6);
  }
  WriteQuantiles(json, "acknowledgement", load.latency_seconds);
  WriteQuantiles(json, "check_account", questions.check_seconds);
  WriteQuantiles(json, "get_account", questions.get_seconds);
  json.Name("disk_bytes_per_event").Number(static_cast<double>(BytesBelow(deployment.directory() / "data/store")) / accepted);
  json.Name("written_bytes_per_event").Number(static_cast<double>(written_bytes) / accepted);
  json.Name("accounts").Number(static_cast<double>(account_count));
  for (const auto& [name, bytes] : {std::pair("resident_mebibytes", resident_bytes),
                                    {"peak_resident_mebibytes", peak_resident_bytes},
                                    {"resident_after_start_mebibytes", resident_after_start_bytes}}) {
    json.Name(name).Number(static_cast<double>(bytes) / (1 << 20));
  }
  json.Name("start_seconds").Number(start_seconds);
  json.EndObject();
  std::printf("%s\n", json.Take().c_str());
  return 0;
}

}  // namespace
}  // namespace stillwatch::bench

int main(int argc, char** argv) {
  stillwatch::bench::Arguments arguments;
  CLI::App app("Measures ingest through the real daemon");
  app.add_option("--events", arguments.events, "JSON Lines file of events; made if not given");
  app.add_option("--count", arguments.count, "Events to make, or to take from the file");
  app.add_flag("--text", arguments.has_text, "Make events with text");
  app.add_option("--via", arguments.via, "Who sends")->check(CLI::IsMember({"client", "rows", "columns"}));
  app.add_option("--batch-size", arguments.batch_size, "Events a batch");
  app.add_option("--streams", arguments.stream_count, "Streams that send at once; not via client");
  app.add_option("--rate", arguments.rate, "Events a second; 0 is as fast as it goes; not via client");
  app.add_option("--queries", arguments.queries_per_second, "Questions a second meanwhile");
  app.add_option("--worker-threads", arguments.worker_threads, "Of the daemon; 0 means the cores less one");
  app.add_option("--accounts", arguments.account_count, "Accounts to make; 0 means a hundredth of the events");
  app.add_option("--live-rate", arguments.live_rate, "Events a second of event time; 0 leaves the file's; not via client");
  app.add_option("--lateness", arguments.lateness_seconds, "Allowed lateness, seconds");
  app.add_flag("--cumulative", arguments.is_acknowledged_together, "Ask for acknowledgements of several batches at once");
  app.add_option("--rounds", arguments.round_count, "How often the file is sent, each time as other events; not via client");
  app.add_option("--account-copies", arguments.account_copies, "Accounts that each account's events are dealt out to");
  app.add_option("--daemon-flag", arguments.daemon_flags, "Handed to the daemon as it is; may be given several times");
  CLI11_PARSE(app, argc, argv);
  return stillwatch::bench::Measure(arguments);
}
