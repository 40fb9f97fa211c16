#include "query/query_service.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "detector/audit_report.h"
#include "detector/fusion.h"
#include "detector/peer_group.h"
#include "proto/grpc_status.h"
#include "query/cluster_list.h"
#include "query/page_token.h"
#include "query/request_check.h"
#include "query/score_conversion.h"
#include "query/suspect_filter.h"
#include "query/verdict_watcher.h"

namespace stillwatch::query {
namespace {

// What a ListSuspectsRequest asks for.
struct ListQuery {
  SuspectFilter filter;
  SuspectOrder order;
  std::optional<SortKey> after;  // The last account of the previous page.
  size_t page_size;
};

PageQuery PageQueryOf(const v1::ListSuspectsRequest& request) { return {request.filter(), request.order_by()}; }

Result<ListQuery> ParseListQuery(const v1::ListSuspectsRequest& request) {
  Result<SuspectFilter> filter = SuspectFilter::Parse(request.filter());
  if (!filter.ok()) return filter.status();
  const Result<SuspectOrder> order = SuspectOrder::Parse(request.order_by());
  if (!order.ok()) return order.status();
  if (request.page_size() < 0) return {Code::kInvalidArgument, "page_size: negative"};
  const int32_t page_size = request.page_size() == 0 ? kPageSizeDefault : std::min(request.page_size(), kPageSizeMax);
  ListQuery query{std::move(filter).value(), order.value(), std::nullopt, static_cast<size_t>(page_size)};
  if (!request.page_token().empty()) {
    Result<SortKey> after = DecodePageToken(PageQueryOf(request), request.page_token());
    if (!after.ok()) return after.status();
    query.after = std::move(after).value();
  }
  return query;
}

IsBenign IsBenignNow(const detector::ScoringEngine& engine) {
  return [&engine](std::string_view account_id) {
    const std::optional<detector::Standing> standing = engine.StandingOf(account_id);
    return standing && standing->label == Label::kBenign;
  };
}

}  // namespace

grpc::ServerUnaryReactor* QueryService::ListSuspects(grpc::CallbackServerContext* context,
                                                     const v1::ListSuspectsRequest* request,
                                                     v1::ListSuspectsResponse* response) {
  return workers_.Answer(context, [this, request, response] { return List(*request, *response); });
}

grpc::ServerUnaryReactor* QueryService::GetAccount(grpc::CallbackServerContext* context,
                                                   const v1::GetAccountRequest* request,
                                                   v1::GetAccountResponse* response) {
  return workers_.Answer(context, [this, request, response] { return Get(*request, *response); });
}

grpc::ServerUnaryReactor* QueryService::ExplainAccount(grpc::CallbackServerContext* context,
                                                       const v1::ExplainAccountRequest* request,
                                                       v1::ExplainAccountResponse* response) {
  return workers_.Answer(context, [this, request, response] { return Explain(*request, *response); });
}

grpc::ServerUnaryReactor* QueryService::ListClusters(grpc::CallbackServerContext* context,
                                                     const v1::ListClustersRequest* request,
                                                     v1::ListClustersResponse* response) {
  return workers_.Answer(context, [this, request, response] {
    pipeline_.WaitUntilApplied();
    return query::ListClusters(*engine_.campaigns(), IsBenignNow(engine_), *request, *response);
  });
}

grpc::ServerUnaryReactor* QueryService::GetCluster(grpc::CallbackServerContext* context,
                                                   const v1::GetClusterRequest* request,
                                                   v1::GetClusterResponse* response) {
  return workers_.Answer(context, [this, request, response] {
    pipeline_.WaitUntilApplied();
    return query::GetCluster(*engine_.campaigns(), IsBenignNow(engine_), *request, *response);
  });
}

grpc::ServerUnaryReactor* QueryService::CheckAccount(grpc::CallbackServerContext* context,
                                                     const v1::CheckAccountRequest* request,
                                                     v1::CheckAccountResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpcStatus(Check(*context, *request, *response)));
  return reactor;
}

grpc::ServerWriteReactor<v1::WatchVerdictsResponse>* QueryService::WatchVerdicts(
    grpc::CallbackServerContext* /*context*/, const v1::WatchVerdictsRequest* request) {
  return MakeVerdictWatcher(verdicts_, request->min_verdict());
}

Status QueryService::List(const v1::ListSuspectsRequest& request, v1::ListSuspectsResponse& response) {
  const Result<ListQuery> query = ParseListQuery(request);
  if (!query.ok()) return query.status();
  const auto& [filter, order, after, page_size] = query.value();
  pipeline_.WaitUntilApplied();

  std::vector<SortKey> rest;
  int64_t match_count = 0;
  for (const detector::AccountSummary& account : engine_.List()) {
    if (!filter.Matches(account)) continue;
    ++match_count;
    SortKey key = order.KeyOf(account);
    if (!after || key > *after) rest.push_back(std::move(key));
  }
  response.set_total_size(match_count);
  const size_t count = std::min(page_size, rest.size());
  std::partial_sort(rest.begin(), rest.begin() + static_cast<ptrdiff_t>(count), rest.end());

  const std::shared_ptr<const detector::Baseline> baseline = engine_.baseline();
  for (size_t i = 0; i < count; ++i) {
    const std::optional<detector::AccountDetail> account = engine_.Get(rest[i].account_id);
    if (account) AccountDescription(*account, *baseline).FillScore(*response.add_accounts());
  }
  if (count < rest.size()) response.set_next_page_token(EncodePageToken(PageQueryOf(request), rest[count - 1]));
  return {};
}

Result<detector::AccountDetail> QueryService::Find(const std::string& account_id) {
  STILLWATCH_RETURN_IF_ERROR(CheckAccountId(account_id));
  std::optional<detector::AccountDetail> account = engine_.Get(account_id);
  if (!account) return {Code::kNotFound, "account " + account_id + " is not known"};
  return *std::move(account);
}

Status QueryService::Get(const v1::GetAccountRequest& request, v1::GetAccountResponse& response) {
  const Result<detector::AccountDetail> found = Find(request.account_id());
  if (!found.ok()) return found.status();
  const detector::AccountDetail& account = found.value();
  const std::shared_ptr<const detector::Baseline> baseline = engine_.baseline();
  const AccountDescription description(account, *baseline);
  description.FillScore(*response.mutable_score());
  description.FillFeatures(*response.mutable_features());
  description.FillTimeline(*response.mutable_timeline());
  if (account.profile) FillProfile(*account.profile, *response.mutable_profile());
  response.set_first_event_time_unix_nano(static_cast<uint64_t>(account.live.portrait.first_time_unix_nano()));
  response.set_last_event_time_unix_nano(static_cast<uint64_t>(account.live.portrait.last_time_unix_nano()));
  response.set_peer_group(std::string(detector::PeerGroupName(account.assessment.peer_group)));
  return {};
}

Status QueryService::Explain(const v1::ExplainAccountRequest& request, v1::ExplainAccountResponse& response) {
  const Result<detector::AccountDetail> account = Find(request.account_id());
  if (!account.ok()) return account.status();
  const std::shared_ptr<const detector::Baseline> baseline = engine_.baseline();
  const AccountDescription description(account.value(), *baseline);
  description.FillScore(*response.mutable_score());
  description.FillTerms(*response.mutable_terms());
  response.set_log_odds(account.value().assessment.log_odds);
  response.set_review_log_odds(baseline->review_log_odds);
  response.set_act_log_odds(baseline->act_log_odds);
  response.set_evidence_family_count(static_cast<uint32_t>(detector::CountFamilies(account.value().assessment)));
  response.set_own_doing(detector::ProbabilityOfOwnDoing(account.value().assessment, account.value().live.membership));
  response.set_act_own_doing(detector::kOwnDoingMin);
  return {};
}

Status QueryService::Check(grpc::CallbackServerContext& context, const v1::CheckAccountRequest& request,
                           v1::CheckAccountResponse& response) const {
  STILLWATCH_RETURN_IF_ERROR(CheckAccountId(request.account_id()));
  const CheckAnswer answer = check_account_now_(request.account_id());
  response.set_verdict(ToProto(answer.standing.verdict));
  response.set_risk(detector::RiskOf(answer.standing.log_odds, answer.standing.label));
  response.set_allowed(answer.permission != Permission::kRefused);
  if (answer.permission == Permission::kAllowedInShadow) {
    context.AddTrailingMetadata("x-stillwatch-verdict", std::string(detector::VerdictName(answer.standing.verdict)));
  }
  return {};
}

}  // namespace stillwatch::query
