#include "ingest/source_registry.h"

#include <simdjson.h>

#include <algorithm>

#include "ingest/validation.h"

namespace stillwatch::ingest {

uint64_t Source::rejected_count() const {
  uint64_t sum = 0;
  for (const auto& count : rejected) sum += count;
  return sum;
}

std::shared_ptr<Source> SourceRegistry::Note(std::string_view listener, std::string_view name) {
  const int64_t now = clock_();
  if (!simdjson::validate_utf8(name.data(), name.size())) name = "(not UTF-8)";
  Key key(listener, name.empty() ? "(unnamed)" : CutTo(name, kNameBytesMax));
  const std::lock_guard lock(mutex_);
  auto found = sources_.find(key);
  if (found == sources_.end()) {
    size_t& count = source_counts_[key.first];
    if (count >= kSourceCountMax) key.second = "(others)";
    count += sources_.contains(key) ? 0 : 1;
    found = sources_.try_emplace(std::move(key)).first;
  }
  Source& source = *found->second.source;
  const int64_t last = source.last_seen_unix_nano.exchange(now);
  const int64_t gap = std::max<int64_t>(now - last, 1);
  const int64_t usual = source.usual_gap_nano;
  if (last != 0) source.usual_gap_nano = usual == 0 ? gap : usual + (gap - usual) / 8;
  return found->second.source;
}

bool SourceRegistry::IsQuiet(const Source& source, int64_t now) const {
  const int64_t usual = source.usual_gap_nano;
  // With no gap to go by, the longest one is waited for.
  const int64_t patience = usual == 0
                               ? kQuietNanoMax
                               : std::clamp(usual, kQuietNanoMin / kQuietGaps, kQuietNanoMax / kQuietGaps) * kQuietGaps;
  return now - source.last_seen_unix_nano > patience;
}

std::vector<NamedSource> SourceRegistry::List() const {
  const int64_t now = clock_();
  std::vector<NamedSource> out;
  const std::lock_guard lock(mutex_);
  for (const auto& [key, known] : sources_) {
    out.push_back({key.first, key.second, known.source, IsQuiet(*known.source, now)});
  }
  return out;
}

void SourceRegistry::ReportChanges(const std::function<void(const NamedSource&)>& report) {
  const int64_t now = clock_();
  const std::lock_guard lock(mutex_);
  for (auto& [key, known] : sources_) {
    const bool is_quiet = IsQuiet(*known.source, now);
    if (is_quiet == known.was_quiet) continue;
    known.was_quiet = is_quiet;
    report({key.first, key.second, known.source, is_quiet});
  }
}

}  // namespace stillwatch::ingest
