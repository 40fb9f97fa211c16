#include "cli/line_reader.h"

#include <algorithm>
#include <cstring>

namespace stillwatch::cli {
namespace {

// Large enough that a call of the source costs nothing beside its bytes, small enough to stay in the cache.
constexpr size_t kBufferBytesMin = 256 << 10;

}  // namespace

LineReader::LineReader(ByteSource& source, size_t line_bytes_max)
    : source_(source),
      line_bytes_max_(line_bytes_max),
      capacity_bytes_(kBufferBytesMin),
      buffer_(new char[capacity_bytes_]) {}

Status LineReader::Fill() {
  std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  if (end_ == capacity_bytes_) {
    std::unique_ptr<char[]> larger(new char[capacity_bytes_ * 2]);
    std::memcpy(larger.get(), buffer_.get(), end_);
    buffer_ = std::move(larger);
    capacity_bytes_ *= 2;
  }
  auto size = source_.Read(buffer_.get() + end_, capacity_bytes_ - end_);
  if (!size.ok()) return size.status();
  at_end_ = *size == 0;
  end_ += *size;
  return Status();
}

Line LineReader::Take(size_t text_bytes, size_t end_bytes) {
  std::string_view text(buffer_.get() + begin_, text_bytes);
  begin_ += text_bytes + end_bytes;
  ++number_;
  if (text.ends_with('\r')) text.remove_suffix(1);
  if (number_ == 1 && text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  return {LineKind::kText, text, number_};
}

Result<Line> LineReader::Next() {
  size_t searched_bytes = 0;
  bool too_long = false;
  while (true) {
    const char* begin = buffer_.get() + begin_;
    const size_t bytes = end_ - begin_;
    const void* found = std::memchr(begin + searched_bytes, '\n', bytes - searched_bytes);
    const size_t line_bytes = found == nullptr ? bytes : static_cast<size_t>(static_cast<const char*>(found) - begin);
    if (line_bytes > line_bytes_max_) too_long = true;
    if (found != nullptr || (at_end_ && (bytes > 0 || too_long))) {
      const Line line = Take(line_bytes, found == nullptr ? 0 : 1);
      return too_long ? Line{LineKind::kTooLong, {}, line.number} : line;
    }
    if (at_end_) return Line{LineKind::kEnd, {}, number_};
    // The rest of a line that is too long need not be kept.
    if (too_long) begin_ = end_;
    searched_bytes = end_ - begin_;
    STILLWATCH_RETURN_IF_ERROR(Fill());
  }
}

}  // namespace stillwatch::cli
