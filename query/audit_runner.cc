#include "query/audit_runner.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <optional>
#include <utility>

#include "proto/limits.h"

namespace stillwatch::query {

// Waits for the time of the next daily audit. The timer's handler holds the schedule, not the runner, and asks it for
// the runner under a lock, so that the two may end in any order.
class AuditRunner::DailySchedule : public std::enable_shared_from_this<DailySchedule> {
 public:
  DailySchedule(AuditRunner& runner, boost::asio::io_context& io, uint32_t minutes_after_midnight)
      : runner_(&runner), timer_(std::in_place, io), minutes_after_midnight_(minutes_after_midnight) {}

  void Begin() {
    const std::lock_guard lock(mutex_);
    if (runner_ == nullptr) return;
    due_time_unix_nano_ = NextDailyTime(runner_->clock_(), minutes_after_midnight_);
    Wait();
  }

  void End() {
    const std::lock_guard lock(mutex_);
    runner_ = nullptr;
    timer_.reset();  // Which cancels it; from here on the io_context is not touched any more.
  }

 private:
  // No longer than this at a stretch: the clock may be set meanwhile.
  static constexpr int64_t kWaitMax = kNanosecondsPerHour;

  void Wait() {
    timer_->expires_after(
        std::chrono::nanoseconds(std::clamp<int64_t>(due_time_unix_nano_ - runner_->clock_(), 0, kWaitMax)));
    timer_->async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error) self->OnTimer();
    });
  }

  void OnTimer() {
    const std::lock_guard lock(mutex_);
    if (runner_ == nullptr) return;
    if (const int64_t now = runner_->clock_(); now >= due_time_unix_nano_) {
      const Status status = runner_->Start(
          {}, [](uint64_t, uint64_t) { return true; }, [](const Result<detector::AuditSummary>&) {});
      if (!status.ok()) spdlog::warn("no daily audit: {}", status.message());
      due_time_unix_nano_ = NextDailyTime(now, minutes_after_midnight_);
    }
    Wait();
  }

  std::mutex mutex_;
  AuditRunner* runner_;
  std::optional<boost::asio::steady_timer> timer_;
  const uint32_t minutes_after_midnight_;
  int64_t due_time_unix_nano_ = 0;
};

int64_t NextDailyTime(int64_t now_unix_nano, uint32_t minutes_after_midnight) {
  const int64_t midnight = now_unix_nano / kNanosecondsPerDay * kNanosecondsPerDay;
  const int64_t today = midnight + int64_t{minutes_after_midnight} * kNanosecondsPerMinute;
  return today > now_unix_nano ? today : today + kNanosecondsPerDay;
}

AuditRunner::AuditRunner(storage::KeyValueStore& store, ingest::Pipeline& pipeline,
                         const detector::ScoringEngine& engine, AuditRunnerOptions options, Clock clock)
    : store_(store),
      pipeline_(pipeline),
      engine_(engine),
      options_(std::move(options)),
      clock_(std::move(clock)),
      archive_(store, pipeline, options_.directory) {}

AuditRunner::~AuditRunner() { Stop(); }

void AuditRunner::Stop() {
  if (schedule_ != nullptr) schedule_->End();
  const std::lock_guard lock(mutex_);
  is_stopped_ = true;
  thread_.request_stop();
}

void AuditRunner::ScheduleDaily(boost::asio::io_context& io, uint32_t minutes_after_midnight) {
  schedule_ = std::make_shared<DailySchedule>(*this, io, minutes_after_midnight);
  schedule_->Begin();
}

Status AuditRunner::Start(const detector::AuditRange& range, detector::AuditProgress progress, Done done) {
  if (range.from_time_unix_nano < 0 || range.to_time_unix_nano < 0 ||
      (range.to_time_unix_nano != 0 && range.to_time_unix_nano <= range.from_time_unix_nano)) {
    return {Code::kInvalidArgument, "to_time_unix_nano: expected a time after from_time_unix_nano"};
  }
  const std::lock_guard lock(mutex_);
  if (is_stopped_) return {Code::kUnavailable, "the daemon is stopping"};
  if (is_running_) return {Code::kResourceExhausted, "an audit is running already"};
  is_running_ = true;
  // Waits for the previous thread, which has nothing left to do but to return.
  thread_ = std::jthread([this, range, progress = std::move(progress), done = std::move(done)](std::stop_token stop) {
    RunThread(stop, range, progress, done);
  });
  return {};
}

void AuditRunner::RunThread(const std::stop_token& stop, const detector::AuditRange& range,
                            const detector::AuditProgress& progress, const Done& done) {
  Result<detector::AuditSummary> result = Run(stop, range, progress);
  if (result.ok()) {
    spdlog::info("audit {}: {} events of {} accounts in {} ms, {} act, {} review, {} unlike live, {} damaged blocks",
                 result->audit_id, result->event_count, result->account_count, result->duration_ms, result->act_count,
                 result->review_count, result->differing_count, result->damaged_block_count);
  } else {
    spdlog::warn("no audit: {}", result.status().message());
  }
  {
    const std::lock_guard lock(mutex_);
    is_running_ = false;
  }
  done(std::move(result));
}

Result<detector::AuditSummary> AuditRunner::Run(const std::stop_token& stop, const detector::AuditRange& range,
                                                const detector::AuditProgress& progress) {
  const auto begin = std::chrono::steady_clock::now();
  const int64_t start_time_unix_nano = clock_();
  Result<std::string> audit_id = archive_.NewAuditId(start_time_unix_nano);
  if (!audit_id.ok()) return audit_id.status();
  pipeline_.WaitUntilApplied();
  const std::unique_ptr<storage::Snapshot> snapshot = store_.TakeSnapshot();
  Result<detector::AuditOutcome> outcome =
      detector::RunAudit(*snapshot, engine_, options_.engine, options_.parallel_for, range,
                         [&](uint64_t scanned_event_count, uint64_t total_event_count) {
                           return !stop.stop_requested() && progress(scanned_event_count, total_event_count);
                         });
  if (!outcome.ok()) return outcome.status();
  outcome->summary.audit_id = *audit_id;
  outcome->summary.start_time_unix_nano = start_time_unix_nano;
  outcome->summary.duration_ms = static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin).count());
  STILLWATCH_RETURN_IF_ERROR(archive_.Keep(*outcome, options_.software_version, stop));
  return std::move(outcome->summary);
}

}  // namespace stillwatch::query
