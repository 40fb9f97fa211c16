// Who sends, and what became of it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ingest/ingest_counters.h"

namespace stillwatch::ingest {

// Counts of one sender since the daemon's start.
// Threading: from any thread.
struct Source {
  std::atomic<uint64_t> received{0};   // Messages that are about calls of models, valid or not.
  std::atomic<uint64_t> accepted{0};   // Events on disk.
  std::atomic<uint64_t> duplicate{0};  // Events that were there already.
  std::array<std::atomic<uint64_t>, kRejectReasonCount> rejected{};
  std::atomic<uint64_t> ignored{0};         // Messages that are about something else.
  std::atomic<uint64_t> late{0};            // Events that came after the watermark had passed their time.
  std::atomic<uint64_t> suspected_lost{0};  // Messages that the sender made and that did not come, as far as gaps tell.
  std::atomic<uint64_t> unusable_fields{0};  // Fields that were taken for unknown, because their value was none.
  std::atomic<int64_t> last_seen_unix_nano{0};
  std::atomic<int64_t> usual_gap_nano{0};  // Between two batches, smoothed; 0 before the second.

  uint64_t rejected_count() const;
};

// A source with its names, as it is shown.
struct NamedSource {
  std::string listener;  // "grpc", "otlp", …
  std::string name;      // What the sender calls itself.
  std::shared_ptr<const Source> source;
  bool is_quiet = false;
};

// Knows all sources by listener and name, and which of them have gone quiet.
// Threading: from any thread.
// Limits: kSourceCountMax sources a listener; those beyond it share one of the name "(others)". Names are cut to 128
// bytes.
class SourceRegistry {
 public:
  static constexpr size_t kSourceCountMax = 256;
  static constexpr size_t kNameBytesMax = 128;
  // A source is quiet when nothing came for kQuietGaps times its usual gap, at least kQuietNanoMin, at most
  // kQuietNanoMax.
  static constexpr int64_t kQuietGaps = 20;
  static constexpr int64_t kQuietNanoMin = int64_t{60} * 1'000'000'000;
  static constexpr int64_t kQuietNanoMax = int64_t{6} * 3600 * 1'000'000'000;

  // `clock` tells the time, nanoseconds since 1970.
  explicit SourceRegistry(std::function<int64_t()> clock) : clock_(std::move(clock)) {}

  // The source of that name, which has just sent something.
  std::shared_ptr<Source> Note(std::string_view listener, std::string_view name);
  // In the order of listener and name.
  std::vector<NamedSource> List() const;
  // Calls `report` once for each source that has gone quiet since the last call, and for each that is heard again.
  void ReportChanges(const std::function<void(const NamedSource&)>& report);

 private:
  using Key = std::pair<std::string, std::string>;
  struct Known {
    std::shared_ptr<Source> source = std::make_shared<Source>();
    bool was_quiet = false;
  };

  bool IsQuiet(const Source& source, int64_t now) const;

  const std::function<int64_t()> clock_;
  mutable std::mutex mutex_;
  std::map<Key, Known> sources_;
  std::map<std::string, size_t, std::less<>> source_counts_;  // By listener.
};

}  // namespace stillwatch::ingest
