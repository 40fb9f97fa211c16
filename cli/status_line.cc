#include "cli/status_line.h"

#include <algorithm>

#include "cli/table.h"
#include "cli/time_argument.h"

namespace stillwatch::cli {

void StatusLine::Show(std::string_view text) {
  if (!is_terminal()) return;
  const std::lock_guard lock(mutex_);
  err_ << "\r\x1b[K" << text << std::flush;
  shown_ = true;
}

void StatusLine::Clear() {
  const std::lock_guard lock(mutex_);
  ClearLocked();
}

void StatusLine::ClearLocked() {
  if (shown_) err_ << "\r\x1b[K" << std::flush;
  shown_ = false;
}

void StatusLine::Say(std::string_view text) { Write("stillwatch: " + Printable(text)); }

void StatusLine::Write(std::string_view line) {
  const std::lock_guard lock(mutex_);
  ClearLocked();
  err_ << line << '\n' << std::flush;
}

std::string FormatProgress(const Progress& progress) {
  if (progress.total == 0) return FormatDuration(progress.seconds);
  const double share = std::min(1.0, static_cast<double>(progress.done) / static_cast<double>(progress.total));
  std::string text = Bar(share, 30) + " " + FormatFixed(share * 100, 0) + " %";
  if (progress.done > 0 && share < 1) text += "  ETA " + FormatDuration(progress.seconds * (1 - share) / share);
  return text;
}

}  // namespace stillwatch::cli
