#include "detector/audit_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "detector/markup_writer.h"
#include "detector/svg_plot.h"
#include "tests/detector/audit_log.h"

namespace stillwatch::detector {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

constexpr char kHostile[] = "<script>alert(\"1\")</script>'&\xE2\x80\xAE\xFF\n";
constexpr char kHostileEscaped[] =
    "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39;&amp;\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD";

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string path = (std::filesystem::temp_directory_path() / "audit-report-XXXXXX").string();
    path_ = ::mkdtemp(path.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::string ReadAll(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

size_t Count(std::string_view text, std::string_view part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

AuditOutcome OutcomeOfLog() {
  AuditLog log;
  Result<AuditOutcome> outcome = RunAudit(*log.store().TakeSnapshot(), log.live(), EngineOptions(), SerialFor, {},
                                          [](uint64_t, uint64_t) { return true; });
  EXPECT_TRUE(outcome.ok());
  outcome->summary.audit_id = "20250622T023000Z-0001";
  outcome->summary.start_time_unix_nano = kAuditLogStart + 6 * kNanosecondsPerDay;
  return std::move(outcome).value();
}

TEST(MarkupWriterTest, TextCannotBecomeMarkup) {
  MarkupWriter out;
  out.Raw("<b>").Text(kHostile).Raw("</b>");
  EXPECT_EQ(out.markup(), std::string("<b>") + kHostileEscaped + "</b>");
}

TEST(MarkupWriterTest, TextInAnyScriptStaysAsItIs) {
  MarkupWriter out;
  out.Text("zażółć 顧客 🙂 é");
  EXPECT_EQ(out.markup(), "zażółć 顧客 🙂 é");
}

TEST(MarkupWriterTest, NumbersAreShortAndRounded) {
  MarkupWriter out;
  out.Number(12).Raw(" ").Number(0.126).Raw(" ").Number(-0.001).Raw(" ").Number(1234567.5);
  EXPECT_EQ(out.markup(), "12 0.13 0 1234567.5");
}

TEST(FormatTest, NumbersAndTimesReadAsPeopleWriteThem) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(1'234'567), "1,234,567");
  EXPECT_EQ(FormatDecimal(-1.5, 2), "\u22121.50");
  EXPECT_EQ(FormatDecimal(-0.001, 2), "0.00");
  EXPECT_EQ(FormatRisk(0.93123), "0.9312");
  EXPECT_EQ(FormatRisk(1), "> 0.9999");
  EXPECT_EQ(FormatUtc(kAuditLogStart + 9 * kNanosecondsPerSecond), "2025-06-16T00:00:09Z");
  EXPECT_EQ(FormatUtc(0), "never");
}

TEST(SvgPlotTest, DrawsOneBarForEachValueAboveZero) {
  BarPlot plot;
  plot.title = kHostile;
  plot.values = {3, 0, 100000};
  plot.descriptions = {"a", "b", kHostile};
  plot.marks = {{1, kHostile, Tone::kAct}};
  for (const PlotScale scale : {PlotScale::kLinear, PlotScale::kLogarithmic}) {
    plot.y_scale = scale;
    const std::string svg = DrawSvg(plot).Take();
    EXPECT_EQ(Count(svg, "<rect"), 2u);
    EXPECT_EQ(Count(svg, kHostileEscaped), 3u);
    EXPECT_THAT(svg, AllOf(HasSubstr("100,000</title>"), Not(HasSubstr("<script")), Not(HasSubstr("nan"))));
  }
}

TEST(SvgPlotTest, DrawsNothingButTheFrameWithoutValues) {
  const std::string svg = DrawSvg(BarPlot()).Take();
  EXPECT_THAT(svg, AllOf(StartsWith("<svg"), Not(HasSubstr("<rect")), Not(HasSubstr("nan")), Not(HasSubstr("inf"))));
}

TEST(SvgPlotTest, TimeTicksAreRoundAndFew) {
  for (const int64_t hours : {1, 5, 25, 14 * 24, 24 * 400, 24 * 365 * 30}) {
    const int64_t first = kAuditLogStart + kNanosecondsPerHour;
    const auto ticks = TimeTicks(first, kNanosecondsPerHour, static_cast<size_t>(hours));
    EXPECT_LE(ticks.size(), 11u) << hours;
    for (const BarPlot::Tick& tick : ticks) {
      EXPECT_GE(tick.position, 0) << hours;
      EXPECT_LT(tick.position, static_cast<double>(hours)) << hours;
    }
  }
  const auto days = TimeTicks(kAuditLogStart, kNanosecondsPerDay, 3);
  ASSERT_FALSE(days.empty());
  EXPECT_EQ(days.front().label, "2025-06-16");
}

TEST(AuditReportTest, WritesAllFilesWhole) {
  const TemporaryDirectory directory;
  const AuditOutcome outcome = OutcomeOfLog();
  ASSERT_TRUE(WriteAuditReport(directory.path(), outcome, "1.2.3").ok());
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory.path())) {
    names.push_back(entry.path().filename());
  }
  EXPECT_THAT(names, UnorderedElementsAre("report.html", "suspects.jsonl", "summary.json"));
  const std::string page = ReadAll(directory.path() / "report.html");
  EXPECT_THAT(page, AllOf(StartsWith("<!DOCTYPE html>"), HasSubstr("Stillwatch 1.2.3"), HasSubstr(kHarvesterId),
                          HasSubstr("</html>")));
  EXPECT_EQ(ReadAll(directory.path() / "summary.json"), AuditSummaryJson(outcome, "1.2.3"));
  EXPECT_EQ(ReadAll(directory.path() / "suspects.jsonl"), AuditedAccountJson(outcome.accounts.at(0)));
}

TEST(AuditReportTest, FailsIfAFileCannotBeWritten) {
  const TemporaryDirectory directory;
  EXPECT_EQ(WriteAuditReport(directory.path() / "missing", AuditOutcome(), "1").code(), Code::kUnavailable);
}

TEST(AuditReportTest, SuspectHasTheFieldsOfAScoreAndTheLiveVerdict) {
  AuditedAccount account;
  account.account_id = "a\"b\\c\n";
  account.risk = 0.75;
  account.verdict = Verdict::kReview;
  account.terms = {{"base", Family::kNone, {.log_odds = -6.5}, "prior"},
                   {"weak", Family::kTiming, {.log_odds = 0.5}, "w"},
                   {"none", Family::kVolume, {}, ""},
                   {"strong", Family::kContent, {.log_odds = 2}, "s \xFF"}};
  account.event_count = 12;
  account.first_review_time_unix_nano = 1'750'000'000'123'456'789;
  account.events_at_first_review = 7;
  account.live_risk = 0.001;
  EXPECT_EQ(AuditedAccountJson(account),
            "{\"account_id\":\"a\\\"b\\\\c\\n\",\"risk\":0.75,\"verdict\":\"review\",\"evidence\":["
            "{\"detector\":\"strong\",\"family\":\"content\",\"strength\":2,\"summary\":\"s \xEF\xBF\xBD\"},"
            "{\"detector\":\"weak\",\"family\":\"timing\",\"strength\":0.5,\"summary\":\"w\"}],"
            "\"cluster_id\":\"\",\"event_count\":12,\"first_review_time_unix_nano\":\"1750000000123456789\","
            "\"first_act_time_unix_nano\":\"0\",\"events_at_first_review\":7,\"events_at_first_act\":0,"
            "\"label\":\"unlabelled\",\"live_risk\":0.001,\"live_verdict\":\"clear\"}\n");
}

TEST(AuditPageTest, NamesFromTheLogsAreEscapedEverywhere) {
  AuditOutcome outcome = OutcomeOfLog();
  AuditedAccount& account = outcome.accounts.at(0);
  account.account_id = kHostile;
  account.organization_id = kHostile;
  account.terms.at(1).summary = kHostile;
  account.live_verdict = Verdict::kClear;
  outcome.summary.differing_count = 1;
  const std::string page = AuditPage(outcome, kHostile);
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  // In findings, detail, its organisation, its term, differences; the version twice.
  EXPECT_EQ(Count(page, kHostileEscaped), 7u);
}

TEST(AuditPageTest, LoadsAndRunsNothing) {
  const std::string page = AuditPage(OutcomeOfLog(), "1");
  for (const char* part : {"<script", "<link", "<img", "src=", "href=", "url(", "@import", "http:", "https:", "onclick",
                           "onload", "javascript"}) {
    EXPECT_THAT(page, Not(HasSubstr(part))) << part;
  }
}

TEST(AuditPageTest, EveryTagIsClosed) {
  const std::string page = AuditPage(OutcomeOfLog(), "1");
  for (const char* name : {"html", "main", "section", "article", "table", "tr", "td",  "th",   "dl", "svg", "g",
                           "text", "rect", "p",       "li",      "ol",    "ul", "div", "span", "h2", "h3"}) {
    const std::string tag = name;
    EXPECT_EQ(Count(page, "<" + tag + ">") + Count(page, "<" + tag + " "), Count(page, "</" + tag + ">")) << tag;
  }
}

TEST(AuditPageTest, ShowsEachTermAndTheirSum) {
  const AuditOutcome outcome = OutcomeOfLog();
  const AuditedAccount& account = outcome.accounts.at(0);
  const std::string page = AuditPage(outcome, "1");
  for (const AuditTerm& term : account.terms) EXPECT_THAT(page, HasSubstr(std::string(term.detector)));
  EXPECT_THAT(page, HasSubstr(FormatDecimal(account.log_odds, 3)));
  EXPECT_THAT(page, HasSubstr(FormatUtc(account.first_act_time_unix_nano)));
}

TEST(AuditPageTest, EveryDetectorSaysWhatItsValueCounts) {
  EXPECT_EQ(Count(AuditPage(OutcomeOfLog(), "1"), "value of the statistic"), 0u);
}

TEST(AuditPageTest, SaysThatBlocksAreMissing) {
  AuditOutcome outcome = OutcomeOfLog();
  EXPECT_THAT(AuditPage(outcome, "1"), Not(HasSubstr("class=\"warning\"")));
  outcome.summary.damaged_block_count = 3;
  EXPECT_THAT(AuditPage(outcome, "1"), HasSubstr("class=\"warning\""));
}

TEST(AuditPageTest, EmptyOutcomeIsAPageToo) {
  EXPECT_THAT(AuditPage(AuditOutcome(), "1"), AllOf(HasSubstr("</html>"), Not(HasSubstr("nan"))));
}

TEST(AuditPageTest, LongListsAreCutAndSaySo) {
  AuditOutcome outcome = OutcomeOfLog();
  AuditedAccount account = outcome.accounts.at(0);
  outcome.accounts.assign(1234, account);
  const std::string page = AuditPage(outcome, "1");
  EXPECT_THAT(page, HasSubstr("234 more are in suspects.jsonl"));
  EXPECT_EQ(Count(page, "<article"), kAuditTimelineCount);
}

}  // namespace
}  // namespace stillwatch::detector
