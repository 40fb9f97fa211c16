// Commands of the batch audit: audit run, audit list, audit show.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "cli/session.h"
#include "proto/result.h"
#include "stillwatch/v1/audit.pb.h"

namespace stillwatch::cli {

struct AuditRunOptions {
  int64_t from_time_unix_nano = 0;  // 0: from the first event.
  int64_t to_time_unix_nano = 0;    // 0: to the last event.
  std::string report_directory;     // Empty: the report is not kept.
};

ExitCode RunAudit(const Session& session, const AuditRunOptions& options);
ExitCode RunAuditList(const Session& session);
ExitCode RunAuditShow(const Session& session, const std::string& audit_id, const std::string& report_directory);

// Writes the files of a report into one directory as their pieces arrive.
// Errors: kInvalidArgument for a name that could leave the directory or hide in it; kUnavailable if a write fails.
class ReportWriter {
 public:
  // Without a directory the pieces are dropped.
  explicit ReportWriter(std::string directory) : directory_(std::move(directory)) {}

  Status Write(const v1::AuditFilePiece& piece);
  // Says whether everything reached the files.
  Status Finish();
  const std::vector<std::string>& paths() const { return paths_; }

 private:
  Status Open(const std::string& name);

  const std::filesystem::path directory_;
  std::string open_name_;
  std::ofstream file_;
  std::vector<std::string> paths_;
};

}  // namespace stillwatch::cli
