#include "query/query_workers.h"

#include <grpcpp/client_context.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <memory>
#include <thread>

#include "stillwatch/v1/admin.grpc.pb.h"

namespace stillwatch::query {
namespace {

// Lets the workers answer each call with `answer`.
class AskedService final : public v1::AdminService::CallbackService {
 public:
  AskedService(QueryWorkers& workers, std::function<Status()> answer)
      : workers_(workers), answer_(std::move(answer)), server_(Serve()) {}

  grpc::Status Call() {
    const auto stub = v1::AdminService::NewStub(server_->InProcessChannel({}));
    grpc::ClientContext context;
    v1::GetVersionResponse response;
    return stub->GetVersion(&context, {}, &response);
  }

 private:
  grpc::ServerUnaryReactor* GetVersion(grpc::CallbackServerContext* context, const v1::GetVersionRequest*,
                                       v1::GetVersionResponse*) override {
    calling_thread_ = std::this_thread::get_id();
    return workers_.Answer(context, [this] {
      EXPECT_NE(std::this_thread::get_id(), calling_thread_);
      return answer_();
    });
  }

  std::unique_ptr<grpc::Server> Serve() {
    grpc::ServerBuilder builder;
    builder.RegisterService(this);
    return builder.BuildAndStart();
  }

  QueryWorkers& workers_;
  const std::function<Status()> answer_;
  std::thread::id calling_thread_;
  const std::unique_ptr<grpc::Server> server_;
};

TEST(QueryWorkersTest, AnswerOnThreadsOfTheirOwn) {
  QueryWorkers workers(1, 1);
  AskedService service(workers, [] { return Status(); });
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(service.Call().ok());
}

TEST(QueryWorkersTest, ErrorsReachTheCaller) {
  QueryWorkers workers;
  AskedService service(workers, [] { return Status(Code::kDataLoss, "damaged"); });
  const grpc::Status status = service.Call();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DATA_LOSS);
  EXPECT_EQ(status.error_message(), "damaged");
}

TEST(QueryWorkersTest, FullQueueRefuses) {
  QueryWorkers workers(1, 0);
  AskedService service(workers, [] {
    ADD_FAILURE() << "asked in spite of a full queue";
    return Status();
  });
  EXPECT_EQ(service.Call().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

}  // namespace
}  // namespace stillwatch::query
