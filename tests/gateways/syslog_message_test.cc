#include "gateways/syslog_message.h"

#include <gtest/gtest.h>

#include <string>

namespace stillwatch::gateways {
namespace {

struct Case {
  std::string message;
  std::string host;
  std::string program;
  std::string timestamp;
  std::string content;
};

TEST(SyslogMessageTest, FormsThatServersSendAreRead) {
  for (const Case& expected : {
           Case{"<190>Nov 25 22:04:05 edge-1 nginx: {\"a\": 1}", "edge-1", "nginx", "", "{\"a\": 1}"},
           Case{"<190>Nov  5 22:04:05 edge-1 nginx: {}", "edge-1", "nginx", "", "{}"},
           Case{"<134>Nov 25 22:04:05 haproxy[42]: {\"a\": 1}", "", "haproxy", "", "{\"a\": 1}"},
           Case{"<134>haproxy[42]: {\"a\": 1}", "", "haproxy", "", "{\"a\": 1}"},
           Case{"<134>{\"a\": 1}", "", "", "", "{\"a\": 1}"},
           Case{"<134>2026-11-25T22:04:05.123+00:00 edge-1 nginx: {}", "edge-1", "nginx",
                "2026-11-25T22:04:05.123+00:00", "{}"},
           Case{"<134>Nov 25 22:04:05 edge-1 app: @cee: {\"a\": 1}", "edge-1", "app", "", "{\"a\": 1}"},
           Case{"<134>1 2026-11-25T22:04:05Z edge-1 haproxy 42 - - {\"a\": 1}", "edge-1", "haproxy",
                "2026-11-25T22:04:05Z", "{\"a\": 1}"},
           Case{"<134>1 - - - - - - {}", "", "", "", "{}"},
           Case{"<134>1 - h p 42 ID [a@1 k=\"v\\\"]\" l=\"]\"][b] \xEF\xBB\xBF{}", "h", "p", "", "{}"},
           Case{"<134>1 - h p 42 ID [a]", "h", "p", "", ""},
           Case{"{\"a\": \"b c: d\"}", "", "", "", "{\"a\": \"b c: d\"}"},
       }) {
    const std::optional<SyslogMessage> message = ParseSyslog(expected.message);
    ASSERT_TRUE(message) << expected.message;
    EXPECT_EQ(message->host, expected.host) << expected.message;
    EXPECT_EQ(message->program, expected.program) << expected.message;
    EXPECT_EQ(message->timestamp, expected.timestamp) << expected.message;
    EXPECT_EQ(message->content, expected.content) << expected.message;
  }
}

TEST(SyslogMessageTest, BrokenHeadersAreNone) {
  for (const char* message : {"<", "<>x", "<12", "<1234>x", "<a>x", "<134>1 2026-11-25T22:04:05Z h p",
                              "<134>1 - h p 4 - x", "<134>1 - h p 42 ID [a@1 k=\"v] {}"}) {
    EXPECT_FALSE(ParseSyslog(message)) << message;
  }
}

}  // namespace
}  // namespace stillwatch::gateways
