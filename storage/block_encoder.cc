// Writes blocks.
#include <zstd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "storage/block_codec.h"
#include "storage/block_format.h"
#include "storage/byte_codec.h"
#include "storage/column_codec.h"

namespace stillwatch::storage {
namespace {

// Below this many bytes what a frame saves is not worth its time.
constexpr size_t kCompressBytesMin = 256;
// The level that keeps up with the ingest; higher ones gain a few percent on columns that are already dictionary coded.
constexpr int kCompressionLevel = 1;

struct ContextDeleter {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

// Making a context costs more than compressing a column, so each thread keeps one.
ZSTD_CCtx* CompressionContext() {
  thread_local const std::unique_ptr<ZSTD_CCtx, ContextDeleter> context(ZSTD_createCCtx());
  return context.get();
}

// Hashes and packed digits are as good as random, and lists of measured numbers nearly: trying to compress them is lost
// time. What does shrink are texts, and indices into a few values of which one is frequent.
bool MayCompress(uint8_t encoding, size_t bytes, size_t row_count) {
  const ListEncoding list = ListEncodingOf(encoding);
  if (bytes < kCompressBytesMin || list == ListEncoding::kTextPattern || list == ListEncoding::kFixed64) return false;
  if (list == ListEncoding::kTextPlain) return true;
  return (encoding & kDictionaryFlag) != 0 && bytes <= row_count / 2;
}

// Appends the columns of a block, and builds its directory.
class ColumnWriter {
 public:
  explicit ColumnWriter(size_t row_count) : row_count_(row_count) {}

  void Add(uint8_t id, uint8_t encoding, const std::string& bytes) {
    CheckSize(id, bytes.size());
    const bool compressed = MayCompress(encoding, bytes.size(), row_count_) && Compress(bytes);
    const std::string& stored = compressed ? frame_ : bytes;
    AppendFixed(directory_, id);
    AppendFixed(directory_, static_cast<uint8_t>(encoding | (compressed ? kZstdFlag : 0)));
    AppendVarint(directory_, stored.size());
    if (compressed) AppendVarint(directory_, bytes.size());
    AppendFixed(directory_, BlockChecksum(stored));
    columns_ += stored;
    ++count_;
  }

  uint16_t count() const { return count_; }
  const std::string& directory() const { return directory_; }
  const std::string& columns() const { return columns_; }

 private:
  static void CheckSize(uint8_t id, size_t bytes) {
    if (bytes <= kColumnBytesMax) return;
    std::fprintf(stderr, "column %u of a block has %zu bytes, more than %zu\n", unsigned{id}, bytes, kColumnBytesMax);
    std::abort();
  }

  // Compresses into frame_; false if that saves less than a tenth.
  bool Compress(const std::string& bytes) {
    frame_.resize(bytes.size() * 9 / 10);
    const size_t frame_bytes = ZSTD_compressCCtx(CompressionContext(), frame_.data(), frame_.size(), bytes.data(),
                                                 bytes.size(), kCompressionLevel);
    if (ZSTD_isError(frame_bytes) != 0) return false;  // It did not fit.
    frame_.resize(frame_bytes);
    return true;
  }

  const size_t row_count_;
  uint16_t count_ = 0;
  std::string directory_;
  std::string columns_;
  std::string frame_;
};

// Encodes rows [begin, end) of a batch, column by column.
class BlockEncoder {
 public:
  BlockEncoder(const UsageBatch& batch, size_t begin, size_t end)
      : batch_(batch), begin_(begin), end_(end), writer_(end - begin) {}

  std::string Encode(uint64_t first_sequence) {
    for (size_t field = 0; field < kTextFieldCount; ++field) EncodeText(static_cast<TextField>(field));
    SurveyPresence();
    for (size_t field = 0; field < kNumberFieldCount; ++field) EncodeNumber(static_cast<NumberField>(field));
    std::string block;
    AppendHeader(first_sequence, block);
    block += writer_.columns();
    return block;
  }

 private:
  void EncodeText(TextField field) {
    const TextColumn& column = batch_.column(field);
    if (column.values.empty()) return;
    // Rows behind the end of the codes are absent.
    codes_.assign(end_ - begin_, 0);
    for (size_t row = begin_; row < std::min(end_, column.codes.size()); ++row) codes_[row - begin_] = column.codes[row];
    if (std::all_of(codes_.begin(), codes_.end(), [](uint32_t code) { return code == 0; })) return;
    bytes_.clear();
    const uint8_t encoding = EncodeTextColumn(column.values, codes_, bytes_);
    writer_.Add(static_cast<uint8_t>(field), encoding, bytes_);
  }

  // Finds the number fields that some row has, and those that all have.
  void SurveyPresence() {
    in_all_ = ~uint64_t{0};
    for (const uint64_t present : batch_.presence().subspan(begin_, end_ - begin_)) {
      in_some_ |= present;
      in_all_ &= present;
    }
  }

  void EncodeNumber(NumberField field) {
    const uint64_t bit = uint64_t{1} << static_cast<unsigned>(field);
    if ((in_some_ & bit) == 0) return;
    bytes_.clear();
    uint8_t encoding = 0;
    if ((in_all_ & bit) != 0) {
      encoding = EncodeNumberColumn(batch_.column(field).subspan(begin_, end_ - begin_), {}, bytes_);
    } else {
      GatherNumbers(field);
      encoding = EncodeNumberColumn(numbers_, present_, bytes_);
    }
    writer_.Add(static_cast<uint8_t>(field) | kNumberColumnBit, encoding, bytes_);
  }

  void GatherNumbers(NumberField field) {
    numbers_.clear();
    present_.assign(end_ - begin_, 0);
    for (size_t row = begin_; row < end_; ++row) {
      if (!batch_.has(row, field)) continue;
      numbers_.push_back(batch_.number(row, field));
      present_[row - begin_] = 1;
    }
  }

  void AppendHeader(uint64_t first_sequence, std::string& block) const {
    int64_t min_time = std::numeric_limits<int64_t>::max();
    int64_t max_time = std::numeric_limits<int64_t>::min();
    for (size_t row = begin_; row < end_; ++row) {
      const int64_t time = batch_.time_unix_nano(row);
      min_time = std::min(min_time, time);
      max_time = std::max(max_time, time);
    }
    block += kBlockMagic;
    AppendFixed(block, kBlockVersion);
    AppendFixed(block, first_sequence);
    AppendFixed(block, static_cast<uint16_t>(end_ - begin_));
    AppendFixed(block, writer_.count());
    AppendFixed(block, min_time);
    AppendFixed(block, max_time);
    block += writer_.directory();
    AppendFixed(block, BlockChecksum(block));
  }

  const UsageBatch& batch_;
  const size_t begin_;
  const size_t end_;
  uint64_t in_some_ = 0;  // Bit i: some row has NumberField i.
  uint64_t in_all_ = 0;   // Bit i: every row has it.
  ColumnWriter writer_;
  std::string bytes_;
  std::vector<uint32_t> codes_;
  std::vector<uint64_t> numbers_;
  std::vector<uint8_t> present_;
};

void CheckRange(const UsageBatch& batch, size_t begin, size_t end) {
  if (begin < end && end <= batch.size() && end - begin <= kBlockEventCountMax) return;
  std::fprintf(stderr, "cannot encode rows %zu to %zu of %zu as a block\n", begin, end, batch.size());
  std::abort();
}

}  // namespace

std::string EncodeBlock(const UsageBatch& batch, size_t begin, size_t end, uint64_t first_sequence) {
  CheckRange(batch, begin, end);
  return BlockEncoder(batch, begin, end).Encode(first_sequence);
}

}  // namespace stillwatch::storage
