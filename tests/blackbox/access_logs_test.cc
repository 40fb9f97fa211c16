// Web servers from Debian, with the configuration of deploy/gateways, in front of the real daemon.
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/blackbox/access_log_programs.h"
#include "tests/blackbox/http_exchange.h"

namespace stillwatch::blackbox {
namespace {

constexpr const char* kRecipeAddress = "127.0.0.1:5140";

// The configuration of an nginx that answers every request, with a recipe of access logs.
std::string NginxConfiguration(const std::string& folder, uint16_t port, const std::string& recipe) {
  std::string text = "daemon off; master_process off; pid " + folder + "/nginx.pid;\nerror_log " + folder +
                     "/nginx-errors.log;\nevents {}\nhttp {\n" + recipe;
  for (const char* name : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
    text += std::string(name) + "_temp_path " + folder + "/" + name + ";\n";
  }
  return text + "server { listen 127.0.0.1:" + std::to_string(port) + "; location / { return 200 \"ok\"; } }\n}\n";
}

class AccessLogsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    setenv("HOME", folder_.path().c_str(), 1);
    setenv("XDG_DATA_HOME", folder_.path().c_str(), 1);
    setenv("XDG_CONFIG_HOME", folder_.path().c_str(), 1);
    deployment_.emplace(
        std::vector<std::string>{"--syslog-tcp-address", "127.0.0.1:0", "--syslog-udp-address", "127.0.0.1:0"});
    tcp_address_ = ToldAddress(*deployment_, "syslog over TCP at ");
    udp_address_ = ToldAddress(*deployment_, "syslog over UDP at ");
    ASSERT_FALSE(tcp_address_.empty());
    ASSERT_FALSE(udp_address_.empty());
  }

  // Starts a program once its configuration is written, and waits for its port.
  void Start(const std::vector<std::string>& command, uint16_t port) {
    programs_.emplace_back(std::make_unique<Process>(command, folder_ / "errors"));
    WaitForListener(port);
  }

  void StartNginx(uint16_t port, const std::string& recipe) {
    WriteFile(folder_ / "nginx.conf", NginxConfiguration(folder_.path(), port, recipe));
    Start({"/usr/sbin/nginx", "-p", folder_.path(), "-c", folder_ / "nginx.conf", "-e", folder_ / "nginx-errors.log"},
          port);
  }

  // Three calls through a server on `port`, and what must have come of them.
  void ExpectCalls(uint16_t port) {
    for (const char* account : {"account-1", "account-2", "account-1"}) {
      EXPECT_NE(Ask(port, account, "agent \"quoted\"").find("200"), std::string::npos);
    }
    WaitForEvents(*deployment_, 3);
    ASSERT_EQ(deployment_->Stop(), 0);
    const std::vector<StoredEvent> events = StoredEvents(*deployment_);
    ASSERT_EQ(events.size(), 3U);
    for (const StoredEvent& event : events) {
      EXPECT_TRUE(event.account_id.starts_with("account-")) << event.account_id;
      EXPECT_EQ(event.client_address, "127.0.0.1");
      EXPECT_EQ(event.status_code, 200);
      EXPECT_EQ(event.operation_name, "chat");
      EXPECT_GE(event.duration_ms, 0);
      EXPECT_EQ(event.input_tokens, -1);
      EXPECT_EQ(event.user_agent, "agent \"quoted\"");
    }
  }

  TemporaryDirectory folder_;
  std::optional<Deployment> deployment_;
  std::string tcp_address_;
  std::string udp_address_;
  std::vector<std::unique_ptr<Process>> programs_;
};

TEST_F(AccessLogsTest, NginxOverUdp) {
  const uint16_t port = FreePort();
  StartNginx(port, Recipe("nginx.conf", {{kRecipeAddress, udp_address_}}));
  ExpectCalls(port);
}

TEST_F(AccessLogsTest, HaproxyOverTcp) {
  const uint16_t port = FreePort();
  WriteFile(folder_ / "haproxy.cfg",
            "defaults\n  mode http\n  timeout connect 5s\n  timeout client 5s\n  timeout server 5s\n" +
                Recipe("haproxy.cfg", {{kRecipeAddress, tcp_address_}}) + "  bind 127.0.0.1:" + std::to_string(port) +
                "\n  http-request return status 200 content-type text/plain string ok\n");
  Start({"/usr/sbin/haproxy", "-db", "-f", folder_ / "haproxy.cfg"}, port);
  ExpectCalls(port);
}

TEST_F(AccessLogsTest, CaddyOverTcp) {
  const uint16_t port = FreePort();
  WriteFile(folder_ / "Caddyfile", "{\n  admin off\n  auto_https off\n}\n" +
                                       Recipe("Caddyfile", {{kRecipeAddress, tcp_address_},
                                                            {":8080 {", "http://127.0.0.1:" + std::to_string(port) +
                                                                            " {\n  bind 127.0.0.1\n  respond ok"}}));
  Start({"/usr/bin/caddy", "run", "--config", folder_ / "Caddyfile", "--adapter", "caddyfile"}, port);
  ExpectCalls(port);
}

TEST_F(AccessLogsTest, NginxByWayOfRsyslog) {
  const uint16_t port = FreePort();
  const std::string relay = std::to_string(FreePort());
  WriteFile(folder_ / "rsyslog.conf",
            "global(workDirectory=\"" + folder_.path() +
                "\")\nmodule(load=\"imudp\")\ninput(type=\"imudp\" address=\"127.0.0.1\" port=\"" + relay +
                "\")\nmodule(load=\"imtcp\")\ninput(type=\"imtcp\" address=\"127.0.0.1\" port=\"" + relay + "\")\n" +
                Recipe("rsyslog.conf",
                       {{"port=\"5140\"", "port=\"" + tcp_address_.substr(tcp_address_.rfind(':') + 1) + "\""}}));
  Start({"/usr/sbin/rsyslogd", "-n", "-f", folder_ / "rsyslog.conf", "-i", folder_ / "rsyslog.pid"},
        static_cast<uint16_t>(std::stoi(relay)));
  StartNginx(port, Recipe("nginx.conf", {{kRecipeAddress, "127.0.0.1:" + relay}}));
  ExpectCalls(port);
}

TEST_F(AccessLogsTest, NginxByWayOfAFileOverRotationsAndRestarts) {
  const std::string log = folder_ / "stillwatch.log";
  ASSERT_EQ(deployment_->Stop(), 0);
  deployment_.emplace(std::vector<std::string>{"--follow", log});
  const uint16_t port = FreePort();
  StartNginx(port, Recipe("nginx.conf", {{"access_log syslog:", "# access_log syslog:"},
                                         {"# access_log /var/log/nginx/stillwatch.log", "access_log " + log}}));
  uint64_t count = 0;
  const auto ask = [&](int times) {
    for (int i = 0; i < times; ++i, ++count) Ask(port, "account-" + std::to_string(count));
  };
  ask(20);
  WaitForEvents(*deployment_, count);
  // Renamed, and reopened by its server.
  std::filesystem::rename(log, log + ".1");
  ask(5);
  programs_.back()->Signal(SIGUSR1);
  while (!std::filesystem::exists(log)) ask(1);
  ask(20);
  WaitForEvents(*deployment_, count);
  // Killed; the file is copied and truncated meanwhile, after a part of it was not read.
  deployment_->Kill();
  ask(10);
  deployment_->Start();
  while (deployment_->Status().stored_event_count() < count) {
  }
  std::filesystem::copy_file(log, log + ".2");
  std::filesystem::resize_file(log, 0);
  ask(10);
  while (deployment_->Status().stored_event_count() < count) {
  }
  ASSERT_EQ(deployment_->Stop(), 0);
  std::set<std::string> accounts;
  for (const StoredEvent& event : StoredEvents(*deployment_)) {
    EXPECT_TRUE(accounts.insert(event.account_id).second) << event.account_id;
  }
  EXPECT_EQ(accounts.size(), count);
}

TEST_F(AccessLogsTest, SyslogBeyondTheLoopbackIsToBeAllowedByName) {
  const TemporaryDirectory data;
  const std::vector<std::string> command = {STILLWATCHD,   "--data-dir",     data / "data", "--grpc-address",
                                            "127.0.0.1:0", "--http-address", "127.0.0.1:0"};
  for (const char* flag : {"--syslog-tcp-address", "--syslog-udp-address"}) {
    std::vector<std::string> exposed = command;
    exposed.insert(exposed.end(), {flag, "0.0.0.0:0"});
    const Finished refused = RunToEnd(exposed);
    EXPECT_EQ(refused.exit_code, 2);
    EXPECT_NE(refused.errors.find("--syslog-beyond-loopback"), std::string::npos) << refused.errors;
    exposed.emplace_back("--syslog-beyond-loopback");
    Process allowed(exposed, data / "errors");
    EXPECT_TRUE(allowed.ReadLine().starts_with("ready ")) << ReadFile(data / "errors");
    allowed.Signal(SIGTERM);
    EXPECT_EQ(allowed.Wait(), 0);
  }
}

TEST_F(AccessLogsTest, ADatagramOfNoSenseIsCountedWithItsSource) {
  const uint16_t port = FreePort();
  StartNginx(port, "log_format stillwatch 'no JSON';\naccess_log syslog:server=" + udp_address_ + " stillwatch;\n");
  Ask(port, "account-1");
  const std::string counted =
      "stillwatch_source_rejected_total{listener=\"syslog\",source=\"syslog 127.0.0.1\",reason=\"bad_encoding\"} 1";
  while (Get(deployment_->http_address(), "/metrics").find(counted) == std::string::npos) {
  }
  EXPECT_EQ(deployment_->Status().rejected_event_count(), 1U);
}

}  // namespace
}  // namespace stillwatch::blackbox
