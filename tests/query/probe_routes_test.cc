#include "query/probe_routes.h"

#include <gtest/gtest.h>

namespace stillwatch::query {
namespace {

http::Response Get(const http::Router& router, const std::string& path) {
  http::Request request;
  request.path = path;
  const auto choice = router.Choose("GET", request, 0);
  if (const auto* refusal = std::get_if<http::Response>(&choice)) return *refusal;
  http::Response answer;
  std::get<const http::Route*>(choice)->handle(request,
                                               http::Responder([&](http::Response r) { answer = std::move(r); }));
  return answer;
}

TEST(ProbeRoutesTest, TellReadinessAsItChanges) {
  bool is_ready = false;
  http::Router router;
  AddProbeRoutes(
      router, [&is_ready] { return is_ready; }, [] { return std::string(); });
  EXPECT_EQ(Get(router, "/readyz").status, 503);
  EXPECT_EQ(Get(router, "/healthz").status, 200);
  is_ready = true;
  EXPECT_EQ(Get(router, "/readyz").status, 200);
}

TEST(ProbeRoutesTest, OnlyHealthIsOpenToAll) {
  http::Router router([](std::string_view) { return false; });
  AddProbeRoutes(
      router, [] { return true; }, [] { return std::string("metric 1\n"); });
  EXPECT_EQ(Get(router, "/healthz").status, 200);
  EXPECT_EQ(Get(router, "/readyz").status, 401);
  EXPECT_EQ(Get(router, "/metrics").status, 401);
}

TEST(ProbeRoutesTest, MetricsAreInTheFormatOfPrometheus) {
  http::Router router;
  AddProbeRoutes(
      router, [] { return true; }, [] { return std::string("metric 1\n"); });
  const http::Response response = Get(router, "/metrics");
  EXPECT_EQ(response.content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(response.body, "metric 1\n");
}

}  // namespace
}  // namespace stillwatch::query
