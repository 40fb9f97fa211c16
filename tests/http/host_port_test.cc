#include "http/host_port.h"

#include <gtest/gtest.h>

namespace stillwatch::http {
namespace {

TEST(HostPortTest, SplitsHostAndPort) {
  const struct {
    const char* address;
    const char* host;
    uint16_t port;
  } kCases[] = {{"127.0.0.1:7443", "127.0.0.1", 7443},
                {"localhost:0", "localhost", 0},
                {"[::1]:65535", "::1", 65535},
                {":80", "", 80},
                {"[::]:1", "::", 1}};
  for (const auto& [address, host, port] : kCases) {
    const Result<HostPort> parsed = ParseHostPort(address);
    ASSERT_TRUE(parsed.ok()) << address;
    EXPECT_EQ(parsed.value().host, host) << address;
    EXPECT_EQ(parsed.value().port, port) << address;
  }
}

TEST(HostPortTest, AnythingElseIsRefused) {
  for (const char* address : {"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1",
                              "127.0.0.1:80 ", "::1:80", "[::1:80", "::1]:80", "unix:/run/socket", "dns:host:80"}) {
    EXPECT_EQ(ParseHostPort(address).status().code(), Code::kInvalidArgument) << address;
  }
}

}  // namespace
}  // namespace stillwatch::http
