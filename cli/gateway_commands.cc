#include "cli/gateway_commands.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <vector>

#include "cli/connection.h"
#include "cli/table.h"
#include "cli/time_argument.h"
#include "stillwatch/v1/gateway.grpc.pb.h"

namespace stillwatch::cli {
namespace {

uint64_t RejectedCount(const v1::SourceStatus& source) {
  uint64_t sum = 0;
  for (const v1::RejectedCount& rejected : source.rejected()) sum += rejected.count();
  return sum;
}

std::string OutcomeName(v1::MessageOutcome outcome) {
  switch (outcome) {
    case v1::MESSAGE_OUTCOME_EVENT:
      return "event";
    case v1::MESSAGE_OUTCOME_IGNORED:
      return "ignored";
    case v1::MESSAGE_OUTCOME_REJECTED:
      return "rejected";
    default:
      return "unknown";
  }
}

Record MessageRecord(const v1::ExplainedMessage& message) {
  std::vector<Record> mapped;
  for (const v1::MappedField& field : message.mapped()) {
    mapped.push_back(Record()
                         .Text("field", field.field())
                         .Text("key", field.key())
                         .Text("value", field.value())
                         .Text("problem", field.problem()));
  }
  std::vector<Record> unmapped;
  for (const v1::UnmappedField& field : message.unmapped()) {
    unmapped.push_back(Record().Text("key", field.key()).Text("value", field.value()));
  }
  return Record()
      .Text("outcome", OutcomeName(message.outcome()))
      .Text("rejection", message.rejection())
      .Text("event_id", message.event_id())
      .List("mapped", mapped)
      .List("unmapped", unmapped);
}

void PrintMessage(const Session& session, const v1::ExplainedMessage& message) {
  session.out << "Message: " << OutcomeName(message.outcome());
  if (!message.event_id().empty()) session.out << " " << Printable(message.event_id());
  if (!message.rejection().empty()) session.out << ", " << Printable(message.rejection());
  session.out << '\n';
  Table table({{"FIELD"}, {"FROM"}, {"VALUE"}, {"PROBLEM"}});
  for (const v1::MappedField& field : message.mapped()) {
    table.AddRow({Printable(field.field()), Printable(field.key()), Printable(field.value()),
                  Cell(Printable(field.problem()), Style::kYellow)});
  }
  for (const v1::UnmappedField& field : message.unmapped()) {
    table.AddRow({Cell("-", Style::kDim), Printable(field.key()), Cell(Printable(field.value()), Style::kDim),
                  std::string("not understood")});
  }
  table.Print(session.out, session.colour);
}

Result<std::string> ReadAll(const std::string& file) {
  if (file == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
  std::ifstream stream(file, std::ios::binary);
  std::string content(std::istreambuf_iterator<char>(stream), {});
  if (!stream) return Status(Code::kNotFound, file + ": " + std::strerror(errno));
  return content;
}

}  // namespace

std::vector<Record> SourceRecords(const v1::ListSourcesResponse& response) {
  std::vector<Record> records;
  for (const v1::SourceStatus& source : response.sources()) {
    records.push_back(Record()
                          .Text("listener", source.listener())
                          .Text("name", source.name())
                          .Count("received_count", source.received_count())
                          .Count("accepted_count", source.accepted_count())
                          .Count("duplicate_count", source.duplicate_count())
                          .Count("rejected_count", RejectedCount(source))
                          .Count("ignored_count", source.ignored_count())
                          .Count("late_count", source.late_count())
                          .Count("suspected_lost_count", source.suspected_lost_count())
                          .Count("unusable_field_count", source.unusable_field_count())
                          .Time("last_seen_unix_nano", source.last_seen_unix_nano())
                          .Flag("is_quiet", source.is_quiet()));
  }
  return records;
}

void PrintSources(const Session& session, const v1::ListSourcesResponse& response) {
  if (response.sources().empty()) return;
  session.out << "\nSources:\n";
  Table table({{"LISTENER"},
               {"SOURCE"},
               {"ACCEPTED", Align::kRight},
               {"DUPLICATE", Align::kRight},
               {"REJECTED", Align::kRight},
               {"IGNORED", Align::kRight},
               {"LATE", Align::kRight},
               {"LOST?", Align::kRight},
               {"LAST SEEN"},
               {""}});
  for (const v1::SourceStatus& source : response.sources()) {
    table.AddRow({Printable(source.listener()), Printable(source.name()), FormatCount(source.accepted_count()),
                  FormatCount(source.duplicate_count()), FormatCount(RejectedCount(source)),
                  FormatCount(source.ignored_count()), FormatCount(source.late_count()),
                  FormatCount(source.suspected_lost_count()), FormatTime(source.last_seen_unix_nano()),
                  Cell(source.is_quiet() ? "quiet" : "", Style::kYellow)});
  }
  table.Print(session.out, session.colour);
}

ExitCode RunMap(const Session& session, const std::string& listener, const std::string& file) {
  Result<std::string> content = ReadAll(file);
  if (!content.ok()) return Fail(session, "read the message", content.status());
  v1::ExplainMappingRequest request;
  request.set_listener(listener);
  request.set_content(std::move(content).value());
  v1::ExplainMappingResponse response;
  grpc::ClientContext context;
  SetDeadline(context);
  const Status status =
      FromGrpc(v1::GatewayService::NewStub(session.channel)->ExplainMapping(&context, request, &response));
  if (!status.ok()) return Fail(session, "map " + file, status);
  bool is_rejected = false;
  RecordPrinter printer(session.out, session.format);
  for (const v1::ExplainedMessage& message : response.messages()) {
    is_rejected |= message.outcome() == v1::MESSAGE_OUTCOME_REJECTED;
    session.is_table() ? PrintMessage(session, message) : printer.Add(MessageRecord(message));
  }
  if (!session.is_table()) printer.Finish();
  if (response.omitted_message_count() > 0) {
    session.status_line.Say(FormatCount(response.omitted_message_count()) + " more messages are not shown");
  }
  return is_rejected ? ExitCode::kRejectedLines : ExitCode::kOk;
}

}  // namespace stillwatch::cli
