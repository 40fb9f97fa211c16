#include "cli/line_import.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <system_error>

#include "cli/connection.h"
#include "cli/line_reader.h"
#include "cli/table.h"
#include "proto/usage_json.h"

namespace stillwatch::cli {
namespace {

using Clock = std::chrono::steady_clock;

bool IsBlank(std::string_view line) { return line.find_first_not_of(" \t") == std::string_view::npos; }

// A name that is mistyped is told before anything is sent.
Status CheckPaths(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    std::error_code error;
    if (path != "-" && !std::filesystem::exists(path, error))
      return Status(Code::kNotFound, "there is no file " + path);
  }
  return Status();
}

uint64_t TotalBytes(const std::vector<std::string>& paths) {
  uint64_t total = 0;
  for (const std::string& path : paths) {
    const uint64_t bytes = FileBytes(path);
    if (bytes == 0) return 0;
    total += bytes;
  }
  return total;
}

}  // namespace

LineImport::LineImport(const Session& session, const ImportOptions& options, std::string_view noun)
    : session_(session),
      paths_(options.paths),
      noun_(noun),
      report_(session.status_line, options.paths),
      total_bytes_(TotalBytes(options.paths)) {}

double LineImport::Seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

Status LineImport::ForEachLine(const TakeLine& take_line, const EndFile& end_file) {
  STILLWATCH_RETURN_IF_ERROR(CheckPaths(paths_));
  for (uint32_t file_index = 0; file_index < paths_.size(); ++file_index) {
    const Status status = ReadFile(file_index, take_line);
    // What was read before a fault in a file is sent all the same.
    const Status ended = end_file(file_index);
    STILLWATCH_RETURN_IF_ERROR(status);
    STILLWATCH_RETURN_IF_ERROR(ended);
    past_bytes_ += FileBytes(paths_[file_index]);
  }
  return Status();
}

Status LineImport::ReadFile(uint32_t file_index, const TakeLine& take_line) {
  auto file = InputFile::Open(paths_[file_index]);
  if (!file.ok()) return file.status();
  LineReader reader(**file, kJsonLineBytesMax);
  while (true) {
    auto line = reader.Next();
    if (!line.ok()) return line.status();
    if (line->kind == LineKind::kEnd) return Status();
    const EventOrigin origin{file_index, line->number, 0};
    if (line->kind == LineKind::kTooLong) {
      report_.RejectLine(origin, "too_long", "the line has more than " + std::to_string(kJsonLineBytesMax) + " bytes");
    } else if (!IsBlank(line->text)) {
      STILLWATCH_RETURN_IF_ERROR(take_line(origin, line->text));
    }
    if (++line_count_ % 1024 == 0) ShowProgress(**file);
  }
}

void LineImport::ShowProgress(const InputFile& file) {
  constexpr auto kInterval = std::chrono::milliseconds(200);
  const auto now = Clock::now();
  if (!session_.status_line.is_terminal() || now - shown_ < kInterval) return;
  shown_ = now;
  const uint64_t read_bytes = past_bytes_ + file.read_bytes();
  const double seconds = Seconds();
  std::string text = FormatProgress({read_bytes, total_bytes_, seconds}) + "  " + FormatBytes(read_bytes);
  if (total_bytes_ > 0) text += " of " + FormatBytes(total_bytes_);
  session_.status_line.Show(text + "  " + FormatFixed(static_cast<double>(line_count_) / seconds, 0) + " " + noun_ +
                            "/s");
}

ExitCode LineImport::Finish(const Status& status) {
  session_.status_line.Clear();
  report_.Finish();
  ImportSummary summary = report_.Summary();
  summary.seconds = Seconds();
  if (session_.is_table()) {
    PrintSummary(session_.out, noun_, summary);
  } else {
    PrintRecord(session_.out, session_.format, SummaryRecord(summary));
  }
  if (!status.ok()) return Fail(session_, "import " + noun_, status);
  return summary.rejected > 0 ? ExitCode::kRejectedLines : ExitCode::kOk;
}

}  // namespace stillwatch::cli
