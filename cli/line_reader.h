// Splits bytes into lines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "cli/input_file.h"
#include "proto/result.h"

namespace stillwatch::cli {

enum class LineKind { kText, kTooLong, kEnd };

struct Line {
  LineKind kind = LineKind::kEnd;
  std::string_view text;  // Without its end; valid until the next call. Empty unless kText.
  uint64_t number = 0;    // From 1.
};

// Gives the lines of a source: LF or CR LF, the last one with or without an end, a byte order mark at the start
// skipped. Threading: one thread. Errors: those of the source. Limits: a line longer than `line_bytes_max` is skipped
// and reported as kTooLong.
class LineReader {
 public:
  LineReader(ByteSource& source, size_t line_bytes_max);
  Result<Line> Next();

 private:
  // Moves what is left to the front, doubles a full buffer, and reads more.
  Status Fill();
  Line Take(size_t text_bytes, size_t end_bytes);

  ByteSource& source_;
  const size_t line_bytes_max_;
  size_t capacity_bytes_;
  std::unique_ptr<char[]> buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
  uint64_t number_ = 0;
  bool at_end_ = false;
};

}  // namespace stillwatch::cli
