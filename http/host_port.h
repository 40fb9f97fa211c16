// An address as it is written in options: HOST:PORT.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proto/result.h"

namespace stillwatch::http {

struct HostPort {
  std::string host;  // Without the brackets of an IPv6 address; empty for every address of the machine.
  uint16_t port = 0;
};

// Errors: kInvalidArgument, naming the address, if it is not HOST:PORT with an IPv6 host in brackets.
Result<HostPort> ParseHostPort(std::string_view address);

}  // namespace stillwatch::http
