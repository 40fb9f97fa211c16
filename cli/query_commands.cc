#include "cli/query_commands.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "cli/account_view.h"
#include "cli/connection.h"
#include "cli/score_record.h"
#include "cli/time_argument.h"
#include "stillwatch/v1/query.grpc.pb.h"

namespace stillwatch::cli {
namespace {

constexpr uint64_t kPageSizeMax = 10'000;

// Hands every account that the options ask for to `take`, page by page.
template <typename Take>
Status ForEachSuspect(const Session& session, const SuspectsOptions& options, Take take) {
  const auto stub = v1::QueryService::NewStub(session.channel);
  v1::ListSuspectsRequest request;
  request.set_filter(SuspectsFilter(options));
  request.set_order_by(options.order_by);
  uint64_t taken_count = 0;
  v1::ListSuspectsResponse response;
  do {
    const uint64_t wanted_count = options.limit == 0 ? kPageSizeMax : options.limit - taken_count;
    request.set_page_size(static_cast<int32_t>(std::min(wanted_count, kPageSizeMax)));
    grpc::ClientContext context;
    SetDeadline(context);
    STILLWATCH_RETURN_IF_ERROR(FromGrpc(stub->ListSuspects(&context, request, &response)));
    for (const v1::AccountScore& score : response.accounts()) {
      take(score);
      if (++taken_count == options.limit) return Status();
    }
    request.set_page_token(response.next_page_token());
  } while (!response.next_page_token().empty());
  return Status();
}

}  // namespace

std::string SuspectsFilter(const SuspectsOptions& options) {
  if (options.scope == SuspectScope::kEveryAccount) return options.filter;
  std::string filter = "verdict >= " + std::string(VerdictName(options.min_verdict));
  if (!options.filter.empty()) filter += " AND " + options.filter;
  return filter;
}

ExitCode RunSuspects(const Session& session, const SuspectsOptions& options) {
  Status status;
  if (session.is_table()) {
    Table table = SuspectsTable();
    uint64_t count = 0;
    status = ForEachSuspect(session, options, [&](const v1::AccountScore& score) {
      table.AddRow(SuspectRow(score));
      ++count;
    });
    if (status.ok() && count > 0) table.Print(session.out, session.colour);
    if (status.ok()) session.out << FormatCount(count) << (count == 1 ? " account\n" : " accounts\n");
  } else {
    RecordPrinter printer(session.out, session.format);
    status = ForEachSuspect(session, options, [&](const v1::AccountScore& score) { printer.Add(ScoreRecord(score)); });
    if (status.ok()) printer.Finish();
  }
  return status.ok() ? ExitCode::kOk : Fail(session, "list suspects", status);
}

ExitCode RunAccount(const Session& session, const std::string& account_id) {
  v1::GetAccountRequest request;
  request.set_account_id(account_id);
  v1::GetAccountResponse response;
  grpc::ClientContext context;
  SetDeadline(context);
  const Status status = FromGrpc(v1::QueryService::NewStub(session.channel)->GetAccount(&context, request, &response));
  if (!status.ok()) return Fail(session, "get account " + account_id, status);
  if (session.is_table()) {
    PrintAccount(session.out, session.colour, response);
  } else {
    PrintRecord(session.out, session.format, AccountRecord(response));
  }
  return ExitCode::kOk;
}

ExitCode RunExplain(const Session& session, const std::string& account_id) {
  v1::ExplainAccountRequest request;
  request.set_account_id(account_id);
  v1::ExplainAccountResponse response;
  grpc::ClientContext context;
  SetDeadline(context);
  const Status status =
      FromGrpc(v1::QueryService::NewStub(session.channel)->ExplainAccount(&context, request, &response));
  if (!status.ok()) return Fail(session, "explain account " + account_id, status);
  if (session.is_table()) {
    PrintExplanation(session.out, session.colour, response);
  } else {
    PrintRecord(session.out, session.format, ExplanationRecord(response));
  }
  return ExitCode::kOk;
}

ExitCode RunCheck(const Session& session, const std::string& account_id) {
  v1::CheckAccountRequest request;
  request.set_account_id(account_id);
  v1::CheckAccountResponse response;
  grpc::ClientContext context;
  SetDeadline(context);
  const Status status =
      FromGrpc(v1::QueryService::NewStub(session.channel)->CheckAccount(&context, request, &response));
  if (!status.ok()) return Fail(session, "check account " + account_id, status);
  if (session.is_table()) {
    session.out << Printable(account_id) << ": "
                << Styled(response.allowed() ? "allowed" : "refused", response.allowed() ? Style::kGreen : Style::kRed,
                          session.colour)
                << ", verdict " << VerdictName(response.verdict()) << ", risk " << FormatFixed(response.risk(), 4)
                << '\n';
  } else {
    PrintRecord(session.out, session.format,
                Record()
                    .Text("account_id", account_id)
                    .Flag("allowed", response.allowed())
                    .Text("verdict", VerdictName(response.verdict()))
                    .Number("risk", response.risk()));
  }
  return response.allowed() ? ExitCode::kOk : ExitCode::kAccountRefused;
}

ExitCode RunWatch(const Session& session, v1::Verdict min_verdict) {
  const auto stub = v1::QueryService::NewStub(session.channel);
  v1::WatchVerdictsRequest request;
  request.set_min_verdict(min_verdict);
  // An array that never ends helps nobody, so JSON is printed as lines too.
  RecordPrinter printer(session.out, session.format == OutputFormat::kJson ? OutputFormat::kJsonl : session.format);
  while (true) {
    grpc::ClientContext context;
    const auto reader = stub->WatchVerdicts(&context, request);
    v1::WatchVerdictsResponse response;
    while (reader->Read(&response)) {
      if (session.is_table()) {
        PrintChange(session.out, session.colour, response.change());
      } else {
        printer.Add(ChangeRecord(response.change()));
      }
      session.out.flush();
    }
    const Status status = FromGrpc(reader->Finish());
    if (status.ok()) return ExitCode::kOk;
    if (status.code() != Code::kResourceExhausted) return Fail(session, "watch verdicts", status);
    session.status_line.Say("some changes were missed, because they were not read fast enough");
  }
}

}  // namespace stillwatch::cli
