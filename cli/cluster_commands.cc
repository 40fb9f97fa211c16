#include "cli/cluster_commands.h"

#include <algorithm>
#include <vector>

#include "cli/connection.h"
#include "cli/score_record.h"
#include "cli/time_argument.h"
#include "stillwatch/v1/query.grpc.pb.h"

namespace stillwatch::cli {
namespace {

// Hands every group to `take`, page by page.
template <typename Take>
Status ForEachCluster(const Session& session, v1::Verdict min_verdict, Take take) {
  const auto stub = v1::QueryService::NewStub(session.channel);
  v1::ListClustersRequest request;
  request.set_min_verdict(min_verdict);
  v1::ListClustersResponse response;
  do {
    grpc::ClientContext context;
    SetDeadline(context);
    STILLWATCH_RETURN_IF_ERROR(FromGrpc(stub->ListClusters(&context, request, &response)));
    for (const v1::Cluster& cluster : response.clusters()) take(cluster);
    request.set_page_token(response.next_page_token());
  } while (!response.next_page_token().empty());
  return Status();
}

Record ClusterRecord(const v1::Cluster& cluster) {
  std::vector<std::string> members;
  for (const v1::ClusterMember& member : cluster.members()) members.push_back(member.account_id());
  return Record()
      .Text("cluster_id", cluster.cluster_id())
      .Number("risk", cluster.risk())
      .Text("verdict", VerdictName(cluster.verdict()))
      .Texts("members", members)
      .List("evidence", EvidenceRecords(cluster.evidence()))
      .Count("event_count", cluster.event_count())
      .Time("first_review_time_unix_nano", cluster.first_review_time_unix_nano())
      .Time("first_act_time_unix_nano", cluster.first_act_time_unix_nano())
      .Count("events_at_first_review", cluster.events_at_first_review())
      .Count("events_at_first_act", cluster.events_at_first_act());
}

// One group also tells how firmly each member belongs.
Record ClusterDetailRecord(const v1::Cluster& cluster) {
  std::vector<Record> shares;
  for (const v1::ClusterMember& member : cluster.members()) {
    shares.push_back(Record().Text("account_id", member.account_id()).Number("share", member.share()));
  }
  return ClusterRecord(cluster)
      .List("member_shares", shares)
      .Time("first_found_time_unix_nano", cluster.first_found_time_unix_nano())
      .Time("last_found_time_unix_nano", cluster.last_found_time_unix_nano());
}

void PrintCluster(std::ostream& out, Colour colour, const v1::Cluster& cluster) {
  const Cell verdict = VerdictCell(cluster.verdict());
  out << Styled(Printable(cluster.cluster_id()), Style::kBold, colour) << "  "
      << Styled(verdict.text, verdict.style, colour) << "  risk " << FormatFixed(cluster.risk(), 4) << '\n'
      << "  first found   " << FormatTime(cluster.first_found_time_unix_nano()) << '\n'
      << "  last found    " << FormatTime(cluster.last_found_time_unix_nano()) << '\n'
      << "  first review  " << FormatTime(cluster.first_review_time_unix_nano()) << '\n'
      << "  first act     " << FormatTime(cluster.first_act_time_unix_nano()) << '\n'
      << "  events        " << FormatCount(cluster.event_count()) << "\n\n";
  Table evidence({{"LOG-ODDS", Align::kRight}, {"FAMILY"}, {"DETECTOR"}, {"SUMMARY"}});
  for (const v1::Evidence& piece : cluster.evidence()) {
    evidence.AddRow({FormatFixed(piece.strength(), 2), std::string(FamilyName(piece.family())),
                     Printable(piece.detector()), Printable(piece.summary())});
  }
  evidence.Print(out, colour);
  out << '\n';
  Table members({{"MEMBER"}, {"SHARE", Align::kRight}});
  for (const v1::ClusterMember& member : cluster.members()) {
    members.AddRow({Printable(member.account_id()), FormatFixed(member.share(), 2)});
  }
  members.Print(out, colour);
  out.flush();
}

std::vector<Cell> ClusterRow(const v1::Cluster& cluster) {
  return {RiskCell(cluster.risk(), cluster.verdict()),
          VerdictCell(cluster.verdict()),
          Printable(cluster.cluster_id()),
          FormatCount(static_cast<uint64_t>(cluster.members_size())),
          FormatCount(cluster.event_count()),
          FormatTime(cluster.first_review_time_unix_nano()),
          cluster.evidence().empty() ? "-" : Printable(cluster.evidence(0).summary())};
}

}  // namespace

ExitCode RunClusters(const Session& session, v1::Verdict min_verdict) {
  Status status;
  if (session.is_table()) {
    Table table({{"RISK"},
                 {"VERDICT"},
                 {"GROUP"},
                 {"MEMBERS", Align::kRight},
                 {"EVENTS", Align::kRight},
                 {"FIRST REVIEW"},
                 {"EVIDENCE"}});
    uint64_t count = 0;
    status = ForEachCluster(session, min_verdict, [&](const v1::Cluster& cluster) {
      table.AddRow(ClusterRow(cluster));
      ++count;
    });
    if (status.ok() && count > 0) table.Print(session.out, session.colour);
    if (status.ok()) session.out << FormatCount(count) << (count == 1 ? " group\n" : " groups\n");
  } else {
    RecordPrinter printer(session.out, session.format);
    status =
        ForEachCluster(session, min_verdict, [&](const v1::Cluster& cluster) { printer.Add(ClusterRecord(cluster)); });
    if (status.ok()) printer.Finish();
  }
  return status.ok() ? ExitCode::kOk : Fail(session, "list clusters", status);
}

ExitCode RunCluster(const Session& session, const std::string& cluster_id) {
  v1::GetClusterRequest request;
  request.set_cluster_id(cluster_id);
  v1::GetClusterResponse response;
  grpc::ClientContext context;
  SetDeadline(context);
  const Status status = FromGrpc(v1::QueryService::NewStub(session.channel)->GetCluster(&context, request, &response));
  if (!status.ok()) return Fail(session, "get cluster " + cluster_id, status);
  if (session.is_table()) {
    PrintCluster(session.out, session.colour, response.cluster());
  } else {
    PrintRecord(session.out, session.format, ClusterDetailRecord(response.cluster()));
  }
  return ExitCode::kOk;
}

}  // namespace stillwatch::cli
