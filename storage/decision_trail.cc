#include "storage/decision_trail.h"

#include <optional>
#include <string>
#include <utility>

#include "storage/byte_codec.h"

namespace stillwatch::storage {
namespace {

constexpr std::string_view kKeyPrefix = "decision/";
constexpr std::string_view kBehindPrefix = "decision0";  // '0' follows '/'.
constexpr uint8_t kVersion = 1;
// Ends the account's name: names hold no control characters.
constexpr char kNameEnd = '\0';
constexpr char kBehindNameEnd = '\1';

std::string KeyOf(std::string_view account_id, char end) {
  return std::string(kKeyPrefix).append(account_id).append(1, end);
}

template <typename Enum>
bool ReadEnum(ByteReader& reader, Enum last, Enum& value) {
  uint8_t number = 0;
  if (!reader.ReadFixed(number)) return false;
  value = static_cast<Enum>(number);
  return number >= 1 && value <= last;
}

std::optional<DecisionEntry> Decode(std::string_view key, std::string_view value) {
  DecisionEntry entry;
  key.remove_prefix(kKeyPrefix.size());
  const size_t name_end = key.find(kNameEnd);
  if (name_end == std::string_view::npos) return {};
  entry.account_id = key.substr(0, name_end);
  ByteReader key_reader(key.substr(name_end + 1));
  uint64_t time = 0;
  if (!key_reader.ReadKeyNumber(time) || !key_reader.empty()) return {};
  entry.time_unix_nano = static_cast<int64_t>(time);
  ByteReader reader(value);
  uint8_t version = 0;
  if (!reader.ReadFixed(version) || version != kVersion || !ReadEnum(reader, Ruling::kAllow, entry.ruling) ||
      !ReadEnum(reader, DecisionOrigin::kAnalyst, entry.origin) ||
      !ReadEnum(reader, EnforcementMode::kOn, entry.mode) || !ReadEnum(reader, Verdict::kAct, entry.verdict) ||
      !reader.ReadFixed(entry.end_unix_nano) || !reader.ReadText(entry.note) || !reader.empty()) {
    return {};
  }
  return entry;
}

// Visits the undamaged entries of [from, to) and notes the others.
Status ScanRange(const Snapshot& snapshot, std::string_view from, std::string_view to,
                 const std::function<void(DecisionEntry)>& visit) {
  std::string last_key(from);
  const Status status = snapshot.Scan(Table::kMeta, from, to, [&](std::string_view key, std::string_view value) {
    last_key = key;
    std::optional<DecisionEntry> entry = Decode(key, value);
    if (entry) {
      visit(*std::move(entry));
    } else {
      snapshot.damages().Note("decision of " + std::string(key.substr(kKeyPrefix.size(), key.find(kNameEnd))),
                              "malformed");
    }
    return true;
  });
  if (status.code() != Code::kDataLoss) return status;
  snapshot.damages().Note("decisions behind \"" + last_key + "\"", status.message());
  return {};
}

}  // namespace

void PutDecision(const DecisionEntry& entry, WriteGroup& group) {
  std::string key = KeyOf(entry.account_id, kNameEnd);
  AppendKeyNumber(key, static_cast<uint64_t>(entry.time_unix_nano));
  std::string value(1, static_cast<char>(kVersion));
  AppendFixed(value, static_cast<uint8_t>(entry.ruling));
  AppendFixed(value, static_cast<uint8_t>(entry.origin));
  AppendFixed(value, static_cast<uint8_t>(entry.mode));
  AppendFixed(value, static_cast<uint8_t>(entry.verdict));
  AppendFixed(value, entry.end_unix_nano);
  AppendText(value, entry.note);
  group.Put(Table::kMeta, std::move(key), std::move(value));
}

Status ScanDecisions(const Snapshot& snapshot, const std::function<void(DecisionEntry)>& visit) {
  return ScanRange(snapshot, kKeyPrefix, kBehindPrefix, visit);
}

Result<std::vector<DecisionEntry>> ReadDecisions(const Snapshot& snapshot, std::string_view account_id) {
  std::vector<DecisionEntry> entries;
  STILLWATCH_RETURN_IF_ERROR(ScanRange(snapshot, KeyOf(account_id, kNameEnd), KeyOf(account_id, kBehindNameEnd),
                                       [&](DecisionEntry entry) { entries.push_back(std::move(entry)); }));
  return entries;
}

Status DeleteDecisions(const Snapshot& snapshot, std::string_view account_id, WriteGroup& group) {
  return snapshot.Scan(Table::kMeta, KeyOf(account_id, kNameEnd), KeyOf(account_id, kBehindNameEnd),
                       [&](std::string_view key, std::string_view) {
                         group.Delete(Table::kMeta, std::string(key));
                         return true;
                       });
}

}  // namespace stillwatch::storage
