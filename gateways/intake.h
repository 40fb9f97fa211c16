// From a gateway's request to durable events: what every listener shares.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "features/prompt_digest.h"
#include "gateways/event_builder.h"
#include "gateways/record_mapper.h"
#include "ingest/admission.h"
#include "ingest/ingest_counters.h"
#include "ingest/pipeline.h"
#include "ingest/source_registry.h"
#include "proto/result.h"

namespace stillwatch::gateways {

// What all listeners share. Ownership: all that is named must outlive them and their requests.
struct IntakeResources {
  const features::PromptDigester& digester;
  ingest::Pipeline& pipeline;
  ingest::Admission& admission;
  ingest::IngestCounters& counters;
  ingest::SourceRegistry& sources;
  std::function<int64_t()> clock;                // Nanoseconds since 1970.
  std::function<int64_t()> watermark_unix_nano;  // Event time before which events are late.
  // Runs a task on a worker thread.
  std::function<void(std::function<void()>)> post;
};

// What became of a request.
struct IntakeReport {
  Status status;  // kUnavailable if the daemon stopped before the events were durable: send them again.
  uint32_t accepted_count = 0;
  uint32_t duplicate_count = 0;
  uint32_t ignored_count = 0;  // Messages that are about no call of a model.
  std::vector<ingest::Rejection> rejections;

  // "2 of account_id: is required; 1 of …": how often each reason, with one example. Empty without rejections.
  std::string rejection_text() const;
};

// Takes the messages of one request, of one source or several, and hands their events to the pipeline.
// Threading: none of its own; `done` is called once, on the committer's thread or, if there is nothing to wait for, at
// once. Limits: the request's bytes count against Admission until `done` was called. Listeners that can tell their
// senders to come again ask Admission::has_room first; others stop reading.
class IntakeRequest {
 public:
  // `wire_bytes`: size of the request as it was received.
  IntakeRequest(const IntakeResources& resources, const RecordMapper& mapper, std::string listener, size_t wire_bytes);

  // Where the next record of that source goes. Ask for each record.
  EventBuilder& BuilderOf(std::string_view source_name);
  // The request's own source counters, for what is known of losses.
  ingest::Source& SourceOf(std::string_view source_name);

  void Submit(std::function<void(const IntakeReport&)> done) &&;

 private:
  class Completion;
  struct Part {
    std::shared_ptr<ingest::Source> source;
    std::unique_ptr<EventBuilder> builder;
  };

  Part NewPart(std::string_view source_name);
  Part& PartOf(std::string_view source_name);
  void SubmitPart(Part& part, const std::shared_ptr<Completion>& completion);

  const IntakeResources& resources_;
  const RecordMapper& mapper_;
  const std::string listener_;
  const size_t wire_bytes_;
  std::map<std::string, Part, std::less<>> parts_;  // By source name.
  std::vector<Part> full_parts_;                    // Those with as many events as a batch has at most.
};

}  // namespace stillwatch::gateways
