// Where listeners of lines hand over what they read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "proto/result.h"

namespace stillwatch::gateways {

// Lines of one sender, in the order in which they came, each a syslog message or a line of a file.
struct LineBatch {
  struct Line {
    size_t begin = 0;  // In `text`.
    size_t size = 0;
    // Where the line stands, for one that stands somewhere and so can be told from another of the same words.
    uint64_t inode = 0;
    uint64_t offset = 0;
  };

  std::string source;
  std::string text;
  std::vector<Line> lines;

  void Add(std::string_view line, uint64_t inode = 0, uint64_t offset = 0) {
    lines.push_back({text.size(), line.size(), inode, offset});
    text += line;
  }
  std::string_view line(size_t index) const {
    return std::string_view(text).substr(lines[index].begin, lines[index].size);
  }
  bool empty() const { return lines.empty(); }
  size_t bytes() const { return text.size() + lines.size() * sizeof(Line); }
};

// What a listener can say of lines that it could not hand over.
enum class LineLoss : uint8_t {
  kTooLong,        // Passed over.
  kCutOff,         // The connection ended in the middle of a message, or its framing broke.
  kKernelDropped,  // Datagrams that came while nobody read.
  kVanished,       // Parts of files that were truncated or renamed away unread.
};

// Takes lines of any listener and makes events of them.
// Threading: from any thread.
class LineSink {
 public:
  virtual ~LineSink() = default;
  // Must not block. `on_done` is called once, on any thread, when what is good of the batch is durable, or with an
  // error if it will not be because the daemon stops.
  using OnDone = std::function<void(const Status&)>;
  virtual void Take(LineBatch batch, OnDone on_done) = 0;
  virtual void NoteLoss(std::string_view source, LineLoss loss, uint64_t count) = 0;
  // True if there is room for more; otherwise `on_room` is called once when there is.
  virtual bool HasRoomOrWait(std::function<void()> on_room) = 0;
};

}  // namespace stillwatch::gateways
