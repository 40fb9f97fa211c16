#include "detector/account_record.h"

#include <cstring>
#include <string>

#include "detector/state_codec.h"

namespace stillwatch::detector {
namespace {

constexpr size_t kHeaderBytes = sizeof(uint8_t) + sizeof(uint16_t);

}  // namespace

storage::SharedBytes EncodeRecord(std::string_view organization_id, const LiveState& state) {
  thread_local std::string record;  // Kept to spare the allocations.
  record.assign(1, static_cast<char>(kCheckpointVersion));
  const auto length = static_cast<uint16_t>(organization_id.size());
  record.append(reinterpret_cast<const char*>(&length), sizeof(length));
  record += organization_id;
  AppendState(state, record);
  return storage::SharedBytes(record);
}

std::optional<std::string_view> ReadRecord(std::string_view record, LiveState& state) {
  if (record.size() < kHeaderBytes || static_cast<uint8_t>(record[0]) != kCheckpointVersion) return std::nullopt;
  uint16_t length = 0;
  std::memcpy(&length, record.data() + 1, sizeof(length));
  record.remove_prefix(kHeaderBytes);
  if (record.size() < length || !ReadState(record.substr(length), state)) return std::nullopt;
  return record.substr(0, length);
}

}  // namespace stillwatch::detector
