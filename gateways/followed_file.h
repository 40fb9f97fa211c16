// A log file that its server writes to and renames or truncates now and then, read line by line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "proto/result.h"

namespace stillwatch::gateways {

// One line, and where it stands. `text` is valid until the next read.
struct FollowedLine {
  std::string_view text;  // Without its end.
  uint64_t inode = 0;
  uint64_t offset = 0;
};

// What was seen of a file since the start.
struct FollowedFileCounters {
  uint64_t rotation_count = 0;
  uint64_t truncation_count = 0;
  uint64_t too_long_line_count = 0;
  uint64_t lost_byte_count = 0;     // Were in the file, were not read, and are gone.
  uint64_t missing_file_count = 0;  // Files that were read in part and could not be found again at the start.
};

// Reads a file from where the last reading ended. A file that was renamed is read to its end, and on as long as its
// server may still write to it; one that was truncated, or copied and truncated, is read from its new beginning. Which
// file is which is told by its inode and its first bytes, so neither a name nor an inode that is used again misleads.
// Threading: one thread at a time. Ownership: holds the files open; lines are views of its buffer.
// Errors: a file that is not there yet or cannot be opened is waited for; what was wrong last is in `problem`.
// Limits: kReadBytesMax a read; a line longer than kLineBytesMax is passed over and counted. What was written to a file
// and truncated away between two reads is lost: so much as its last known size tells is counted.
class FollowedFile {
 public:
  static constexpr size_t kReadBytesMax = 1u << 20;
  static constexpr size_t kLineBytesMax = 1u << 20;
  // A renamed file is given up when nothing came for so long: servers reopen their log within seconds.
  static constexpr int64_t kQuietNano = 60'000'000'000;

  // `saved` is what Position said when it was last made durable; empty to read from the beginning. Errors: kDataLoss if
  // it is none of ours.
  static Result<FollowedFile> Open(std::string path, std::string_view saved);
  FollowedFile(FollowedFile&&) noexcept = default;
  FollowedFile& operator=(FollowedFile&&) noexcept = default;

  // Reads lines that are new, at most kReadBytesMax; none if there are none. `now_nano` is of any clock that only
  // grows.
  const std::vector<FollowedLine>& Read(int64_t now_nano);
  // Whether the last read may have left something behind.
  bool has_more() const { return has_more_; }
  // Where the lines that were read so far end, to be kept with what became of them.
  std::string Position() const;

  const std::string& path() const { return path_; }
  const std::string& problem() const { return problem_; }
  const FollowedFileCounters& counters() const { return counters_; }

 private:
  // The first bytes of a file, by their number and their hash.
  struct Fingerprint {
    uint64_t byte_count = 0;
    uint64_t hash = 0;
  };
  // An open file.
  class Descriptor {
   public:
    explicit Descriptor(int number) : number_(number) {}
    ~Descriptor();
    Descriptor(Descriptor&& other) noexcept;
    Descriptor& operator=(Descriptor&& other) noexcept;
    int number() const { return number_; }

   private:
    int number_ = -1;
  };
  // One file that bears or bore the name.
  struct Generation {
    Descriptor file;
    uint64_t inode = 0;
    Fingerprint fingerprint = {};
    uint64_t offset = 0;  // Of the next line.
    uint64_t size = 0;    // When last looked at.
    int64_t grown_nano = 0;
    bool is_skipping = false;  // In the middle of a line that is too long.
  };
  struct Saved;

  explicit FollowedFile(std::string path) : path_(std::move(path)) {}
  Status Restore(std::string_view saved);
  void Reopen(const std::vector<Saved>& saved);
  bool Find(const Saved& saved);
  void OpenNewest(int64_t now_nano);
  void CheckForTruncation(Generation& generation);
  void ReadFrom(Generation& generation, int64_t now_nano);
  void TakeLines(Generation& generation, std::string_view bytes, bool is_last);
  void DropFinished(int64_t now_nano);

  std::string path_;
  std::deque<Generation> generations_;  // Oldest first; the last one bears the name.
  std::vector<char> buffer_;
  std::vector<FollowedLine> lines_;
  bool has_more_ = false;
  std::string problem_;
  FollowedFileCounters counters_;
};

}  // namespace stillwatch::gateways
