// Envoy's access log: messages, entries, and what filters say of them.
#include "envoy/service/accesslog/v3/als.pb.h"
#include "gateways/envoy_record.h"
#include "tests/fuzz/fuzz_target.h"

using namespace stillwatch::gateways;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  EnvoyMessage message;
  EnvoyEntry entry;
  EnvoyRecordWriter writer;
  Record record;
  if (ReadEnvoyMessage(bytes, message)) {
    for (const std::string_view one : message.entries) {
      if (ReadEnvoyEntry(one, entry)) writer.Write({}, entry, one, record);
    }
  }
  if (ReadEnvoyEntry(bytes, entry)) writer.Write({}, entry, bytes, record);
  VisitStruct(bytes, "", [](std::string_view, const StructValue&) {});
  return 0;
}

std::vector<std::string> stillwatch::fuzz::Seeds() {
  envoy::service::accesslog::v3::StreamAccessLogsMessage message;
  message.mutable_identifier()->mutable_node()->set_id("envoy-1");
  message.mutable_identifier()->set_log_name("llm");
  auto& entry = *message.mutable_http_logs()->add_log_entry();
  auto& common = *entry.mutable_common_properties();
  common.mutable_start_time()->set_seconds(1'780'000'000);
  common.mutable_duration()->set_nanos(5);
  common.mutable_downstream_remote_address()->mutable_socket_address()->set_address("203.0.113.7");
  common.mutable_tls_properties()->mutable_peer_certificate_properties()->add_subject_alt_name()->set_uri("spiffe://a");
  (*common.mutable_custom_tags())["account_id"] = "a";
  auto& fields = *(*common.mutable_metadata()->mutable_filter_metadata())["io.envoy.ai_gateway"].mutable_fields();
  fields["llm_input_token"].set_number_value(12);
  (*fields["nested"].mutable_struct_value()->mutable_fields())["inner"].set_string_value("text");
  fields["list"].mutable_list_value()->add_values()->set_bool_value(true);
  entry.mutable_request()->set_path("/v1/chat/completions");
  (*entry.mutable_request()->mutable_request_headers())["x-account-id"] = "b";
  entry.mutable_response()->mutable_response_code()->set_value(200);
  return {message.SerializeAsString(), entry.SerializeAsString(),
          (*common.mutable_metadata()->mutable_filter_metadata())["io.envoy.ai_gateway"].SerializeAsString()};
}
