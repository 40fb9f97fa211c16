#include "query/audit_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <thread>
#include <vector>

#include "detector/audit_report.h"
#include "tests/query/audit_harness.h"

namespace stillwatch::query {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

bool GoOn(uint64_t, uint64_t) { return true; }

std::vector<std::string> NamesIn(const std::filesystem::path& directory) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) names.push_back(entry.path().filename());
  return names;
}

detector::AuditSummary MakeSummary() {
  return {.audit_id = "20250622T023000Z-0001",
          .start_time_unix_nano = kAuditStart,
          .duration_ms = 300,
          .range = {.from_time_unix_nano = 1, .to_time_unix_nano = -2},
          .event_count = 5,
          .account_count = 4,
          .review_count = 3,
          .act_count = 2,
          .differing_count = 1,
          .damaged_block_count = 128};
}

TEST(AuditRunnerTest, KeepsTheReportAndTheSummary) {
  AuditHarness harness;
  Result<detector::AuditSummary> summary = harness.Run();
  ASSERT_TRUE(summary.ok());
  EXPECT_EQ(summary->audit_id, "20250622T023000Z-0001");
  EXPECT_EQ(summary->start_time_unix_nano, kAuditStart);
  EXPECT_EQ(summary->event_count, AuditHarness::kEventCount);
  EXPECT_EQ(summary->account_count, 1u);
  EXPECT_EQ(summary->review_count + summary->act_count, 1u);
  EXPECT_EQ(summary->differing_count, 0u);
  EXPECT_EQ(harness.runner().archive().Get(summary->audit_id).value(), *summary);
  EXPECT_THAT(harness.runner().archive().List().value(), ElementsAre(*summary));

  EXPECT_THAT(NamesIn(harness.directory()), ElementsAre(summary->audit_id));
  const std::filesystem::path report = harness.directory() / summary->audit_id;
  EXPECT_THAT(NamesIn(report), UnorderedElementsAre("report.html", "suspects.jsonl", "summary.json"));
  EXPECT_THAT(ReadAll(report / "suspects.jsonl"), HasSubstr("\"account_id\":\"<suspect>\""));
  EXPECT_THAT(ReadAll(report / "summary.json"), HasSubstr("\"software_version\":\"1.2.3\""));
}

TEST(AuditRunnerTest, ListsNewestFirstAndTellsAuditsOfOneSecondApart) {
  AuditHarness harness;
  ASSERT_TRUE(harness.Run().ok());
  ASSERT_TRUE(harness.Run().ok());
  harness.SetClock(kAuditStart + kNanosecondsPerDay);
  ASSERT_TRUE(harness.Run().ok());
  const Result<std::vector<detector::AuditSummary>> audits = harness.runner().archive().List();
  ASSERT_TRUE(audits.ok());
  std::vector<std::string> ids;
  for (const detector::AuditSummary& summary : audits.value()) ids.push_back(summary.audit_id);
  EXPECT_THAT(ids, ElementsAre("20250623T023000Z-0001", "20250622T023000Z-0002", "20250622T023000Z-0001"));
}

TEST(AuditRunnerTest, RunsOneAuditAtATime) {
  AuditHarness harness;
  std::promise<void> release;
  std::promise<Code> ended;
  ASSERT_TRUE(harness.runner()
                  .Start(
                      {},
                      [&, wait = release.get_future().share()](uint64_t, uint64_t) {
                        wait.wait();
                        return true;
                      },
                      [&](const Result<detector::AuditSummary>& result) { ended.set_value(result.status().code()); })
                  .ok());
  EXPECT_EQ(harness.Run().status().code(), Code::kResourceExhausted);
  release.set_value();
  EXPECT_EQ(ended.get_future().get(), Code::kOk);
  EXPECT_TRUE(harness.Run().ok());
}

TEST(AuditRunnerTest, RefusesRangesThatEndBeforeTheyBegin) {
  AuditHarness harness;
  for (const detector::AuditRange range : {detector::AuditRange{5, 5}, {5, 4}, {-1, 0}, {0, -1}}) {
    EXPECT_EQ(harness.runner().Start(range, GoOn, [](const Result<detector::AuditSummary>&) {}).code(),
              Code::kInvalidArgument);
  }
}

TEST(AuditRunnerTest, StopCancelsTheRunningAuditAndTakesNoMore) {
  AuditHarness harness;
  harness.store().SetEndless(true);
  std::promise<void> begun;
  std::promise<Code> ended;
  bool has_begun = false;
  ASSERT_TRUE(harness.runner()
                  .Start(
                      {},
                      [&](uint64_t, uint64_t) {
                        if (!std::exchange(has_begun, true)) begun.set_value();
                        return true;
                      },
                      [&](const Result<detector::AuditSummary>& result) { ended.set_value(result.status().code()); })
                  .ok());
  begun.get_future().wait();
  harness.runner().Stop();
  EXPECT_EQ(ended.get_future().get(), Code::kCancelled);
  EXPECT_EQ(harness.Run().status().code(), Code::kUnavailable);
  EXPECT_THAT(harness.runner().archive().List().value(), IsEmpty());
}

TEST(AuditRunnerTest, ReportThatCannotBeWrittenFailsThisAuditOnly) {
  AuditHarness harness;
  std::ofstream(harness.directory()) << "a file where the directory would be";
  EXPECT_EQ(harness.Run().status().code(), Code::kUnavailable);
  EXPECT_THAT(harness.runner().archive().List().value(), IsEmpty());
  std::filesystem::remove(harness.directory());
  EXPECT_TRUE(harness.Run().ok());
}

TEST(AuditRunnerTest, AuditsOnceADayUntilStopped) {
  AuditHarness harness;
  boost::asio::io_context io;
  harness.SetClock(kAuditStart - 1);
  harness.runner().ScheduleDaily(io, 150);  // 02:30.
  harness.SetClock(kAuditStart);
  EXPECT_EQ(io.run_one(), 1u);
  while (harness.runner().archive().List().value().empty()) std::this_thread::yield();
  EXPECT_THAT(harness.runner().archive().List().value(), SizeIs(1));
  harness.runner().Stop();
  io.run();  // Returns, as nothing is waited for.
}

TEST(NextDailyTimeTest, IsTodayOrElseTomorrow) {
  EXPECT_EQ(NextDailyTime(kAuditStart - 1, 150), kAuditStart);
  EXPECT_EQ(NextDailyTime(kAuditStart, 150), kAuditStart + kNanosecondsPerDay);
  EXPECT_EQ(NextDailyTime(kAuditStart, 0), kAuditStart + kNanosecondsPerDay - 150 * kNanosecondsPerMinute);
}

TEST(AuditIdTest, OnlyIdsAreIds) {
  EXPECT_TRUE(IsAuditId("20250622T023000Z-0001"));
  for (const char* text : {"", ".", "..", "20250622T023000Z-0001/", "20250622T023000Z-000", "../50622T023000Z-0001",
                           "20250622T023000Z-0001.partial", "2025062/T023000Z-0001", "20250622t023000Z-0001"}) {
    EXPECT_FALSE(IsAuditId(text)) << text;
  }
  EXPECT_FALSE(IsAuditId(std::string_view("20250622T023000Z-000\0", 21)));
}

TEST(AuditSummaryCodecTest, WritesTheDocumentedBytes) {
  const std::string value = EncodeAuditSummary(MakeSummary());
  EXPECT_EQ(value, std::string("\x01", 1) + std::string("\x00\x90\x38\xdb\x7f\x3c\x4b\x18", 8) +
                       std::string("\x01\0\0\0\0\0\0\0", 8) + std::string("\xfe\xff\xff\xff\xff\xff\xff\xff", 8) +
                       std::string("\xac\x02\x05\x04\x03\x02\x01\x80\x01", 9));
}

TEST(AuditSummaryCodecTest, ReadsWhatItWroteAndNothingElse) {
  const detector::AuditSummary summary = MakeSummary();
  const std::string value = EncodeAuditSummary(summary);
  EXPECT_EQ(DecodeAuditSummary(summary.audit_id, value), summary);
  for (size_t size = 0; size < value.size(); ++size) {
    EXPECT_FALSE(DecodeAuditSummary(summary.audit_id, value.substr(0, size)).has_value()) << size;
  }
  EXPECT_FALSE(DecodeAuditSummary(summary.audit_id, value + '\0').has_value());
  EXPECT_FALSE(DecodeAuditSummary(summary.audit_id, '\2' + value.substr(1)).has_value());
}

class AuditArchiveTest : public ::testing::Test {
 protected:
  Status Keep(AuditArchive& archive) {
    detector::AuditOutcome outcome;
    outcome.summary = MakeSummary();
    outcome.summary.audit_id = archive.NewAuditId(kAuditStart).value();
    return archive.Keep(outcome, "1", {});
  }

  AuditHarness harness_;
};

TEST_F(AuditArchiveTest, DeletesTheOldestBeyondItsLimit) {
  AuditArchive archive(harness_.store(), harness_.pipeline(), harness_.directory(), 2);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Keep(archive).ok());
  EXPECT_THAT(archive.List().value(), SizeIs(2));
  EXPECT_THAT(NamesIn(harness_.directory()), UnorderedElementsAre("20250622T023000Z-0002", "20250622T023000Z-0003"));
  EXPECT_EQ(archive.Get("20250622T023000Z-0001").status().code(), Code::kNotFound);
}

TEST_F(AuditArchiveTest, RemovesWhatCutOffAuditsLeft) {
  ASSERT_TRUE(harness_.Run().ok());
  std::filesystem::create_directories(harness_.directory() / "20250101T000000Z-0001.partial");
  std::filesystem::create_directories(harness_.directory() / "20250101T000000Z-0001");  // No summary.
  std::filesystem::create_directories(harness_.directory() / "notes");                  // Someone else's.
  const AuditArchive archive(harness_.store(), harness_.pipeline(), harness_.directory());
  EXPECT_THAT(NamesIn(harness_.directory()), UnorderedElementsAre("20250622T023000Z-0001", "notes"));
}

TEST_F(AuditArchiveTest, IsNotKeptOnceThePipelineHasDrained) {
  AuditArchive archive(harness_.store(), harness_.pipeline(), harness_.directory());
  harness_.pipeline().Drain();
  EXPECT_EQ(Keep(archive).code(), Code::kUnavailable);
  EXPECT_THAT(archive.List().value(), IsEmpty());
}

TEST_F(AuditArchiveTest, OpensTheFilesOfAuditsOnly) {
  ASSERT_TRUE(harness_.Run().ok());
  const AuditArchive& archive = harness_.runner().archive();
  EXPECT_TRUE(archive.OpenFile("20250622T023000Z-0001", "report.html").ok());
  EXPECT_EQ(archive.OpenFile("20250622T023000Z-0002", "report.html").status().code(), Code::kNotFound);
  EXPECT_EQ(archive.OpenFile("20250622T023000Z-0001", "../x").status().code(), Code::kInvalidArgument);
  EXPECT_EQ(archive.OpenFile("..", "report.html").status().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace stillwatch::query
