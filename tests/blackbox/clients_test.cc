// Clients of gRPC that nobody here wrote: reflection, health, and a load of unary calls.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "stillwatch/v1/query.pb.h"
#include "tests/blackbox/deployment.h"
#include "tests/blackbox/http_exchange.h"

namespace stillwatch::blackbox {
namespace {

using ::testing::HasSubstr;

class ClientsTest : public ::testing::Test {
 protected:
  // With the server's own description of its services.
  Finished BufCurl(std::vector<std::string> arguments) const {
    std::vector<std::string> command = {STILLWATCH_BUF, "curl", "--protocol", "grpc", "--http2-prior-knowledge"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return RunToEnd(command);
  }
  std::string Url(const std::string& path) const { return "http://" + deployment_.grpc_address() + "/" + path; }

  Deployment deployment_;
};

TEST_F(ClientsTest, BufFindsEveryServiceByReflection) {
  const Finished listed = BufCurl({"--list-services", Url("")});
  EXPECT_EQ(listed.exit_code, 0) << listed.errors;
  for (const char* service :
       {"stillwatch.v1.IngestService", "stillwatch.v1.QueryService", "stillwatch.v1.LabelService", "stillwatch.v1.AdminService",
        "stillwatch.v1.AuditService", "stillwatch.v1.DecisionService", "grpc.health.v1.Health",
        "envoy.service.accesslog.v3.AccessLogService", "envoy.service.auth.v3.Authorization",
        "opentelemetry.proto.collector.trace.v1.TraceService", "opentelemetry.proto.collector.logs.v1.LogsService"}) {
    EXPECT_THAT(listed.output, HasSubstr(service));
  }
}

TEST_F(ClientsTest, BufCallsMethodsThatItKnowsByReflectionOnly) {
  const Finished health = BufCurl({"--data", "{}", Url("grpc.health.v1.Health/Check")});
  EXPECT_EQ(health.exit_code, 0) << health.errors;
  EXPECT_THAT(health.output, HasSubstr(R"("status": "SERVING")"));

  const Finished check =
      BufCurl({"--data", R"({"accountId":"a"})", "--emit-defaults", Url("stillwatch.v1.QueryService/CheckAccount")});
  EXPECT_EQ(check.exit_code, 0) << check.errors;
  EXPECT_THAT(check.output, HasSubstr(R"("allowed": true)"));

  const Finished unusable = BufCurl({"--data", "{}", Url("stillwatch.v1.QueryService/CheckAccount")});
  EXPECT_NE(unusable.exit_code, 0);
  EXPECT_THAT(unusable.errors, HasSubstr("invalid_argument"));
}

TEST_F(ClientsTest, HealthIsToldAndWatched) {
  const auto ask = [this](const std::string& service) {
    return RunToEnd({"/usr/bin/env", "NODE_PATH=" STILLWATCH_BLACKBOX_CLIENTS "/node_modules", "node",
                     STILLWATCH_SOURCE_DIR "/tests/blackbox/clients/health.js", deployment_.grpc_address(), service});
  };
  const Finished all = ask("");
  EXPECT_EQ(all.output, "SERVING\nSERVING\n") << all.errors;
  const Finished unknown = ask("no.such.Service");
  EXPECT_EQ(unknown.output, "error 5\nSERVICE_UNKNOWN\n") << unknown.errors;
}

// As many calls as are needed to have every connection and stream in use many times.
TEST_F(ClientsTest, ALoadOfUnaryCallsEndsWithoutAnError) {
  constexpr int kCallCount = 20'000;
  v1::CheckAccountRequest request;
  request.set_account_id("a");
  const std::string bytes = request.SerializeAsString();
  std::string body(5, '\0');
  body[4] = static_cast<char>(bytes.size());
  const TemporaryDirectory directory;
  WriteFile(directory / "request", body + bytes);
  const Finished load = RunToEnd({"/usr/bin/h2load", "--requests=" + std::to_string(kCallCount), "--clients=8",
                                  "--max-concurrent-streams=16", "--data=" + directory / "request",
                                  "--header=content-type: application/grpc", "--header=te: trailers",
                                  Url("stillwatch.v1.QueryService/CheckAccount")});
  EXPECT_EQ(load.exit_code, 0) << load.errors;
  const std::string count = std::to_string(kCallCount);
  EXPECT_THAT(load.output, HasSubstr(count + " done, " + count + " succeeded, 0 failed, 0 errored, 0 timeout"));
  // HTTP's status says nothing of gRPC's; the daemon counts what it answered.
  EXPECT_THAT(Get(deployment_.http_address(), "/metrics"),
              HasSubstr("stillwatch_enforcement_answers_total{interface=\"check_account\",answer=\"allowed\"} " + count + "\n"));
}

}  // namespace
}  // namespace stillwatch::blackbox
