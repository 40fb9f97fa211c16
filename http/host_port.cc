#include "http/host_port.h"

#include <charconv>
#include <system_error>

namespace stillwatch::http {

Result<HostPort> ParseHostPort(std::string_view address) {
  const Status wrong(Code::kInvalidArgument, "address " + std::string(address) + ": expected HOST:PORT or [IPV6]:PORT");
  const size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) return wrong;
  std::string_view host = address.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find_first_of(":[]") != std::string_view::npos) {
    return wrong;
  }
  const std::string_view digits = address.substr(colon + 1);
  HostPort out{std::string(host), 0};
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out.port);
  if (error != std::errc() || end != digits.data() + digits.size()) return wrong;
  return out;
}

}  // namespace stillwatch::http
