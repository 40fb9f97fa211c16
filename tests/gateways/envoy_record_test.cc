// What an entry of Envoy's access log becomes by the table of names.
#include "gateways/envoy_record.h"

#include <gtest/gtest.h>

#include <string>

#include "envoy/data/accesslog/v3/accesslog.pb.h"
#include "tests/gateways/intake_harness.h"

namespace stillwatch::gateways {
namespace {

using envoy::data::accesslog::v3::HTTPAccessLogEntry;

HTTPAccessLogEntry SomeEntry() {
  HTTPAccessLogEntry entry;
  auto& common = *entry.mutable_common_properties();
  common.mutable_start_time()->set_seconds(kNow / kNanosecondsPerSecond - 10);
  common.mutable_downstream_remote_address()->mutable_socket_address()->set_address("203.0.113.7");
  (*entry.mutable_request()->mutable_request_headers())["x-account-id"] = "of-header";
  entry.mutable_request()->set_request_id("request-1");
  return entry;
}

class EnvoyRecordTest : public ::testing::Test {
 protected:
  std::shared_ptr<UsageBatch> EventOf(const HTTPAccessLogEntry& proto) {
    const std::string bytes = proto.SerializeAsString();
    EnvoyEntry entry;
    Record record;
    EXPECT_TRUE(ReadEnvoyEntry(bytes, entry));
    EXPECT_TRUE(writer_.Write({"envoy-1", "edge", "llm"}, entry, bytes, record));
    EventBuilder builder(*harness_.catalog.mapper("envoy"), harness_.digester, kNow);
    builder.Add(record, {});
    return builder.TakeBatch();
  }
  static google::protobuf::Map<std::string, google::protobuf::Value>& Metadata(HTTPAccessLogEntry& entry,
                                                                               const std::string& filter) {
    auto& filters = *entry.mutable_common_properties()->mutable_metadata()->mutable_filter_metadata();
    return *filters[filter].mutable_fields();
  }

  IntakeHarness harness_;
  EnvoyRecordWriter writer_;
};

TEST_F(EnvoyRecordTest, WhatTheAiGatewaySaysIsRead) {
  HTTPAccessLogEntry entry = SomeEntry();
  auto& gateway = Metadata(entry, "io.envoy.ai_gateway");
  gateway["llm_input_token"].set_number_value(120);
  gateway["llm_output_token"].set_number_value(60);
  gateway["llm_cached_input_token"].set_number_value(40);
  gateway["llm_reasoning_token"].set_number_value(16);
  gateway["response_model"].set_string_value("answering");
  gateway["token_latency_ttft"].set_number_value(321.4);
  (*entry.mutable_request()->mutable_request_headers())["x-ai-eg-model"] = "asked";
  entry.mutable_request()->set_path("/v1/chat/completions");
  entry.mutable_request()->set_user_agent("python/1.2");
  entry.mutable_response()->mutable_response_code()->set_value(200);
  auto& common = *entry.mutable_common_properties();
  common.mutable_time_to_first_upstream_rx_byte()->set_nanos(1);
  common.mutable_duration()->set_seconds(2);
  common.mutable_tls_properties()->set_ja3_fingerprint("ja3");
  const auto event = EventOf(entry);
  ASSERT_EQ(event->size(), 1U);
  EXPECT_EQ(event->text(0, TextField::kAccountId), "of-header");
  EXPECT_EQ(event->text(0, TextField::kClientAddress), "203.0.113.7");
  EXPECT_EQ(event->text(0, TextField::kUserAgent), "python/1.2");
  EXPECT_EQ(event->text(0, TextField::kTlsFingerprint), "ja3");
  EXPECT_EQ(event->text(0, TextField::kOperationName), "chat");
  EXPECT_EQ(event->text(0, TextField::kRequestModel), "asked");
  EXPECT_EQ(event->text(0, TextField::kResponseModel), "answering");
  EXPECT_EQ(event->number(0, NumberField::kInputTokens), 120U);
  EXPECT_EQ(event->number(0, NumberField::kOutputTokens), 60U);
  EXPECT_EQ(event->number(0, NumberField::kCacheReadInputTokens), 40U);
  EXPECT_EQ(event->number(0, NumberField::kReasoningTokens), 16U);
  EXPECT_EQ(event->number(0, NumberField::kTimeToFirstTokenMs), 321U);
  EXPECT_EQ(event->number(0, NumberField::kDurationMs), 2000U);
  EXPECT_EQ(event->number(0, NumberField::kStatusCode), 200U);
}

TEST_F(EnvoyRecordTest, WhatIsNotSaidIsUnknown) {
  const auto event = EventOf(SomeEntry());
  ASSERT_EQ(event->size(), 1U);
  for (const NumberField field : {NumberField::kInputTokens, NumberField::kOutputTokens, NumberField::kDurationMs,
                                  NumberField::kTimeToFirstTokenMs, NumberField::kStatusCode}) {
    EXPECT_FALSE(event->has(0, field)) << Target(field).name();
  }
  EXPECT_EQ(event->text(0, TextField::kRequestModel), "");
}

TEST_F(EnvoyRecordTest, TheFirstSelectorThatHitsNamesTheAccount) {
  HTTPAccessLogEntry entry = SomeEntry();
  auto& certificate =
      *entry.mutable_common_properties()->mutable_tls_properties()->mutable_peer_certificate_properties();
  certificate.add_subject_alt_name()->set_uri("spiffe://of-certificate");
  EXPECT_EQ(EventOf(entry)->text(0, TextField::kAccountId), "of-header");
  (*entry.mutable_common_properties()->mutable_custom_tags())["account_id"] = "of-tag";
  EXPECT_EQ(EventOf(entry)->text(0, TextField::kAccountId), "of-tag");
  (*Metadata(entry, "envoy.filters.http.jwt_authn")["jwt_payload"].mutable_struct_value()->mutable_fields())["sub"]
      .set_string_value("of-claim");
  EXPECT_EQ(EventOf(entry)->text(0, TextField::kAccountId), "of-claim");
  entry.mutable_request()->clear_request_headers();
  entry.mutable_common_properties()->clear_custom_tags();
  entry.mutable_common_properties()->clear_metadata();
  EXPECT_EQ(EventOf(entry)->text(0, TextField::kAccountId), "spiffe://of-certificate");
}

TEST_F(EnvoyRecordTest, AnIdIsThatOfTheRequestItsStreamAndTheKindOfEntry) {
  const auto id = [this](const HTTPAccessLogEntry& entry) {
    return std::string(EventOf(entry)->text(0, TextField::kEventId));
  };
  HTTPAccessLogEntry entry = SomeEntry();
  const std::string first = id(entry);
  entry.mutable_response()->set_response_body_bytes(1);
  EXPECT_EQ(id(entry), first);
  entry.mutable_common_properties()->set_stream_id("stream-2");
  EXPECT_NE(id(entry), first);
  entry.mutable_common_properties()->clear_stream_id();
  entry.mutable_request()->clear_request_id();
  const std::string nameless = id(entry);
  entry.mutable_response()->set_response_body_bytes(2);
  EXPECT_NE(id(entry), nameless);
}

}  // namespace
}  // namespace stillwatch::gateways
