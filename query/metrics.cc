#include "query/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "proto/limits.h"
#include "query/version.h"

namespace stillwatch::query {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

// A counter is exact up to 2^53.
double NumberOf(uint64_t count) { return static_cast<double>(count); }

ClientMetric Value(MetricType type, double value, std::vector<ClientMetric::Label> labels) {
  ClientMetric metric;
  metric.label = std::move(labels);
  (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
  return metric;
}

MetricFamily Counter(std::string name, std::string help, uint64_t value) {
  return {std::move(name), std::move(help), MetricType::Counter, {Value(MetricType::Counter, NumberOf(value), {})}};
}

MetricFamily Gauge(std::string name, std::string help, double value) {
  return {std::move(name), std::move(help), MetricType::Gauge, {Value(MetricType::Gauge, value, {})}};
}

MetricFamily BuildInfo() {
  return {"stillwatch_build_info",
          "Always 1; the labels tell the version.",
          MetricType::Gauge,
          {Value(MetricType::Gauge, 1,
                 {{"version", std::string(Version())},
                  {"build", std::string(Build())},
                  {"instruction_set", std::string(InstructionSet())}})}};
}

MetricFamily RejectedEvents(const ingest::IngestCounters& ingest) {
  MetricFamily family{"stillwatch_events_rejected_total", "Events that were not valid.", MetricType::Counter, {}};
  for (size_t i = 1; i < ingest::kRejectReasonCount; ++i) {
    const auto reason = static_cast<ingest::RejectReason>(i);
    family.metric.push_back(Value(MetricType::Counter, NumberOf(ingest.rejected[i]),
                                  {{"reason", std::string(ingest::RejectReasonName(reason))}}));
  }
  return family;
}

MetricFamily AccountStates(const detector::StateCounters& states) {
  MetricFamily family{
      "stillwatch_account_states", "States of accounts, by where they are kept.", MetricType::Gauge, {}};
  for (const auto& [place, count] : {std::pair("memory", states.hot_count),
                                     {"packed", states.packed_count},
                                     {"store", states.stored_count}}) {
    family.metric.push_back(Value(MetricType::Gauge, NumberOf(count), {{"place", place}}));
  }
  return family;
}

// One metric a source.
using SourceValue = std::function<double(const ingest::NamedSource&)>;
MetricFamily OfSources(MetricType type, std::string name, std::string help,
                       const std::vector<ingest::NamedSource>& sources, const SourceValue& value) {
  MetricFamily family{std::move(name), std::move(help), type, {}};
  for (const ingest::NamedSource& source : sources) {
    family.metric.push_back(Value(type, value(source), {{"listener", source.listener}, {"source", source.name}}));
  }
  return family;
}

MetricFamily RejectedOfSources(const std::vector<ingest::NamedSource>& sources) {
  MetricFamily family{
      "stillwatch_source_rejected_total", "Events of a source that were not valid.", MetricType::Counter, {}};
  for (const ingest::NamedSource& source : sources) {
    for (size_t i = 1; i < ingest::kRejectReasonCount; ++i) {
      if (source.source->rejected[i] == 0) continue;
      family.metric.push_back(
          Value(MetricType::Counter, NumberOf(source.source->rejected[i]),
                {{"listener", source.listener},
                 {"source", source.name},
                 {"reason", std::string(ingest::RejectReasonName(static_cast<ingest::RejectReason>(i)))}}));
    }
  }
  return family;
}

double SecondsOf(int64_t nanoseconds) {
  return static_cast<double>(nanoseconds) / static_cast<double>(kNanosecondsPerSecond);
}

}  // namespace

std::string MetricsText(const ingest::PipelineCounters& pipeline, const detector::EngineCounters& engine,
                        const ingest::IngestCounters& ingest, const std::vector<ingest::NamedSource>& sources,
                        uint64_t damaged_place_count) {
  std::vector<MetricFamily> families = {
      BuildInfo(),
      Counter("stillwatch_events_received_total", "Events received, valid or not.", ingest.received_event_count),
      Counter("stillwatch_received_bytes_total", "Bytes of received batches.", ingest.received_bytes),
      Counter("stillwatch_events_accepted_total", "Events accepted.", pipeline.accepted_event_count),
      Counter("stillwatch_events_duplicate_total", "Events that were on disk already.", pipeline.duplicate_event_count),
      RejectedEvents(ingest),
      Counter("stillwatch_events_late_total", "Events that came after the watermark had passed their time.",
              engine.late_event_count),
      Gauge("stillwatch_events_stored", "Events on disk, of all time.", NumberOf(pipeline.stored_event_count)),
      Gauge("stillwatch_accounts", "Accounts known.", NumberOf(engine.account_count)),
      AccountStates(engine.states),
      Gauge("stillwatch_account_bytes", "Memory that accounts take, about.", NumberOf(engine.states.bytes)),
      Counter("stillwatch_account_states_lost_total",
              "Accounts that began anew because their state in the store could not be read.", engine.states.lost_count),
      Gauge("stillwatch_watermark_seconds", "Event time before which everything is settled, since 1970-01-01 UTC.",
            SecondsOf(engine.watermark_unix_nano)),
      Gauge("stillwatch_newest_event_seconds", "Newest event time seen, since 1970-01-01 UTC.",
            SecondsOf(engine.newest_event_unix_nano)),
      Gauge("stillwatch_pending_events", "Events that wait for the watermark.", NumberOf(engine.waiting_event_count)),
      Counter("stillwatch_commits_total", "Group commits made.", pipeline.commit_count),
      Counter("stillwatch_commits_failed_total", "Group commits that failed and were tried again.",
              pipeline.failed_commit_count),
      Counter("stillwatch_damaged_places_total", "Places in the store that could not be read and were skipped.",
              damaged_place_count),
      Gauge("stillwatch_commit_queue_batches", "Batches that wait for a commit.",
            NumberOf(pipeline.commit_queue_batches)),
      Gauge("stillwatch_apply_queue_batches", "Committed batches that wait for the scores.",
            NumberOf(pipeline.apply_queue_batches)),
      Counter("stillwatch_unjoined_messages_total",
              "Prompts and answers told apart from their call that never reached it.", ingest.unjoined_message_count),
      Gauge("stillwatch_open_streams", "Open ingest streams.", NumberOf(ingest.open_stream_count)),
      Gauge("stillwatch_in_flight_bytes", "Bytes of received batches that are not acknowledged yet.",
            NumberOf(ingest.in_flight_bytes)),
  };
  const auto add_counter = [&](const char* name, const char* help, std::atomic<uint64_t> ingest::Source::*count) {
    families.push_back(OfSources(MetricType::Counter, name, help, sources,
                                 [count](const ingest::NamedSource& s) { return NumberOf((*s.source).*count); }));
  };
  add_counter("stillwatch_source_received_total", "Events received from a source.", &ingest::Source::received);
  add_counter("stillwatch_source_accepted_total", "Events of a source accepted.", &ingest::Source::accepted);
  add_counter("stillwatch_source_duplicate_total", "Events of a source that were on disk already.",
              &ingest::Source::duplicate);
  add_counter("stillwatch_source_ignored_total", "Messages of a source that are about no call of a model.",
              &ingest::Source::ignored);
  add_counter("stillwatch_source_late_total", "Events of a source that came after the watermark had passed their time.",
              &ingest::Source::late);
  add_counter("stillwatch_source_suspected_lost_total", "Messages of a source that did not come, as gaps tell.",
              &ingest::Source::suspected_lost);
  add_counter("stillwatch_source_unusable_fields_total", "Fields of a source whose value was none.",
              &ingest::Source::unusable_fields);
  families.push_back(RejectedOfSources(sources));
  families.push_back(OfSources(MetricType::Gauge, "stillwatch_source_last_seen_seconds",
                               "When something came last, since 1970-01-01 UTC.", sources,
                               [](const ingest::NamedSource& s) { return SecondsOf(s.source->last_seen_unix_nano); }));
  families.push_back(OfSources(MetricType::Gauge, "stillwatch_source_quiet",
                               "1 if nothing came for much longer than usual.", sources,
                               [](const ingest::NamedSource& s) { return s.is_quiet ? 1.0 : 0.0; }));
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace stillwatch::query
