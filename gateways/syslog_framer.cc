#include "gateways/syslog_framer.h"

#include <algorithm>

namespace stillwatch::gateways {
namespace {

// A count of 2 GiB is no count but bytes of something else.
constexpr size_t kCountMax = size_t{1} << 31;

// Without the end that a line has on the wire: some senders end it with CR LF or NUL.
std::string_view WithoutEnd(std::string_view message) {
  const size_t last = message.find_last_not_of(std::string_view("\r\n\0", 3));
  return last == std::string_view::npos ? std::string_view() : message.substr(0, last + 1);
}

}  // namespace

Status SyslogFramer::Feed(std::string_view bytes, const Visitor& visit) {
  while (!bytes.empty()) {
    if (state_ == State::kBegin) state_ = bytes[0] >= '1' && bytes[0] <= '9' ? State::kCount : State::kLine;
    if (state_ == State::kCount) {
      STILLWATCH_RETURN_IF_ERROR(ReadCount(bytes));
    } else if (state_ == State::kCounted) {
      ReadCounted(bytes, visit);
    } else {
      ReadLine(bytes, visit);
    }
  }
  return Status();
}

Status SyslogFramer::ReadCount(std::string_view& bytes) {
  while (!bytes.empty()) {
    const char c = bytes[0];
    bytes.remove_prefix(1);
    if (c == ' ') {
      state_ = State::kCounted;
      is_too_long_ = count_ > message_bytes_max_;
      return Status();
    }
    if (c < '0' || c > '9') return Status(Code::kInvalidArgument, "syslog: a count of octets is not a number");
    count_ = 10 * count_ + static_cast<size_t>(c - '0');
    if (count_ > kCountMax) return Status(Code::kInvalidArgument, "syslog: a count of octets is beyond 2 GiB");
  }
  return Status();
}

void SyslogFramer::ReadCounted(std::string_view& bytes, const Visitor& visit) {
  const std::string_view part = bytes.substr(0, std::min(count_, bytes.size()));
  bytes.remove_prefix(part.size());
  count_ -= part.size();
  if (count_ == 0) {
    Finish(part, visit);
  } else {
    Keep(part);
  }
}

void SyslogFramer::ReadLine(std::string_view& bytes, const Visitor& visit) {
  const size_t end = bytes.find('\n');
  const std::string_view part = bytes.substr(0, end);
  bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
  if (end == std::string_view::npos) {
    Keep(part);
  } else {
    Finish(part, visit);
  }
}

void SyslogFramer::Keep(std::string_view part) {
  is_too_long_ |= kept_.size() + part.size() > message_bytes_max_;
  if (is_too_long_) {
    kept_.clear();
  } else {
    kept_ += part;
  }
}

// Most messages are whole in one read and need no copy.
void SyslogFramer::Finish(std::string_view rest, const Visitor& visit) {
  std::string_view message = rest;
  if (!kept_.empty() || is_too_long_) {
    Keep(rest);
    message = kept_;
  }
  if (is_too_long_ || message.size() > message_bytes_max_) {
    ++too_long_count_;
  } else if (message = WithoutEnd(message); !message.empty()) {
    visit(message);
  }
  kept_.clear();
  is_too_long_ = false;
  count_ = 0;
  state_ = State::kBegin;
}

SyslogFramer::Ending SyslogFramer::End(const Visitor& visit) {
  const bool is_cut_off = state_ == State::kCount || state_ == State::kCounted;
  if (state_ == State::kLine) Finish({}, visit);
  kept_.clear();
  state_ = State::kBegin;
  count_ = 0;
  is_too_long_ = false;
  return is_cut_off ? Ending::kCutOff : Ending::kWhole;
}

}  // namespace stillwatch::gateways
