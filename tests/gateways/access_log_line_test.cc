// Lines as Debian's nginx, HAProxy and Caddy write them with the recipes of deploy/gateways.
#include "gateways/access_log_line.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <string>

namespace stillwatch::gateways {
namespace {

class AccessLogLineTest : public ::testing::Test {
 protected:
  // The record's fields by their first occurrence.
  std::map<std::string, Value> Read(const std::string& line, std::optional<LinePlace> place = std::nullopt) {
    const Status status = reader_.Read(lines_.emplace_back(line), place, record_);
    EXPECT_TRUE(status.ok()) << status.message();
    std::map<std::string, Value> out;
    for (const Field& field : record_.fields()) out.emplace(field.key, field.value);
    return out;
  }

  AccessLogLineReader reader_;
  Record record_;
  std::deque<std::string> lines_;  // Records are views of them.
};

TEST_F(AccessLogLineTest, ACallOfNginxCountsFromItsArrival) {
  auto fields = Read(
      R"(<190>Nov 25 22:04:05 nginx: {"msec":1780000010.500,"request_time":2.250,"uri":"/v1/chat/completions","status":200})");
  EXPECT_EQ(fields.at("arrival_time").integer, 1'780'000'008'250'000'000);
  EXPECT_EQ(fields.at("operation").text, "chat");
  EXPECT_EQ(fields.at("status").integer, 200);
  EXPECT_EQ(fields.at("syslog.program").text, "nginx");
}

TEST_F(AccessLogLineTest, ACallOfCaddyCountsFromItsArrival) {
  auto fields = Read(
      R"({"level":"info","ts":1780000010.5,"request":{"uri":"/v1/embeddings?x=1","headers":{"User-Agent":["a \"quoted\"","b"]}},"duration":0.5})");
  EXPECT_EQ(fields.at("arrival_time").integer, 1'780'000'010'000'000'000);
  EXPECT_EQ(fields.at("operation").text, "embeddings");
  EXPECT_EQ(fields.at("request.headers.User-Agent").text, "a \"quoted\"");
}

TEST_F(AccessLogLineTest, ALineWithoutBothTellsNoArrival) {
  EXPECT_FALSE(Read(R"({"msec":1780000010.5,"uri":"/favicon.ico"})").contains("arrival_time"));
  EXPECT_FALSE(Read(R"({"msec":1.5,"request_time":2})").contains("arrival_time"));
  EXPECT_FALSE(Read(R"({"uri":"/favicon.ico"})").contains("operation"));
}

TEST_F(AccessLogLineTest, TheTimeOfTheHeaderIsThereBesideThatOfTheLine) {
  auto fields = Read(R"(<134>1 2026-11-25T22:04:05Z edge-1 haproxy 42 - - {"a":1})");
  EXPECT_EQ(fields.at("timestamp").text, "2026-11-25T22:04:05Z");
  EXPECT_EQ(fields.at("syslog.host").text, "edge-1");
  fields = Read(R"(<134>1 2026-11-25T22:04:05Z edge-1 haproxy 42 - - {"timestamp":"own"})");
  EXPECT_EQ(fields.at("timestamp").text, "own");
}

TEST_F(AccessLogLineTest, AnIdIsThatOfThePlaceOrOfTheWords) {
  const auto id = [this](const std::string& line, std::optional<LinePlace> place) {
    return std::string(Read(line, place).at("line_id").text);
  };
  const std::string words = id("{\"a\":1}", std::nullopt);
  EXPECT_EQ(words.size(), 32U);
  EXPECT_EQ(words, id("<134>Nov 25 22:04:05 relay x: {\"a\":1}", std::nullopt));
  EXPECT_NE(words, id("{\"a\":2}", std::nullopt));
  const std::string place = id("{\"a\":1}", LinePlace{7, 100});
  EXPECT_EQ(place, id("{\"a\":1}", LinePlace{7, 100}));
  EXPECT_NE(place, id("{\"a\":1}", LinePlace{7, 101}));
  EXPECT_NE(place, id("{\"a\":1}", LinePlace{8, 100}));
  EXPECT_NE(place, id("{\"a\":2}", LinePlace{7, 100}));
}

TEST_F(AccessLogLineTest, WhatIsNoRecordIsRefused) {
  const std::string deep = std::string(100, '[') + std::string(100, ']');
  for (const std::string& line :
       {std::string(), std::string("plain text"), std::string("<134>nginx: GET / 200"), std::string("[1]"),
        std::string("{\"a\":\"\xFF\"}"), std::string("<134>1 - - {}"), "{\"a\":" + deep + "}"}) {
    EXPECT_EQ(reader_.Read(line, std::nullopt, record_).code(), Code::kInvalidArgument) << line;
  }
}

}  // namespace
}  // namespace stillwatch::gateways
