// What operators' machines ask over HTTP: health, readiness, metrics.
#pragma once

#include <functional>
#include <string>

#include "http/router.h"

namespace stillwatch::query {

// Adds GET of /healthz, which is open to all, /readyz and /metrics. The functions are called on the server's thread and
// must not block.
void AddProbeRoutes(http::Router& router, std::function<bool()> is_ready, std::function<std::string()> metrics_text);

}  // namespace stillwatch::query
