// Commands that import: events, accounts, models.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/backoff.h"
#include "cli/session.h"

namespace stillwatch::cli {

// Whether an import says that no earlier event will follow, so that the scores settle at once.
enum class Completeness { kComplete, kMoreFollows };

struct ImportOptions {
  std::vector<std::string> paths;  // "-" is standard input.
  size_t batch_size = 2000;
  size_t window_bytes = 16 << 20;
  std::chrono::seconds retry_time{60};
  Completeness completeness = Completeness::kComplete;
  Backoff backoff;
};

ExitCode RunImportEvents(const Session& session, const ImportOptions& options);
ExitCode RunImportAccounts(const Session& session, const ImportOptions& options);
ExitCode RunImportModels(const Session& session, const ImportOptions& options);

// The id of an event that has none: the same for the same line of the same file, so that a second import counts nothing
// twice. Of the path only the file's name counts, without the suffix of a compression.
std::string DeriveEventId(std::string_view path, uint64_t line_number, std::string_view line);

// The name under which a file is sent: "import:" and its name, cut and cleaned to what the daemon takes.
std::string SourceId(std::string_view path);

}  // namespace stillwatch::cli
