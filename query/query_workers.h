// Threads for questions that take their time.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <boost/asio/thread_pool.hpp>
#include <cstddef>
#include <functional>

#include "proto/result.h"

namespace stillwatch::query {

// Answers unary calls on threads of its own: gRPC has few threads for its callbacks, and a question that waits for
// ingest or goes through all accounts on one of them would hold up the gateways' calls. Threading: safe from any
// thread. Ownership: must outlive the server's calls; destruction answers what waits. Limits: above `waiting_count_max`
// questions a call ends with RESOURCE_EXHAUSTED.
class QueryWorkers {
 public:
  explicit QueryWorkers(size_t thread_count = 2, size_t waiting_count_max = 64);
  ~QueryWorkers();

  // Calls `question` on a worker and finishes the call with its status. What `question` refers to is that of the call
  // and must live as long.
  grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context, std::function<Status()> question);

 private:
  const size_t waiting_count_max_;
  std::atomic<size_t> waiting_count_{0};
  boost::asio::thread_pool threads_;
};

}  // namespace stillwatch::query
