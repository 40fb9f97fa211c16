// What the imports of events, accounts and models have in common: reading files line by line, progress, the end.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/import_commands.h"
#include "cli/import_report.h"
#include "cli/input_file.h"
#include "cli/session.h"

namespace stillwatch::cli {

// Reads the files of an import and hands over their lines.
// Threading: one thread.
class LineImport {
 public:
  // `noun`: what is imported, in the plural.
  LineImport(const Session& session, const ImportOptions& options, std::string_view noun);

  ImportReport& report() { return report_; }
  const Session& session() const { return session_; }

  // Takes a line that is neither blank nor too long. An error ends the import.
  using TakeLine = std::function<Status(const EventOrigin&, std::string_view line)>;
  // Called after the last line of each file.
  using EndFile = std::function<Status(uint32_t file_index)>;
  Status ForEachLine(const TakeLine& take_line, const EndFile& end_file);

  // Prints the summary, and the error if there is one.
  ExitCode Finish(const Status& status);

 private:
  Status ReadFile(uint32_t file_index, const TakeLine& take_line);
  void ShowProgress(const InputFile& file);
  double Seconds() const;

  const Session& session_;
  const std::vector<std::string>& paths_;
  const std::string noun_;
  ImportReport report_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point shown_ = start_;
  uint64_t total_bytes_ = 0;  // Of all files; 0 if unknown.
  uint64_t past_bytes_ = 0;   // Of the files before this one.
  uint64_t line_count_ = 0;
};

}  // namespace stillwatch::cli
