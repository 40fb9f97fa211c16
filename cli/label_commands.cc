#include "cli/label_commands.h"

#include "cli/connection.h"
#include "cli/score_record.h"
#include "cli/time_argument.h"
#include "stillwatch/v1/label.grpc.pb.h"

namespace stillwatch::cli {

ExitCode RunLabel(const Session& session, const LabelOptions& options) {
  v1::SetLabelRequest request;
  request.set_account_id(options.account_id);
  request.set_label(options.label);
  request.set_note(options.note);
  v1::SetLabelResponse response;
  grpc::ClientContext context;
  SetDeadline(context);
  const Status status = FromGrpc(v1::LabelService::NewStub(session.channel)->SetLabel(&context, request, &response));
  if (!status.ok()) return Fail(session, "label account " + options.account_id, status);
  if (session.is_table()) {
    session.out << Printable(response.entry().account_id()) << " is " << LabelName(response.entry().label())
                << ": verdict " << VerdictName(response.score().verdict()) << ", risk "
                << FormatFixed(response.score().risk(), 4) << '\n';
  } else {
    PrintRecord(session.out, session.format,
                LabelRecord(response.entry()).Object("score", ScoreRecord(response.score())));
  }
  return ExitCode::kOk;
}

ExitCode RunLabels(const Session& session) {
  v1::ListLabelsResponse response;
  grpc::ClientContext context;
  SetDeadline(context);
  const Status status = FromGrpc(v1::LabelService::NewStub(session.channel)->ListLabels(&context, {}, &response));
  if (!status.ok()) return Fail(session, "list labels", status);
  if (!session.is_table()) {
    RecordPrinter printer(session.out, session.format);
    for (const v1::LabelEntry& entry : response.entries()) printer.Add(LabelRecord(entry));
    printer.Finish();
    return ExitCode::kOk;
  }
  Table table({{"TIME"}, {"ACCOUNT"}, {"LABEL"}, {"NOTE"}});
  for (const v1::LabelEntry& entry : response.entries()) {
    table.AddRow({FormatTime(entry.time_unix_nano()), Printable(entry.account_id()), LabelCell(entry.label()),
                  Printable(entry.note())});
  }
  table.Print(session.out, session.colour);
  return ExitCode::kOk;
}

}  // namespace stillwatch::cli
