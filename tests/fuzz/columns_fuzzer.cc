// Blocks of the event log and their columns. Checksums keep nonsense from most of a block, so columns are read alone,
// too.
#include "storage/block_codec.h"
#include "storage/column_codec.h"
#include "tests/fuzz/fuzz_target.h"

using namespace stillwatch;
using namespace stillwatch::storage;

namespace {

UsageBatch SomeEvents() {
  UsageBatch batch;
  static const std::vector<std::string> ids = {"0123456789abcdef", "fedcba9876543210", "00000000ffffffff"};
  for (size_t row = 0; row < 9; ++row) {
    batch.AddRow();
    batch.SetText(row, TextField::kEventId, ids[row % 3]);
    batch.SetText(row, TextField::kAccountId, row % 2 == 0 ? "account-1" : "account-2");
    batch.SetNumber(row, NumberField::kTimeUnixNano, 1'780'000'000'000'000'000 + row);
    if (row % 3 != 0) batch.SetNumber(row, NumberField::kInputTokens, 100 * row);
  }
  return batch;
}

}  // namespace

// A column's input begins with its encoding and its number of rows.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)DecodeBlock(bytes, {});
  CheckBlock(bytes, [](const std::string&, const Status&) {});
  if (size < 2) return 0;
  const auto encoding = static_cast<uint8_t>(data[0] & ~kZstdFlag);
  TextColumn texts;
  std::string unpacked;
  DecodeTextColumn(encoding, bytes.substr(2), data[1], texts, unpacked);
  NumberColumn numbers;
  DecodeNumberColumn(encoding, bytes.substr(2), data[1], numbers);
  return 0;
}

std::vector<std::string> fuzz::Seeds() {
  const UsageBatch batch = SomeEvents();
  std::vector<std::string> seeds = {EncodeBlock(batch, 0, batch.size(), 7)};
  for (const TextField field : {TextField::kEventId, TextField::kAccountId}) {
    std::string column;
    const uint8_t encoding = EncodeTextColumn(batch.column(field).values, batch.column(field).codes, column);
    seeds.push_back(std::string{static_cast<char>(encoding), static_cast<char>(batch.size())} + column);
  }
  const std::vector<uint64_t> numbers = {1, 5, 1'000'000, 7};
  const std::vector<uint8_t> present = {1, 0, 1, 1, 0, 1};
  for (const bool has_gaps : {false, true}) {
    std::string column;
    const uint8_t encoding = EncodeNumberColumn(numbers, has_gaps ? present : std::vector<uint8_t>(), column);
    seeds.push_back(std::string{static_cast<char>(encoding), static_cast<char>(has_gaps ? 6 : 4)} + column);
  }
  return seeds;
}
