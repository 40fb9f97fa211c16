#include "storage/block_scan.h"

#include <time.h>

#include <array>
#include <limits>

#include "storage/block_codec.h"
#include "storage/byte_codec.h"

namespace stillwatch::storage {
namespace {

// Behind what is unreadable the scan looks for the next block a block's length on, so often at most: as many events as
// many files of the log hold together.
constexpr int kSkipCountMax = 4096;

// A time as RFC 3339, to the second.
std::string TimeText(int64_t unix_nano) {
  const auto seconds = static_cast<time_t>(unix_nano / 1'000'000'000);
  tm parts{};
  std::array<char, 32> text{};
  if (gmtime_r(&seconds, &parts) == nullptr) return std::to_string(unix_nano);
  return {text.data(), strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

std::string PlaceOf(std::string_view key) {
  uint64_t first_sequence = 0;
  return ReadBlockKey(key, first_sequence) ? "block " + std::to_string(first_sequence) : "block under a malformed key";
}

}  // namespace

std::string BlockKey(uint64_t first_sequence) {
  std::string key;
  AppendKeyNumber(key, first_sequence);
  return key;
}

bool ReadBlockKey(std::string_view key, uint64_t& first_sequence) {
  ByteReader reader(key);
  return reader.ReadKeyNumber(first_sequence) && reader.empty();
}

std::optional<BlockSummary> ReadBlockSummary(std::string_view key, std::string_view block) {
  uint64_t first_sequence = 0;
  Result<BlockSummary> summary = DecodeBlockSummary(block);
  if (!ReadBlockKey(key, first_sequence) || !summary.ok() || summary->first_sequence != first_sequence) return {};
  return *summary;
}

Status ScanBlocks(const Snapshot& snapshot, uint64_t from,
                  const std::function<bool(std::string_view key, std::string_view block)>& visit,
                  const std::function<void(uint64_t sequence)>& on_unreadable) {
  uint64_t next = from;
  int skip_count = 0;
  while (true) {
    const Status status = snapshot.Scan(Table::kBlocks, BlockKey(next), "", [&](auto key, auto block) {
      uint64_t sequence = 0;
      if (ReadBlockKey(key, sequence) && sequence >= next) next = sequence + 1;
      skip_count = 0;
      return visit(key, block);
    });
    if (status.ok() || status.code() != Code::kDataLoss) return status;
    if (skip_count == 0) {
      snapshot.damages().Note("blocks from " + std::to_string(next) + " on", status.message());
      on_unreadable(next);
    }
    if (++skip_count > kSkipCountMax || next > std::numeric_limits<uint64_t>::max() - kBlockEventCountMax) return {};
    next += kBlockEventCountMax;
  }
}

size_t NoteDamagedBlock(const Snapshot& snapshot, std::string_view key, std::string_view block) {
  std::string place = PlaceOf(key);
  const Result<BlockSummary> summary = DecodeBlockSummary(block);
  if (summary.ok()) {
    const auto& times = summary.value();
    place += " (" + TimeText(times.min_time_unix_nano) + " to " + TimeText(times.max_time_unix_nano) + ")";
    if (!ReadBlockSummary(key, block)) {
      snapshot.damages().Note(place, "it stands under the key of another block");
      return 1;
    }
  }
  size_t count = 0;
  CheckBlock(block, [&](const std::string& part, const Status& status) {
    ++count;
    snapshot.damages().Note(part.empty() ? place : place + ", " + part, status.message());
  });
  return count;
}

}  // namespace stillwatch::storage
