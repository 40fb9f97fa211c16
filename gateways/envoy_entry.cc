#include "gateways/envoy_entry.h"

#include <bit>
#include <string>

#include "envoy/data/accesslog/v3/accesslog.pb.h"
#include "envoy/service/accesslog/v3/als.pb.h"
#include "proto/limits.h"
#include "proto/wire_reader.h"

namespace stillwatch::gateways {
namespace {

using Common = envoy::data::accesslog::v3::AccessLogCommon;
using Entry = envoy::data::accesslog::v3::HTTPAccessLogEntry;
using Message = envoy::service::accesslog::v3::StreamAccessLogsMessage;
using RequestProperties = envoy::data::accesslog::v3::HTTPRequestProperties;
using ResponseProperties = envoy::data::accesslog::v3::HTTPResponseProperties;
using Tls = envoy::data::accesslog::v3::TLSProperties;

// Calls `read` with the number, type and reader of each field; it returns false if the value cannot be read.
template <typename Read>
bool ForEachField(std::string_view bytes, const Read& read) {
  WireReader reader(bytes);
  uint32_t field = 0;
  WireType type{};
  while (!reader.empty()) {
    if (!reader.ReadTag(field, type) || !read(field, type, reader)) return false;
  }
  return true;
}

// The last occurrence of a field of this type, if any.
bool ReadInnerBytes(std::string_view bytes, uint32_t wanted, std::string_view& out) {
  return ForEachField(bytes, [&](uint32_t field, WireType type, WireReader& reader) {
    return field == wanted && type == WireType::kBytes ? reader.ReadBytes(out) : reader.Skip(field, type);
  });
}

bool ReadMapEntry(std::string_view bytes, std::vector<EnvoyEntry::Pair>& out) {
  EnvoyEntry::Pair& pair = out.emplace_back();
  return ForEachField(bytes, [&pair](uint32_t field, WireType type, WireReader& reader) {
    if (field == 1 && type == WireType::kBytes) return reader.ReadBytes(pair.first);
    if (field == 2 && type == WireType::kBytes) return reader.ReadBytes(pair.second);
    return reader.Skip(field, type);
  });
}

// A Timestamp or a Duration, which have the same fields. A value that no nanoseconds can hold is absent.
bool ReadTime(std::string_view bytes, std::optional<int64_t>& out) {
  uint64_t seconds = 0;
  uint64_t nanos = 0;
  const bool ok = ForEachField(bytes, [&](uint32_t field, WireType type, WireReader& reader) {
    if (field == 1 && type == WireType::kVarint) return reader.ReadVarint(seconds);
    if (field == 2 && type == WireType::kVarint) return reader.ReadVarint(nanos);
    return reader.Skip(field, type);
  });
  constexpr uint64_t kSecondsMax = INT64_MAX / kNanosecondsPerSecond - 1;
  if (ok && seconds <= kSecondsMax && nanos < static_cast<uint64_t>(kNanosecondsPerSecond)) {
    out = static_cast<int64_t>(seconds) * kNanosecondsPerSecond + static_cast<int64_t>(nanos);
  }
  return ok;
}

bool ReadAddress(std::string_view bytes, std::string_view& out) {
  std::string_view socket_address;
  return ReadInnerBytes(bytes, envoy::config::core::v3::Address::kSocketAddressFieldNumber, socket_address) &&
         ReadInnerBytes(socket_address, envoy::config::core::v3::SocketAddress::kAddressFieldNumber, out);
}

bool ReadCertificate(std::string_view bytes, std::string_view& name) {
  std::string_view subject;
  const bool ok = ForEachField(bytes, [&](uint32_t field, WireType type, WireReader& reader) {
    if (type != WireType::kBytes || field > Tls::CertificateProperties::kSubjectFieldNumber) {
      return reader.Skip(field, type);
    }
    if (field == Tls::CertificateProperties::kSubjectFieldNumber) return reader.ReadBytes(subject);
    std::string_view alternative;
    if (!reader.ReadBytes(alternative)) return false;
    return ForEachField(alternative, [&name](uint32_t form, WireType form_type, WireReader& form_reader) {
      std::string_view text;
      if (form_type != WireType::kBytes) return form_reader.Skip(form, form_type);
      if (!form_reader.ReadBytes(text)) return false;
      if (name.empty() && (form == 1 || form == 2)) name = text;
      return true;
    });
  });
  if (name.empty()) name = subject;
  return ok;
}

bool ReadTls(std::string_view bytes, EnvoyEntry& entry) {
  return ForEachField(bytes, [&entry](uint32_t field, WireType type, WireReader& reader) {
    if (type != WireType::kBytes) return reader.Skip(field, type);
    std::string_view value;
    if (!reader.ReadBytes(value)) return false;
    if (field == Tls::kJa3FingerprintFieldNumber) entry.ja3_fingerprint = value;
    if (field == Tls::kPeerCertificatePropertiesFieldNumber) return ReadCertificate(value, entry.certificate_name);
    return true;
  });
}

bool ReadCommonBytes(uint32_t field, std::string_view value, EnvoyEntry& entry) {
  switch (field) {
    case Common::kDownstreamRemoteAddressFieldNumber:
      return ReadAddress(value, entry.remote_address);
    case Common::kDownstreamDirectRemoteAddressFieldNumber:
      return ReadAddress(value, entry.direct_remote_address);
    case Common::kTlsPropertiesFieldNumber:
      return ReadTls(value, entry);
    case Common::kStartTimeFieldNumber:
      return ReadTime(value, entry.start_time_unix_nano);
    case Common::kTimeToFirstUpstreamRxByteFieldNumber:
      return ReadTime(value, entry.time_to_first_upstream_byte_nano);
    case Common::kTimeToLastDownstreamTxByteFieldNumber:
      return ReadTime(value, entry.time_to_last_downstream_byte_nano);
    case Common::kDurationFieldNumber:
      return ReadTime(value, entry.duration_nano);
    case Common::kMetadataFieldNumber:
      return ForEachField(value, [&entry](uint32_t inner, WireType type, WireReader& reader) {
        std::string_view pair;
        if (inner != 1 || type != WireType::kBytes) return reader.Skip(inner, type);
        return reader.ReadBytes(pair) && ReadMapEntry(pair, entry.filter_metadata);
      });
    case Common::kRouteNameFieldNumber:
      entry.route_name = value;
      return true;
    case Common::kStreamIdFieldNumber:
      entry.stream_id = value;
      return true;
    case Common::kCustomTagsFieldNumber:
      return ReadMapEntry(value, entry.custom_tags);
    default:
      return true;
  }
}

bool ReadCommon(std::string_view bytes, EnvoyEntry& entry) {
  return ForEachField(bytes, [&entry](uint32_t field, WireType type, WireReader& reader) {
    std::string_view value;
    if (type == WireType::kBytes) return reader.ReadBytes(value) && ReadCommonBytes(field, value, entry);
    if (field == Common::kAccessLogTypeFieldNumber && type == WireType::kVarint) {
      return reader.ReadVarint(entry.access_log_type);
    }
    if (field == Common::kIntermediateLogEntryFieldNumber && type == WireType::kVarint) {
      uint64_t flag = 0;
      const bool ok = reader.ReadVarint(flag);
      entry.is_intermediate = flag != 0;
      return ok;
    }
    return reader.Skip(field, type);
  });
}

std::string_view* RequestText(uint32_t field, EnvoyEntry& entry) {
  switch (field) {
    case RequestProperties::kAuthorityFieldNumber:
      return &entry.authority;
    case RequestProperties::kPathFieldNumber:
      return &entry.path;
    case RequestProperties::kUserAgentFieldNumber:
      return &entry.user_agent;
    case RequestProperties::kForwardedForFieldNumber:
      return &entry.forwarded_for;
    case RequestProperties::kRequestIdFieldNumber:
      return &entry.request_id;
    default:
      return nullptr;
  }
}

bool ReadRequest(std::string_view bytes, EnvoyEntry& entry) {
  return ForEachField(bytes, [&entry](uint32_t field, WireType type, WireReader& reader) {
    if (field == RequestProperties::kRequestBodyBytesFieldNumber && type == WireType::kVarint) {
      return reader.ReadVarint(entry.request_body_bytes);
    }
    if (type != WireType::kBytes) return reader.Skip(field, type);
    std::string_view value;
    if (!reader.ReadBytes(value)) return false;
    if (field == RequestProperties::kRequestHeadersFieldNumber) return ReadMapEntry(value, entry.request_headers);
    if (std::string_view* text = RequestText(field, entry)) *text = value;
    return true;
  });
}

bool ReadResponse(std::string_view bytes, EnvoyEntry& entry) {
  return ForEachField(bytes, [&entry](uint32_t field, WireType type, WireReader& reader) {
    if (field == ResponseProperties::kResponseBodyBytesFieldNumber && type == WireType::kVarint) {
      return reader.ReadVarint(entry.response_body_bytes);
    }
    if (type != WireType::kBytes) return reader.Skip(field, type);
    std::string_view value;
    if (!reader.ReadBytes(value)) return false;
    if (field == ResponseProperties::kResponseCodeFieldNumber) {
      uint64_t& code = entry.response_code.emplace(0);
      return ForEachField(value, [&code](uint32_t inner, WireType inner_type, WireReader& inner_reader) {
        return inner == 1 && inner_type == WireType::kVarint ? inner_reader.ReadVarint(code)
                                                             : inner_reader.Skip(inner, inner_type);
      });
    }
    if (field == ResponseProperties::kResponseHeadersFieldNumber) return ReadMapEntry(value, entry.response_headers);
    if (field == ResponseProperties::kResponseCodeDetailsFieldNumber) entry.response_code_details = value;
    return true;
  });
}

// Visits the leaves of a Struct.
class StructWalk {
 public:
  StructWalk(std::string_view prefix, const StructVisitor& visit) : path_(prefix), visit_(visit) {}

  bool WalkStruct(std::string_view bytes, int depth) {
    return ForEachField(bytes, [&](uint32_t field, WireType type, WireReader& reader) {
      std::string_view pair;
      if (field != 1 || type != WireType::kBytes) return reader.Skip(field, type);
      if (!reader.ReadBytes(pair)) return false;
      pairs_.clear();
      if (!ReadMapEntry(pair, pairs_)) return false;
      const auto [name, value] = pairs_.front();
      return WalkNamed(name, value, depth);
    });
  }

 private:
  bool WalkNamed(std::string_view name, std::string_view value, int depth) {
    const size_t length = path_.size();
    if (!path_.empty()) path_ += '.';
    path_ += name;
    const bool ok = WalkValue(value, depth);
    path_.resize(length);
    return ok;
  }

  bool WalkList(std::string_view bytes, int depth) {
    size_t index = 0;
    return ForEachField(bytes, [&](uint32_t field, WireType type, WireReader& reader) {
      std::string_view value;
      if (field != 1 || type != WireType::kBytes) return reader.Skip(field, type);
      return reader.ReadBytes(value) && WalkNamed(std::to_string(index++), value, depth);
    });
  }

  // google.protobuf.Value: 1 null, 2 number, 3 string, 4 bool, 5 struct, 6 list.
  bool WalkValue(std::string_view bytes, int depth) {
    return ForEachField(bytes, [&](uint32_t field, WireType type, WireReader& reader) {
      uint64_t number = 0;
      if (field == 2 && type == WireType::kFixed64) {
        if (!reader.ReadFixed64(number)) return false;
        visit_(path_, std::bit_cast<double>(number));
        return true;
      }
      if (field == 4 && type == WireType::kVarint) {
        if (!reader.ReadVarint(number)) return false;
        visit_(path_, number != 0);
        return true;
      }
      if (type != WireType::kBytes) return reader.Skip(field, type);
      std::string_view value;
      if (!reader.ReadBytes(value)) return false;
      if (field == 3) visit_(path_, value);
      if (field == 5 && depth < kStructDepthMax) return WalkStruct(value, depth + 1);
      if (field == 6 && depth < kStructDepthMax) return WalkList(value, depth + 1);
      return true;
    });
  }

  std::string path_;
  const StructVisitor& visit_;
  std::vector<EnvoyEntry::Pair> pairs_;
};

bool ReadIdentifier(std::string_view bytes, EnvoyMessage& message) {
  using Identifier = Message::Identifier;
  std::string_view node;
  if (!ReadInnerBytes(bytes, Identifier::kNodeFieldNumber, node)) return false;
  return ReadInnerBytes(bytes, Identifier::kLogNameFieldNumber, message.log_name) &&
         ReadInnerBytes(node, envoy::config::core::v3::Node::kIdFieldNumber, message.node_id) &&
         ReadInnerBytes(node, envoy::config::core::v3::Node::kClusterFieldNumber, message.node_cluster);
}

}  // namespace

bool EnvoyEntry::IsEnd() const {
  using namespace envoy::data::accesslog::v3;
  return (access_log_type == NotSet && !is_intermediate) || access_log_type == DownstreamEnd;
}

void EnvoyEntry::Clear() {
  EnvoyEntry empty;
  for (auto list : {&EnvoyEntry::custom_tags, &EnvoyEntry::request_headers, &EnvoyEntry::response_headers,
                    &EnvoyEntry::filter_metadata}) {
    (this->*list).clear();
    (empty.*list).swap(this->*list);
  }
  *this = std::move(empty);
}

bool ReadEnvoyEntry(std::string_view bytes, EnvoyEntry& entry) {
  entry.Clear();
  return ForEachField(bytes, [&entry](uint32_t field, WireType type, WireReader& reader) {
    if (type != WireType::kBytes) return reader.Skip(field, type);
    std::string_view part;
    if (!reader.ReadBytes(part)) return false;
    if (field == Entry::kCommonPropertiesFieldNumber) return ReadCommon(part, entry);
    if (field == Entry::kRequestFieldNumber) return ReadRequest(part, entry);
    if (field == Entry::kResponseFieldNumber) return ReadResponse(part, entry);
    return true;
  });
}

bool VisitStruct(std::string_view bytes, std::string_view prefix, const StructVisitor& visit) {
  return StructWalk(prefix, visit).WalkStruct(bytes, 0);
}

bool ReadEnvoyMessage(std::string_view bytes, EnvoyMessage& message) {
  message = {};
  return ForEachField(bytes, [&message](uint32_t field, WireType type, WireReader& reader) {
    if (type != WireType::kBytes) return reader.Skip(field, type);
    std::string_view part;
    if (!reader.ReadBytes(part)) return false;
    if (field == Message::kIdentifierFieldNumber) {
      message.has_identifier = true;
      return ReadIdentifier(part, message);
    }
    if (field != Message::kHttpLogsFieldNumber) return true;
    return ForEachField(part, [&message](uint32_t inner, WireType inner_type, WireReader& inner_reader) {
      if (inner != 1 || inner_type != WireType::kBytes) return inner_reader.Skip(inner, inner_type);
      return inner_reader.ReadBytes(message.entries.emplace_back());
    });
  });
}

}  // namespace stillwatch::gateways
