#include "cli/decision_commands.h"

#include <string_view>

#include "cli/connection.h"
#include "cli/score_record.h"
#include "cli/time_argument.h"
#include "stillwatch/v1/decision.grpc.pb.h"

namespace stillwatch::cli {
namespace {

std::string_view RulingName(v1::Ruling ruling) {
  switch (ruling) {
    case v1::RULING_REFUSE:
      return "refuse";
    case v1::RULING_ALLOW:
      return "allow";
    default:
      return "automatic";
  }
}

std::string_view OriginName(v1::DecisionOrigin origin) {
  return origin == v1::DECISION_ORIGIN_ANALYST ? "analyst" : "verdict";
}

std::string_view ModeName(v1::EnforcementMode mode) {
  switch (mode) {
    case v1::ENFORCEMENT_MODE_OFF:
      return "off";
    case v1::ENFORCEMENT_MODE_SHADOW:
      return "shadow";
    default:
      return "on";
  }
}

Cell RulingCell(v1::Ruling ruling) {
  return {std::string(RulingName(ruling)), ruling == v1::RULING_REFUSE  ? Style::kRed
                                           : ruling == v1::RULING_ALLOW ? Style::kGreen
                                                                        : Style::kPlain};
}

// What people need to know to read the list right.
std::string_view ModeRemark(v1::EnforcementMode mode) {
  switch (mode) {
    case v1::ENFORCEMENT_MODE_OFF:
      return "Enforcement is off: nothing is refused.\n";
    case v1::ENFORCEMENT_MODE_SHADOW:
      return "Enforcement is in shadow mode: gateways are told, nothing is refused.\n";
    default:
      return "";
  }
}

Record DecisionRecord(const v1::Decision& decision, v1::EnforcementMode mode) {
  return Record()
      .Text("account_id", decision.account_id())
      .Text("ruling", RulingName(decision.ruling()))
      .Text("origin", OriginName(decision.origin()))
      .Text("verdict", VerdictName(decision.verdict()))
      .Time("begin_time_unix_nano", decision.begin_time_unix_nano())
      .Time("end_time_unix_nano", decision.end_time_unix_nano())
      .Text("note", decision.note())
      .Count("decision_id", decision.decision_id())
      .Text("mode", ModeName(mode));
}

Record HistoryRecord(const v1::DecisionHistoryEntry& entry) {
  return Record()
      .Text("account_id", entry.account_id())
      .Time("time_unix_nano", entry.time_unix_nano())
      .Text("ruling", RulingName(entry.ruling()))
      .Text("origin", OriginName(entry.origin()))
      .Text("verdict", VerdictName(entry.verdict()))
      .Time("end_time_unix_nano", entry.end_time_unix_nano())
      .Text("mode", ModeName(entry.mode()))
      .Text("note", entry.note());
}

ExitCode PrintActive(const Session& session, const v1::ListDecisionsResponse& response) {
  if (!session.is_table()) {
    RecordPrinter printer(session.out, session.format);
    for (const v1::Decision& decision : response.decisions()) printer.Add(DecisionRecord(decision, response.mode()));
    printer.Finish();
    return ExitCode::kOk;
  }
  Table table({{"SINCE"}, {"UNTIL"}, {"ACCOUNT"}, {"RULING"}, {"BY"}, {"VERDICT"}, {"NOTE"}});
  for (const v1::Decision& decision : response.decisions()) {
    table.AddRow({FormatTime(decision.begin_time_unix_nano()), FormatTime(decision.end_time_unix_nano()),
                  Printable(decision.account_id()), RulingCell(decision.ruling()),
                  std::string(OriginName(decision.origin())), VerdictCell(decision.verdict()),
                  Printable(decision.note())});
  }
  session.out << ModeRemark(response.mode());
  table.Print(session.out, session.colour);
  return ExitCode::kOk;
}

ExitCode PrintHistory(const Session& session, const v1::ListDecisionHistoryResponse& response) {
  if (!session.is_table()) {
    RecordPrinter printer(session.out, session.format);
    for (const v1::DecisionHistoryEntry& entry : response.entries()) printer.Add(HistoryRecord(entry));
    printer.Finish();
    return ExitCode::kOk;
  }
  Table table({{"TIME"}, {"RULING"}, {"BY"}, {"UNTIL"}, {"VERDICT"}, {"MODE"}, {"NOTE"}});
  for (const v1::DecisionHistoryEntry& entry : response.entries()) {
    table.AddRow({FormatTime(entry.time_unix_nano()), RulingCell(entry.ruling()),
                  std::string(OriginName(entry.origin())), FormatTime(entry.end_time_unix_nano()),
                  VerdictCell(entry.verdict()), std::string(ModeName(entry.mode())), Printable(entry.note())});
  }
  table.Print(session.out, session.colour);
  return ExitCode::kOk;
}

}  // namespace

ExitCode RunDecide(const Session& session, const DecideOptions& options) {
  v1::SetDecisionRequest request;
  request.set_account_id(options.account_id);
  request.set_ruling(options.ruling);
  request.set_duration_seconds(options.duration_seconds);
  request.set_note(options.note);
  v1::SetDecisionResponse response;
  grpc::ClientContext context;
  SetDeadline(context);
  const Status status =
      FromGrpc(v1::DecisionService::NewStub(session.channel)->SetDecision(&context, request, &response));
  if (!status.ok()) return Fail(session, "decide on account " + options.account_id, status);
  const v1::DecisionHistoryEntry& entry = response.entry();
  if (!session.is_table()) {
    PrintRecord(session.out, session.format, HistoryRecord(entry));
    return ExitCode::kOk;
  }
  session.out << ModeRemark(response.mode()) << Printable(entry.account_id()) << ": " << RulingName(entry.ruling());
  if (entry.ruling() != v1::RULING_AUTOMATIC) session.out << " until " << FormatTime(entry.end_time_unix_nano());
  session.out << '\n';
  return ExitCode::kOk;
}

ExitCode RunDecisions(const Session& session, const std::string& account_id) {
  const auto stub = v1::DecisionService::NewStub(session.channel);
  grpc::ClientContext context;
  SetDeadline(context);
  if (account_id.empty()) {
    v1::ListDecisionsResponse response;
    const Status status = FromGrpc(stub->ListDecisions(&context, {}, &response));
    return status.ok() ? PrintActive(session, response) : Fail(session, "list decisions", status);
  }
  v1::ListDecisionHistoryRequest request;
  request.set_account_id(account_id);
  v1::ListDecisionHistoryResponse response;
  const Status status = FromGrpc(stub->ListDecisionHistory(&context, request, &response));
  return status.ok() ? PrintHistory(session, response) : Fail(session, "list decisions on " + account_id, status);
}

}  // namespace stillwatch::cli
