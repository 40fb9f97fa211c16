#include "enforcement/decision_service.h"

#include <algorithm>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "ingest/pending_write.h"
#include "proto/limits.h"
#include "query/request_check.h"
#include "query/score_conversion.h"
#include "storage/decision_trail.h"

namespace stillwatch::enforcement {
namespace {

static_assert(static_cast<int>(Ruling::kAutomatic) == v1::RULING_AUTOMATIC);
static_assert(static_cast<int>(Ruling::kRefuse) == v1::RULING_REFUSE);
static_assert(static_cast<int>(Ruling::kAllow) == v1::RULING_ALLOW);
static_assert(static_cast<int>(DecisionOrigin::kVerdict) == v1::DECISION_ORIGIN_VERDICT);
static_assert(static_cast<int>(DecisionOrigin::kAnalyst) == v1::DECISION_ORIGIN_ANALYST);
static_assert(static_cast<int>(EnforcementMode::kOff) == v1::ENFORCEMENT_MODE_OFF);
static_assert(static_cast<int>(EnforcementMode::kShadow) == v1::ENFORCEMENT_MODE_SHADOW);
static_assert(static_cast<int>(EnforcementMode::kOn) == v1::ENFORCEMENT_MODE_ON);

v1::Ruling ToProto(Ruling ruling) { return static_cast<v1::Ruling>(ruling); }
v1::DecisionOrigin ToProto(DecisionOrigin origin) { return static_cast<v1::DecisionOrigin>(origin); }
v1::EnforcementMode ToProto(EnforcementMode mode) { return static_cast<v1::EnforcementMode>(mode); }

Status CheckRequest(const v1::SetDecisionRequest& request) {
  STILLWATCH_RETURN_IF_ERROR(query::CheckAccountId(request.account_id()));
  if (request.ruling() == v1::RULING_UNSPECIFIED || !v1::Ruling_IsValid(request.ruling())) {
    return {Code::kInvalidArgument, "ruling: expected RULING_AUTOMATIC, RULING_REFUSE or RULING_ALLOW"};
  }
  if (request.duration_seconds() > kDecisionSecondsMax) {
    return {Code::kInvalidArgument, "duration_seconds: at most " + std::to_string(kDecisionSecondsMax)};
  }
  return query::CheckNote(request.note());
}

void FillEntry(const DecisionEntry& entry, v1::DecisionHistoryEntry& out) {
  out.set_account_id(entry.account_id);
  out.set_time_unix_nano(static_cast<uint64_t>(entry.time_unix_nano));
  out.set_end_time_unix_nano(static_cast<uint64_t>(entry.end_unix_nano));
  out.set_ruling(ToProto(entry.ruling));
  out.set_origin(ToProto(entry.origin));
  out.set_mode(ToProto(entry.mode));
  out.set_verdict(query::ToProto(entry.verdict));
  out.set_note(entry.note);
}

void FillRefusal(const Decision& decision, v1::Decision& out) {
  out.set_decision_id(decision.id);
  out.set_account_id(decision.account_id);
  out.set_ruling(v1::RULING_REFUSE);
  out.set_origin(ToProto(decision.origin));
  out.set_verdict(query::ToProto(decision.verdict));
  out.set_begin_time_unix_nano(static_cast<uint64_t>(decision.begin_unix_nano));
  out.set_end_time_unix_nano(static_cast<uint64_t>(decision.end_unix_nano));
  out.set_note(decision.note);
}

void FillAllowance(const DecisionEntry& entry, v1::Decision& out) {
  out.set_account_id(entry.account_id);
  out.set_ruling(v1::RULING_ALLOW);
  out.set_origin(ToProto(entry.origin));
  out.set_verdict(query::ToProto(entry.verdict));
  out.set_begin_time_unix_nano(static_cast<uint64_t>(entry.time_unix_nano));
  out.set_end_time_unix_nano(static_cast<uint64_t>(entry.end_unix_nano));
  out.set_note(entry.note);
}

}  // namespace

grpc::ServerUnaryReactor* DecisionService::ListDecisions(grpc::CallbackServerContext* context,
                                                         const v1::ListDecisionsRequest* /*request*/,
                                                         v1::ListDecisionsResponse* response) {
  return workers_.Answer(context, [this, response] { return List(*response); });
}

grpc::ServerUnaryReactor* DecisionService::SetDecision(grpc::CallbackServerContext* context,
                                                       const v1::SetDecisionRequest* request,
                                                       v1::SetDecisionResponse* response) {
  return workers_.Answer(context, [this, request, response] { return Set(*request, *response); });
}

grpc::ServerUnaryReactor* DecisionService::ListDecisionHistory(grpc::CallbackServerContext* context,
                                                               const v1::ListDecisionHistoryRequest* request,
                                                               v1::ListDecisionHistoryResponse* response) {
  return workers_.Answer(context, [this, request, response] { return ListHistory(*request, *response); });
}

Status DecisionService::List(v1::ListDecisionsResponse& response) {
  pipeline_.WaitUntilApplied();
  book_.Sweep();
  response.set_mode(ToProto(book_.options().mode));
  for (const Decision& decision : book_.List()) FillRefusal(decision, *response.add_decisions());
  for (const DecisionEntry& entry : book_.ListByAnalyst()) {
    if (entry.ruling == Ruling::kAllow) FillAllowance(entry, *response.add_decisions());
  }
  std::stable_sort(
      response.mutable_decisions()->begin(), response.mutable_decisions()->end(),
      [](const v1::Decision& a, const v1::Decision& b) { return a.begin_time_unix_nano() > b.begin_time_unix_nano(); });
  return {};
}

Status DecisionService::Set(const v1::SetDecisionRequest& request, v1::SetDecisionResponse& response) {
  STILLWATCH_RETURN_IF_ERROR(CheckRequest(request));
  const detector::Standing standing = book_.Ask(request.account_id()).standing;
  DecisionEntry entry;
  entry.account_id = request.account_id();
  entry.ruling = static_cast<Ruling>(request.ruling());
  if (entry.ruling == Ruling::kRefuse && standing.label == Label::kBenign) {
    return {Code::kFailedPrecondition,
            "account " + entry.account_id + " is labelled benign; take the label back first"};
  }
  entry.time_unix_nano = book_.NextTime();
  if (entry.ruling != Ruling::kAutomatic) {
    const uint32_t seconds = request.duration_seconds() == 0 ? kDecisionSecondsDefault : request.duration_seconds();
    entry.end_unix_nano = entry.time_unix_nano + seconds * kNanosecondsPerSecond;
  }
  entry.origin = DecisionOrigin::kAnalyst;
  entry.mode = book_.options().mode;
  entry.verdict = standing.verdict;
  entry.note = request.note();
  FillEntry(entry, *response.mutable_entry());
  response.set_mode(ToProto(entry.mode));
  const auto fill = [entry](uint64_t, storage::WriteGroup& group) { storage::PutDecision(entry, group); };
  const auto apply = [this, entry] { book_.Decide(entry); };
  return ingest::WriteAndWait(pipeline_, fill, apply, ingest::Pipeline::AfterApply::kNothing, std::stop_token());
}

Status DecisionService::ListHistory(const v1::ListDecisionHistoryRequest& request,
                                    v1::ListDecisionHistoryResponse& response) const {
  STILLWATCH_RETURN_IF_ERROR(query::CheckAccountId(request.account_id()));
  // What has been decided so far may still be on its way to the trail; writes keep their order.
  STILLWATCH_RETURN_IF_ERROR(ingest::WriteAndWait(pipeline_, storage::WriteGroup(), std::stop_token()));
  const Result<std::vector<DecisionEntry>> entries =
      storage::ReadDecisions(*store_.TakeSnapshot(), request.account_id());
  if (!entries.ok()) return entries.status();
  for (const DecisionEntry& entry : entries.value()) FillEntry(entry, *response.add_entries());
  return {};
}

}  // namespace stillwatch::enforcement
