#include "query/audit_service.h"

#include <chrono>
#include <fstream>
#include <limits>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "detector/audit_report.h"
#include "proto/grpc_status.h"

namespace stillwatch::query {
namespace {

void FillSummary(const detector::AuditSummary& summary, v1::AuditSummary& out) {
  out.set_audit_id(summary.audit_id);
  out.set_start_time_unix_nano(static_cast<uint64_t>(summary.start_time_unix_nano));
  out.set_duration_ms(summary.duration_ms);
  out.set_from_time_unix_nano(static_cast<uint64_t>(summary.range.from_time_unix_nano));
  out.set_to_time_unix_nano(static_cast<uint64_t>(summary.range.to_time_unix_nano));
  out.set_event_count(summary.event_count);
  out.set_account_count(summary.account_count);
  out.set_review_count(summary.review_count);
  out.set_act_count(summary.act_count);
  out.set_differing_count(summary.differing_count);
  out.set_damaged_block_count(summary.damaged_block_count);
}

// Reads the summary and the files of an audit as the messages of a stream, whichever of the two it is. Each file is at
// least one piece, so that an empty one is known too. Threading: one thread at a time.
template <typename Response>
class ReportReader {
 public:
  ReportReader(const AuditArchive& archive, detector::AuditSummary summary)
      : archive_(archive), summary_(std::move(summary)) {}

  // Fills the next message. False after the last one. Errors: a file that is gone or cannot be read.
  Result<bool> Next(Response& response) {
    response.Clear();
    if (!std::exchange(has_told_summary_, true)) {
      FillSummary(summary_, *response.mutable_summary());
      return true;
    }
    if (file_.is_open() && file_.peek() == std::ifstream::traits_type::eof()) {
      file_.close();
      ++file_index_;
    }
    if (file_index_ == detector::kAuditReportFiles.size()) return false;
    if (!file_.is_open()) {
      Result<std::ifstream> file = archive_.OpenFile(summary_.audit_id, detector::kAuditReportFiles[file_index_]);
      if (!file.ok()) return file.status();
      file_ = std::move(file).value();
    }
    return ReadPiece(*response.mutable_piece());
  }

 private:
  Result<bool> ReadPiece(v1::AuditFilePiece& piece) {
    const std::string name(detector::kAuditReportFiles[file_index_]);
    std::string data(kAuditPieceBytesMax, '\0');
    file_.read(data.data(), static_cast<std::streamsize>(data.size()));
    if (file_.bad()) return {Code::kUnavailable, "cannot read " + name + " of audit " + summary_.audit_id};
    data.resize(static_cast<size_t>(file_.gcount()));
    file_.clear(file_.rdstate() & std::ios::eofbit);
    piece.set_name(name);
    piece.set_data(std::move(data));
    return true;
  }

  const AuditArchive& archive_;
  const detector::AuditSummary summary_;
  bool has_told_summary_ = false;
  size_t file_index_ = 0;
  std::ifstream file_;
};

// Tells of a running audit, then its report. At any moment one thread at most has the turn to write or to finish. The
// call is only finished when the audit's thread is done with it.
class RunAuditCall final : public grpc::ServerWriteReactor<v1::RunAuditResponse> {
 public:
  RunAuditCall(AuditRunner& runner, const v1::RunAuditRequest& request) : archive_(runner.archive()) {
    constexpr uint64_t kTimeMax = std::numeric_limits<int64_t>::max();
    Status status;
    if (request.from_time_unix_nano() > kTimeMax || request.to_time_unix_nano() > kTimeMax) {
      status = {Code::kInvalidArgument, "from_time_unix_nano, to_time_unix_nano: after the year 2262"};
    } else {
      status = runner.Start(
          {static_cast<int64_t>(request.from_time_unix_nano()), static_cast<int64_t>(request.to_time_unix_nano())},
          [this](uint64_t scanned, uint64_t total) { return OnProgress(scanned, total); },
          [this](Result<detector::AuditSummary> result) { OnAudited(std::move(result)); });
    }
    if (!status.ok()) Finish(ToGrpcStatus(status));
  }

 private:
  using Lock = std::unique_lock<std::mutex>;

  bool OnProgress(uint64_t scanned_event_count, uint64_t total_event_count) {
    Lock lock(mutex_);
    if (is_cancelled_) return false;
    const auto now = std::chrono::steady_clock::now();
    if (now < next_progress_) return true;
    next_progress_ = now + std::chrono::milliseconds(kAuditProgressIntervalMs);
    progress_.emplace();
    progress_->set_scanned_event_count(scanned_event_count);
    progress_->set_total_event_count(total_event_count);
    Proceed(std::move(lock));
    return true;
  }

  void OnAudited(Result<detector::AuditSummary> result) {
    Lock lock(mutex_);
    if (result.ok()) {
      report_.emplace(archive_, *result);
    } else {
      failure_ = result.status();
    }
    Proceed(std::move(lock));
  }

  void OnWriteDone(bool ok) override {
    Lock lock(mutex_);
    has_turn_out_ = false;
    if (!ok) is_cancelled_ = true;
    Proceed(std::move(lock));
  }

  void OnCancel() override {
    const Lock lock(mutex_);
    is_cancelled_ = true;  // The audit ends at its next progress, a write that is on its way with OnWriteDone.
  }

  void OnDone() override { delete this; }

  // Writes what there is to write, or finishes, unless a write is on its way. Nothing of this call may be touched after
  // the lock is released here: whoever gets the next turn may end it.
  void Proceed(Lock lock) {
    if (has_turn_out_) return;
    std::optional<Status> end = failure_;
    if (report_ && is_cancelled_) {
      end = Status(Code::kCancelled, "the client left");
    } else if (report_) {
      Result<bool> has_next = report_->Next(response_);
      if (!has_next.ok() || !*has_next) end = has_next.status();
    } else if (!failure_) {
      if (!progress_) return;
      *response_.mutable_progress() = *std::exchange(progress_, std::nullopt);
    }
    has_turn_out_ = true;
    lock.unlock();
    if (end) {
      Finish(ToGrpcStatus(*end));
    } else {
      StartWrite(&response_);
    }
  }

  const AuditArchive& archive_;
  std::mutex mutex_;
  bool has_turn_out_ = false;  // A write is on its way, or the call is finished.
  bool is_cancelled_ = false;
  std::chrono::steady_clock::time_point next_progress_;
  std::optional<v1::AuditProgress> progress_;  // Not told yet.
  std::optional<Status> failure_;
  std::optional<ReportReader<v1::RunAuditResponse>> report_;  // Once the audit is made.
  v1::RunAuditResponse response_;
};

// Sends the report of an audit that was made.
class GetAuditCall final : public grpc::ServerWriteReactor<v1::GetAuditResponse> {
 public:
  GetAuditCall(const AuditArchive& archive, const std::string& audit_id) {
    Result<detector::AuditSummary> summary = archive.Get(audit_id);
    if (!summary.ok()) {
      Finish(ToGrpcStatus(summary.status()));
      return;
    }
    report_.emplace(archive, std::move(summary).value());
    WriteNext();
  }

 private:
  void OnWriteDone(bool ok) override {
    if (ok) {
      WriteNext();
    } else {
      Finish({grpc::StatusCode::CANCELLED, "the client left"});
    }
  }
  void OnDone() override { delete this; }

  void WriteNext() {
    Result<bool> has_next = report_->Next(response_);
    if (has_next.ok() && *has_next) {
      StartWrite(&response_);
    } else {
      Finish(ToGrpcStatus(has_next.status()));
    }
  }

  std::optional<ReportReader<v1::GetAuditResponse>> report_;
  v1::GetAuditResponse response_;
};

}  // namespace

grpc::ServerWriteReactor<v1::RunAuditResponse>* AuditService::RunAudit(grpc::CallbackServerContext* /*context*/,
                                                                       const v1::RunAuditRequest* request) {
  return new RunAuditCall(runner_, *request);
}

grpc::ServerUnaryReactor* AuditService::ListAudits(grpc::CallbackServerContext* context,
                                                   const v1::ListAuditsRequest* /*request*/,
                                                   v1::ListAuditsResponse* response) {
  return workers_.Answer(context, [this, response]() -> Status {
    Result<std::vector<detector::AuditSummary>> audits = runner_.archive().List();
    if (!audits.ok()) return audits.status();
    for (const detector::AuditSummary& summary : *audits) FillSummary(summary, *response->add_audits());
    return {};
  });
}

grpc::ServerWriteReactor<v1::GetAuditResponse>* AuditService::GetAudit(grpc::CallbackServerContext* /*context*/,
                                                                       const v1::GetAuditRequest* request) {
  return new GetAuditCall(runner_.archive(), request->audit_id());
}

}  // namespace stillwatch::query
