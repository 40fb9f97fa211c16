// Checkpoints of the scoring engine. The event log is the truth; a checkpoint only saves replaying all of it, so one
// that cannot be read is left aside. Its layout is in storage/FORMAT.md.
#include "detector/checkpoint.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <utility>

#include "detector/account_record.h"
#include "detector/scoring_engine.h"
#include "storage/event_log.h"
#include "storage/record_store.h"

namespace stillwatch::detector {
namespace {

using storage::Table;

constexpr std::string_view kHeaderKey = "checkpoint";
constexpr std::string_view kCampaignsKey = "campaigns";
struct Header {
  uint64_t next_sequence = 0;
  int64_t watermark_unix_nano = 0;
  int64_t newest_event_unix_nano = 0;
  int64_t next_tick_unix_nano = 0;
  uint64_t settled_event_count = 0;
  uint64_t late_event_count = 0;
  uint64_t settled_at_renewal = 0;
  uint64_t waiting_count = 0;
  int64_t last_campaign_round = 0;
  uint64_t has_news = 0;  // Or 1.
  Baseline baseline;
};
static_assert(std::is_trivially_copyable_v<Header>);

template <typename T>
void Append(const T& value, std::string& out) {
  static_assert(std::is_trivially_copyable_v<T>);
  out.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

// Reads plain values off a string; `ok` is false once it was too short.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  template <typename T>
  T Read() {
    static_assert(std::is_trivially_copyable_v<T>);
    T value{};
    const std::string_view piece = ReadBytes(sizeof(T));
    if (ok_) std::memcpy(static_cast<void*>(&value), piece.data(), sizeof(T));
    return value;
  }
  std::string_view ReadBytes(size_t count) {
    if (count > bytes_.size()) ok_ = false;
    if (!ok_) return {};
    const std::string_view piece = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return piece;
  }
  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && bytes_.empty(); }

 private:
  std::string_view bytes_;
  bool ok_ = true;
};

struct SavedHeader {
  Header header;
  std::vector<SavedWaiting> waiting;
};

std::optional<SavedHeader> DecodeHeader(std::string_view value) {
  Reader reader(value);
  if (reader.Read<uint8_t>() != kCheckpointVersion) return std::nullopt;
  SavedHeader out;
  out.header = reader.Read<Header>();
  while (reader.ok() && !reader.at_end()) out.waiting.push_back(reader.Read<SavedWaiting>());
  if (!reader.at_end() || out.waiting.size() != out.header.waiting_count) return std::nullopt;
  std::sort(out.waiting.begin(), out.waiting.end(),
            [](const SavedWaiting& a, const SavedWaiting& b) { return a.sequence < b.sequence; });
  return out;
}

constexpr std::string_view kPromisePrefix = "promise";

// The time is part of the key, so that several promises may stand at one position of the log.
std::string PromiseKey(uint64_t sequence, uint64_t time_unix_nano) {
  std::string key(kPromisePrefix);
  for (const uint64_t number : {sequence, time_unix_nano}) {
    for (int shift = 56; shift >= 0; shift -= 8) key += static_cast<char>(number >> shift & 0xFF);
  }
  return key;
}

uint64_t ReadBigEndian(std::string_view bytes) {
  uint64_t number = 0;
  for (const char byte : bytes) number = number << 8 | static_cast<uint8_t>(byte);
  return number;
}

// The promises of senders (complete_through) by the position in the log after which they hold.
Result<std::vector<std::pair<uint64_t, int64_t>>> ReadPromises(const storage::Snapshot& snapshot, uint64_t from) {
  std::vector<std::pair<uint64_t, int64_t>> out;
  constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
  const std::string end = PromiseKey(kMax, kMax) + '\xFF';
  const Status status =
      snapshot.Scan(Table::kMeta, PromiseKey(from, 0), end, [&out](std::string_view key, std::string_view) {
        key.remove_prefix(kPromisePrefix.size());
        if (key.size() == 16) out.emplace_back(ReadBigEndian(key.substr(0, 8)), ReadBigEndian(key.substr(8)));
        return true;
      });
  if (status.code() == Code::kDataLoss) {
    snapshot.damages().Note("promises of senders", status.message());
  } else if (!status.ok()) {
    return status;
  }
  return out;
}

using SaveScope = AccountPartition::SaveScope;

// Where half of the accounts changed, all of them in one table cost less than the changes, which would have to be
// merged with the table later, and are read faster. After a start without a checkpoint that is so: what the store holds
// of another one goes.
SaveScope ScopeOf(const AccountPartition::SaveCounts& counts) {
  return counts.in_store_only == 0 && 2 * counts.unsaved >= counts.in_memory ? SaveScope::kAll : SaveScope::kUnsaved;
}

}  // namespace

void SavePromise(uint64_t next_sequence, int64_t complete_through_unix_nano, storage::WriteGroup& group) {
  group.Put(Table::kMeta, PromiseKey(next_sequence, static_cast<uint64_t>(complete_through_unix_nano)), "");
}

Status DeletePromises(const storage::Snapshot& snapshot, uint64_t end, storage::WriteGroup& group) {
  return snapshot.Scan(Table::kMeta, PromiseKey(0, 0), PromiseKey(end, 0), [&](std::string_view key, std::string_view) {
    group.Delete(Table::kMeta, std::string(key));
    return true;
  });
}

Result<uint64_t> ReplayStart(const storage::Snapshot& snapshot) {
  const Result<std::optional<std::string>> bytes = snapshot.Get(Table::kMeta, kHeaderKey);
  if (!bytes.ok()) return bytes.status();
  const std::optional<SavedHeader> saved =
      bytes.value().has_value() ? DecodeHeader(*bytes.value()) : std::optional<SavedHeader>();
  if (!saved) return uint64_t{0};
  if (saved->waiting.empty()) return saved->header.next_sequence;
  return std::min(saved->header.next_sequence, saved->waiting.front().sequence);
}

void ScoringEngine::Save(uint64_t next_sequence, storage::WriteGroup& group) {
  // First, since a new account of the same id may have changed already.
  group.Append(std::exchange(unsaved_erasures_, {}));
  std::array<storage::WriteGroup, kPartitionCount> accounts;
  const SaveScope scope = ScopeOf(save_counts());
  if (scope == SaveScope::kAll) group.Clear(Table::kAccounts);
  ++save_count_;
  parallel_for_(kPartitionCount, [&](size_t partition) {
    (*partitions_)[partition].VisitForSave(save_count_, scope, [&](std::string key, storage::SharedBytes bytes) {
      accounts[partition].Put(Table::kAccounts, std::move(key), std::move(bytes));
    });
  });
  for (storage::WriteGroup& part : accounts) group.Append(std::move(part));
  std::vector<SavedWaiting> waiting;
  for (const AccountPartition& partition : *partitions_) {
    for (const auto& event : partition.WaitingEvents()) {
      if (event.sequence >= next_sequence) continue;  // It arrived ahead, and will be replayed.
      waiting.push_back({event.sequence, event.effective_time_unix_nano});
    }
  }
  for (const VerdictChange& change : unsaved_changes_) storage::PutVerdictChange(change, group);
  unsaved_changes_.clear();
  Header header;
  header.next_sequence = next_sequence;
  header.watermark_unix_nano = watermark_unix_nano_;
  header.newest_event_unix_nano = newest_event_unix_nano_;
  header.next_tick_unix_nano = next_tick_unix_nano_;
  header.settled_event_count = settled_event_count_;
  header.late_event_count = late_event_count_;
  header.settled_at_renewal = settled_at_renewal_;
  header.waiting_count = waiting.size();
  header.last_campaign_round = last_campaign_round_;
  header.has_news = has_news_ ? 1 : 0;
  header.baseline = *baseline();
  std::string value(1, static_cast<char>(kCheckpointVersion));
  Append(header, value);
  for (const SavedWaiting& event : waiting) Append(event, value);
  group.Put(Table::kMeta, std::string(kHeaderKey), std::move(value));
  group.Put(Table::kMeta, std::string(kCampaignsKey), campaigns()->Encode());
}

void ScoringEngine::ConfirmSave() {
  for (AccountPartition& partition : *partitions_) partition.ConfirmSave(save_count_);
}

bool ScoringEngine::WantsSave() const {
  return std::any_of(partitions_->begin(), partitions_->end(), [](const auto& p) { return p.WantsSave(); });
}

AccountPartition::SaveCounts ScoringEngine::save_counts() const {
  AccountPartition::SaveCounts sum;
  for (const AccountPartition& partition : *partitions_) {
    const AccountPartition::SaveCounts counts = partition.save_counts();
    sum.unsaved += counts.unsaved;
    sum.in_memory += counts.in_memory;
    sum.in_store_only += counts.in_store_only;
  }
  return sum;
}

size_t ScoringEngine::save_account_count() const {
  const AccountPartition::SaveCounts counts = save_counts();
  return ScopeOf(counts) == SaveScope::kAll ? counts.in_memory : counts.unsaved;
}

// Forgets the accounts that were erased after the checkpoint, as far as it brought them back.
Status ScoringEngine::ForgetErased(const storage::Snapshot& snapshot) {
  const Result<std::vector<storage::Erasure>> erasures = storage::ReadErasures(snapshot);
  if (!erasures.ok()) return erasures.status();
  for (const storage::Erasure& erasure : erasures.value()) {
    if (!erasure.is_applied) STILLWATCH_RETURN_IF_ERROR(Forget(erasure, snapshot));
  }
  return {};
}

// Puts back the accounts of a checkpoint, whose keys of one partition stand together. Says whether all could be read.
Result<bool> ScoringEngine::RestoreAccounts(const storage::Snapshot& snapshot) {
  std::array<Status, kPartitionCount> statuses;
  std::array<bool, kPartitionCount> is_whole{};
  parallel_for_(kPartitionCount, [&](size_t partition) {
    statuses[partition] = RestorePartition(snapshot, partition, is_whole[partition]);
  });
  for (const Status& status : statuses) {
    if (status.code() == Code::kDataLoss) {
      snapshot.damages().Note("checkpoint of the accounts", status.message());
      return false;
    }
    STILLWATCH_RETURN_IF_ERROR(status);
  }
  return std::all_of(is_whole.begin(), is_whole.end(), [](bool is) { return is; });
}

Status ScoringEngine::RestorePartition(const storage::Snapshot& snapshot, size_t index, bool& is_whole) {
  AccountPartition& partition = (*partitions_)[index];
  const auto key_of = [](size_t first) {
    return first == kPartitionCount ? std::string() : StateKeyOf(uint64_t{first} << kPartitionShift, "");
  };
  is_whole = true;
  Status inner;
  const Status status = snapshot.Scan(
      Table::kAccounts, index == 0 ? "" : key_of(index), key_of(index + 1),
      [&](std::string_view key, std::string_view value) {
        const std::string_view account_id = key.substr(std::min(key.size(), kStateKeyHashBytes));
        const std::optional<Score> score =
            key == StateKeyOf(HashName(account_id), account_id) ? partition.Restore(account_id, value) : std::nullopt;
        is_whole = score.has_value();
        if (!is_whole) return false;
        if (score->first_review_time_unix_nano == 0) return true;
        Result<std::vector<VerdictChange>> changes = storage::ReadVerdictChanges(snapshot, account_id);
        inner = changes.status();
        if (!inner.ok()) return false;
        partition.RestoreTimeline(account_id, std::move(changes).value());
        return true;
      });
  return inner.ok() ? status : inner;
}

Result<uint64_t> ScoringEngine::Restore(const storage::Snapshot& snapshot) {
  const Result<std::optional<std::string>> bytes = snapshot.Get(Table::kMeta, kHeaderKey);
  if (!bytes.ok() && bytes.status().code() != Code::kDataLoss) return bytes.status();
  if (!bytes.ok()) snapshot.damages().Note("checkpoint", bytes.status().message());
  std::optional<SavedHeader> saved =
      bytes.ok() && bytes.value().has_value() ? DecodeHeader(*bytes.value()) : std::optional<SavedHeader>();
  const Result<std::optional<std::string>> campaign_bytes = snapshot.Get(Table::kMeta, kCampaignsKey);
  if (!campaign_bytes.ok() && campaign_bytes.status().code() != Code::kDataLoss) return campaign_bytes.status();
  if (!campaign_bytes.ok()) snapshot.damages().Note("checkpoint of the campaigns", campaign_bytes.status().message());
  std::optional<CampaignBook> campaigns = campaign_bytes.ok() && campaign_bytes.value().has_value()
                                              ? CampaignBook::Decode(*campaign_bytes.value())
                                              : std::nullopt;
  if (!campaigns) saved.reset();
  if (saved) {
    const Result<bool> is_whole = RestoreAccounts(snapshot);
    if (!is_whole.ok()) return is_whole.status();
    if (!is_whole.value()) {
      saved.reset();
      MakePartitions();
    }
  }
  if (saved) {
    watermark_unix_nano_ = saved->header.watermark_unix_nano;
    newest_event_unix_nano_ = saved->header.newest_event_unix_nano;
    next_tick_unix_nano_ = saved->header.next_tick_unix_nano;
    settled_event_count_ = saved->header.settled_event_count;
    late_event_count_ = saved->header.late_event_count;
    arrived_ = {saved->header.watermark_unix_nano, saved->header.newest_event_unix_nano,
                saved->header.late_event_count};
    settled_at_renewal_ = saved->header.settled_at_renewal;
    last_campaign_round_ = saved->header.last_campaign_round;
    has_news_ = saved->header.has_news != 0;
    SetCampaigns(*std::move(campaigns));
    SetBaseline(saved->header.baseline);
  }
  STILLWATCH_RETURN_IF_ERROR(ForgetErased(snapshot));
  STILLWATCH_RETURN_IF_ERROR(
      storage::ScanProfiles(snapshot, [this](AccountProfile profile) { SetProfile(std::move(profile)); }));
  STILLWATCH_RETURN_IF_ERROR(storage::ScanLabels(snapshot, [this](const LabelEntry& entry) {
    PartitionFor(entry.account_id).RestoreLabel(entry.account_id, entry.label);
  }));
  for (AccountPartition& partition : *partitions_) partition.AssessRelabelled(*baseline());
  PublishChanges();
  return Replay(snapshot, saved ? saved->header.next_sequence : 0,
                saved ? saved->waiting : std::vector<SavedWaiting>());
}

// Reads the log from the oldest event that still waited. What is below `next_sequence` was offered before the
// checkpoint: of it only the waiting events are put back, with the effective times that they had. The rest is offered
// anew.
Result<uint64_t> ScoringEngine::Replay(const storage::Snapshot& snapshot, uint64_t next_sequence,
                                       const std::vector<SavedWaiting>& waiting) {
  auto promises = ReadPromises(snapshot, next_sequence);
  if (!promises.ok()) return promises.status();
  auto promise = promises->begin();
  auto saved = waiting.begin();
  uint64_t replayed = 0;
  const auto put_back = [&](const ObservedBatch& batch, size_t row) {
    if (batch.account_ids[row].empty()) return;  // Erased since.
    const AccountPartition::Arrival arrival = {batch.account_ids[row],    batch.organization_ids[row],
                                               batch.account_hashes[row], saved->effective_time_unix_nano,
                                               saved->sequence,           &batch.observations[row]};
    PartitionFor(arrival.account_id).AddWaiting({&arrival, 1});
    ++waiting_event_count_;
  };
  std::vector<ObservedBatch> offered;
  // The more events settle together, the more of them find their account's state in full: so all arrive first, as far
  // as memory allows, about 200 bytes each.
  constexpr uint64_t kUnsettledMax = 4'000'000;
  EventTime arrived = arrived_;
  // Promises that stand before sequence `until` hold before its event is offered.
  const auto keep_promises = [&](uint64_t until) {
    for (; promise != promises->end() && promise->first <= until; ++promise) {
      offered.emplace_back().complete_through_unix_nano = promise->second;
    }
  };
  const auto visit = [&](std::vector<storage::EventLog::Block> blocks) {
    std::vector<ObservedBatch> batches(blocks.size());
    parallel_for_(blocks.size(), [&](size_t i) {
      batches[i] = Observe(std::make_shared<const UsageBatch>(std::move(blocks[i].events)));
      batches[i].first_sequence = blocks[i].summary.first_sequence;
    });
    for (ObservedBatch& batch : batches) {
      const uint64_t begin = batch.first_sequence;
      const uint64_t end = begin + batch.observations.size();
      for (; saved != waiting.end() && saved->sequence < end; ++saved) {
        if (saved->sequence >= begin) put_back(batch, saved->sequence - begin);
      }
      if (begin < next_sequence) continue;
      keep_promises(begin);
      replayed += batch.observations.size();
      offered.push_back(std::move(batch));
    }
    arrived = Arrive(offered);
    if (waiting_event_count_ > kUnsettledMax) AdvanceTo(arrived);
    offered.clear();
    return true;
  };
  const uint64_t from = waiting.empty() ? next_sequence : std::min(next_sequence, waiting.front().sequence);
  // Many at a time: threads then find enough to do, and partitions accounts to fetch ahead.
  constexpr uint64_t kGroupEventCount = 32'768;
  const auto report = storage::EventLog::ScanGroups(snapshot, from, std::numeric_limits<int64_t>::min(),
                                                    std::numeric_limits<int64_t>::max(), ObservedColumns(),
                                                    kGroupEventCount, parallel_for_, visit);
  if (!report.ok()) return report.status();
  keep_promises(std::numeric_limits<uint64_t>::max());
  AdvanceTo(Arrive(offered));
  return replayed;
}

}  // namespace stillwatch::detector
