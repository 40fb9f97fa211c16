// The daemon's counters in the text format of Prometheus.
#pragma once

#include <string>
#include <vector>

#include "detector/scoring_engine.h"
#include "ingest/ingest_counters.h"
#include "ingest/pipeline.h"
#include "ingest/source_registry.h"

namespace stillwatch::query {

// Writes all counters. The names are an interface: dashboards and alert rules use them.
std::string MetricsText(const ingest::PipelineCounters& pipeline, const detector::EngineCounters& engine,
                        const ingest::IngestCounters& ingest, const std::vector<ingest::NamedSource>& sources,
                        uint64_t damaged_place_count);

}  // namespace stillwatch::query
