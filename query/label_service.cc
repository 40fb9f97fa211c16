#include "query/label_service.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "proto/grpc_status.h"
#include "proto/records.h"
#include "query/request_check.h"
#include "query/score_conversion.h"
#include "storage/record_store.h"

namespace stillwatch::query {
namespace {

// Finishes a call once: as told, or as unavailable when it is dropped, since a pipeline that drains drops what it has
// not begun.
class PendingCall {
 public:
  explicit PendingCall(grpc::ServerUnaryReactor* reactor) : reactor_(reactor) {}
  PendingCall(const PendingCall&) = delete;
  PendingCall& operator=(const PendingCall&) = delete;
  ~PendingCall() {
    if (reactor_ != nullptr) reactor_->Finish({grpc::StatusCode::UNAVAILABLE, "the daemon is stopping"});
  }

  void Finish() { std::exchange(reactor_, nullptr)->Finish(grpc::Status::OK); }

 private:
  grpc::ServerUnaryReactor* reactor_;
};

Status CheckRequest(const v1::SetLabelRequest& request) {
  STILLWATCH_RETURN_IF_ERROR(CheckAccountId(request.account_id()));
  if (request.label() == v1::LABEL_UNSPECIFIED || !v1::Label_IsValid(request.label())) {
    return {Code::kInvalidArgument, "label: expected LABEL_UNLABELLED, LABEL_CONFIRMED or LABEL_BENIGN"};
  }
  return CheckNote(request.note());
}

void FillEntry(const LabelEntry& entry, v1::LabelEntry& out) {
  out.set_account_id(entry.account_id);
  out.set_label(ToProto(entry.label));
  out.set_note(entry.note);
  out.set_time_unix_nano(static_cast<uint64_t>(entry.time_unix_nano));
}

storage::WriteGroup RecordsOf(const LabelEntry& entry) {
  storage::WriteGroup records;
  if (entry.label == Label::kUnlabelled) {
    storage::DeleteLabel(entry.account_id, records);
  } else {
    storage::PutLabel(entry, records);
  }
  return records;
}

}  // namespace

grpc::ServerUnaryReactor* LabelService::SetLabel(grpc::CallbackServerContext* context,
                                                 const v1::SetLabelRequest* request, v1::SetLabelResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  if (const Status status = CheckRequest(*request); !status.ok()) {
    reactor->Finish(ToGrpcStatus(status));
    return reactor;
  }
  const LabelEntry entry = {request->account_id(), static_cast<Label>(request->label()), request->note(), clock_()};
  FillEntry(entry, *response->mutable_entry());
  auto call = std::make_shared<PendingCall>(reactor);
  pipeline_.Write(
      RecordsOf(entry), [this, entry] { engine_.SetLabel(entry.account_id, entry.label); },
      [this, account_id = entry.account_id, response, call] {
        FillScore(account_id, *response->mutable_score());
        call->Finish();
      },
      ingest::Pipeline::AfterApply::kCheckpoint);
  return reactor;
}

void LabelService::FillScore(const std::string& account_id, v1::AccountScore& out) const {
  const std::shared_ptr<const detector::Baseline> baseline = engine_.baseline();
  const std::optional<detector::AccountDetail> account = engine_.Get(account_id);
  if (account) AccountDescription(*account, *baseline).FillScore(out);
}

grpc::ServerUnaryReactor* LabelService::ListLabels(grpc::CallbackServerContext* context,
                                                   const v1::ListLabelsRequest* /*request*/,
                                                   v1::ListLabelsResponse* response) {
  return workers_.Answer(context, [this, response] { return List(*response); });
}

Status LabelService::List(v1::ListLabelsResponse& response) const {
  std::vector<LabelEntry> entries;
  STILLWATCH_RETURN_IF_ERROR(
      storage::ScanLabels(*store_.TakeSnapshot(), [&](LabelEntry entry) { entries.push_back(std::move(entry)); }));
  std::sort(entries.begin(), entries.end(), [](const LabelEntry& a, const LabelEntry& b) {
    return std::tie(b.time_unix_nano, a.account_id) < std::tie(a.time_unix_nano, b.account_id);
  });
  for (const LabelEntry& entry : entries) FillEntry(entry, *response.add_entries());
  return {};
}

}  // namespace stillwatch::query
