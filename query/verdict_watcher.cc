#include "query/verdict_watcher.h"

#include <memory>
#include <optional>
#include <utility>

#include "proto/grpc_status.h"
#include "query/score_conversion.h"

namespace stillwatch::query {
namespace {

// Writes one change at a time. At any moment one thread at most has the turn to write or to finish: gRPC's, from the
// end of a write on, or, where there was nothing to write, the one that wakes the subscription. So a watcher that is
// being woken cannot be finished, and thus deleted, by anyone else.
class VerdictWatcher final : public grpc::ServerWriteReactor<v1::WatchVerdictsResponse> {
 public:
  VerdictWatcher(VerdictHub& verdicts, v1::Verdict min_verdict)
      : verdicts_(verdicts),
        subscription_(std::make_shared<VerdictSubscription>(static_cast<Verdict>(min_verdict), [this] { Proceed(); })) {
    if (v1::Verdict_IsValid(min_verdict)) {
      verdicts_.Subscribe(subscription_);
    } else {
      subscription_->End({Code::kInvalidArgument, "min_verdict: unknown"});
    }
    StartSendInitialMetadata();
  }

 private:
  void OnSendInitialMetadataDone(bool /*ok*/) override { Proceed(); }
  void OnWriteDone(bool /*ok*/) override { Proceed(); }
  void OnCancel() override { subscription_->End({Code::kCancelled, "the client left"}); }
  void OnDone() override {
    verdicts_.Unsubscribe(subscription_.get());
    delete this;
  }

  void Proceed() {
    const std::shared_ptr<VerdictSubscription> kept = subscription_;  // Outlives this watcher, which may end below.
    std::optional<VerdictSubscription::Item> item = kept->Next();
    if (!item) return;
    if (const Status* end = std::get_if<Status>(&*item)) {
      Finish(ToGrpcStatus(*end));
      return;
    }
    response_.Clear();
    FillChange(std::get<VerdictChange>(*item), *response_.mutable_change());
    StartWrite(&response_);
  }

  VerdictHub& verdicts_;
  const std::shared_ptr<VerdictSubscription> subscription_;
  v1::WatchVerdictsResponse response_;
};

}  // namespace

grpc::ServerWriteReactor<v1::WatchVerdictsResponse>* MakeVerdictWatcher(VerdictHub& verdicts, v1::Verdict min_verdict) {
  return new VerdictWatcher(verdicts, min_verdict);
}

}  // namespace stillwatch::query
