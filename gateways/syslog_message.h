// What a syslog message carries.
#pragma once

#include <optional>
#include <string_view>

namespace stillwatch::gateways {

// A message, taken apart. Empty is unknown.
struct SyslogMessage {
  std::string_view host = {};
  std::string_view program = {};
  // RFC 3339, of RFC 5424 only: the older form has neither year nor zone, so it tells no time.
  std::string_view timestamp = {};
  std::string_view content = {};
};

// Reads RFC 5424, RFC 3164 as servers really send it (without a host, or without a time), and a bare content, which is
// a message without `<PRI>`. A byte order mark and the cookie `@cee:` before the content are passed over. Nothing if a
// header begins and does not end as the forms say.
std::optional<SyslogMessage> ParseSyslog(std::string_view message);

}  // namespace stillwatch::gateways
