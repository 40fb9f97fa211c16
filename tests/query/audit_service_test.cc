#include "query/audit_service.h"

#include <gmock/gmock.h>
#include <grpcpp/client_context.h>
#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "detector/audit_report.h"
#include "tests/query/audit_harness.h"

namespace stillwatch::query {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// What a stream of an audit told.
struct Received {
  uint64_t progress_count = 0;
  std::optional<v1::AuditSummary> summary;
  std::map<std::string, std::string> files;
  grpc::StatusCode code = grpc::StatusCode::UNKNOWN;
};

template <typename Response, typename Reader>
Received Receive(Reader& reader) {
  Received received;
  for (Response response; reader.Read(&response);) {
    if constexpr (std::is_same_v<Response, v1::RunAuditResponse>) {
      if (response.has_progress()) {
        ++received.progress_count;
        EXPECT_FALSE(received.summary.has_value()) << "progress behind the summary";
        EXPECT_EQ(response.progress().total_event_count(), AuditHarness::kEventCount);
      }
    }
    if (response.has_summary()) {
      EXPECT_FALSE(received.summary.has_value()) << "a second summary";
      received.summary = response.summary();
    }
    if (response.has_piece()) {
      EXPECT_TRUE(received.summary.has_value()) << "a piece before the summary";
      EXPECT_LE(response.piece().data().size(), kAuditPieceBytesMax);
      received.files[response.piece().name()] += response.piece().data();
    }
  }
  received.code = reader.Finish().error_code();
  return received;
}

class AuditServiceTest : public ::testing::Test {
 protected:
  Received Run(const v1::RunAuditRequest& request = {}) {
    grpc::ClientContext context;
    return Receive<v1::RunAuditResponse>(*harness_.stub().RunAudit(&context, request));
  }
  Received Get(const std::string& audit_id) {
    v1::GetAuditRequest request;
    request.set_audit_id(audit_id);
    grpc::ClientContext context;
    return Receive<v1::GetAuditResponse>(*harness_.stub().GetAudit(&context, request));
  }
  v1::ListAuditsResponse List() {
    grpc::ClientContext context;
    v1::ListAuditsResponse response;
    EXPECT_TRUE(harness_.stub().ListAudits(&context, {}, &response).ok());
    return response;
  }

  AuditHarness harness_;
};

TEST_F(AuditServiceTest, RunStreamsProgressThenSummaryThenFiles) {
  const Received received = Run();
  EXPECT_EQ(received.code, grpc::StatusCode::OK);
  EXPECT_GE(received.progress_count, 1u);
  ASSERT_TRUE(received.summary.has_value());
  EXPECT_EQ(received.summary->audit_id(), "20250622T023000Z-0001");
  EXPECT_EQ(received.summary->event_count(), AuditHarness::kEventCount);
  EXPECT_THAT(received.files, SizeIs(detector::kAuditReportFiles.size()));
  for (const auto& [name, data] : received.files) {
    EXPECT_EQ(data, ReadAll(harness_.directory() / received.summary->audit_id() / name)) << name;
    EXPECT_THAT(data, HasSubstr(name == "report.html" ? "&lt;suspect&gt;" : "\"")) << name;
  }
}

TEST_F(AuditServiceTest, StoredAuditIsListedAndReadAgain) {
  const Received made = Run();
  const Received stored = Get(made.summary->audit_id());
  EXPECT_EQ(stored.code, grpc::StatusCode::OK);
  EXPECT_EQ(stored.files, made.files);
  EXPECT_EQ(stored.summary->SerializeAsString(), made.summary->SerializeAsString());
  const v1::ListAuditsResponse list = List();
  ASSERT_EQ(list.audits_size(), 1);
  EXPECT_EQ(list.audits(0).SerializeAsString(), made.summary->SerializeAsString());
}

TEST_F(AuditServiceTest, LargeAndEmptyFilesArriveWhole) {
  const Received made = Run();
  const std::filesystem::path report = harness_.directory() / made.summary->audit_id();
  std::string large(3 * kAuditPieceBytesMax, 'x');
  for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 31);
  std::ofstream(report / "report.html", std::ios::binary) << large;
  std::ofstream(report / "suspects.jsonl", std::ios::binary).flush();
  const Received stored = Get(made.summary->audit_id());
  EXPECT_EQ(stored.code, grpc::StatusCode::OK);
  EXPECT_EQ(stored.files.at("report.html"), large);
  EXPECT_EQ(stored.files.at("suspects.jsonl"), "");
}

TEST_F(AuditServiceTest, RangeIsTakenAsAsked) {
  v1::RunAuditRequest request;
  request.set_from_time_unix_nano(static_cast<uint64_t>(kAuditStart - kNanosecondsPerDay + 10 * kNanosecondsPerMinute));
  request.set_to_time_unix_nano(static_cast<uint64_t>(kAuditStart - kNanosecondsPerDay + 30 * kNanosecondsPerMinute));
  const Received received = Run(request);
  ASSERT_TRUE(received.summary.has_value());
  EXPECT_EQ(received.summary->event_count(), 20u);
  EXPECT_EQ(received.summary->from_time_unix_nano(), request.from_time_unix_nano());
  EXPECT_EQ(received.summary->to_time_unix_nano(), request.to_time_unix_nano());
}

TEST_F(AuditServiceTest, ImpossibleRangesAreRefused) {
  v1::RunAuditRequest request;
  request.set_from_time_unix_nano(7);
  request.set_to_time_unix_nano(6);
  EXPECT_EQ(Run(request).code, grpc::StatusCode::INVALID_ARGUMENT);
  request.set_to_time_unix_nano(~uint64_t{0});
  EXPECT_EQ(Run(request).code, grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(AuditServiceTest, WhatIsNoIdNeverBecomesAPath) {
  for (const char* audit_id :
       {"", "..", "../../etc/passwd", "20250622T023000Z-0001/..", "/", "20250622T023000Z-000x"}) {
    EXPECT_EQ(Get(audit_id).code, grpc::StatusCode::INVALID_ARGUMENT) << audit_id;
  }
  EXPECT_EQ(Get("20250622T023000Z-0009").code, grpc::StatusCode::NOT_FOUND);
}

TEST_F(AuditServiceTest, ReportThatIsGoneIsNotFound) {
  const Received made = Run();
  std::filesystem::remove_all(harness_.directory() / made.summary->audit_id());
  EXPECT_EQ(Get(made.summary->audit_id()).code, grpc::StatusCode::NOT_FOUND);
}

TEST_F(AuditServiceTest, SecondAuditIsRefusedAndLeavingCancelsTheFirst) {
  harness_.store().SetEndless(true);
  {
    grpc::ClientContext context;
    const auto reader = harness_.stub().RunAudit(&context, {});
    v1::RunAuditResponse response;
    ASSERT_TRUE(reader->Read(&response));
    EXPECT_TRUE(response.has_progress());
    EXPECT_EQ(Run().code, grpc::StatusCode::RESOURCE_EXHAUSTED);
    context.TryCancel();
    EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  harness_.store().SetEndless(false);
  Received next;
  while ((next = Run()).code == grpc::StatusCode::RESOURCE_EXHAUSTED) std::this_thread::yield();
  EXPECT_EQ(next.code, grpc::StatusCode::OK);
  EXPECT_EQ(List().audits_size(), 1);
}

TEST_F(AuditServiceTest, StopEndsTheCall) {
  harness_.store().SetEndless(true);
  grpc::ClientContext context;
  const auto reader = harness_.stub().RunAudit(&context, {});
  v1::RunAuditResponse response;
  ASSERT_TRUE(reader->Read(&response));
  harness_.runner().Stop();
  while (reader->Read(&response)) EXPECT_TRUE(response.has_progress());
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_EQ(List().audits_size(), 0);
}

}  // namespace
}  // namespace stillwatch::query
