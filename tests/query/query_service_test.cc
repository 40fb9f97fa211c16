#include "query/query_service.h"

#include <gmock/gmock.h>
#include <grpcpp/client_context.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "detector/detector.h"
#include "detector/fusion.h"
#include "features/feature_matrix.h"
#include "proto/limits.h"
#include "tests/query/service_harness.h"

namespace stillwatch::query {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

class QueryServiceTest : public ::testing::Test {
 protected:
  template <typename Request, typename Response>
  using Method = grpc::Status (v1::QueryService::Stub::*)(grpc::ClientContext*, const Request&, Response*);

  // Asks, or fails the test.
  template <typename Request, typename Response>
  Response Ask(Method<Request, Response> method, const Request& request) {
    grpc::ClientContext context;
    Response response;
    const grpc::Status status = (harness_.query().*method)(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  template <typename Request, typename Response>
  grpc::StatusCode CodeOf(Method<Request, Response> method, const Request& request) {
    grpc::ClientContext context;
    Response response;
    return (harness_.query().*method)(&context, request, &response).error_code();
  }

  template <typename Request>
  static Request Of(const std::string& account_id) {
    Request request;
    request.set_account_id(account_id);
    return request;
  }

  v1::ListSuspectsResponse List(const std::string& filter = "", const std::string& order_by = "", int page_size = 0,
                                const std::string& page_token = "") {
    return Ask(&v1::QueryService::Stub::ListSuspects, ListRequest(filter, order_by, page_size, page_token));
  }

  static v1::ListSuspectsRequest ListRequest(const std::string& filter, const std::string& order_by, int page_size,
                                             const std::string& page_token) {
    v1::ListSuspectsRequest request;
    request.set_filter(filter);
    request.set_order_by(order_by);
    request.set_page_size(page_size);
    request.set_page_token(page_token);
    return request;
  }

  v1::GetAccountResponse Get(const std::string& account_id) {
    return Ask(&v1::QueryService::Stub::GetAccount, Of<v1::GetAccountRequest>(account_id));
  }
  v1::ExplainAccountResponse Explain(const std::string& account_id) {
    return Ask(&v1::QueryService::Stub::ExplainAccount, Of<v1::ExplainAccountRequest>(account_id));
  }
  v1::CheckAccountResponse Check(const std::string& account_id) {
    return Ask(&v1::QueryService::Stub::CheckAccount, Of<v1::CheckAccountRequest>(account_id));
  }

  static std::vector<std::string> Ids(const v1::ListSuspectsResponse& response) {
    std::vector<std::string> ids;
    for (const v1::AccountScore& account : response.accounts()) ids.push_back(account.account_id());
    return ids;
  }

  ServiceHarness harness_;
};

TEST_F(QueryServiceTest, ListsMostSuspiciousFirstThenByAccountId) {
  harness_.AddEvents("b", 3);
  harness_.AddEvents("a", 3);
  harness_.AddSuspect("thief");
  harness_.SetLabel("confirmed", v1::LABEL_CONFIRMED);
  harness_.SetLabel("benign", v1::LABEL_BENIGN);
  const v1::ListSuspectsResponse response = List();
  EXPECT_THAT(Ids(response), ElementsAre("confirmed", "thief", "a", "b", "benign"));
  EXPECT_EQ(response.total_size(), 5);
  EXPECT_EQ(response.next_page_token(), "");
  EXPECT_EQ(response.accounts(0).verdict(), v1::VERDICT_ACT);
  EXPECT_EQ(response.accounts(1).verdict(), v1::VERDICT_REVIEW);
  EXPECT_EQ(response.accounts(1).organization_id(), "org-of-thief");
  EXPECT_EQ(response.accounts(1).event_count(), 200u);
  EXPECT_EQ(response.accounts(4).risk(), 0);
}

TEST_F(QueryServiceTest, FiltersAndOrders) {
  harness_.AddEvents("a", 1);
  harness_.AddEvents("b", 3);
  harness_.AddEvents("c", 2);
  harness_.AddSuspect("thief");
  EXPECT_THAT(Ids(List("verdict >= review")), ElementsAre("thief"));
  EXPECT_THAT(Ids(List("event_count >= 2 AND verdict = clear", "event_count desc")), ElementsAre("b", "c"));
  EXPECT_THAT(Ids(List("", "account_id")), ElementsAre("a", "b", "c", "thief"));
  EXPECT_THAT(Ids(List("organization_id = \"org-of-c\"")), ElementsAre("c"));
  EXPECT_THAT(Ids(List("label = benign")), IsEmpty());
}

TEST_F(QueryServiceTest, PagesHoldEachMatchOnce) {
  for (int i = 0; i < 7; ++i) harness_.AddEvents("account-" + std::to_string(i), 1 + i % 2);
  std::vector<std::string> ids;
  std::string token;
  int page_count = 0;
  do {
    const v1::ListSuspectsResponse page = List("event_count < 100", "event_count desc", 3, token);
    EXPECT_EQ(page.total_size(), 7);
    for (const std::string& id : Ids(page)) ids.push_back(id);
    token = page.next_page_token();
    ++page_count;
  } while (!token.empty());
  EXPECT_EQ(page_count, 3);
  EXPECT_THAT(ids,
              ElementsAre("account-1", "account-3", "account-5", "account-0", "account-2", "account-4", "account-6"));
}

TEST_F(QueryServiceTest, LastPageMayBeFull) {
  for (const char* id : {"a", "b", "c", "d"}) harness_.AddEvents(id, 1);
  const std::string token = List("", "", 2).next_page_token();
  EXPECT_THAT(token, Not(IsEmpty()));
  EXPECT_EQ(List("", "", 2, token).next_page_token(), "");
}

TEST_F(QueryServiceTest, WrongListRequestsAreRefused) {
  for (const char* id : {"a", "b"}) harness_.AddEvents(id, 1);
  const std::string token = List("", "", 1).next_page_token();
  for (const v1::ListSuspectsRequest& request :
       {ListRequest("verdict >> act", "", 0, ""), ListRequest("", "colour", 0, ""), ListRequest("", "", -1, ""),
        ListRequest("", "", 0, "x"), ListRequest("verdict = clear", "", 0, token), ListRequest("", "risk", 0, token)}) {
    EXPECT_EQ(CodeOf(&v1::QueryService::Stub::ListSuspects, request), grpc::StatusCode::INVALID_ARGUMENT)
        << request.ShortDebugString();
  }
}

TEST_F(QueryServiceTest, PageSizeIsBounded) {
  harness_.AddEvents("a", 1);
  EXPECT_THAT(Ids(List("", "", 1'000'000)), ElementsAre("a"));
}

TEST_F(QueryServiceTest, EverythingAcknowledgedIsSeen) {
  for (int i = 1; i <= 50; ++i) {
    harness_.AddEvents("account-" + std::to_string(i), i);
    ASSERT_EQ(List().total_size(), i);
    ASSERT_EQ(Get("account-" + std::to_string(i)).score().event_count(), static_cast<uint64_t>(i));
  }
}

TEST_F(QueryServiceTest, AccountIsDescribed) {
  harness_.AddSuspect("thief");
  AccountProfile profile;
  profile.account_id = "thief";
  profile.created_time_unix_nano = 5;
  profile.plan = "free";
  harness_.AddProfile(profile);
  const v1::GetAccountResponse response = Get("thief");
  EXPECT_EQ(response.score().account_id(), "thief");
  EXPECT_EQ(response.score().verdict(), v1::VERDICT_REVIEW);
  EXPECT_EQ(response.score().label(), v1::LABEL_UNLABELLED);
  EXPECT_GT(response.score().events_at_first_review(), 0u);
  EXPECT_EQ(response.score().events_at_first_act(), 0u);
  ASSERT_GE(response.score().evidence_size(), 1);
  EXPECT_EQ(response.score().evidence(0).detector(), "logit_theft");
  EXPECT_EQ(response.score().evidence(0).family(), v1::EVIDENCE_FAMILY_PARAMETERS);
  EXPECT_NE(response.score().evidence(0).summary(), "");
  EXPECT_EQ(response.profile().plan(), "free");
  EXPECT_EQ(response.profile().created_time_unix_nano(), 5u);
  EXPECT_EQ(response.first_event_time_unix_nano(), static_cast<uint64_t>(kStartTime));
  EXPECT_EQ(response.last_event_time_unix_nano(), static_cast<uint64_t>(kStartTime + 199 * kNanosecondsPerMinute));
  EXPECT_NE(response.peer_group(), "");
  ASSERT_EQ(response.timeline_size(), 1);
  EXPECT_EQ(response.timeline(0).from_verdict(), v1::VERDICT_CLEAR);
  EXPECT_EQ(response.timeline(0).to_verdict(), v1::VERDICT_REVIEW);
  EXPECT_EQ(response.timeline(0).time_unix_nano(), response.score().first_review_time_unix_nano());
  EXPECT_EQ(response.timeline(0).event_count(), response.score().events_at_first_review());
  std::set<std::string> names;
  for (const v1::Feature& feature : response.features()) names.insert(feature.name());
  EXPECT_EQ(names.size(), features::kFeatureCount);
}

TEST_F(QueryServiceTest, AccountWithoutEventsHasNoTimesAndNoProfile) {
  harness_.SetLabel("labelled", v1::LABEL_BENIGN);
  const v1::GetAccountResponse response = Get("labelled");
  EXPECT_EQ(response.first_event_time_unix_nano(), 0u);
  EXPECT_EQ(response.last_event_time_unix_nano(), 0u);
  EXPECT_FALSE(response.has_profile());
}

TEST_F(QueryServiceTest, TermsAddUpToTheRisk) {
  harness_.AddSuspect("thief");
  harness_.AddSuspect("confirmed");
  harness_.SetLabel("confirmed", v1::LABEL_CONFIRMED);
  harness_.AddEvents("quiet", 2);
  for (const char* id : {"thief", "confirmed", "quiet"}) {
    const v1::ExplainAccountResponse response = Explain(id);
    const bool is_labelled = response.score().label() != v1::LABEL_UNLABELLED;
    ASSERT_EQ(response.terms_size(), static_cast<int>(1 + detector::kDetectorCount + (is_labelled ? 1 : 0))) << id;
    EXPECT_EQ(response.terms(0).detector(), "base");
    EXPECT_EQ(response.terms(response.terms_size() - 1).detector() == "label", is_labelled) << id;
    double sum = 0;
    std::map<v1::EvidenceFamily, double> families;
    for (const v1::RiskTerm& term : response.terms()) {
      sum += term.log_odds();
      if (term.family() != v1::EVIDENCE_FAMILY_UNSPECIFIED) families[term.family()] += term.log_odds();
      EXPECT_NE(term.summary(), "") << term.detector();
    }
    std::erase_if(families, [](const auto& family) { return family.second < detector::kFamilyLogOddsMin; });
    EXPECT_EQ(response.evidence_family_count(), families.size()) << id;
    EXPECT_EQ(response.own_doing(), 1) << "it is in no group";
    EXPECT_EQ(response.act_own_doing(), detector::kOwnDoingMin);
    EXPECT_NEAR(sum, response.log_odds(), 1e-9) << id;
    EXPECT_NEAR(response.score().risk(), 1 / (1 + std::exp(-response.log_odds())), 1e-12) << id;
    EXPECT_LT(response.review_log_odds(), response.act_log_odds());
  }
}

TEST_F(QueryServiceTest, BenignLabelExplainsARiskOfZero) {
  harness_.AddSuspect("friend");
  harness_.SetLabel("friend", v1::LABEL_BENIGN);
  const v1::ExplainAccountResponse response = Explain("friend");
  EXPECT_EQ(response.score().risk(), 0);
  EXPECT_LT(response.log_odds(), response.review_log_odds());
  EXPECT_LT(response.terms(response.terms_size() - 1).log_odds(), 0);
  EXPECT_GT(response.score().evidence_size(), 0) << "what was found stays visible";
}

TEST_F(QueryServiceTest, UnknownAccountIsNotFoundButMayGoOn) {
  EXPECT_EQ(CodeOf(&v1::QueryService::Stub::GetAccount, Of<v1::GetAccountRequest>("nobody")),
            grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(CodeOf(&v1::QueryService::Stub::ExplainAccount, Of<v1::ExplainAccountRequest>("nobody")),
            grpc::StatusCode::NOT_FOUND);
  const v1::CheckAccountResponse response = Check("nobody");
  EXPECT_TRUE(response.allowed());
  EXPECT_EQ(response.verdict(), v1::VERDICT_CLEAR);
  EXPECT_LT(response.risk(), 0.01);
  EXPECT_EQ(List().total_size(), 0) << "a question makes no account known";
}

TEST_F(QueryServiceTest, IdsThatCannotBeAreRefused) {
  for (const std::string& id : {std::string(), std::string(kNameBytesMax + 1, 'x'), std::string("a\nb")}) {
    EXPECT_EQ(CodeOf(&v1::QueryService::Stub::GetAccount, Of<v1::GetAccountRequest>(id)),
              grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_EQ(CodeOf(&v1::QueryService::Stub::ExplainAccount, Of<v1::ExplainAccountRequest>(id)),
              grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_EQ(CodeOf(&v1::QueryService::Stub::CheckAccount, Of<v1::CheckAccountRequest>(id)),
              grpc::StatusCode::INVALID_ARGUMENT);
  }
}

TEST_F(QueryServiceTest, OnlyAnActStopsAnAccount) {
  harness_.AddSuspect("thief");
  harness_.SetLabel("confirmed", v1::LABEL_CONFIRMED);
  harness_.AddSuspect("friend");
  harness_.SetLabel("friend", v1::LABEL_BENIGN);
  List();  // Whoever asks it waits until the engine has seen all; a gateway's question does not.
  EXPECT_TRUE(Check("thief").allowed());
  EXPECT_EQ(Check("thief").verdict(), v1::VERDICT_REVIEW);
  EXPECT_FALSE(Check("confirmed").allowed());
  EXPECT_EQ(Check("confirmed").verdict(), v1::VERDICT_ACT);
  EXPECT_TRUE(Check("friend").allowed());
  EXPECT_EQ(Check("friend").risk(), 0);
}

TEST_F(QueryServiceTest, AnAnalystsDecisionStopsAnAccountOrLetsItGo) {
  harness_.SetLabel("confirmed", v1::LABEL_CONFIRMED);
  DecisionEntry entry;
  entry.account_id = "confirmed";
  entry.origin = DecisionOrigin::kAnalyst;
  entry.ruling = Ruling::kAllow;
  entry.end_unix_nano = kStartTime + 1;
  harness_.decisions().Decide(entry);
  EXPECT_TRUE(Check("confirmed").allowed());
  entry.account_id = "other";
  entry.ruling = Ruling::kRefuse;
  harness_.decisions().Decide(entry);
  EXPECT_FALSE(Check("other").allowed());
  EXPECT_EQ(Check("other").verdict(), v1::VERDICT_CLEAR);
}

}  // namespace
}  // namespace stillwatch::query
