// Syslog: framing, headers and the lines of access logs in them.
#include <algorithm>

#include "gateways/access_log_line.h"
#include "gateways/syslog_framer.h"
#include "tests/fuzz/fuzz_target.h"

using namespace stillwatch;
using namespace stillwatch::gateways;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  SyslogFramer framer(200);
  AccessLogLineReader reader;
  Record record;
  const auto read = [&](std::string_view message) { (void)reader.Read(message, std::nullopt, record); };
  // In pieces whose size is told by the first byte.
  const size_t piece = size == 0 ? 1 : 1 + data[0];
  for (size_t at = 0; at < size; at += piece) {
    if (!framer.Feed(bytes.substr(at, piece), read).ok()) break;
  }
  framer.End(read);
  read(bytes);
  return 0;
}

std::vector<std::string> fuzz::Seeds() {
  return {R"(<190>Nov 25 22:04:05 edge-1 nginx: {"msec":1780000010.5,"request_time":2.25,"uri":"/v1/messages"})"
          "\n",
          R"(<134>1 2026-11-25T22:04:05Z edge-1 haproxy 42 - [a@1 k="v\"]"] {"accept_time":1780000010.5,"status":200})"
          "\n",
          R"(20 <134>h[1]: {"a":[1]}<1>@cee: {"ts":1,"duration":0.5}{"request":{"uri":"/x","headers":{"A":["b"]}}})"
          "\n"};
}
