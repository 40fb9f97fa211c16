// Runs audits, one at a time, when asked and by night.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "detector/audit.h"
#include "detector/scoring_engine.h"
#include "ingest/pipeline.h"
#include "proto/result.h"
#include "query/audit_archive.h"
#include "storage/key_value_store.h"

namespace stillwatch::query {

struct AuditRunnerOptions {
  detector::EngineOptions engine = {};  // As those of the live engine.
  detector::ParallelFor parallel_for = detector::SerialFor;
  std::filesystem::path directory;  // Of the reports.
  std::string software_version;     // Stated in the reports.
};

// Runs audits on a thread of its own while ingest goes on.
// Threading: safe from any thread. Ownership: all that it is given must outlive it.
// Errors: an audit that fails is not listed. Limits: one audit at a time.
class AuditRunner {
 public:
  using Clock = std::function<int64_t()>;  // Nanoseconds since 1970-01-01 UTC.
  using Done = std::function<void(Result<detector::AuditSummary>)>;

  AuditRunner(storage::KeyValueStore& store, ingest::Pipeline& pipeline, const detector::ScoringEngine& engine,
              AuditRunnerOptions options, Clock clock);
  // Stops, and waits for a running audit to end.
  ~AuditRunner();

  // Starts an audit of all that was applied before the call. `progress` and, as the last thing, `done` are called on
  // the audit's thread; neither may call Start. Errors: kInvalidArgument for a range that ends before it begins,
  // kResourceExhausted while another audit runs, kUnavailable after Stop; `done` is not called then.
  Status Start(const detector::AuditRange& range, detector::AuditProgress progress, Done done);

  // Audits everything stored, each day at this minute after midnight UTC: a portrait needs its history, so the last day
  // alone would say little. An audit that still runs then takes the place of the daily one. Call it once; `io` must
  // live until Stop.
  void ScheduleDaily(boost::asio::io_context& io, uint32_t minutes_after_midnight);

  // Cancels a running audit and takes no more. Does not wait; the audit ends within one group of blocks. It may be
  // called before or after the pipeline drains.
  void Stop();

  const AuditArchive& archive() const { return archive_; }

 private:
  class DailySchedule;

  void RunThread(const std::stop_token& stop, const detector::AuditRange& range,
                 const detector::AuditProgress& progress, const Done& done);
  Result<detector::AuditSummary> Run(const std::stop_token& stop, const detector::AuditRange& range,
                                     const detector::AuditProgress& progress);

  storage::KeyValueStore& store_;
  ingest::Pipeline& pipeline_;
  const detector::ScoringEngine& engine_;
  const AuditRunnerOptions options_;
  const Clock clock_;
  AuditArchive archive_;
  std::shared_ptr<DailySchedule> schedule_;

  std::mutex mutex_;
  bool is_running_ = false;
  bool is_stopped_ = false;
  std::jthread thread_;  // Of the last audit; last, so that it ends before what it uses.
};

// The first time after `now` at that minute of a day.
int64_t NextDailyTime(int64_t now_unix_nano, uint32_t minutes_after_midnight);

}  // namespace stillwatch::query
