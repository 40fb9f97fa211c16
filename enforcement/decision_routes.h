// Where bouncers find the decisions.
#pragma once

#include <functional>
#include <string_view>

#include "enforcement/decision_stream.h"
#include "http/router.h"

namespace stillwatch::enforcement {

// Adds GET /v1/decisions/stream and GET /v1/decisions. With `is_known_token` they are for those who show a token as
// X-Api-Key, as bouncers do, or as a bearer token. Answers are made by `post`, since they may wait for a disk.
void AddDecisionRoutes(http::Router& router, DecisionStream& stream, std::function<void(std::function<void()>)> post,
                       std::function<bool(std::string_view token)> is_known_token);

}  // namespace stillwatch::enforcement
