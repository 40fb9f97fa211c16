#include "query/query_workers.h"

#include <boost/asio/post.hpp>
#include <utility>

#include "proto/grpc_status.h"

namespace stillwatch::query {

QueryWorkers::QueryWorkers(size_t thread_count, size_t waiting_count_max)
    : waiting_count_max_(waiting_count_max), threads_(thread_count) {}

QueryWorkers::~QueryWorkers() { threads_.join(); }

grpc::ServerUnaryReactor* QueryWorkers::Answer(grpc::CallbackServerContext* context, std::function<Status()> question) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  if (waiting_count_.fetch_add(1) >= waiting_count_max_) {
    --waiting_count_;
    reactor->Finish({grpc::StatusCode::RESOURCE_EXHAUSTED, "too many questions at a time"});
    return reactor;
  }
  boost::asio::post(threads_, [this, context, reactor, question = std::move(question)] {
    --waiting_count_;
    // Nobody waits for the answer to a call that was cancelled.
    reactor->Finish(context->IsCancelled() ? grpc::Status::CANCELLED : ToGrpcStatus(question()));
  });
  return reactor;
}

}  // namespace stillwatch::query
