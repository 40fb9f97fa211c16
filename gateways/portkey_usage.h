// The usage in a guardrail's body of Portkey's gateway.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "gateways/intake.h"
#include "gateways/listener_catalog.h"
#include "http/message.h"
#include "proto/result.h"

namespace stillwatch::gateways {

// Takes the calls that output guardrails tell, one a body; an input guardrail's is still to come and is ignored. The
// listener is "portkey" in the mapping.
// Threading: from any thread. Ownership: what it is given must outlive the server and its requests. Limits: the route's
// (enforcement/guardrail.h); a body counts against Admission until it is durable.
class PortkeyUsage {
 public:
  // Tells the catalog how captured bodies are read.
  PortkeyUsage(const IntakeResources& resources, ListenerCatalog& catalog);

  // The account that an event of this body would have: nothing if the body is no JSON object, empty if it names none.
  std::optional<std::string> AccountIn(const std::string& body) const;

  // Calls `done` once: when the event is on disk, or there is none to take; kUnavailable if the daemon is stopping. An
  // event that is not valid is counted under its reason: the gateway could do nothing about it.
  void Take(const http::Request& request, std::function<void(const Status&)> done) const;

 private:
  const IntakeResources& resources_;
  const RecordMapper& mapper_;
};

}  // namespace stillwatch::gateways
