#include "daemon/verify.h"

#include <unistd.h>

#include <cinttypes>
#include <filesystem>
#include <memory>

#include "storage/rocksdb_store.h"
#include "storage/store_check.h"

namespace stillwatch::daemon {
namespace {

constexpr int kExitDamaged = 1;
constexpr int kExitUnusable = 2;

int Fail(const Status& status) {
  std::fprintf(stderr, "stillwatchd: %s\n", status.message().c_str());
  return status.code() == Code::kNotFound ? kExitUnusable : kExitDamaged;
}

// Overwrites one line of a terminal with the part that is done.
void ShowProgress(double part) { std::fprintf(stderr, "\rchecking: %3.0f %%%s", 100 * part, part == 1 ? "\n" : ""); }

}  // namespace

int Verify(const std::string& data_dir, std::FILE* out) {
  Result<std::unique_ptr<storage::KeyValueStore>> opened =
      storage::OpenRocksDbStoreReadOnly((std::filesystem::path(data_dir) / "store").string());
  if (!opened.ok()) return Fail(opened.status());
  const std::unique_ptr<storage::KeyValueStore> store = std::move(opened).value();
  store->damages().OnDamage([out](const std::string& place, const std::string& reason) {
    std::fprintf(out, "damaged: %s: %s\n", place.c_str(), reason.c_str());
  });
  const bool is_terminal = isatty(STDERR_FILENO) == 1;
  Result<storage::StoreCheckReport> report = storage::CheckStore(*store, [is_terminal](double part) {
    if (is_terminal) ShowProgress(part);
  });
  if (!report.ok()) return Fail(report.status());
  std::fprintf(out,
               "%s: %" PRIu64 " blocks, %" PRIu64 " events (%" PRIu64 " erased), %" PRIu64 " records, %" PRIu64
               " accounts, %" PRIu64 " damaged places\n",
               report->damage_count == 0 ? "sound" : "damaged", report->block_count, report->event_count,
               report->erased_event_count, report->record_count, report->account_count, report->damage_count);
  std::fflush(out);
  return report->damage_count == 0 ? 0 : kExitDamaged;
}

}  // namespace stillwatch::daemon
