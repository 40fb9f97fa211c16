// One entry of Envoy's access log, read from the wire.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace stillwatch::gateways {

// What is read of an envoy.data.accesslog.v3.HTTPAccessLogEntry. An absent field is empty; fields that Envoy leaves out
// where they are zero are optional here, so that unknown stays unknown.
// Ownership: views of the bytes that were read.
struct EnvoyEntry {
  using Pair = std::pair<std::string_view, std::string_view>;

  // Whether the entry tells of a request's end: starts and periodic entries would count it again.
  bool IsEnd() const;
  // Forgets all, keeps the room.
  void Clear();

  std::string_view remote_address;
  std::string_view direct_remote_address;
  std::string_view ja3_fingerprint;
  std::string_view certificate_name;  // The first alternative name, or else the subject, of the client's certificate.
  std::string_view route_name;
  std::string_view stream_id;
  std::string_view authority;
  std::string_view path;
  std::string_view user_agent;
  std::string_view forwarded_for;
  std::string_view request_id;
  std::string_view response_code_details;
  std::optional<int64_t> start_time_unix_nano;
  std::optional<int64_t> time_to_first_upstream_byte_nano;
  std::optional<int64_t> time_to_last_downstream_byte_nano;
  std::optional<int64_t> duration_nano;
  std::optional<uint64_t> response_code;
  uint64_t request_body_bytes = 0;
  uint64_t response_body_bytes = 0;
  uint64_t access_log_type = 0;
  bool is_intermediate = false;
  std::vector<Pair> custom_tags;
  std::vector<Pair> request_headers;
  std::vector<Pair> response_headers;
  std::vector<Pair> filter_metadata;  // By filter, each a google.protobuf.Struct still in its wire form.
};

// Reads an entry; what is not known is passed over. False if the bytes are not one. `entry` is cleared before.
bool ReadEnvoyEntry(std::string_view bytes, EnvoyEntry& entry);

// A leaf of a google.protobuf.Struct.
using StructValue = std::variant<std::string_view, double, bool>;
// A Struct may be nested so deep; what is deeper is passed over.
inline constexpr int kStructDepthMax = 8;
// Called with the names that lead to a leaf, joined by dots; valid for the time of the call.
using StructVisitor = std::function<void(std::string_view path, const StructValue& value)>;
// Visits the leaves of a Struct, each below `prefix`. Elements of a list bear their index. Nulls are absent. False if
// the bytes are not a Struct; leaves before the fault were visited.
bool VisitStruct(std::string_view bytes, std::string_view prefix, const StructVisitor& visit);

// A envoy.service.accesslog.v3.StreamAccessLogsMessage, with its entries still in their wire form.
struct EnvoyMessage {
  bool has_identifier = false;
  std::string_view node_id;
  std::string_view node_cluster;
  std::string_view log_name;
  std::vector<std::string_view> entries;
};
// False if the bytes are not one.
bool ReadEnvoyMessage(std::string_view bytes, EnvoyMessage& message);

}  // namespace stillwatch::gateways
