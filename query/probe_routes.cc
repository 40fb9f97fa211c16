#include "query/probe_routes.h"

#include <utility>

namespace stillwatch::query {

using http::Request;
using http::Response;
using http::Route;

void AddProbeRoutes(http::Router& router, std::function<bool()> is_ready, std::function<std::string()> metrics_text) {
  router.AddGet("/healthz", Route::Access::kOpen, [](const Request&) { return http::TextResponse(200, "ok\n"); });
  router.AddGet("/readyz", Route::Access::kToken, [is_ready = std::move(is_ready)](const Request&) {
    return is_ready() ? http::TextResponse(200, "ready\n") : http::TextResponse(503, "not ready\n");
  });
  router.AddGet("/metrics", Route::Access::kToken, [metrics_text = std::move(metrics_text)](const Request&) {
    Response response = http::TextResponse(200, metrics_text());
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    return response;
  });
}

}  // namespace stillwatch::query
