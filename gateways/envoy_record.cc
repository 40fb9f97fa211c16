#include "gateways/envoy_record.h"

#include <array>
#include <optional>
#include <utility>

#include "gateways/content_id.h"
#include "gateways/request_path.h"

namespace stillwatch::gateways {
namespace {

void AddText(std::string_view key, std::string_view text, Record& record) {
  if (!text.empty()) record.Add(key, Value::Text(text));
}

void AddInteger(std::string_view key, std::optional<int64_t> number, Record& record) {
  if (number) record.Add(key, Value::Integer(*number));
}

// The same for an entry that is sent again: of its names, or of all its bytes if it has none.
std::string EntryId(const EnvoySender& sender, const EnvoyEntry& entry, std::string_view entry_bytes) {
  ContentId id;
  id.Add(sender.node_id);
  if (entry.request_id.empty() && entry.stream_id.empty()) return id.Add(entry_bytes).Finish();
  return id.Add(entry.request_id).Add(entry.stream_id).Add(entry.access_log_type).Finish();
}

}  // namespace

std::string_view EnvoyRecordWriter::Key(std::string_view prefix, std::string_view name) {
  joined_ = prefix;
  joined_ += name;
  return *keys_.insert(joined_).first;
}

void EnvoyRecordWriter::AddPairs(std::string_view prefix, const std::vector<EnvoyEntry::Pair>& pairs, Record& record) {
  for (const auto& [name, value] : pairs) AddText(Key(prefix, name), value, record);
}

bool EnvoyRecordWriter::AddMetadata(const EnvoyEntry& entry, Record& record) {
  const StructVisitor add = [&](std::string_view path, const StructValue& value) {
    const std::string_view key = *keys_.insert(std::string(path)).first;
    if (const auto* text = std::get_if<std::string_view>(&value)) AddText(key, *text, record);
    if (const auto* number = std::get_if<double>(&value)) record.Add(key, Value::Real(*number));
    if (const auto* flag = std::get_if<bool>(&value)) record.Add(key, Value::Bool(*flag));
  };
  bool ok = true;
  for (const auto& [filter, bytes] : entry.filter_metadata) ok &= VisitStruct(bytes, Key("metadata.", filter), add);
  return ok;
}

bool EnvoyRecordWriter::Write(const EnvoySender& sender, const EnvoyEntry& entry, std::string_view entry_bytes,
                              Record& record) {
  record.Clear();
  if (keys_.size() > kKeysMax) keys_.clear();
  AddText("entry_id", record.Own(EntryId(sender, entry, entry_bytes)), record);
  AddText("operation", OperationOfPath(entry.path), record);
  for (const auto& [key, text] :
       std::array<EnvoyEntry::Pair, 15>{{{"node.id", sender.node_id},
                                         {"node.cluster", sender.node_cluster},
                                         {"log_name", sender.log_name},
                                         {"downstream_remote_address", entry.remote_address},
                                         {"downstream_direct_remote_address", entry.direct_remote_address},
                                         {"ja3_fingerprint", entry.ja3_fingerprint},
                                         {"peer_certificate", entry.certificate_name},
                                         {"route_name", entry.route_name},
                                         {"stream_id", entry.stream_id},
                                         {"authority", entry.authority},
                                         {"path", entry.path},
                                         {"user_agent", entry.user_agent},
                                         {"forwarded_for", entry.forwarded_for},
                                         {"request_id", entry.request_id},
                                         {"response_code_details", entry.response_code_details}}}) {
    AddText(key, text, record);
  }
  AddInteger("start_time", entry.start_time_unix_nano, record);
  AddInteger("time_to_first_upstream_rx_byte", entry.time_to_first_upstream_byte_nano, record);
  AddInteger("time_to_last_downstream_tx_byte", entry.time_to_last_downstream_byte_nano, record);
  AddInteger("duration", entry.duration_nano, record);
  // An answer without a status did not come: Envoy writes a zero then.
  if (entry.response_code.value_or(0) != 0)
    AddInteger("response_code", static_cast<int64_t>(*entry.response_code), record);
  AddPairs("custom_tags.", entry.custom_tags, record);
  AddPairs("request_headers.", entry.request_headers, record);
  AddPairs("response_headers.", entry.response_headers, record);
  return AddMetadata(entry, record);
}

}  // namespace stillwatch::gateways
