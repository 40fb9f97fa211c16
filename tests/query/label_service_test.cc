#include "query/label_service.h"

#include <grpcpp/client_context.h>
#include <gtest/gtest.h>

#include <string>

#include "proto/limits.h"
#include "tests/query/service_harness.h"

namespace stillwatch::query {
namespace {

class LabelServiceTest : public ::testing::Test {
 protected:
  v1::ListLabelsResponse List() {
    grpc::ClientContext context;
    v1::ListLabelsResponse response;
    const grpc::Status status = harness_.label().ListLabels(&context, {}, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  grpc::StatusCode CodeOf(const std::string& account_id, v1::Label label, const std::string& note) {
    v1::SetLabelRequest request;
    request.set_account_id(account_id);
    request.set_label(label);
    request.set_note(note);
    grpc::ClientContext context;
    v1::SetLabelResponse response;
    return harness_.label().SetLabel(&context, request, &response).error_code();
  }

  ServiceHarness harness_;
};

TEST_F(LabelServiceTest, LabelDecidesAtOnce) {
  harness_.AddSuspect("thief");
  const v1::SetLabelResponse confirmed = harness_.SetLabel("thief", v1::LABEL_CONFIRMED, "seen elsewhere");
  EXPECT_EQ(confirmed.entry().account_id(), "thief");
  EXPECT_EQ(confirmed.entry().label(), v1::LABEL_CONFIRMED);
  EXPECT_EQ(confirmed.entry().note(), "seen elsewhere");
  EXPECT_EQ(confirmed.entry().time_unix_nano(), static_cast<uint64_t>(kStartTime + 1));
  EXPECT_EQ(confirmed.score().verdict(), v1::VERDICT_ACT);
  EXPECT_EQ(confirmed.score().label(), v1::LABEL_CONFIRMED);
  EXPECT_EQ(confirmed.score().event_count(), 200u);

  const v1::SetLabelResponse benign = harness_.SetLabel("thief", v1::LABEL_BENIGN);
  EXPECT_EQ(benign.score().verdict(), v1::VERDICT_CLEAR);
  EXPECT_EQ(benign.score().risk(), 0);

  const v1::SetLabelResponse removed = harness_.SetLabel("thief", v1::LABEL_UNLABELLED);
  EXPECT_EQ(removed.score().verdict(), v1::VERDICT_REVIEW);
  EXPECT_EQ(removed.score().label(), v1::LABEL_UNLABELLED);
}

TEST_F(LabelServiceTest, AccountThatIsNotKnownYetMayBeLabelled) {
  EXPECT_EQ(harness_.SetLabel("later", v1::LABEL_BENIGN).score().label(), v1::LABEL_BENIGN);
  harness_.AddSuspect("later");
  EXPECT_EQ(harness_.SetLabel("later", v1::LABEL_BENIGN).score().verdict(), v1::VERDICT_CLEAR);
}

TEST_F(LabelServiceTest, ListsNewestFirst) {
  EXPECT_EQ(List().entries_size(), 0);
  harness_.SetLabel("a", v1::LABEL_BENIGN, "first");
  harness_.SetLabel("b", v1::LABEL_CONFIRMED);
  harness_.SetLabel("c", v1::LABEL_BENIGN);
  harness_.SetLabel("a", v1::LABEL_CONFIRMED, "again");
  harness_.SetLabel("b", v1::LABEL_UNLABELLED);
  const v1::ListLabelsResponse response = List();
  ASSERT_EQ(response.entries_size(), 2);
  EXPECT_EQ(response.entries(0).account_id(), "a");
  EXPECT_EQ(response.entries(0).label(), v1::LABEL_CONFIRMED);
  EXPECT_EQ(response.entries(0).note(), "again");
  EXPECT_EQ(response.entries(1).account_id(), "c");
}

TEST_F(LabelServiceTest, WrongRequestsAreRefusedAndChangeNothing) {
  constexpr auto kRefused = grpc::StatusCode::INVALID_ARGUMENT;
  EXPECT_EQ(CodeOf("", v1::LABEL_BENIGN, ""), kRefused);
  EXPECT_EQ(CodeOf(std::string(kNameBytesMax + 1, 'x'), v1::LABEL_BENIGN, ""), kRefused);
  EXPECT_EQ(CodeOf(std::string("a\0b", 3), v1::LABEL_BENIGN, ""), kRefused);
  EXPECT_EQ(CodeOf("a", v1::LABEL_UNSPECIFIED, ""), kRefused);
  EXPECT_EQ(CodeOf("a", static_cast<v1::Label>(9), ""), kRefused);
  EXPECT_EQ(CodeOf("a", v1::LABEL_BENIGN, std::string(kNoteBytesMax + 1, 'x')), kRefused);
  EXPECT_EQ(List().entries_size(), 0);
  EXPECT_EQ(CodeOf(std::string(kNameBytesMax, 'x'), v1::LABEL_BENIGN, std::string(kNoteBytesMax, 'x')),
            grpc::StatusCode::OK);
}

TEST_F(LabelServiceTest, WhatADrainedPipelineDropsEndsAsUnavailable) {
  harness_.pipeline().Drain();
  EXPECT_EQ(CodeOf("a", v1::LABEL_BENIGN, ""), grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace stillwatch::query
