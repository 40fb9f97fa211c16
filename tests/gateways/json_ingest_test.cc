#include "gateways/json_ingest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <string>
#include <variant>

#include "tests/gateways/gateway_bodies.h"
#include "tests/gateways/intake_harness.h"

namespace stillwatch::gateways {
namespace {

using ::testing::HasSubstr;

class JsonIngestTest : public ::testing::Test {
 protected:
  JsonIngestTest() {
    ingest_.AddRoutes(router_, [](std::string_view) { return true; });
  }

  http::Response Post(const std::string& path, std::string body, const std::string& content_type = "application/json") {
    http::Request request;
    request.method = http::Method::kPost;
    request.path = path;
    request.peer = "192.0.2.1:4000";
    request.content_type = content_type;
    const auto chosen = router_.Choose("POST", request, body.size());
    if (const auto* refusal = std::get_if<http::Response>(&chosen)) return *refusal;
    request.body = std::move(body);
    std::promise<http::Response> answer;
    std::get<const http::Route*>(chosen)->handle(
        std::move(request),
        http::Responder([&answer](http::Response response) { answer.set_value(std::move(response)); }));
    return answer.get_future().get();
  }
  uint64_t stored() const { return harness_.pipeline->counters().stored_event_count; }

  IntakeHarness harness_;
  ingest::EventDecoder decoder_{harness_.digester, [] { return kNow + kNanosecondsPerDay; }};
  JsonIngest ingest_{harness_.resources, harness_.catalog, decoder_};
  http::Router router_;
};

constexpr const char* kOwnEvent = R"({"event_id":"e-1","account_id":"acct-1","time_unix_nano":"1779999990000000000"})";

TEST_F(JsonIngestTest, BodiesOfLiteLlmCountOnceHoweverTheyCome) {
  const std::string payload(kLiteLlmPayload);
  EXPECT_THAT(Post("/v1/ingest/litellm", "[" + payload + "," + std::string(kLiteLlmFailure) + "]").body,
              HasSubstr(R"("accepted":2,"duplicate":0,"ignored":0,"rejected":0)"));
  EXPECT_THAT(Post("/v1/ingest/litellm", payload).body, HasSubstr(R"("accepted":0,"duplicate":1)"));
  EXPECT_EQ(stored(), 2U);
}

TEST_F(JsonIngestTest, BodiesOfKongCountOnce) {
  EXPECT_THAT(Post("/v1/ingest/kong", std::string(kKongEntry)).body, HasSubstr(R"("accepted":1)"));
  EXPECT_THAT(Post("/v1/ingest/kong", "[" + std::string(kKongEntry) + "," + std::string(kKongPlainEntry) + "]").body,
              HasSubstr(R"("accepted":1,"duplicate":1)"));
}

TEST_F(JsonIngestTest, OurOwnEventsAndAccessLogsGoTogether) {
  const std::string line =
      R"({"msec":1779999990.5,"request_time":0.5,"account_id":"acct-2","status":200,"remote_addr":"192.0.2.7"})";
  const http::Response response =
      Post("/v1/ingest/ndjson", kOwnEvent + std::string("\n") + line + "\n", "application/x-ndjson");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "application/json");
  EXPECT_THAT(response.body, HasSubstr(R"("accepted":2,"duplicate":0,"ignored":0,"rejected":0,"rejections":[])"));
  EXPECT_EQ(stored(), 2U);
}

TEST_F(JsonIngestTest, EachBadLineIsNamedWithItsReason) {
  const std::string body = std::string(kOwnEvent) + "\n" +  // 1
                           "{broken\n" +                    // 2
                           R"({"account_id":"a","time_unix_nano":1})"
                           "\n"  // 3
                           R"({"msec":1779999990.5,"status":200})"
                           "\n"                                                                                   // 4
                           R"({"account_id":"a","time_unix_nano":"1779999990000000000","input_tokens":"many"})";  // 5
  const http::Response response = Post("/v1/ingest/ndjson", body);
  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(response.body, HasSubstr(R"("accepted":1,"duplicate":0,"ignored":0,"rejected":4)"));
  EXPECT_THAT(response.body, HasSubstr(R"({"line":2,"reason":"bad_encoding")"));
  EXPECT_THAT(response.body, HasSubstr(R"({"line":3,"reason":"time_too_old")"));
  EXPECT_THAT(response.body, HasSubstr(R"({"line":4,"reason":"missing_field")"));
  EXPECT_THAT(response.body, HasSubstr(R"({"line":5,"reason":"bad_encoding")"));
  const std::vector<ingest::NamedSource> sources = harness_.sources.List();
  ASSERT_EQ(sources.size(), 1U);
  EXPECT_EQ(sources[0].name, "192.0.2.1");
  EXPECT_EQ(sources[0].source->received, 5U);
  EXPECT_EQ(sources[0].source->accepted, 1U);
  EXPECT_EQ(sources[0].source->rejected_count(), 4U);
}

TEST_F(JsonIngestTest, AnEventWithoutAnIdCountsOnceToo) {
  const std::string event = R"({"account_id":"acct-1","time_unix_nano":"1779999990000000000"})";
  EXPECT_THAT(Post("/v1/ingest/ndjson", event).body, HasSubstr(R"("accepted":1)"));
  EXPECT_THAT(Post("/v1/ingest/ndjson", event).body, HasSubstr(R"("duplicate":1)"));
}

TEST_F(JsonIngestTest, ManyLinesAreManyBatchesAndOneAnswer) {
  std::string body;
  for (int i = 0; i < 9001; ++i) {
    body +=
        R"({"account_id":"acct-1","time_unix_nano":"1779999990000000000","event_id":")" + std::to_string(i) + "\"}\n";
  }
  EXPECT_THAT(Post("/v1/ingest/ndjson", body).body, HasSubstr(R"("accepted":9001)"));
}

TEST_F(JsonIngestTest, WhatIsNoJsonIsRefused) {
  EXPECT_EQ(Post("/v1/ingest/litellm", "[{\"a\":").status, 400);
  EXPECT_EQ(Post("/v1/ingest/litellm", "x", "application/octet-stream").status, 415);
  EXPECT_EQ(stored(), 0U);
}

TEST_F(JsonIngestTest, AFullDaemonSaysWhenToComeAgain) {
  harness_.admission.Acquire(1 << 20);
  const http::Response response = Post("/v1/ingest/ndjson", kOwnEvent);
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.headers.at(0).first, "Retry-After");
  harness_.admission.Release(1 << 20);
  EXPECT_EQ(Post("/v1/ingest/ndjson", kOwnEvent).status, 200);
}

TEST_F(JsonIngestTest, AStoppedPipelineIsNotTakenForSuccess) {
  harness_.pipeline->Drain();
  EXPECT_EQ(Post("/v1/ingest/ndjson", kOwnEvent).status, 503);
  EXPECT_EQ(Post("/v1/ingest/litellm", std::string(kLiteLlmPayload)).status, 503);
}

}  // namespace
}  // namespace stillwatch::gateways
