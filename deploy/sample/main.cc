// Writes a sample of usage logs: honest accounts of many kinds, a few that harvest the model, and which is which.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <vector>

#include "deploy/sample/json_line.h"
#include "deploy/sample/traffic.h"

namespace stillwatch::sample {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;
constexpr int64_t kDaysMax = 2000;               // Events are not older than 2020.
constexpr size_t kAccountCountMax = 10'000'000;  // They are all in memory.
constexpr int kUsageExitCode = 2;
constexpr std::string_view kUsage =
    "usage: stillwatch-sample --out DIR [--seed N] [--accounts N] [--events N] [--days N] [--no-text]\n"
    "Writes models.jsonl, accounts.jsonl and events.jsonl to import, and truth.jsonl: which account is of which "
    "kind.\n";

bool ParseNumber(std::string_view text, auto& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

bool ParseArguments(int argc, char** argv, Options& options, std::filesystem::path& out) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--no-text") {
      options.text = false;
      continue;
    }
    if (++i == argc) return false;
    if (name == "--out") {
      out = argv[i];
    } else if (!(name == "--seed" && ParseNumber(argv[i], options.seed)) &&
               !(name == "--accounts" && ParseNumber(argv[i], options.account_count)) &&
               !(name == "--events" && ParseNumber(argv[i], options.event_count)) &&
               !(name == "--days" && ParseNumber(argv[i], options.days))) {
      return false;
    }
  }
  return !out.empty() && options.days > 0 && options.days <= kDaysMax && options.account_count <= kAccountCountMax;
}

void WriteModels(std::ostream& out) {
  const auto write = [&](std::string_view model, int64_t release_seconds) {
    out << JsonLine().Text("model", model).Number("release_time_unix_nano", release_seconds * kNanosPerSecond).Take();
  };
  write(kOldModel, kReleaseSeconds - 300 * kDaySeconds);
  write(kSmallModel, kReleaseSeconds - 280 * kDaySeconds);
  write(kNewModel, kReleaseSeconds);
}

void WriteAccounts(const Traffic& traffic, std::ostream& accounts, std::ostream& truth) {
  for (const Account& account : traffic.accounts()) {
    accounts << JsonLine()
                    .Text("account_id", account.id)
                    .Text("organization_id", account.organization_id)
                    .Number("created_time_unix_nano", account.created_seconds * kNanosPerSecond)
                    .Text("plan", account.kind->plan)
                    .Text("payment_fingerprint", account.payment)
                    .Text("email_domain", account.email_domain)
                    .Text("signup_address", account.signup_address)
                    .Text("country", account.country)
                    .Take();
    truth << JsonLine()
                 .Text("account_id", account.id)
                 .Text("kind", account.kind->name)
                 .Bool("harvester", account.kind->harvester)
                 .Take();
  }
}

// Returns how many were written.
uint64_t WriteEvents(Traffic& traffic, const Options& options, std::ostream& out) {
  uint64_t written = 0;
  std::vector<TimedLine> lines;
  for (int64_t hour = kEndSeconds - options.days * kDaySeconds; hour < kEndSeconds; hour += kHourSeconds) {
    traffic.AppendHour(hour, lines);
    std::ranges::stable_sort(lines, {}, &TimedLine::time_unix_nano);
    // What runs on into the next hour waits for what starts there; what runs past the end is left out.
    const auto next =
        std::ranges::lower_bound(lines, (hour + kHourSeconds) * kNanosPerSecond, {}, &TimedLine::time_unix_nano);
    for (auto line = lines.begin(); line != next; ++line) out << line->json;
    written += static_cast<uint64_t>(next - lines.begin());
    lines.erase(lines.begin(), next);
  }
  return written;
}

int Run(const Options& options, const std::filesystem::path& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  std::ofstream models(directory / "models.jsonl"), accounts(directory / "accounts.jsonl");
  std::ofstream events(directory / "events.jsonl"), truth(directory / "truth.jsonl");
  Traffic traffic(options);
  WriteModels(models);
  WriteAccounts(traffic, accounts, truth);
  const uint64_t written = WriteEvents(traffic, options, events);
  for (std::ofstream* file : {&models, &accounts, &events, &truth}) {
    file->close();
    if (file->fail()) {
      std::fprintf(stderr, "stillwatch-sample: cannot write to %s\n", directory.c_str());
      return 1;
    }
  }
  std::printf("%llu events of %zu accounts in %s\n", static_cast<unsigned long long>(written),
              traffic.accounts().size(), directory.c_str());
  return 0;
}

}  // namespace
}  // namespace stillwatch::sample

int main(int argc, char** argv) {
  stillwatch::sample::Options options;
  std::filesystem::path directory;
  if (!stillwatch::sample::ParseArguments(argc, argv, options, directory)) {
    std::fputs(stillwatch::sample::kUsage.data(), stderr);
    return stillwatch::sample::kUsageExitCode;
  }
  return stillwatch::sample::Run(options, directory);
}
