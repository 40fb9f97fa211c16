#include "cli/admin_commands.h"

#include <simdjson.h>

#include <chrono>

#include "cli/connection.h"
#include "cli/time_argument.h"
#include "stillwatch/v1/admin.grpc.pb.h"

namespace stillwatch::cli {
namespace {

constexpr char kVersion[] = STILLWATCH_VERSION;
#ifdef __clang__
#define STILLWATCH_COMPILER "Clang " __clang_version__
#else
#define STILLWATCH_COMPILER "GCC " __VERSION__
#endif
#ifdef NDEBUG
constexpr char kBuild[] = STILLWATCH_COMPILER ", optimised";
#else
constexpr char kBuild[] = STILLWATCH_COMPILER ", with checks";
#endif

Record StatusRecord(const v1::GetStatusResponse& status) {
  return Record()
      .Count("stored_event_count", status.stored_event_count())
      .Count("accepted_event_count", status.accepted_event_count())
      .Count("duplicate_event_count", status.duplicate_event_count())
      .Count("rejected_event_count", status.rejected_event_count())
      .Count("late_event_count", status.late_event_count())
      .Count("account_count", status.account_count())
      .Time("watermark_unix_nano", status.watermark_unix_nano())
      .Time("newest_event_unix_nano", status.newest_event_unix_nano())
      .Count("pending_event_count", status.pending_event_count())
      .Count("in_flight_bytes", status.in_flight_bytes())
      .Count("commit_count", status.commit_count())
      .Count("failed_commit_count", status.failed_commit_count());
}

void PrintStatus(const Session& session, const v1::GetStatusResponse& status) {
  Table table({{"WHAT"}, {session.server, Align::kRight}});
  table.AddRow({std::string("events stored"), FormatCount(status.stored_event_count())});
  table.AddRow({std::string("accepted since the start"), FormatCount(status.accepted_event_count())});
  table.AddRow({std::string("duplicates since the start"), FormatCount(status.duplicate_event_count())});
  table.AddRow({std::string("rejected since the start"), FormatCount(status.rejected_event_count())});
  table.AddRow({std::string("late since the start"), FormatCount(status.late_event_count())});
  table.AddRow({std::string("accounts"), FormatCount(status.account_count())});
  table.AddRow({std::string("settled up to"), FormatTime(status.watermark_unix_nano())});
  table.AddRow({std::string("newest event"), FormatTime(status.newest_event_unix_nano())});
  table.AddRow({std::string("events not settled yet"), FormatCount(status.pending_event_count())});
  table.AddRow({std::string("not acknowledged yet"), FormatBytes(status.in_flight_bytes())});
  table.AddRow({std::string("commits"), FormatCount(status.commit_count())});
  table.AddRow({std::string("commits that failed"), FormatCount(status.failed_commit_count())});
  table.Print(session.out, session.colour);
}

}  // namespace

ExitCode RunStatus(const Session& session) {
  v1::GetStatusResponse response;
  grpc::ClientContext context;
  SetDeadline(context);
  const Status status = FromGrpc(v1::AdminService::NewStub(session.channel)->GetStatus(&context, {}, &response));
  if (!status.ok()) return Fail(session, "get the status", status);
  if (session.is_table()) {
    PrintStatus(session, response);
  } else {
    PrintRecord(session.out, session.format, StatusRecord(response));
  }
  return ExitCode::kOk;
}

ExitCode RunVersion(const Session& session) {
  v1::GetVersionResponse daemon;
  grpc::ClientContext context;
  // Short: the client's own version is the answer, the daemon's an extra.
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(2));
  const Status status = FromGrpc(v1::AdminService::NewStub(session.channel)->GetVersion(&context, {}, &daemon));
  const std::string instruction_set = simdjson::get_active_implementation()->name();
  if (!session.is_table()) {
    PrintRecord(session.out, session.format,
                Record()
                    .Text("version", kVersion)
                    .Text("build", kBuild)
                    .Text("instruction_set", instruction_set)
                    .Text("server", session.server)
                    .Text("daemon_version", daemon.version())
                    .Text("daemon_build", daemon.build())
                    .Text("daemon_instruction_set", daemon.instruction_set()));
    return ExitCode::kOk;
  }
  session.out << "stillwatch " << kVersion << ", " << kBuild << ", " << instruction_set << '\n';
  if (status.ok()) {
    session.out << "stillwatchd " << Printable(daemon.version()) << " at " << session.server << ", "
                << Printable(daemon.build()) << ", " << Printable(daemon.instruction_set()) << '\n';
  } else {
    session.out << "no daemon at " << session.server << '\n';
  }
  return ExitCode::kOk;
}

}  // namespace stillwatch::cli
