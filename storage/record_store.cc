#include "storage/record_store.h"

#include <optional>

#include "storage/byte_codec.h"

namespace stillwatch::storage {
namespace {

constexpr uint8_t kProfileVersion = 1;
constexpr uint8_t kModelVersion = 1;
constexpr uint8_t kLabelVersion = 1;
constexpr uint8_t kVerdictVersion = 1;

// Ends the account's name in a verdict's key: names hold no control characters.
constexpr char kNameEnd = '\0';
constexpr char kBehindNameEnd = '\1';

std::string BeginValue(uint8_t version) { return std::string(1, static_cast<char>(version)); }

bool ReadVersion(ByteReader& reader, uint8_t expected) {
  uint8_t version = 0;
  return reader.ReadFixed(version) && version == expected;
}

bool ReadLabel(ByteReader& reader, Label& label) {
  uint8_t number = 0;
  if (!reader.ReadFixed(number)) return false;
  label = static_cast<Label>(number);
  return label >= Label::kUnlabelled && label <= Label::kBenign;
}

bool ReadVerdict(ByteReader& reader, Verdict& verdict) {
  uint8_t number = 0;
  if (!reader.ReadFixed(number)) return false;
  verdict = static_cast<Verdict>(number);
  return verdict >= Verdict::kClear && verdict <= Verdict::kAct;
}

std::optional<AccountProfile> DecodeProfile(std::string_view key, std::string_view value) {
  AccountProfile profile;
  profile.account_id = key;
  ByteReader reader(value);
  if (!ReadVersion(reader, kProfileVersion) || !reader.ReadText(profile.organization_id) ||
      !reader.ReadFixed(profile.created_time_unix_nano) || !reader.ReadText(profile.plan) ||
      !reader.ReadText(profile.payment_fingerprint) || !reader.ReadText(profile.email_domain) ||
      !reader.ReadText(profile.signup_address) || !reader.ReadText(profile.country) ||
      !reader.ReadFixed(profile.suspended_time_unix_nano) || !reader.empty()) {
    return {};
  }
  return profile;
}

std::optional<ModelInfo> DecodeModel(std::string_view key, std::string_view value) {
  ModelInfo model;
  model.model = key;
  ByteReader reader(value);
  if (!ReadVersion(reader, kModelVersion) || !reader.ReadFixed(model.release_time_unix_nano) || !reader.empty())
    return {};
  return model;
}

std::optional<LabelEntry> DecodeLabel(std::string_view key, std::string_view value) {
  LabelEntry label;
  label.account_id = key;
  ByteReader reader(value);
  if (!ReadVersion(reader, kLabelVersion) || !ReadLabel(reader, label.label) ||
      !reader.ReadFixed(label.time_unix_nano) || !reader.ReadText(label.note) || !reader.empty()) {
    return {};
  }
  return label;
}

std::string VerdictPrefix(std::string_view account_id) { return std::string(account_id) + kNameEnd; }

std::string VerdictKey(const VerdictChange& change) {
  std::string key = VerdictPrefix(change.account_id);
  AppendKeyNumber(key, static_cast<uint64_t>(change.time_unix_nano));
  AppendFixed(key, static_cast<uint8_t>(change.to));
  return key;
}

std::optional<VerdictChange> DecodeVerdictChange(std::string_view account_id, std::string_view key_rest,
                                                 std::string_view value) {
  VerdictChange change;
  change.account_id = account_id;
  ByteReader key_reader(key_rest);
  uint64_t time = 0;
  if (!key_reader.ReadKeyNumber(time) || !ReadVerdict(key_reader, change.to) || !key_reader.empty()) return {};
  change.time_unix_nano = static_cast<int64_t>(time);
  ByteReader reader(value);
  if (!ReadVersion(reader, kVerdictVersion) || !ReadVerdict(reader, change.from) || !reader.ReadFixed(change.risk) ||
      !reader.ReadVarint(change.event_count) || !reader.empty()) {
    return {};
  }
  return change;
}

// Visits every undamaged record of [from, to) and notes the others; `kind` names them.
Status ScanUndamaged(const Snapshot& snapshot, Table table, std::string_view from, std::string_view to,
                     const std::string& kind,
                     const std::function<bool(std::string_view key, std::string_view value)>& visit) {
  std::string last_key(from);
  const Status status = snapshot.Scan(table, from, to, [&](std::string_view key, std::string_view value) {
    last_key = key;
    if (visit(key, value)) return true;
    snapshot.damages().Note(kind + " of " + std::string(key.substr(0, key.find(kNameEnd))), "malformed");
    return true;
  });
  if (status.code() != Code::kDataLoss) return status;
  snapshot.damages().Note(kind + "s behind \"" + last_key + "\"", status.message());
  return {};
}

template <typename Record>
Status ScanRecords(const Snapshot& snapshot, Table table, const char* kind,
                   std::optional<Record> (*decode)(std::string_view, std::string_view),
                   const std::function<void(Record)>& visit) {
  return ScanUndamaged(snapshot, table, "", "", kind, [&](std::string_view key, std::string_view value) {
    std::optional<Record> record = decode(key, value);
    if (record) visit(*std::move(record));
    return record.has_value();
  });
}

}  // namespace

void PutProfile(const AccountProfile& profile, WriteGroup& group) {
  std::string value = BeginValue(kProfileVersion);
  AppendText(value, profile.organization_id);
  AppendFixed(value, profile.created_time_unix_nano);
  AppendText(value, profile.plan);
  AppendText(value, profile.payment_fingerprint);
  AppendText(value, profile.email_domain);
  AppendText(value, profile.signup_address);
  AppendText(value, profile.country);
  AppendFixed(value, profile.suspended_time_unix_nano);
  group.Put(Table::kProfiles, profile.account_id, std::move(value));
}

void PutModel(const ModelInfo& model, WriteGroup& group) {
  std::string value = BeginValue(kModelVersion);
  AppendFixed(value, model.release_time_unix_nano);
  group.Put(Table::kModels, model.model, std::move(value));
}

void PutLabel(const LabelEntry& label, WriteGroup& group) {
  std::string value = BeginValue(kLabelVersion);
  AppendFixed(value, static_cast<uint8_t>(label.label));
  AppendFixed(value, label.time_unix_nano);
  AppendText(value, label.note);
  group.Put(Table::kLabels, label.account_id, std::move(value));
}

void DeleteLabel(std::string_view account_id, WriteGroup& group) {
  group.Delete(Table::kLabels, std::string(account_id));
}

void PutVerdictChange(const VerdictChange& change, WriteGroup& group) {
  std::string key = VerdictKey(change);
  std::string value = BeginValue(kVerdictVersion);
  AppendFixed(value, static_cast<uint8_t>(change.from));
  AppendFixed(value, change.risk);
  AppendVarint(value, change.event_count);
  group.Put(Table::kVerdicts, std::move(key), std::move(value));
}

Status ScanProfiles(const Snapshot& snapshot, const std::function<void(AccountProfile)>& visit) {
  return ScanRecords<AccountProfile>(snapshot, Table::kProfiles, "profile", DecodeProfile, visit);
}

Status ScanModels(const Snapshot& snapshot, const std::function<void(ModelInfo)>& visit) {
  return ScanRecords<ModelInfo>(snapshot, Table::kModels, "model", DecodeModel, visit);
}

Status ScanLabels(const Snapshot& snapshot, const std::function<void(LabelEntry)>& visit) {
  return ScanRecords<LabelEntry>(snapshot, Table::kLabels, "label", DecodeLabel, visit);
}

Result<std::vector<VerdictChange>> ReadVerdictChanges(const Snapshot& snapshot, std::string_view account_id) {
  std::vector<VerdictChange> changes;
  const std::string prefix = VerdictPrefix(account_id);
  const Status status = ScanUndamaged(snapshot, Table::kVerdicts, prefix, std::string(account_id) + kBehindNameEnd,
                                      "verdict change", [&](std::string_view key, std::string_view value) {
                                        std::optional<VerdictChange> change =
                                            DecodeVerdictChange(account_id, key.substr(prefix.size()), value);
                                        if (change) changes.push_back(*std::move(change));
                                        return change.has_value();
                                      });
  if (!status.ok()) return status;
  return changes;
}

Status ScanVerdictChanges(const Snapshot& snapshot, const std::function<void(VerdictChange)>& visit) {
  return ScanUndamaged(snapshot, Table::kVerdicts, "", "", "verdict change",
                       [&](std::string_view key, std::string_view value) {
                         const size_t name_end = key.find(kNameEnd);
                         if (name_end == std::string_view::npos) return false;
                         std::optional<VerdictChange> change =
                             DecodeVerdictChange(key.substr(0, name_end), key.substr(name_end + 1), value);
                         if (change) visit(*std::move(change));
                         return change.has_value();
                       });
}

Result<bool> HasVerdictChange(const KeyValueStore& store, const VerdictChange& change) {
  const Result<std::optional<std::string>> value = store.Get(Table::kVerdicts, VerdictKey(change));
  if (!value.ok()) return value.status();
  return value.value().has_value();
}

Status DeleteRecords(const Snapshot& snapshot, std::string_view account_id, WriteGroup& group) {
  group.Delete(Table::kProfiles, std::string(account_id));
  group.Delete(Table::kLabels, std::string(account_id));
  return DeleteVerdictChanges(snapshot, account_id, group);
}

Status DeleteVerdictChanges(const Snapshot& snapshot, std::string_view account_id, WriteGroup& group) {
  return snapshot.Scan(Table::kVerdicts, VerdictPrefix(account_id), std::string(account_id) + kBehindNameEnd,
                       [&](std::string_view key, std::string_view) {
                         group.Delete(Table::kVerdicts, std::string(key));
                         return true;
                       });
}

}  // namespace stillwatch::storage
