// What listeners need to run in a test: a pipeline on a store in memory.
#pragma once

#include <cstdlib>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "detector/scoring_engine.h"
#include "features/phrase_engine.h"
#include "features/prompt_digest.h"
#include "gateways/intake.h"
#include "gateways/listener_catalog.h"
#include "ingest/admission.h"
#include "ingest/ingest_counters.h"
#include "ingest/pipeline.h"
#include "ingest/source_registry.h"
#include "storage/event_log.h"
#include "storage/memory_store.h"

namespace stillwatch::gateways {

inline constexpr int64_t kNow = 1'780'000'000'000'000'000;

class IntakeHarness {
 public:
  explicit IntakeHarness(size_t bytes_max = 1 << 20) : admission(bytes_max, counters.in_flight_bytes) {}

  // What is on disk, block by block.
  std::vector<std::shared_ptr<UsageBatch>> ReadLog() {
    std::vector<std::shared_ptr<UsageBatch>> blocks;
    const auto snapshot = store->TakeSnapshot();
    const auto visit = [&blocks](const storage::BlockSummary&, UsageBatch batch) {
      blocks.push_back(std::make_shared<UsageBatch>(std::move(batch)));
      return true;
    };
    if (!storage::EventLog::Scan(*snapshot, 0, INT64_MIN, INT64_MAX, {}, visit).ok()) std::abort();
    return blocks;
  }

  std::unique_ptr<features::PhraseEngine> phrases =
      features::PhraseEngine::Compile(features::PhraseEngine::BuiltInList()).value();
  features::PromptDigester digester{features::DigestKey::BuiltIn(), *phrases};
  std::unique_ptr<storage::KeyValueStore> store = storage::MakeMemoryStore();
  detector::ScoringEngine engine{{}, detector::SerialFor};
  std::unique_ptr<ingest::Pipeline> pipeline = ingest::Pipeline::Start(*store, engine, {}).value();
  ingest::IngestCounters counters;
  ingest::Admission admission;
  ingest::SourceRegistry sources{[] { return kNow; }};
  ListenerCatalog catalog{MappingTable::BuiltIn()};
  IntakeResources resources{digester,
                            *pipeline,
                            admission,
                            counters,
                            sources,
                            [] { return kNow; },
                            [this] { return engine.counters().watermark_unix_nano; },
                            [](const std::function<void()>& task) { task(); }};
};

}  // namespace stillwatch::gateways
