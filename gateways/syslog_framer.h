// Cuts a stream of syslog, as it comes over TCP, into messages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "proto/result.h"

namespace stillwatch::gateways {

// Finds the messages of one connection, in either framing of RFC 6587, told apart message by message: a digit begins a
// count of octets, anything else a line. So plain lines of JSON are taken, too.
// Threading: none of its own. Ownership: keeps what is not complete yet; a message is a view for the time of the call.
// Errors: kInvalidArgument if a count makes no sense: nobody knows where the next message begins, so the connection has
// to end.
// Limits: a longer message than `message_bytes_max` is passed over and counted.
class SyslogFramer {
 public:
  explicit SyslogFramer(size_t message_bytes_max) : message_bytes_max_(message_bytes_max) {}

  using Visitor = std::function<void(std::string_view message)>;
  Status Feed(std::string_view bytes, const Visitor& visit);
  // The connection has ended: what stands without an end of line is a message if it may be one, and a counted one that
  // is not complete is lost, which the return value tells.
  enum class Ending : uint8_t { kWhole, kCutOff };
  Ending End(const Visitor& visit);

  uint64_t too_long_count() const { return too_long_count_; }

 private:
  enum class State : uint8_t { kBegin, kCount, kCounted, kLine };

  Status ReadCount(std::string_view& bytes);
  void ReadCounted(std::string_view& bytes, const Visitor& visit);
  void ReadLine(std::string_view& bytes, const Visitor& visit);
  void Finish(std::string_view rest, const Visitor& visit);
  void Keep(std::string_view part);

  const size_t message_bytes_max_;
  State state_ = State::kBegin;
  size_t count_ = 0;  // Octets that are still to come of a counted message.
  bool is_too_long_ = false;
  std::string kept_;  // Of the message under way.
  uint64_t too_long_count_ = 0;
};

}  // namespace stillwatch::gateways
