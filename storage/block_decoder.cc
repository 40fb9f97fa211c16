// Reads blocks.
#include <zstd.h>

#include <memory>
#include <vector>

#include "storage/block_codec.h"
#include "storage/block_format.h"
#include "storage/byte_codec.h"
#include "storage/column_codec.h"

namespace stillwatch::storage {
namespace {

// Column ids are bytes, and none comes twice.
constexpr size_t kColumnCountMax = 256;

struct ContextDeleter {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

// Making a context costs more than decompressing a column, so each thread keeps one.
ZSTD_DCtx* DecompressionContext() {
  thread_local const std::unique_ptr<ZSTD_DCtx, ContextDeleter> context(ZSTD_createDCtx());
  return context.get();
}

struct StoredColumn {
  uint8_t id = 0;
  uint8_t encoding = 0;
  uint64_t stored_bytes = 0;
  uint64_t raw_bytes = 0;
  uint32_t checksum = 0;
  std::string_view bytes;
};

struct Header {
  BlockSummary summary;
  std::vector<StoredColumn> columns;
};

Status Damaged(const std::string& what) { return {Code::kDataLoss, "block of events: " + what}; }

std::string NameOf(const StoredColumn& column) {
  const bool is_number = (column.id & kNumberColumnBit) != 0;
  return (is_number ? "number column " : "text column ") + std::to_string(column.id & ~kNumberColumnBit);
}

Status DamagedColumn(const StoredColumn& column, const std::string& what) {
  return Damaged(NameOf(column) + ": " + what);
}

bool ReadSummary(ByteReader& reader, BlockSummary& summary, uint16_t& column_count) {
  uint16_t event_count = 0;
  if (!reader.ReadFixed(summary.first_sequence) || !reader.ReadFixed(event_count) || !reader.ReadFixed(column_count) ||
      !reader.ReadFixed(summary.min_time_unix_nano) || !reader.ReadFixed(summary.max_time_unix_nano)) {
    return false;
  }
  summary.event_count = event_count;
  return event_count > 0 && event_count <= kBlockEventCountMax;
}

bool ReadDirectoryEntry(ByteReader& reader, StoredColumn& column) {
  if (!reader.ReadFixed(column.id) || !reader.ReadFixed(column.encoding) || !reader.ReadVarint(column.stored_bytes)) {
    return false;
  }
  column.raw_bytes = column.stored_bytes;
  if ((column.encoding & kZstdFlag) != 0 && !reader.ReadVarint(column.raw_bytes)) return false;
  return column.stored_bytes <= kColumnBytesMax && column.raw_bytes <= kColumnBytesMax &&
         reader.ReadFixed(column.checksum);
}

bool ReadDirectory(ByteReader& reader, uint16_t column_count, std::vector<StoredColumn>& columns) {
  if (column_count > kColumnCountMax) return false;
  columns.resize(column_count);
  for (size_t index = 0; index < columns.size(); ++index) {
    if (!ReadDirectoryEntry(reader, columns[index])) return false;
    if (index > 0 && columns[index].id <= columns[index - 1].id) return false;
  }
  return true;
}

Result<Header> ReadHeader(std::string_view bytes) {
  Header header;
  ByteReader reader(bytes);
  std::string_view magic;
  uint8_t version = 0;
  if (!reader.ReadBytes(kBlockMagic.size(), magic) || magic != kBlockMagic) return Damaged("it does not begin as one");
  if (!reader.ReadFixed(version)) return Damaged("it is cut short");
  if (version != kBlockVersion) return Damaged("version " + std::to_string(version) + " is unknown");
  uint16_t column_count = 0;
  if (!ReadSummary(reader, header.summary, column_count)) return Damaged("its header is malformed");
  if (!ReadDirectory(reader, column_count, header.columns)) return Damaged("its directory is malformed");
  const std::string_view checked = bytes.substr(0, bytes.size() - reader.remaining());
  uint32_t checksum = 0;
  if (!reader.ReadFixed(checksum) || checksum != BlockChecksum(checked))
    return Damaged("its header's checksum is wrong");
  for (StoredColumn& column : header.columns) {
    if (!reader.ReadBytes(column.stored_bytes, column.bytes)) return DamagedColumn(column, "it is cut short");
  }
  if (!reader.empty()) return Damaged("bytes follow it");
  return header;
}

// Puts the column's uncompressed bytes into `raw`.
Status Uncompress(const StoredColumn& column, std::string& raw) {
  if (ZSTD_getFrameContentSize(column.bytes.data(), column.bytes.size()) != column.raw_bytes) {
    return DamagedColumn(column, "its compressed length is wrong");
  }
  raw.resize(column.raw_bytes);
  const size_t raw_bytes =
      ZSTD_decompressDCtx(DecompressionContext(), raw.data(), raw.size(), column.bytes.data(), column.bytes.size());
  if (raw_bytes != column.raw_bytes) return DamagedColumn(column, "its compression is malformed");
  return {};
}

// Decodes columns into a batch; reuses its buffers from one column to the next.
class BlockDecoder {
 public:
  explicit BlockDecoder(size_t event_count) { batch_.AddRows(event_count); }

  Status Decode(const StoredColumn& column) {
    if (BlockChecksum(column.bytes) != column.checksum) return DamagedColumn(column, "its checksum is wrong");
    const bool is_number = (column.id & kNumberColumnBit) != 0;
    return is_number ? DecodeNumbers(column) : DecodeTexts(column);
  }

  UsageBatch TakeBatch() { return std::move(batch_); }

 private:
  struct OwnedTexts {
    std::string bytes;
    std::string unpacked;
  };

  Status DecodeTexts(const StoredColumn& column) {
    const auto owner = std::make_shared<OwnedTexts>();
    if ((column.encoding & kZstdFlag) != 0) {
      STILLWATCH_RETURN_IF_ERROR(Uncompress(column, owner->bytes));
    } else {
      owner->bytes = column.bytes;
    }
    TextColumn texts;
    if (!DecodeTextColumn(column.encoding, owner->bytes, batch_.size(), texts, owner->unpacked)) {
      return DamagedColumn(column, "its encoding is malformed");
    }
    batch_.SetColumn(static_cast<TextField>(column.id), std::move(texts));
    batch_.KeepAlive(owner);
    return {};
  }

  Status DecodeNumbers(const StoredColumn& column) {
    std::string_view bytes = column.bytes;
    if ((column.encoding & kZstdFlag) != 0) {
      STILLWATCH_RETURN_IF_ERROR(Uncompress(column, raw_));
      bytes = raw_;
    }
    numbers_.presence = {};
    if (!DecodeNumberColumn(column.encoding, bytes, batch_.size(), numbers_)) {
      return DamagedColumn(column, "its encoding is malformed");
    }
    const auto field = static_cast<NumberField>(column.id & ~kNumberColumnBit);
    if (numbers_.presence.empty()) {
      batch_.SetColumn(field, std::move(numbers_.numbers));
      return {};
    }
    // From the last row on, so that the batch sizes its column once.
    size_t index = numbers_.numbers.size();
    for (size_t row = batch_.size(); row-- > 0;) {
      if (numbers_.has(row)) batch_.SetNumber(row, field, numbers_.numbers[--index]);
    }
    return {};
  }

  UsageBatch batch_;
  NumberColumn numbers_;
  std::string raw_;
};

// Columns that a newer program added are not selected: to this one they are absent.
bool IsSelected(const StoredColumn& column, const ColumnSelection& selection) {
  const unsigned field = column.id & ~kNumberColumnBit;
  if ((column.id & kNumberColumnBit) != 0) return field < kNumberFieldCount && (selection.numbers >> field & 1) != 0;
  return field < kTextFieldCount && (selection.texts >> field & 1) != 0;
}

}  // namespace

Result<BlockSummary> DecodeBlockSummary(std::string_view bytes) {
  Result<Header> header = ReadHeader(bytes);
  if (!header.ok()) return header.status();
  return header->summary;
}

Result<UsageBatch> DecodeBlock(std::string_view bytes, const ColumnSelection& columns) {
  Result<Header> header = ReadHeader(bytes);
  if (!header.ok()) return header.status();
  BlockDecoder decoder(header->summary.event_count);
  for (const StoredColumn& column : header->columns) {
    if (IsSelected(column, columns)) STILLWATCH_RETURN_IF_ERROR(decoder.Decode(column));
  }
  return decoder.TakeBatch();
}

void CheckBlock(std::string_view bytes,
                const std::function<void(const std::string& column, const Status& status)>& on_damage) {
  Result<Header> header = ReadHeader(bytes);
  if (!header.ok()) return on_damage("", header.status());
  for (const StoredColumn& column : header->columns) {
    Status status;
    if (IsSelected(column, {})) {
      status = BlockDecoder(header->summary.event_count).Decode(column);
    } else if (BlockChecksum(column.bytes) != column.checksum) {
      status = DamagedColumn(column, "its checksum is wrong");
    }
    if (!status.ok()) on_damage(NameOf(column), status);
  }
}

}  // namespace stillwatch::storage
