// What a block of the event log costs to write and to read, in one thread. Items are events. The scans go through a log
// of 2 million events in RocksDB; cold ones begin by dropping its files from the page cache.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include <bit>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "detector/scoring_engine.h"
#include "storage/block_codec.h"
#include "storage/event_log.h"
#include "storage/rocksdb_store.h"
#include "tests/storage/temporary_directory.h"

namespace stillwatch {
namespace {

constexpr int64_t kStart = 1'735'689'600 * kNanosecondsPerSecond;  // 2025-01-01.
constexpr size_t kLogEventCount = 2'000'000;
// What a stream of 1,000 events a batch makes under load.
constexpr size_t kUsualBlockEventCount = 1000;

// Makes batches with the columns, and about the numbers of values, of a gateway's traffic.
class TrafficMaker {
 public:
  UsageBatch Make(size_t size) {
    UsageBatch batch(size);
    auto texts = std::make_shared<std::vector<std::string>>();
    texts->reserve(size * 3);
    const auto set = [&](size_t row, TextField field, std::string text) {
      texts->push_back(std::move(text));
      batch.SetText(row, field, texts->back());
    };
    for (size_t row = 0; row < size; ++row) {
      batch.AddRow();
      const uint64_t account = random_() % 10'000;
      set(row, TextField::kEventId, Hex(random_()) + Hex(random_()));
      set(row, TextField::kAccountId, "acct_" + Hex(account * 0x9E3779B97F4A7C15));
      set(row, TextField::kClientAddress, "203.0.113." + std::to_string(account % 250));
      batch.SetText(row, TextField::kTlsFingerprint, kFingerprints[account % kFingerprints.size()]);
      batch.SetText(row, TextField::kUserAgent, kUserAgents[account % kUserAgents.size()]);
      batch.SetText(row, TextField::kOperationName, "chat");
      batch.SetText(row, TextField::kRequestModel, kModels[random_() % kModels.size()]);
      SetNumbers(row, account, batch);
    }
    batch.KeepAlive(std::move(texts));
    return batch;
  }

 private:
  static constexpr std::array<std::string_view, 3> kModels = {"model-large", "model-small", "model-reasoning"};
  static constexpr std::array<std::string_view, 4> kFingerprints = {
      "t13d1516h2_8daaf6152771", "t13d1715h2_5b57614c22b0", "t13d301100_c7886603b240", "t13d190900_9dc949149365"};
  static constexpr std::array<std::string_view, 3> kUserAgents = {"client-python/1.40", "client-node/4.2", "curl/7.88"};

  static std::string Hex(uint64_t number) {
    std::array<char, 17> text{};
    std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(number));
    return text.data();
  }

  void SetNumbers(size_t row, uint64_t account, UsageBatch& batch) {
    using enum NumberField;
    const auto set = [&](NumberField field, uint64_t number) { batch.SetNumber(row, field, number); };
    time_unix_nano_ += static_cast<int64_t>(random_() % 4000);
    set(kTimeUnixNano, static_cast<uint64_t>(time_unix_nano_));
    set(kDurationMs, 200 + random_() % 8000);
    set(kTimeToFirstTokenMs, 50 + random_() % 900);
    set(kClientAsn, 64'500 + account % 40);
    set(kTemperature, std::bit_cast<uint64_t>(account % 3 == 0 ? 0.7 : 1.0));
    set(kMaxTokens, uint64_t{512} << account % 4);
    set(kStream, account % 2);
    set(kMessageCount, 1 + random_() % 6);
    set(kInputTokens, 20 + random_() % 3000);
    set(kOutputTokens, 5 + random_() % 1000);
    set(kStatusCode, random_() % 50 == 0 ? 429 : 200);
  }

  std::mt19937_64 random_{1};
  int64_t time_unix_nano_ = kStart;
};

void BM_EncodeBlock(benchmark::State& state) {
  const auto size = static_cast<size_t>(state.range(0));
  const UsageBatch batch = TrafficMaker().Make(size);
  size_t bytes = 0;
  for (auto _ : state) bytes = storage::EncodeBlock(batch, 0, size, 0).size();
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * size));
  state.counters["bytes_per_event"] = static_cast<double>(bytes) / static_cast<double>(size);
}
BENCHMARK(BM_EncodeBlock)->Arg(100)->Arg(kUsualBlockEventCount)->Arg(storage::kBlockEventCountMax);

// One column of texts or numbers.
storage::ColumnSelection Only(TextField field) {
  return {.texts = uint32_t{1} << static_cast<size_t>(field), .numbers = 0};
}
storage::ColumnSelection Only(NumberField field) {
  return {.texts = 0, .numbers = uint64_t{1} << static_cast<size_t>(field)};
}

void BM_DecodeBlock(benchmark::State& state, const storage::ColumnSelection& columns) {
  const std::string block =
      storage::EncodeBlock(TrafficMaker().Make(kUsualBlockEventCount), 0, kUsualBlockEventCount, 0);
  for (auto _ : state) {
    const Result<UsageBatch> batch = storage::DecodeBlock(block, columns);
    if (!batch.ok()) return state.SkipWithError("a block that was just made cannot be read");
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kUsualBlockEventCount));
}
BENCHMARK_CAPTURE(BM_DecodeBlock, all_columns, storage::ColumnSelection{});
BENCHMARK_CAPTURE(BM_DecodeBlock, columns_of_an_audit, detector::ObservedColumns());
BENCHMARK_CAPTURE(BM_DecodeBlock, event_ids, Only(TextField::kEventId));
BENCHMARK_CAPTURE(BM_DecodeBlock, account_ids, Only(TextField::kAccountId));
BENCHMARK_CAPTURE(BM_DecodeBlock, times, Only(NumberField::kTimeUnixNano));
BENCHMARK_CAPTURE(BM_DecodeBlock, output_tokens, Only(NumberField::kOutputTokens));

// A log on the disk, made once for all scans.
class Log {
 public:
  Log() : store_(storage::OpenRocksDbStore(directory_.path()).value()) {
    storage::EventLog log = storage::EventLog::Open(*store_).value();
    TrafficMaker maker;
    while (log.next_sequence() < kLogEventCount) {
      storage::WriteGroup group;
      log.Append(maker.Make(kUsualBlockEventCount), group);
      if (!store_->Commit(group).ok()) std::abort();
    }
    store_.reset();  // What waited in memory is in files from the next start on.
    store_ = storage::OpenRocksDbStore(directory_.path()).value();
  }

  // Each event is visited once.
  void Scan(const storage::ColumnSelection& columns) const {
    constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
    constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
    const auto report = storage::EventLog::Scan(*store_->TakeSnapshot(), 0, kMin, kMax, columns,
                                                [](const storage::BlockSummary&, const UsageBatch&) { return true; });
    if (!report.ok() || report.value().event_count != kLogEventCount) std::abort();
  }

  // So that the next scan reads from the disk.
  void DropFromPageCache() const {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_.path())) {
      if (!entry.is_regular_file()) continue;
      const int file = open(entry.path().c_str(), O_RDONLY);
      if (file < 0) continue;
      fdatasync(file);
      posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
      close(file);
    }
  }

 private:
  storage::TemporaryDirectory directory_;
  std::unique_ptr<storage::KeyValueStore> store_;
};

enum class PageCache { kWarm, kCold };

void BM_ScanLog(benchmark::State& state, const storage::ColumnSelection& columns, PageCache page_cache) {
  static const Log log;
  for (auto _ : state) {
    if (page_cache == PageCache::kCold) {
      state.PauseTiming();
      log.DropFromPageCache();
      state.ResumeTiming();
    }
    log.Scan(columns);
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kLogEventCount));
}
BENCHMARK_CAPTURE(BM_ScanLog, columns_of_an_audit_warm, detector::ObservedColumns(), PageCache::kWarm)->UseRealTime();
BENCHMARK_CAPTURE(BM_ScanLog, columns_of_an_audit_cold, detector::ObservedColumns(), PageCache::kCold)->UseRealTime();
BENCHMARK_CAPTURE(BM_ScanLog, output_tokens_warm, Only(NumberField::kOutputTokens), PageCache::kWarm)->UseRealTime();
BENCHMARK_CAPTURE(BM_ScanLog, output_tokens_cold, Only(NumberField::kOutputTokens), PageCache::kCold)->UseRealTime();

}  // namespace
}  // namespace stillwatch
