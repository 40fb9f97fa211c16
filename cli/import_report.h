// What became of the lines of an import.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "cli/record.h"
#include "cli/status_line.h"
#include "cli/upload_window.h"
#include "stillwatch/v1/ingest.pb.h"

namespace stillwatch::cli {

struct ImportSummary {
  uint64_t accepted = 0;
  uint64_t duplicate = 0;
  uint64_t rejected = 0;
  std::map<std::string, uint64_t> rejected_by_reason;
  uint64_t unknown_fields = 0;
  double seconds = 0;

  double events_per_second() const;
};

Record SummaryRecord(const ImportSummary& summary);
// The summary for people. `noun` is what was imported, in the plural.
void PrintSummary(std::ostream& out, std::string_view noun, const ImportSummary& summary);

// Counts lines by what became of them, and names the bad ones on standard error as FILE:LINE: reason.
// Threading: any thread. Limits: names kNamedLinesMax bad lines; the others are only counted.
class ImportReport {
 public:
  static constexpr uint64_t kNamedLinesMax = 20;
  // `paths`: the files, whose indexes the origins hold.
  ImportReport(StatusLine& status_line, std::vector<std::string> paths)
      : status_line_(status_line), paths_(std::move(paths)) {}

  // A line that was not even sent.
  void RejectLine(const EventOrigin& origin, const std::string& reason, std::string_view message);
  // The answer to a batch.
  void Acknowledge(const BatchOutcome& outcome, const google::protobuf::RepeatedPtrField<v1::RejectedEvent>& rejected);
  void AddUnknownFields(uint64_t count);

  // Newest time of an event that was not rejected; 0 if there is none.
  uint64_t newest_time_unix_nano();
  // Counts so far; seconds are left 0.
  ImportSummary Summary();
  // Says how many bad lines were not named, if any.
  void Finish();

 private:
  void RejectLocked(const EventOrigin* origin, const std::string& reason, std::string_view message);

  StatusLine& status_line_;
  const std::vector<std::string> paths_;
  std::mutex mutex_;
  ImportSummary summary_;
  uint64_t newest_time_unix_nano_ = 0;
};

}  // namespace stillwatch::cli
