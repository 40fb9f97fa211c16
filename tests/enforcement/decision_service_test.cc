#include "enforcement/decision_service.h"

#include <grpcpp/client_context.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>

#include "detector/scoring_engine.h"
#include "enforcement/enforcer.h"
#include "ingest/pending_write.h"
#include "proto/limits.h"
#include "storage/memory_store.h"

namespace stillwatch::enforcement {
namespace {

constexpr int64_t kStart = 1'750'000'000 * kNanosecondsPerSecond;

class DecisionServiceTest : public ::testing::Test {
 protected:
  DecisionServiceTest()
      : store_(storage::MakeMemoryStore()),
        engine_({}, detector::SerialFor),
        enforcer_({}, *store_, engine_, [this] { return now_.load(); }) {
    engine_.OnVerdictChange([this](const VerdictChange& change) { enforcer_.OnVerdictChange(change); });
    pipeline_ = std::move(ingest::Pipeline::Start(*store_, engine_, {})).value();
    EXPECT_TRUE(enforcer_.Start(*pipeline_).ok());
    service_ = std::make_unique<DecisionService>(*pipeline_, *store_, enforcer_.book(), workers_);
    grpc::ServerBuilder builder;
    builder.RegisterService(service_.get());
    server_ = builder.BuildAndStart();
    stub_ = v1::DecisionService::NewStub(server_->InProcessChannel({}));
  }
  ~DecisionServiceTest() override {
    server_->Shutdown();
    pipeline_->Drain();
  }

  void SetLabel(const std::string& account_id, Label label) {
    const Status status = ingest::WriteAndWait(
        *pipeline_, [](uint64_t, storage::WriteGroup&) {}, [&] { engine_.SetLabel(account_id, label); },
        ingest::Pipeline::AfterApply::kNothing, {});
    EXPECT_TRUE(status.ok());
  }
  grpc::Status Set(const std::string& account_id, v1::Ruling ruling, uint32_t seconds = 0,
                   const std::string& note = "") {
    v1::SetDecisionRequest request;
    request.set_account_id(account_id);
    request.set_ruling(ruling);
    request.set_duration_seconds(seconds);
    request.set_note(note);
    grpc::ClientContext context;
    return stub_->SetDecision(&context, request, &set_);
  }
  v1::ListDecisionsResponse List() {
    grpc::ClientContext context;
    v1::ListDecisionsResponse response;
    EXPECT_TRUE(stub_->ListDecisions(&context, {}, &response).ok());
    return response;
  }
  v1::ListDecisionHistoryResponse History(const std::string& account_id) {
    grpc::ClientContext context;
    v1::ListDecisionHistoryRequest request;
    request.set_account_id(account_id);
    v1::ListDecisionHistoryResponse response;
    EXPECT_TRUE(stub_->ListDecisionHistory(&context, request, &response).ok());
    return response;
  }

  std::atomic<int64_t> now_{kStart};
  std::unique_ptr<storage::KeyValueStore> store_;
  detector::ScoringEngine engine_;
  Enforcer enforcer_;
  std::unique_ptr<ingest::Pipeline> pipeline_;
  query::QueryWorkers workers_;
  std::unique_ptr<DecisionService> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::DecisionService::Stub> stub_;
  v1::SetDecisionResponse set_;
};

TEST_F(DecisionServiceTest, ADecisionByHandHoldsUntilItsEnd) {
  ASSERT_TRUE(Set("someone", v1::RULING_REFUSE, 60, "seen elsewhere").ok());
  EXPECT_EQ(set_.entry().note(), "seen elsewhere");
  EXPECT_EQ(set_.entry().end_time_unix_nano(), static_cast<uint64_t>(kStart + kNanosecondsPerMinute));
  EXPECT_EQ(set_.mode(), v1::ENFORCEMENT_MODE_ON);
  ASSERT_EQ(List().decisions_size(), 1);
  EXPECT_EQ(List().decisions(0).ruling(), v1::RULING_REFUSE);
  EXPECT_EQ(List().decisions(0).origin(), v1::DECISION_ORIGIN_ANALYST);
  EXPECT_NE(List().decisions(0).decision_id(), 0u);
  now_ += kNanosecondsPerMinute;
  EXPECT_EQ(List().decisions_size(), 0);
}

TEST_F(DecisionServiceTest, AVerdictDecidesUntilAnAnalystDoes) {
  SetLabel("thief", Label::kConfirmed);
  ASSERT_EQ(List().decisions_size(), 1);
  EXPECT_EQ(List().decisions(0).origin(), v1::DECISION_ORIGIN_VERDICT);
  ASSERT_TRUE(Set("thief", v1::RULING_ALLOW).ok());
  ASSERT_EQ(List().decisions_size(), 1);
  EXPECT_EQ(List().decisions(0).ruling(), v1::RULING_ALLOW);
  EXPECT_EQ(List().decisions(0).end_time_unix_nano() - List().decisions(0).begin_time_unix_nano(),
            static_cast<uint64_t>(kDecisionSecondsDefault * kNanosecondsPerSecond));
  EXPECT_EQ(enforcer_.Ask(Interface::kCheckAccount, "thief").permission, Permission::kAllowed);
  ASSERT_TRUE(Set("thief", v1::RULING_AUTOMATIC).ok());
  EXPECT_EQ(enforcer_.Ask(Interface::kCheckAccount, "thief").permission, Permission::kRefused);
  const v1::ListDecisionHistoryResponse history = History("thief");
  ASSERT_EQ(history.entries_size(), 4);
  EXPECT_EQ(history.entries(0).ruling(), v1::RULING_REFUSE);
  EXPECT_EQ(history.entries(0).verdict(), v1::VERDICT_ACT);
  EXPECT_EQ(history.entries(1).ruling(), v1::RULING_ALLOW);
  EXPECT_EQ(history.entries(2).ruling(), v1::RULING_AUTOMATIC);
  EXPECT_EQ(history.entries(3).ruling(), v1::RULING_REFUSE);
}

TEST_F(DecisionServiceTest, ALabelledAccountIsNotRefused) {
  SetLabel("friend", Label::kBenign);
  EXPECT_EQ(Set("friend", v1::RULING_REFUSE).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(List().decisions_size(), 0);
  EXPECT_EQ(History("friend").entries_size(), 0);
}

TEST_F(DecisionServiceTest, WrongRequestsAreRefusedAndChangeNothing) {
  constexpr auto kRefused = grpc::StatusCode::INVALID_ARGUMENT;
  EXPECT_EQ(Set("", v1::RULING_REFUSE).error_code(), kRefused);
  EXPECT_EQ(Set("a\nb", v1::RULING_REFUSE).error_code(), kRefused);
  EXPECT_EQ(Set("a", v1::RULING_UNSPECIFIED).error_code(), kRefused);
  EXPECT_EQ(Set("a", static_cast<v1::Ruling>(9)).error_code(), kRefused);
  EXPECT_EQ(Set("a", v1::RULING_REFUSE, kDecisionSecondsMax + 1).error_code(), kRefused);
  EXPECT_EQ(Set("a", v1::RULING_REFUSE, 1, std::string(kNoteBytesMax + 1, 'x')).error_code(), kRefused);
  EXPECT_EQ(List().decisions_size(), 0);
}

TEST_F(DecisionServiceTest, AnErasedAccountHasNoTrail) {
  ASSERT_TRUE(Set("someone", v1::RULING_REFUSE).ok());
  ASSERT_TRUE(enforcer_.Erase("someone", {}).ok());
  EXPECT_EQ(History("someone").entries_size(), 0);
  EXPECT_EQ(List().decisions_size(), 0);
}

TEST_F(DecisionServiceTest, EverythingIsCounted) {
  SetLabel("thief", Label::kConfirmed);
  enforcer_.Ask(Interface::kExternalAuthorization, "thief");
  const std::string text = enforcer_.MetricsText();
  for (const char* line : {"stillwatch_enforcement_answers_total{interface=\"ext_authz\",answer=\"refused\"} 1",
                           "stillwatch_enforcement_decisions 1", "stillwatch_enforcement_decisions_begun_total 1"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << '\n' << text;
  }
}

}  // namespace
}  // namespace stillwatch::enforcement
