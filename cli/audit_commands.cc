#include "cli/audit_commands.h"

#include <algorithm>
#include <chrono>
#include <system_error>

#include "cli/connection.h"
#include "cli/time_argument.h"
#include "stillwatch/v1/audit.grpc.pb.h"

namespace stillwatch::cli {
namespace {

Record SummaryRecord(const v1::AuditSummary& summary) {
  return Record()
      .Text("audit_id", summary.audit_id())
      .Time("start_time_unix_nano", summary.start_time_unix_nano())
      .Count("duration_ms", summary.duration_ms())
      .Time("from_time_unix_nano", summary.from_time_unix_nano())
      .Time("to_time_unix_nano", summary.to_time_unix_nano())
      .Count("event_count", summary.event_count())
      .Count("account_count", summary.account_count())
      .Count("review_count", summary.review_count())
      .Count("act_count", summary.act_count())
      .Count("differing_count", summary.differing_count())
      .Count("damaged_block_count", summary.damaged_block_count());
}

std::string Span(const v1::AuditSummary& summary) {
  return (summary.from_time_unix_nano() == 0 ? "first" : FormatTime(summary.from_time_unix_nano())) + " – " +
         (summary.to_time_unix_nano() == 0 ? "last" : FormatTime(summary.to_time_unix_nano()));
}

void PrintSummary(const Session& session, const v1::AuditSummary& summary) {
  session.out << "audit " << Printable(summary.audit_id()) << ": " << FormatCount(summary.event_count())
              << " events of " << FormatCount(summary.account_count()) << " accounts (" << Span(summary) << ") in "
              << FormatDuration(static_cast<double>(summary.duration_ms()) / 1e3) << '\n'
              << "  act            " << FormatCount(summary.act_count()) << '\n'
              << "  review         " << FormatCount(summary.review_count()) << '\n'
              << "  unlike live    " << FormatCount(summary.differing_count()) << '\n';
  if (summary.damaged_block_count() > 0) {
    session.out << Styled("  damaged blocks " + FormatCount(summary.damaged_block_count()), Style::kRed, session.colour)
                << '\n';
  }
}

// Takes the messages of an audit, of whichever of the two calls.
struct AuditReceiver {
  const Session& session;
  ReportWriter report;
  v1::AuditSummary summary;
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();

  void ShowProgress(const v1::AuditProgress& progress) {
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    session.status_line.Show("audit " +
                             FormatProgress({progress.scanned_event_count(), progress.total_event_count(), seconds}) +
                             "  " + FormatCount(progress.scanned_event_count()) + " events");
  }

  // Reads `reader` to its end. A file that cannot be written ends the call, and with it a running audit.
  template <typename Reader, typename Response>
  Status Receive(grpc::ClientContext& context, Reader& reader, Response& response) {
    Status written;
    while (written.ok() && reader.Read(&response)) {
      if constexpr (requires { response.progress(); }) {
        if (response.has_progress()) ShowProgress(response.progress());
      }
      if (response.has_summary()) summary = response.summary();
      if (response.has_piece()) written = report.Write(response.piece());
    }
    if (!written.ok()) context.TryCancel();
    const Status called = FromGrpc(reader.Finish());
    session.status_line.Clear();
    if (!written.ok()) return written;
    STILLWATCH_RETURN_IF_ERROR(called);
    return report.Finish();
  }

  void Print() const {
    if (!session.is_table()) {
      PrintRecord(session.out, session.format, SummaryRecord(summary));
      return;
    }
    PrintSummary(session, summary);
    for (const std::string& path : report.paths()) session.out << "  wrote " << Printable(path) << '\n';
  }
};

}  // namespace

Status ReportWriter::Open(const std::string& name) {
  if (name.empty() || name.front() == '.' || name.find('/') != std::string::npos ||
      name.find('\0') != std::string::npos) {
    return Status(Code::kInvalidArgument, "the report has a file of the unsafe name \"" + name + "\"");
  }
  STILLWATCH_RETURN_IF_ERROR(Finish());
  std::error_code error;
  std::filesystem::create_directories(directory_, error);
  const std::filesystem::path path = directory_ / name;
  // A name that comes again goes on where it ended; a file of an earlier run is replaced.
  const bool known = std::find(paths_.begin(), paths_.end(), path.string()) != paths_.end();
  file_.open(path, known ? std::ios::binary | std::ios::app : std::ios::binary | std::ios::trunc);
  if (!file_) return Status(Code::kUnavailable, "cannot write " + path.string());
  if (!known) paths_.push_back(path.string());
  open_name_ = name;
  return Status();
}

Status ReportWriter::Write(const v1::AuditFilePiece& piece) {
  if (directory_.empty()) return Status();
  if (!file_.is_open() || piece.name() != open_name_) STILLWATCH_RETURN_IF_ERROR(Open(piece.name()));
  file_.write(piece.data().data(), static_cast<std::streamsize>(piece.data().size()));
  return Status();
}

Status ReportWriter::Finish() {
  if (!file_.is_open()) return Status();
  file_.close();
  if (!file_) return Status(Code::kUnavailable, "cannot write " + (directory_ / open_name_).string());
  return Status();
}

ExitCode RunAudit(const Session& session, const AuditRunOptions& options) {
  v1::RunAuditRequest request;
  request.set_from_time_unix_nano(static_cast<uint64_t>(options.from_time_unix_nano));
  request.set_to_time_unix_nano(static_cast<uint64_t>(options.to_time_unix_nano));
  const auto stub = v1::AuditService::NewStub(session.channel);
  grpc::ClientContext context;
  AuditReceiver receiver{session, ReportWriter(options.report_directory), {}};
  v1::RunAuditResponse response;
  const Status status = receiver.Receive(context, *stub->RunAudit(&context, request), response);
  if (!status.ok()) return Fail(session, "run an audit", status);
  receiver.Print();
  return ExitCode::kOk;
}

ExitCode RunAuditShow(const Session& session, const std::string& audit_id, const std::string& report_directory) {
  v1::GetAuditRequest request;
  request.set_audit_id(audit_id);
  const auto stub = v1::AuditService::NewStub(session.channel);
  grpc::ClientContext context;
  AuditReceiver receiver{session, ReportWriter(report_directory), {}};
  v1::GetAuditResponse response;
  const Status status = receiver.Receive(context, *stub->GetAudit(&context, request), response);
  if (!status.ok()) return Fail(session, "get audit " + audit_id, status);
  receiver.Print();
  return ExitCode::kOk;
}

ExitCode RunAuditList(const Session& session) {
  v1::ListAuditsResponse response;
  grpc::ClientContext context;
  SetDeadline(context);
  const Status status = FromGrpc(v1::AuditService::NewStub(session.channel)->ListAudits(&context, {}, &response));
  if (!status.ok()) return Fail(session, "list audits", status);
  if (!session.is_table()) {
    RecordPrinter printer(session.out, session.format);
    for (const v1::AuditSummary& summary : response.audits()) printer.Add(SummaryRecord(summary));
    printer.Finish();
    return ExitCode::kOk;
  }
  Table table({{"AUDIT"},
               {"SPAN"},
               {"EVENTS", Align::kRight},
               {"ACCOUNTS", Align::kRight},
               {"REVIEW", Align::kRight},
               {"ACT", Align::kRight},
               {"UNLIKE LIVE", Align::kRight},
               {"TOOK", Align::kRight}});
  for (const v1::AuditSummary& summary : response.audits()) {
    table.AddRow({Printable(summary.audit_id()), Span(summary), FormatCount(summary.event_count()),
                  FormatCount(summary.account_count()), FormatCount(summary.review_count()),
                  FormatCount(summary.act_count()), FormatCount(summary.differing_count()),
                  FormatDuration(static_cast<double>(summary.duration_ms()) / 1e3)});
  }
  table.Print(session.out, session.colour);
  return ExitCode::kOk;
}

}  // namespace stillwatch::cli
