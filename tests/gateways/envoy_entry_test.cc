#include "gateways/envoy_entry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <sstream>
#include <string>

#include "envoy/service/accesslog/v3/als.pb.h"

namespace stillwatch::gateways {
namespace {

using envoy::data::accesslog::v3::AccessLogCommon;
using envoy::data::accesslog::v3::HTTPAccessLogEntry;
using envoy::service::accesslog::v3::StreamAccessLogsMessage;
using ::testing::ElementsAre;
using ::testing::Pair;

HTTPAccessLogEntry FullEntry() {
  HTTPAccessLogEntry entry;
  AccessLogCommon& common = *entry.mutable_common_properties();
  common.mutable_downstream_remote_address()->mutable_socket_address()->set_address("203.0.113.7");
  common.mutable_downstream_direct_remote_address()->mutable_socket_address()->set_address("10.0.0.1");
  auto& certificate = *common.mutable_tls_properties()->mutable_peer_certificate_properties();
  certificate.set_subject("CN=someone");
  certificate.add_subject_alt_name()->set_uri("spiffe://a/b");
  certificate.add_subject_alt_name()->set_dns("b.example");
  common.mutable_tls_properties()->set_ja3_fingerprint("ja3");
  common.mutable_start_time()->set_seconds(1'780'000'000);
  common.mutable_start_time()->set_nanos(5);
  common.mutable_time_to_first_upstream_rx_byte()->set_nanos(7);
  common.mutable_time_to_last_downstream_tx_byte()->set_seconds(2);
  common.mutable_duration();
  common.set_route_name("route");
  common.set_stream_id("stream");
  common.set_access_log_type(envoy::data::accesslog::v3::DownstreamEnd);
  (*common.mutable_custom_tags())["account"] = "acct-1";
  auto& fields = *(*common.mutable_metadata()->mutable_filter_metadata())["io.envoy.ai_gateway"].mutable_fields();
  fields["llm_input_token"].set_number_value(12);
  HTTPAccessLogEntry out = entry;
  out.mutable_request()->set_authority("api.example");
  out.mutable_request()->set_path("/v1/chat/completions");
  out.mutable_request()->set_user_agent("agent/1");
  out.mutable_request()->set_forwarded_for("198.51.100.1");
  out.mutable_request()->set_request_id("request");
  out.mutable_request()->set_request_body_bytes(100);
  (*out.mutable_request()->mutable_request_headers())["x-account-id"] = "acct-2";
  out.mutable_response()->mutable_response_code()->set_value(200);
  out.mutable_response()->set_response_body_bytes(300);
  out.mutable_response()->set_response_code_details("via_upstream");
  (*out.mutable_response()->mutable_response_headers())["x-model"] = "m";
  return out;
}

TEST(EnvoyEntryTest, EveryFieldIsRead) {
  const std::string bytes = FullEntry().SerializeAsString();
  EnvoyEntry entry;
  ASSERT_TRUE(ReadEnvoyEntry(bytes, entry));
  EXPECT_TRUE(entry.IsEnd());
  EXPECT_EQ(entry.remote_address, "203.0.113.7");
  EXPECT_EQ(entry.direct_remote_address, "10.0.0.1");
  EXPECT_EQ(entry.ja3_fingerprint, "ja3");
  EXPECT_EQ(entry.certificate_name, "spiffe://a/b");
  EXPECT_EQ(entry.start_time_unix_nano, 1'780'000'000'000'000'005);
  EXPECT_EQ(entry.time_to_first_upstream_byte_nano, 7);
  EXPECT_EQ(entry.time_to_last_downstream_byte_nano, 2'000'000'000);
  EXPECT_EQ(entry.duration_nano, 0);
  EXPECT_EQ(entry.route_name, "route");
  EXPECT_EQ(entry.stream_id, "stream");
  EXPECT_EQ(entry.authority, "api.example");
  EXPECT_EQ(entry.path, "/v1/chat/completions");
  EXPECT_EQ(entry.user_agent, "agent/1");
  EXPECT_EQ(entry.forwarded_for, "198.51.100.1");
  EXPECT_EQ(entry.request_id, "request");
  EXPECT_EQ(entry.request_body_bytes, 100U);
  EXPECT_EQ(entry.response_code, 200U);
  EXPECT_EQ(entry.response_body_bytes, 300U);
  EXPECT_EQ(entry.response_code_details, "via_upstream");
  EXPECT_THAT(entry.custom_tags, ElementsAre(Pair("account", "acct-1")));
  EXPECT_THAT(entry.request_headers, ElementsAre(Pair("x-account-id", "acct-2")));
  EXPECT_THAT(entry.response_headers, ElementsAre(Pair("x-model", "m")));
  ASSERT_EQ(entry.filter_metadata.size(), 1U);
  EXPECT_EQ(entry.filter_metadata[0].first, "io.envoy.ai_gateway");
}

TEST(EnvoyEntryTest, WhatIsMissingIsUnknownAlsoAfterAnotherEntry) {
  const std::string bytes = FullEntry().SerializeAsString();
  EnvoyEntry entry;
  ASSERT_TRUE(ReadEnvoyEntry(bytes, entry));
  ASSERT_TRUE(ReadEnvoyEntry("", entry));
  EXPECT_EQ(entry.start_time_unix_nano, std::nullopt);
  EXPECT_EQ(entry.duration_nano, std::nullopt);
  EXPECT_EQ(entry.response_code, std::nullopt);
  EXPECT_EQ(entry.remote_address, "");
  EXPECT_TRUE(entry.custom_tags.empty());
  EXPECT_TRUE(entry.filter_metadata.empty());
}

TEST(EnvoyEntryTest, OnlyEndsCount) {
  for (int type = 0; type < 14; ++type) {
    HTTPAccessLogEntry proto;
    proto.mutable_common_properties()->set_access_log_type(
        static_cast<envoy::data::accesslog::v3::AccessLogType>(type));
    EnvoyEntry entry;
    const std::string bytes = proto.SerializeAsString();
    ASSERT_TRUE(ReadEnvoyEntry(bytes, entry));
    EXPECT_EQ(entry.IsEnd(), type == 0 || type == 6) << type;
  }
  HTTPAccessLogEntry proto;
  proto.mutable_common_properties()->set_intermediate_log_entry(true);
  EnvoyEntry entry;
  const std::string bytes = proto.SerializeAsString();
  ASSERT_TRUE(ReadEnvoyEntry(bytes, entry));
  EXPECT_FALSE(entry.IsEnd());
}

TEST(EnvoyEntryTest, AnyCutIsReadOrRefusedNeverReadBeyond) {
  const std::string bytes = FullEntry().SerializeAsString();
  EnvoyEntry entry;
  for (size_t size = 0; size < bytes.size(); ++size) {
    const std::string cut = bytes.substr(0, size);  // A copy, so that a sanitizer sees reads beyond it.
    ReadEnvoyEntry(cut, entry);
  }
  EXPECT_FALSE(ReadEnvoyEntry(bytes.substr(0, bytes.size() - 1), entry));
}

TEST(EnvoyEntryTest, LeavesOfAStructAreVisited) {
  google::protobuf::Struct message;
  auto& fields = *message.mutable_fields();
  fields["a"].set_number_value(1.5);
  fields["b"].set_string_value("text");
  fields["c"].set_bool_value(true);
  fields["d"].set_null_value(google::protobuf::NULL_VALUE);
  (*fields["e"].mutable_struct_value()->mutable_fields())["f"].set_string_value("inner");
  fields["g"].mutable_list_value()->add_values()->set_string_value("first");
  std::map<std::string, std::string> leaves;
  ASSERT_TRUE(VisitStruct(message.SerializeAsString(), "p", [&leaves](std::string_view path, const StructValue& value) {
    std::ostringstream text;
    std::visit([&text](const auto& held) { text << held; }, value);
    leaves.emplace(path, text.str());
  }));
  EXPECT_THAT(leaves, ElementsAre(Pair("p.a", "1.5"), Pair("p.b", "text"), Pair("p.c", "1"), Pair("p.e.f", "inner"),
                                  Pair("p.g.0", "first")));
}

TEST(EnvoyEntryTest, ADeepStructIsReadToItsLimit) {
  google::protobuf::Struct message;
  google::protobuf::Struct* at = &message;
  for (int i = 0; i < 90; ++i) {
    (*at->mutable_fields())["leaf"].set_number_value(i);
    at = (*at->mutable_fields())["s"].mutable_struct_value();
  }
  int count = 0;
  EXPECT_TRUE(
      VisitStruct(message.SerializeAsString(), "", [&count](std::string_view, const StructValue&) { ++count; }));
  EXPECT_EQ(count, kStructDepthMax + 1);
}

TEST(EnvoyEntryTest, AMessageIsTakenApart) {
  StreamAccessLogsMessage proto;
  proto.mutable_identifier()->mutable_node()->set_id("envoy-1");
  proto.mutable_identifier()->mutable_node()->set_cluster("edge");
  proto.mutable_identifier()->set_log_name("llm");
  *proto.mutable_http_logs()->add_log_entry() = FullEntry();
  proto.mutable_http_logs()->add_log_entry();
  const std::string bytes = proto.SerializeAsString();
  EnvoyMessage message;
  ASSERT_TRUE(ReadEnvoyMessage(bytes, message));
  EXPECT_TRUE(message.has_identifier);
  EXPECT_EQ(message.node_id, "envoy-1");
  EXPECT_EQ(message.node_cluster, "edge");
  EXPECT_EQ(message.log_name, "llm");
  EXPECT_EQ(message.entries.size(), 2U);
  EXPECT_FALSE(ReadEnvoyMessage(bytes.substr(0, bytes.size() - 1), message));
}

}  // namespace
}  // namespace stillwatch::gateways
