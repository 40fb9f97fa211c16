#include "cli/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cli/query_commands.h"
#include "tests/cli/client_run.h"
#include "tests/cli/fake_daemon.h"
#include "tests/cli/temporary_directory.h"

namespace stillwatch::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

v1::AccountScore Score(const std::string& account_id) {
  v1::AccountScore score;
  score.set_account_id(account_id);
  return score;
}

v1::AccountScore FullScore() {
  v1::AccountScore score = Score("acct_1");
  score.set_risk(0.1);
  score.set_verdict(v1::VERDICT_ACT);
  v1::Evidence* evidence = score.add_evidence();
  evidence->set_detector("template");
  evidence->set_family(v1::EVIDENCE_FAMILY_CONTENT);
  evidence->set_strength(2.5);
  evidence->set_summary("one template, \"many\" slots");
  score.set_cluster_id("g1");
  score.set_event_count(1234);
  score.set_first_review_time_unix_nano(1772409600000000001);
  score.set_first_act_time_unix_nano(1772409600000000002);
  score.set_events_at_first_review(11);
  score.set_events_at_first_act(12);
  score.set_label(v1::LABEL_CONFIRMED);
  return score;
}

class ClientTest : public testing::Test {
 protected:
  ClientTest() : daemon_(address(), store_, answers_) {}
  std::string address() const { return "unix:" + directory_.Path("socket"); }
  ClientRun RunHere(std::vector<std::string> arguments, StreamKind out_kind = StreamKind::kPlain) {
    arguments.insert(arguments.begin(), {"--server", address()});
    return RunArguments(arguments, out_kind);
  }
  v1::RunAuditResponse Piece(const std::string& name, const std::string& data) {
    v1::RunAuditResponse response;
    response.mutable_piece()->set_name(name);
    response.mutable_piece()->set_data(data);
    return response;
  }

  TemporaryDirectory directory_;
  FakeStore store_;
  FakeAnswers answers_;
  FakeDaemon daemon_;
};

TEST_F(ClientTest, PrintsSuspectsWithTheContractsKeys) {
  answers_.suspects = {FullScore(), Score("acct_2")};
  const ClientRun run = RunHere({"suspects"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.out,
            R"({"account_id":"acct_1","risk":0.1,"verdict":"act","evidence":[{"detector":"template",)"
            R"("family":"content","strength":2.5,"summary":"one template, \"many\" slots"}],"cluster_id":"g1",)"
            R"("event_count":1234,"first_review_time_unix_nano":"1772409600000000001",)"
            R"("first_act_time_unix_nano":"1772409600000000002","events_at_first_review":11,)"
            R"("events_at_first_act":12,"label":"confirmed"})"
            "\n"
            R"({"account_id":"acct_2","risk":0,"verdict":"clear","evidence":[],"cluster_id":"","event_count":0,)"
            R"("first_review_time_unix_nano":"0","first_act_time_unix_nano":"0","events_at_first_review":0,)"
            R"("events_at_first_act":0,"label":"unlabelled"})"
            "\n");
}

TEST_F(ClientTest, AsksForReviewAndAboveUnlessToldOtherwise) {
  RunHere({"suspects"});
  RunHere({"suspects", "--min-verdict", "act", "--filter", "risk >= 0.5", "--order-by", "account_id"});
  RunHere({"suspects", "--all"});
  ASSERT_EQ(answers_.suspects_requests.size(), 3u);
  EXPECT_EQ(answers_.suspects_requests[0].filter(), "verdict >= review");
  EXPECT_EQ(answers_.suspects_requests[1].filter(), "verdict >= act AND risk >= 0.5");
  EXPECT_EQ(answers_.suspects_requests[1].order_by(), "account_id");
  EXPECT_EQ(answers_.suspects_requests[2].filter(), "");
  EXPECT_EQ(answers_.suspects_requests[2].page_size(), 10'000);
}

TEST_F(ClientTest, PagesThroughAllAccounts) {
  for (int index = 0; index < 20'001; ++index) answers_.suspects.push_back(Score("a" + std::to_string(index)));
  const ClientRun run = RunHere({"suspects", "--all"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(std::count(run.out.begin(), run.out.end(), '\n'), 20'001);
  EXPECT_EQ(answers_.suspects_requests.size(), 3u);
  EXPECT_THAT(run.out, HasSubstr("\"a20000\""));
}

TEST_F(ClientTest, StopsAtTheLimit) {
  for (int index = 0; index < 100; ++index) answers_.suspects.push_back(Score("a" + std::to_string(index)));
  const ClientRun run = RunHere({"suspects", "--limit", "7"});
  EXPECT_EQ(std::count(run.out.begin(), run.out.end(), '\n'), 7);
  ASSERT_EQ(answers_.suspects_requests.size(), 1u);
  EXPECT_EQ(answers_.suspects_requests[0].page_size(), 7);
}

TEST_F(ClientTest, PrintsCsvAndJsonAndTables) {
  answers_.suspects = {FullScore()};
  const ClientRun csv = RunHere({"--output", "csv", "suspects"});
  EXPECT_THAT(csv.out, testing::StartsWith("account_id,risk,verdict,evidence,cluster_id,event_count,"));
  EXPECT_THAT(csv.out, HasSubstr("\r\nacct_1,0.1,act,\"[{\"\"detector\"\":"));
  const ClientRun json = RunHere({"suspects", "--output", "json"});
  EXPECT_THAT(json.out, testing::StartsWith("[\n{"));
  const ClientRun table = RunHere({"suspects"}, StreamKind::kTerminal);
  EXPECT_THAT(table.out, HasSubstr("VERDICT"));
  EXPECT_THAT(table.out, HasSubstr("2026-03-02T00:00:00Z"));
  EXPECT_THAT(table.out, HasSubstr("\x1b["));
  EXPECT_THAT(RunHere({"--output", "table", "suspects"}).out, Not(HasSubstr("\x1b[")));
}

TEST_F(ClientTest, ShowsOneAccount) {
  *answers_.account.mutable_score() = FullScore();
  answers_.account.mutable_profile()->set_plan("plus");
  answers_.account.set_peer_group("chat");
  v1::Feature* feature = answers_.account.add_features();
  feature->set_name("rate");
  feature->set_value(5);
  v1::VerdictChange* change = answers_.account.add_timeline();
  change->set_to_verdict(v1::VERDICT_REVIEW);
  const ClientRun json = RunHere({"account", "acct_1"});
  EXPECT_EQ(json.exit_code, 0);
  EXPECT_THAT(json.out, testing::StartsWith(R"({"account_id":"acct_1","risk":0.1,)"));
  EXPECT_THAT(json.out, HasSubstr(R"("peer_group":"chat")"));
  EXPECT_THAT(json.out, HasSubstr(R"("features":[{"name":"rate","value":5,"peer_median":0,"peer_spread":0}])"));
  EXPECT_THAT(json.out, HasSubstr(R"("from_verdict":"clear","to_verdict":"review")"));
  const ClientRun table = RunHere({"account", "acct_1", "--output", "table"});
  for (const char* text : {"acct_1", "act", "1,234", "content", "rate", "plus", "clear → review"}) {
    EXPECT_THAT(table.out, HasSubstr(text));
  }
}

TEST_F(ClientTest, SaysInOneLineWhatFailedAndWhere) {
  const ClientRun run = RunHere({"account", "nobody"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(run.out, "");
  EXPECT_THAT(run.err, HasSubstr("nobody"));
  EXPECT_THAT(run.err, HasSubstr(address()));
  EXPECT_THAT(run.err, HasSubstr("NOT_FOUND"));
  EXPECT_EQ(std::count(run.err.begin(), run.err.end(), '\n'), 1);
}

TEST_F(ClientTest, ExplainsAnAccount) {
  *answers_.explanation.mutable_score() = FullScore();
  v1::RiskTerm* base = answers_.explanation.add_terms();
  base->set_detector("base");
  base->set_log_odds(-7.5);
  v1::RiskTerm* term = answers_.explanation.add_terms();
  term->set_detector("template");
  term->set_family(v1::EVIDENCE_FAMILY_CONTENT);
  term->set_log_odds(2.25);
  answers_.explanation.set_log_odds(-5.25);
  answers_.explanation.set_evidence_family_count(3);
  answers_.explanation.set_own_doing(0.75);
  answers_.explanation.set_act_own_doing(0.5);
  const ClientRun json = RunHere({"explain", "acct_1"});
  EXPECT_EQ(json.exit_code, 0);
  EXPECT_THAT(json.out, HasSubstr(R"("terms":[{"detector":"base","family":"","log_odds":-7.5)"));
  EXPECT_THAT(json.out, HasSubstr(R"("log_odds":-5.25,"review_log_odds":0,"act_log_odds":0,"evidence_family_count":3,)"
                                  R"("own_doing":0.75,"act_own_doing":0.5})"));
  const ClientRun table = RunHere({"--output", "table", "explain", "acct_1"});
  EXPECT_THAT(table.out, HasSubstr("-5.25 in sum"));
  EXPECT_THAT(table.out, HasSubstr("two families have evidence (here 3)"));
  EXPECT_THAT(table.out, HasSubstr("probability of 0.50 (here 0.75)"));
}

v1::Cluster FullCluster() {
  v1::Cluster cluster;
  cluster.set_cluster_id("00000000000000aa");
  cluster.set_risk(0.5);
  cluster.set_verdict(v1::VERDICT_ACT);
  for (const char* id : {"acct_1", "acct_\"2\""}) {
    v1::ClusterMember& member = *cluster.add_members();
    member.set_account_id(id);
    member.set_share(0.75);
  }
  v1::Evidence& evidence = *cluster.add_evidence();
  evidence.set_detector("campaign_rhythm");
  evidence.set_family(v1::EVIDENCE_FAMILY_TIMING);
  evidence.set_strength(2.5);
  evidence.set_summary("one queue");
  cluster.set_event_count(12);
  cluster.set_first_review_time_unix_nano(1'750'000'000'123'456'789);
  cluster.set_events_at_first_review(7);
  return cluster;
}

TEST_F(ClientTest, ListsClustersPageByPageWithEveryKey) {
  answers_.clusters = {FullCluster(), FullCluster()};
  const ClientRun run = RunHere({"clusters"});
  EXPECT_EQ(run.exit_code, 0);
  const std::string line =
      R"({"cluster_id":"00000000000000aa","risk":0.5,"verdict":"act","members":["acct_1","acct_\"2\""],)"
      R"("evidence":[{"detector":"campaign_rhythm","family":"timing","strength":2.5,"summary":"one queue"}],)"
      R"("event_count":12,"first_review_time_unix_nano":"1750000000123456789","first_act_time_unix_nano":"0",)"
      R"("events_at_first_review":7,"events_at_first_act":0})";
  EXPECT_EQ(run.out, line + "\n" + line + "\n");
  EXPECT_EQ(answers_.clusters_requests[0].min_verdict(), v1::VERDICT_REVIEW);
  EXPECT_THAT(RunHere({"--output", "table", "clusters"}).out, HasSubstr("2 groups"));
}

TEST_F(ClientTest, ListsAllClustersIfAsked) {
  EXPECT_EQ(RunHere({"clusters", "--all"}).exit_code, 0);
  EXPECT_EQ(answers_.clusters_requests[0].min_verdict(), v1::VERDICT_UNSPECIFIED);
}

TEST_F(ClientTest, ShowsAClusterAndHowFirmlyItsMembersBelong) {
  answers_.clusters = {FullCluster()};
  const ClientRun run = RunHere({"cluster", "00000000000000aa"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(run.out, HasSubstr(R"("member_shares":[{"account_id":"acct_1","share":0.75})"));
  EXPECT_THAT(RunHere({"--output", "table", "cluster", "00000000000000aa"}).out, HasSubstr("one queue"));
  EXPECT_EQ(RunHere({"cluster", "unknown"}).exit_code, 1);
}

TEST_F(ClientTest, TellsByTheExitCodeWhetherAnAccountMayGoOn) {
  answers_.check.set_allowed(true);
  EXPECT_EQ(RunHere({"check", "a"}).exit_code, 0);
  answers_.check.set_allowed(false);
  answers_.check.set_verdict(v1::VERDICT_ACT);
  const ClientRun run = RunHere({"check", "a"});
  EXPECT_EQ(run.exit_code, 4);
  EXPECT_EQ(run.out, "{\"account_id\":\"a\",\"allowed\":false,\"verdict\":\"act\",\"risk\":0}\n");
}

TEST_F(ClientTest, DecidesForATime) {
  EXPECT_EQ(RunHere({"decide", "x", "refuse", "--for", "90m", "--note", "why"}).exit_code, 0);
  EXPECT_EQ(answers_.decision_request.account_id(), "x");
  EXPECT_EQ(answers_.decision_request.ruling(), v1::RULING_REFUSE);
  EXPECT_EQ(answers_.decision_request.duration_seconds(), 5400u);
  EXPECT_EQ(answers_.decision_request.note(), "why");
  EXPECT_EQ(RunHere({"decide", "x", "automatic"}).exit_code, 0);
  EXPECT_EQ(answers_.decision_request.ruling(), v1::RULING_AUTOMATIC);
  EXPECT_EQ(answers_.decision_request.duration_seconds(), 0u);
  EXPECT_EQ(RunHere({"decide", "x", "maybe"}).exit_code, 2);
  EXPECT_EQ(RunHere({"decide", "x", "allow", "--for", "2y"}).exit_code, 2);
}

TEST_F(ClientTest, ListsDecisionsAndTheTrailOfAnAccount) {
  answers_.decisions.set_mode(v1::ENFORCEMENT_MODE_SHADOW);
  v1::Decision& decision = *answers_.decisions.add_decisions();
  decision.set_account_id("x");
  decision.set_ruling(v1::RULING_REFUSE);
  decision.set_origin(v1::DECISION_ORIGIN_VERDICT);
  decision.set_verdict(v1::VERDICT_ACT);
  decision.set_begin_time_unix_nano(1772409600000000000);
  decision.set_end_time_unix_nano(1772424000000000000);
  decision.set_decision_id(77);
  EXPECT_EQ(RunHere({"decisions"}).out,
            R"({"account_id":"x","ruling":"refuse","origin":"verdict","verdict":"act",)"
            R"("begin_time_unix_nano":"1772409600000000000","end_time_unix_nano":"1772424000000000000","note":"",)"
            R"("decision_id":77,"mode":"shadow"})"
            "\n");
  const std::string table = RunHere({"--output", "table", "decisions"}).out;
  EXPECT_THAT(table, HasSubstr("nothing is refused"));
  EXPECT_THAT(table, HasSubstr("2026-03-02T04:00:00Z"));

  for (const char* account_id : {"x", "y"}) {
    v1::DecisionHistoryEntry& entry = *answers_.decision_history.add_entries();
    entry.set_account_id(account_id);
    entry.set_ruling(v1::RULING_ALLOW);
    entry.set_origin(v1::DECISION_ORIGIN_ANALYST);
    entry.set_mode(v1::ENFORCEMENT_MODE_ON);
    entry.set_note("a mistake");
  }
  const ClientRun trail = RunHere({"decisions", "x"});
  EXPECT_EQ(std::count(trail.out.begin(), trail.out.end(), '\n'), 1);
  EXPECT_THAT(trail.out, HasSubstr(R"("ruling":"allow","origin":"analyst")"));
  EXPECT_THAT(trail.out, HasSubstr(R"("note":"a mistake")"));
  EXPECT_THAT(RunHere({"--output", "table", "decisions", "x"}).out, HasSubstr("a mistake"));
}

TEST_F(ClientTest, FollowsVerdictChangesUntilTheStreamEnds) {
  answers_.changes.resize(2);
  answers_.changes[0].set_account_id("x");
  answers_.changes[0].set_to_verdict(v1::VERDICT_ACT);
  const ClientRun run = RunHere({"watch", "--min-verdict", "act"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(answers_.watch_request.min_verdict(), v1::VERDICT_ACT);
  EXPECT_EQ(std::count(run.out.begin(), run.out.end(), '\n'), 2);
  EXPECT_THAT(run.out, HasSubstr(R"({"account_id":"x","from_verdict":"clear","to_verdict":"act",)"));
}

TEST_F(ClientTest, SetsAndListsLabels) {
  const ClientRun run = RunHere({"label", "acct_1", "benign", "--note", "a class"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(answers_.label_request.account_id(), "acct_1");
  EXPECT_EQ(answers_.label_request.label(), v1::LABEL_BENIGN);
  EXPECT_EQ(answers_.label_request.note(), "a class");
  answers_.labels.add_entries()->set_note("why");
  EXPECT_EQ(RunHere({"labels"}).out,
            "{\"account_id\":\"\",\"label\":\"unlabelled\",\"note\":\"why\",\"time_unix_nano\":\"0\"}\n");
  EXPECT_EQ(RunHere({"label", "acct_1", "guilty"}).exit_code, 2);
  EXPECT_EQ(RunHere({"label", "acct_1", "1"}).exit_code, 2);
}

TEST_F(ClientTest, RunsAnAuditOverTheTimesGivenAndKeepsItsReport) {
  answers_.audit.resize(2);
  answers_.audit[0].mutable_progress()->set_total_event_count(10);
  answers_.audit[1].mutable_summary()->set_audit_id("id-1");
  for (const auto& [name, data] : std::vector<std::pair<std::string, std::string>>{
           {"report.md", "# Rep"}, {"accounts.csv", "a,b\n"}, {"report.md", "ort\n"}}) {
    answers_.audit.push_back(Piece(name, data));
  }
  const ClientRun run =
      RunHere({"audit", "run", "--from", "-24h", "--to", "2026-03-02", "--report", directory_.Path("report")});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(answers_.audit_request.from_time_unix_nano(), 1'772'409'600'000'000'000u - 86'400'000'000'000u);
  EXPECT_EQ(answers_.audit_request.to_time_unix_nano(), 1'772'409'600'000'000'000u);
  EXPECT_THAT(run.out, testing::StartsWith(R"({"audit_id":"id-1",)"));
  EXPECT_EQ(directory_.Read("report/report.md"), "# Report\n");
  EXPECT_EQ(directory_.Read("report/accounts.csv"), "a,b\n");
}

TEST_F(ClientTest, RefusesReportFilesThatCouldLeaveTheFolder) {
  for (const std::string& name : {std::string("../evil"), std::string("/evil"), std::string(".evil"),
                                  std::string("a/b"), std::string(""), std::string("a\0b", 3)}) {
    answers_.audit = {Piece(name, "x")};
    const ClientRun run = RunHere({"audit", "run", "--report", directory_.Path("report")});
    EXPECT_EQ(run.exit_code, 1) << name;
    EXPECT_FALSE(std::filesystem::exists(directory_.Path("evil"))) << name;
    EXPECT_FALSE(std::filesystem::exists(directory_.Path("report/.evil"))) << name;
  }
}

TEST_F(ClientTest, ListsAndShowsAudits) {
  answers_.audits.add_audits()->set_audit_id("id-2");
  EXPECT_THAT(RunHere({"audit", "list"}).out, testing::StartsWith(R"({"audit_id":"id-2",)"));
  answers_.stored_audit.resize(2);
  answers_.stored_audit[0].mutable_summary()->set_audit_id("id-3");
  answers_.stored_audit[1].mutable_piece()->set_name("f");
  answers_.stored_audit[1].mutable_piece()->set_data("x");
  const ClientRun run = RunHere({"audit", "show", "id-3", "--report", directory_.Path("report")});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, testing::StartsWith(R"({"audit_id":"id-3",)"));
  EXPECT_EQ(directory_.Read("report/f"), "x");
}

TEST_F(ClientTest, ShowsTheStatus) {
  answers_.status.set_stored_event_count(42);
  const ClientRun run = RunHere({"status"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(run.out, testing::StartsWith(R"({"stored_event_count":42,"accepted_event_count":0,)"));
}

TEST_F(ClientTest, ShowsItsVersionWhateverTheDaemonSays) {
  const ClientRun run = RunHere({"version"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(run.out, testing::StartsWith(R"({"version":")"));
}

TEST(ClientArguments, EndWithExitCodeTwoIfTheyCannotBeUsed) {
  const std::vector<std::vector<std::string>> cases = {{},
                                                       {"bogus"},
                                                       {"account"},
                                                       {"--output", "xml", "status"},
                                                       {"--server", "nowhere", "status"},
                                                       {"import", "events"},
                                                       {"import", "events", "--batch-size", "10001", "f"},
                                                       {"suspects", "--all", "--min-verdict", "act"},
                                                       {"suspects", "--min-verdict", "clear"},
                                                       {"audit", "run", "--from", "yesterday"},
                                                       {"--tls-ca", "/nonexistent/ca.pem", "status"},
                                                       {"--token-file", "/nonexistent/token", "--tls", "status"}};
  for (const auto& arguments : cases) {
    const ClientRun run = RunArguments(arguments);
    EXPECT_EQ(run.exit_code, 2) << testing::PrintToString(arguments);
    EXPECT_EQ(run.out, "");
    EXPECT_EQ(std::count(run.err.begin(), run.err.end(), '\n'), 1) << run.err;
  }
}

TEST(ClientArguments, NeverSendATokenWithoutTls) {
  const TemporaryDirectory directory;
  const std::string file = directory.Write("token", "secret\n");
  EXPECT_EQ(RunArguments({"status"}, StreamKind::kPlain, "secret").exit_code, 2);
  const ClientRun run = RunArguments({"--token-file", file, "status"});
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.err, Not(HasSubstr("secret")));
}

TEST(ClientArguments, ShowHelpOnRequest) {
  const ClientRun run = RunArguments({"suspects", "--help"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(run.out, HasSubstr("--min-verdict"));
}

}  // namespace
}  // namespace stillwatch::cli
