#include "http/router.h"

#include <gtest/gtest.h>

namespace stillwatch::http {
namespace {

Request Head(const std::string& path, Headers headers = {}, const std::string& content_type = "") {
  Request head;
  head.path = path;
  head.headers = std::move(headers);
  head.content_type = content_type;
  return head;
}

Route Of(Method method, const std::string& path, Route::Match match = Route::Match::kExact) {
  Route route;
  route.method = method;
  route.path = path;
  route.match = match;
  return route;
}

// The path of the route that is chosen, or the status of the refusal.
std::string Chosen(const Router& router, const std::string& method, const Request& head, uint64_t body_bytes = 0) {
  const std::variant<const Route*, Response> choice = router.Choose(method, head, body_bytes);
  if (const auto* refusal = std::get_if<Response>(&choice)) return std::to_string(refusal->status);
  return std::get<const Route*>(choice)->path;
}

TEST(RouterTest, ExactPathsWinOverPrefixesAndLongPrefixesOverShortOnes) {
  for (const bool is_reversed : {false, true}) {
    std::vector<Route> routes = {Of(Method::kGet, "/v1/", Route::Match::kPrefix),
                                 Of(Method::kGet, "/v1/ingest/", Route::Match::kPrefix),
                                 Of(Method::kGet, "/v1/ingest/kong")};
    if (is_reversed) std::swap(routes.front(), routes.back());
    Router router;
    for (Route& route : routes) router.Add(std::move(route));
    EXPECT_EQ(Chosen(router, "GET", Head("/v1/ingest/kong")), "/v1/ingest/kong");
    EXPECT_EQ(Chosen(router, "GET", Head("/v1/ingest/kong/")), "/v1/ingest/");
    EXPECT_EQ(Chosen(router, "HEAD", Head("/v1/other")), "/v1/");
    EXPECT_EQ(Chosen(router, "GET", Head("/v2")), "404");
  }
}

TEST(RouterTest, MethodsArePartOfTheRoute) {
  Router router;
  router.Add(Of(Method::kPost, "/both"));
  EXPECT_EQ(Chosen(router, "GET", Head("/both")), "405");
  router.Add(Of(Method::kGet, "/both"));
  EXPECT_EQ(Chosen(router, "GET", Head("/both")), "/both");
  EXPECT_EQ(Chosen(router, "POST", Head("/both")), "/both");
  const auto refusal = std::get<Response>(router.Choose("PUT", Head("/both"), 0));
  EXPECT_EQ(refusal.status, 405);
  EXPECT_EQ(refusal.headers, (Headers{{"Allow", "POST, GET, HEAD"}}));
}

TEST(RouterTest, ARouteMayHaveKeysOfItsOwn) {
  Router router([](std::string_view token) { return token == "secret"; });
  router.Add(Of(Method::kGet, "/token"));
  Route keyed = Of(Method::kGet, "/keyed");
  keyed.is_authorized = [](const Request& head) { return head.header("X-Api-Key") == "key"; };
  router.Add(std::move(keyed));
  EXPECT_EQ(Chosen(router, "GET", Head("/keyed", {{"x-api-key", "key"}})), "/keyed");
  EXPECT_EQ(Chosen(router, "GET", Head("/keyed", {{"x-api-key", "other"}})), "401");
  EXPECT_EQ(Chosen(router, "GET", Head("/keyed", {{"Authorization", "Bearer secret"}})), "401");
  EXPECT_EQ(Chosen(router, "GET", Head("/token", {{"authorization", "BEARER secret"}})), "/token");
  EXPECT_EQ(Chosen(router, "GET", Head("/token", {{"x-api-key", "key"}})), "401");
  EXPECT_EQ(Chosen(router, "GET", Head("/not-there")), "401");
}

TEST(RouterTest, BodiesAreCheckedBeforeTheyAreRead) {
  bool has_room = true;
  Route route = Of(Method::kPost, "/ingest");
  route.body_bytes_max = 10;
  route.content_types = {"application/json", "application/x-protobuf"};
  route.has_room = [&has_room] { return has_room; };
  Router router;
  router.Add(std::move(route));
  const Request json = Head("/ingest", {}, "application/json");
  EXPECT_EQ(Chosen(router, "POST", json, 10), "/ingest");
  EXPECT_EQ(Chosen(router, "POST", json, 11), "413");
  EXPECT_EQ(Chosen(router, "POST", Head("/ingest", {}, "text/html"), 10), "415");
  EXPECT_EQ(Chosen(router, "POST", Head("/ingest"), 10), "415");
  has_room = false;
  EXPECT_EQ(Chosen(router, "POST", json, 10), "503");
}

TEST(RequestTest, FindsValuesOfTheQuery) {
  Request request;
  request.query = "startup=true&scopes=a%2Cb+c&empty=&flag&bad=%zz%4";
  EXPECT_EQ(request.query_value("startup"), "true");
  EXPECT_EQ(request.query_value("scopes"), "a,b c");
  EXPECT_EQ(request.query_value("empty"), "");
  EXPECT_EQ(request.query_value("flag"), "");
  EXPECT_EQ(request.query_value("bad"), "%zz%4");
  EXPECT_EQ(request.query_value("none"), "");
}

}  // namespace
}  // namespace stillwatch::http
