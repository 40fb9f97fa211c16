#include "query/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <cstddef>
#include <cstdint>
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

double SecondsOf(int64_t nanoseconds) {
  return static_cast<double>(nanoseconds) / static_cast<double>(kNanosecondsPerSecond);
}

}  // namespace

std::string MetricsText(const ingest::PipelineCounters& pipeline, const detector::EngineCounters& engine,
                        const ingest::IngestCounters& ingest, uint64_t damaged_place_count) {
  return prometheus::TextSerializer().Serialize({
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
      Gauge("stillwatch_open_streams", "Open ingest streams.", NumberOf(ingest.open_stream_count)),
      Gauge("stillwatch_in_flight_bytes", "Bytes of received batches that are not acknowledged yet.",
            NumberOf(ingest.in_flight_bytes)),
  });
}

}  // namespace stillwatch::query
