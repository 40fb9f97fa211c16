// The usage in a guardrail's body of Portkey's gateway.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "ingest/admission.h"
#include "ingest/event_decoder.h"
#include "ingest/ingest_counters.h"
#include "ingest/pipeline.h"
#include "proto/result.h"
#include "stillwatch/v1/usage.pb.h"

namespace stillwatch::enforcement {

// The event that an output guardrail's body tells; nothing for an input guardrail's, since that call is still to come,
// and for what is no JSON object. What is not told stays unknown. `account_id`: whom it is about. The event is known by
// the answer's id; one without counts as often as it is sent.
std::optional<v1::UsageEvent> PortkeyUsage(std::string_view body, std::string_view account_id, int64_t now_unix_nano);

// Takes the usage of calls as they come, one by one.
// Threading: safe from any thread. Ownership: all that it is given must outlive the pipeline's drain. Errors: an event
// that is not valid is counted under its reason; the gateway is not told, since it could do nothing about it.
class PortkeyIntake {
 public:
  PortkeyIntake(const ingest::EventDecoder& decoder, ingest::Pipeline& pipeline, ingest::Admission& admission,
                ingest::IngestCounters& counters, std::function<int64_t()> clock)
      : decoder_(decoder), pipeline_(pipeline), admission_(admission), counters_(counters), clock_(std::move(clock)) {}

  // Calls `done` once: when the event is on disk, or there is none to take; kUnavailable if the daemon is stopping.
  void Take(std::string_view body, std::string_view account_id, std::function<void(const Status&)> done) const;

 private:
  void Submit(ingest::DecodedBatch batch, size_t bytes, std::function<void(const Status&)> done) const;

  const ingest::EventDecoder& decoder_;
  ingest::Pipeline& pipeline_;
  ingest::Admission& admission_;
  ingest::IngestCounters& counters_;
  const std::function<int64_t()> clock_;
};

}  // namespace stillwatch::enforcement
