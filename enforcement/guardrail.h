// Portkey's question: may this call go on, and may its answer go out?
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "http/message.h"
#include "http/router.h"
#include "proto/result.h"
#include "query/check_answer.h"

namespace stillwatch::enforcement {

// Answers the guardrail webhook of Portkey's gateway: {"verdict": true}, or false for an account whose requests are
// refused, so that the gateway itself stops the call (status 446). Before a call (an input guardrail) nothing is spent
// on it; after it (an output guardrail) the answer is held back. An account that is not told, or not known, goes on.
// Threading: safe from any thread. Ownership: what the functions refer to must outlive it. Errors: a body that is no
// JSON object is refused with 400, and the gateway then lets the call go on.
class Guardrail {
 public:
  // Takes the usage that a body tells, and calls `done` with what became of it; nothing to take is no error. If `done`
  // goes without a call, the gateway is told that the daemon is stopping.
  using TakeUsage = std::function<void(const http::Request& request, std::function<void(const Status&)> done)>;

  // The account that a body names: nothing if it is no JSON object, empty if it names none.
  using FindAccount = std::function<std::optional<std::string>(const std::string& body)>;

  Guardrail(query::CheckAccountNow check, FindAccount find_account, TakeUsage take_usage)
      : check_(std::move(check)), find_account_(std::move(find_account)), take_usage_(std::move(take_usage)) {}

  void Answer(http::Request request, const http::Responder& responder) const;

 private:
  const query::CheckAccountNow check_;
  const FindAccount find_account_;
  const TakeUsage take_usage_;
};

// Adds POST /v1/ingest/portkey. `has_room`: see http::Route.
void AddGuardrailRoute(http::Router& router, const Guardrail& guardrail, std::function<bool()> has_room);

}  // namespace stillwatch::enforcement
