#include "gateways/intake.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "tests/gateways/intake_harness.h"

namespace stillwatch::gateways {
namespace {

using ::testing::HasSubstr;

Record Call(const char* account) {
  Record record;
  record.Add("span.start_time_unix_nano", Value::Integer(kNow - 1000));
  record.Add("gen_ai.request.model", Value::Text("model"));
  if (*account != '\0') record.Add("user.id", Value::Text(account));
  return record;
}

class IntakeTest : public ::testing::Test {
 protected:
  IntakeRequest Request(size_t bytes = 100) {
    return IntakeRequest(harness_.resources, *harness_.catalog.mapper("otlp"), "otlp", bytes);
  }
  static IntakeReport Submit(IntakeRequest request) {
    std::promise<IntakeReport> done;
    std::move(request).Submit([&done](const IntakeReport& report) { done.set_value(report); });
    return done.get_future().get();
  }

  IntakeHarness harness_;
};

TEST_F(IntakeTest, EventsOfSeveralSourcesAreDurableWhenItReports) {
  IntakeRequest request = Request();
  for (const char* id : {"1", "2"}) {
    Record record = Call("acct");
    request.BuilderOf("first").Add(record, id);
  }
  Record again = Call("acct");
  request.BuilderOf("second").Add(again, "1");
  Record anonymous = Call("");
  request.BuilderOf("second").Add(anonymous, "3");
  Record other;
  request.BuilderOf("second").Add(other, "4");
  const IntakeReport report = Submit(std::move(request));
  EXPECT_TRUE(report.status.ok());
  EXPECT_EQ(report.accepted_count, 2u);
  EXPECT_EQ(report.duplicate_count, 1u);
  EXPECT_EQ(report.ignored_count, 1u);
  EXPECT_THAT(report.rejection_text(), HasSubstr("1 missing_field, as account_id"));
  EXPECT_EQ(harness_.pipeline->counters().stored_event_count, 2u);

  const std::vector<ingest::NamedSource> sources = harness_.sources.List();
  ASSERT_EQ(sources.size(), 2u);
  EXPECT_EQ(sources[0].name, "first");
  EXPECT_EQ(sources[0].source->accepted, 2u);
  EXPECT_EQ(sources[0].source->duplicate, 0u);
  EXPECT_EQ(sources[1].source->received, 2u);
  EXPECT_EQ(sources[1].source->duplicate, 1u);
  EXPECT_EQ(sources[1].source->ignored, 1u);
  EXPECT_EQ(sources[1].source->rejected_count(), 1u);
}

TEST_F(IntakeTest, BytesAreHeldUntilTheReport) {
  IntakeRequest request = Request(2 << 20);
  Record record = Call("acct");
  request.BuilderOf("source").Add(record, "1");
  EXPECT_TRUE(harness_.admission.has_room());
  bool had_room = true;
  std::promise<void> done;
  std::move(request).Submit([&](const IntakeReport&) {
    had_room = harness_.admission.has_room();
    done.set_value();
  });
  done.get_future().wait();
  EXPECT_FALSE(had_room);
  harness_.pipeline->Drain();
  EXPECT_TRUE(harness_.admission.has_room());
}

TEST_F(IntakeTest, AnEmptyRequestReportsAtOnce) { EXPECT_TRUE(Submit(Request()).status.ok()); }

TEST_F(IntakeTest, AStoppedDaemonTellsSoAndLosesNothingSilently) {
  harness_.pipeline->Drain();
  IntakeRequest request = Request();
  Record record = Call("acct");
  request.BuilderOf("source").Add(record, "1");
  EXPECT_EQ(Submit(std::move(request)).status.code(), Code::kUnavailable);
}

}  // namespace
}  // namespace stillwatch::gateways
