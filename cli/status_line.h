// Standard error: messages, and a line below them that shows progress on a terminal.
#pragma once

#include <cstdint>
#include <mutex>
#include <ostream>
#include <string>
#include <string_view>

namespace stillwatch::cli {

// Writes messages and redraws one line of progress beneath them; without a terminal there is no such line.
// Threading: any thread.
class StatusLine {
 public:
  enum class Kind { kTerminal, kPlain };
  StatusLine(std::ostream& err, Kind kind) : err_(err), kind_(kind) {}
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;
  ~StatusLine() { Clear(); }

  bool is_terminal() const { return kind_ == Kind::kTerminal; }
  // Replaces the line of progress.
  void Show(std::string_view text);
  // Removes the line of progress.
  void Clear();
  // Writes a message that stays, as `stillwatch: text`.
  void Say(std::string_view text);
  // Writes a line that stays, as it is.
  void Write(std::string_view line);

 private:
  void ClearLocked();

  std::mutex mutex_;
  std::ostream& err_;
  const Kind kind_;
  bool shown_ = false;
};

// How far a long piece of work is. A total of 0 is unknown.
struct Progress {
  uint64_t done = 0;
  uint64_t total = 0;
  double seconds = 0;
};

// A bar, the share done and the time left; without a total only the time that has passed.
std::string FormatProgress(const Progress& progress);

}  // namespace stillwatch::cli
