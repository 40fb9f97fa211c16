#include "cli/admin_commands.h"

#include <simdjson.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <iostream>
#include <string>
#include <system_error>

#include "cli/connection.h"
#include "cli/gateway_commands.h"
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

// Calls that go through the whole store.
constexpr auto kUpkeepTime = std::chrono::hours(6);

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
      .Count("failed_commit_count", status.failed_commit_count())
      .Count("damaged_place_count", status.damaged_place_count());
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
  table.AddRow({std::string("damaged places skipped"), FormatCount(status.damaged_place_count())});
  table.Print(session.out, session.colour);
}

}  // namespace

ExitCode RunStatus(const Session& session) {
  v1::GetStatusResponse response;
  grpc::ClientContext context;
  SetDeadline(context);
  const Status status = FromGrpc(v1::AdminService::NewStub(session.channel)->GetStatus(&context, {}, &response));
  if (!status.ok()) return Fail(session, "get the status", status);
  v1::ListSourcesResponse sources;
  grpc::ClientContext sources_context;
  SetDeadline(sources_context);
  const Status listed =
      FromGrpc(v1::AdminService::NewStub(session.channel)->ListSources(&sources_context, {}, &sources));
  // A daemon that is older has no such list.
  if (!listed.ok() && listed.code() != Code::kUnimplemented) return Fail(session, "list the sources", listed);
  if (session.is_table()) {
    PrintStatus(session, response);
    PrintSources(session, sources);
  } else {
    PrintRecord(session.out, session.format, StatusRecord(response).List("sources", SourceRecords(sources)));
  }
  return ExitCode::kOk;
}

ExitCode RunErase(const Session& session, const std::string& account_id, bool is_confirmed) {
  if (!is_confirmed && isatty(STDIN_FILENO) == 1) {
    session.status_line.Say("This removes account " + Printable(account_id) +
                            " from the daemon for good. Type its id again to go on:");
    std::string typed;
    if (!std::getline(std::cin, typed) || typed != account_id) {
      session.status_line.Say("nothing was erased");
      return ExitCode::kFailed;
    }
  }
  v1::EraseAccountRequest request;
  request.set_account_id(account_id);
  v1::EraseAccountResponse response;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kUpkeepTime);
  const Status status =
      FromGrpc(v1::AdminService::NewStub(session.channel)->EraseAccount(&context, request, &response));
  if (!status.ok()) return Fail(session, "erase account " + account_id, status);
  if (session.is_table()) {
    session.out << Printable(account_id) << " is erased: " << FormatCount(response.erased_event_count())
                << " events, " << FormatCount(response.deleted_audit_count()) << " audits that named it";
    if (response.unsearched_block_count() > 0) {
      session.out << "; " << FormatCount(response.unsearched_block_count()) << " damaged blocks could not be searched";
    }
    session.out << '\n';
  } else {
    PrintRecord(session.out, session.format,
                Record()
                    .Text("account_id", account_id)
                    .Count("erased_event_count", response.erased_event_count())
                    .Count("rewritten_block_count", response.rewritten_block_count())
                    .Count("deleted_audit_count", response.deleted_audit_count())
                    .Count("unsearched_block_count", response.unsearched_block_count()));
  }
  return ExitCode::kOk;
}

ExitCode RunBackup(const Session& session, const std::string& directory) {
  v1::CreateBackupRequest request;
  std::error_code error;
  request.set_directory(std::filesystem::absolute(directory, error).lexically_normal().string());
  v1::CreateBackupResponse response;
  grpc::ClientContext context;
  // The daemon flushes what is in memory and, on a file system without hard links, copies the whole store.
  context.set_deadline(std::chrono::system_clock::now() + kUpkeepTime);
  const Status status =
      FromGrpc(v1::AdminService::NewStub(session.channel)->CreateBackup(&context, request, &response));
  if (!status.ok()) return Fail(session, "make a backup in " + request.directory(), status);
  if (session.is_table()) {
    session.out << Printable(request.directory()) << " holds " << FormatCount(response.stored_event_count())
                << " events; stillwatchd --data-dir starts from it\n";
  } else {
    PrintRecord(session.out, session.format,
                Record()
                    .Text("directory", request.directory())
                    .Count("stored_event_count", response.stored_event_count()));
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
