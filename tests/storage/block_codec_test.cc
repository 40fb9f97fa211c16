#include "storage/block_codec.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/storage/usage_batches.h"

namespace stillwatch::storage {
namespace {

constexpr uint64_t kSequence = 0x0102030405060708;

UsageBatch TinyBatch() {
  UsageBatch batch;
  for (int64_t event = 0; event < 3; ++event) {
    const size_t row = batch.AddRow();
    batch.SetText(row, TextField::kAccountId, event == 1 ? "bob" : "alice");
    batch.SetNumber(row, NumberField::kTimeUnixNano, static_cast<uint64_t>(1000 + 5 * event));
    if (event != 1) batch.SetNumber(row, NumberField::kInputTokens, 7);
  }
  return batch;
}

std::string Hexadecimal(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) {
    text += "0123456789abcdef"[static_cast<uint8_t>(byte) >> 4];
    text += "0123456789abcdef"[static_cast<uint8_t>(byte) & 0xf];
  }
  return text;
}

void ExpectRoundTrip(const UsageBatch& batch, size_t begin, size_t end, const ColumnSelection& columns = {}) {
  const std::string block = EncodeBlock(batch, begin, end, kSequence);
  Result<UsageBatch> decoded = DecodeBlock(block, columns);
  ASSERT_TRUE(decoded.ok()) << decoded.status().message();
  ASSERT_EQ(decoded->size(), end - begin);
  ExpectSameRows(batch, begin, *decoded, columns);
}

TEST(BlockCodecTest, RandomBatchesOfEverySizeSurvive) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomBatches random(seed);
    const size_t size = seed % 3 == 0 ? 1 + random.Below(12) : 1 + random.Below(700);
    ExpectRoundTrip(random.Make(size), 0, size);
  }
}

TEST(BlockCodecTest, TheSmallestAndTheLargestBlockSurvive) {
  for (uint64_t seed = 100; seed < 106; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    RandomBatches random(seed);
    ExpectRoundTrip(random.Make(1), 0, 1);
    ExpectRoundTrip(random.Make(kBlockEventCountMax), 0, kBlockEventCountMax);
  }
}

TEST(BlockCodecTest, EncodesARangeOfRows) {
  RandomBatches random(7);
  const UsageBatch batch = random.Make(500);
  ExpectRoundTrip(batch, 123, 456);
  ExpectRoundTrip(batch, 499, 500);
}

TEST(BlockCodecTest, ColumnsThatEndBeforeTheRangeReadAsAbsent) {
  UsageBatch batch;
  for (int row = 0; row < 20; ++row) batch.AddRow();
  batch.SetText(2, TextField::kAccountId, "alice");
  batch.SetNumber(3, NumberField::kDurationMs, 9);
  batch.SetNumber(12, NumberField::kMarkers, 0);
  ExpectRoundTrip(batch, 0, 20);
  ExpectRoundTrip(batch, 10, 20);
  ExpectRoundTrip(batch, 3, 15);
}

TEST(BlockCodecTest, EventsWithoutAnyFieldSurvive) {
  UsageBatch batch;
  for (int row = 0; row < 100; ++row) batch.AddRow();
  ExpectRoundTrip(batch, 0, 100);
  EXPECT_LT(EncodeBlock(batch, 0, 100, 0).size(), 40u);
}

TEST(BlockCodecTest, AnAbsentNumberStaysDistinctFromZero) {
  UsageBatch batch;
  for (size_t row = 0; row < 9; ++row) {
    batch.AddRow();
    if (row % 2 == 0) batch.SetNumber(row, NumberField::kSeed, 0);
  }
  ExpectRoundTrip(batch, 0, 9);
}

TEST(BlockCodecTest, DecodesOnlySelectedColumns) {
  RandomBatches random(11);
  const UsageBatch batch = random.Make(300);
  ExpectRoundTrip(batch, 0, 300, {.texts = 0, .numbers = 0});
  for (int repeat = 0; repeat < 20; ++repeat) {
    ExpectRoundTrip(batch, 0, 300,
                    {.texts = static_cast<uint32_t>(random.Below(1u << 16)), .numbers = random.Below(1u << 30)});
  }
}

TEST(BlockCodecTest, DamageInAColumnThatIsNotSelectedDoesNotHinder) {
  const UsageBatch batch = TinyBatch();
  std::string block = EncodeBlock(batch, 0, 3, 0);
  block.back() = static_cast<char>(block.back() ^ 1);  // In the last column, of input tokens.
  const ColumnSelection accounts = {.texts = 1u << static_cast<int>(TextField::kAccountId), .numbers = 0};
  Result<UsageBatch> decoded = DecodeBlock(block, accounts);
  ASSERT_TRUE(decoded.ok());
  ExpectSameRows(batch, 0, *decoded, accounts);
  EXPECT_EQ(DecodeBlock(block, {}).status().code(), Code::kDataLoss);
}

TEST(BlockCodecTest, SummaryTellsWhereAndWhenTheEventsAre) {
  UsageBatch batch;
  for (const uint64_t time : {70, 50, 90, 60}) batch.SetNumber(batch.AddRow(), NumberField::kTimeUnixNano, time);
  Result<BlockSummary> summary = DecodeBlockSummary(EncodeBlock(batch, 0, 4, kSequence));
  ASSERT_TRUE(summary.ok());
  EXPECT_EQ(summary->first_sequence, kSequence);
  EXPECT_EQ(summary->event_count, 4u);
  EXPECT_EQ(summary->min_time_unix_nano, 50);
  EXPECT_EQ(summary->max_time_unix_nano, 90);
}

TEST(BlockCodecTest, VersionOneKeepsItsBytes) {
  // clang-format off
  const std::string expected =
      // Magic, version, first sequence, 3 events, 3 columns, first and last time.
      "535742" "01" "0807060504030201" "0300" "0300" "e803000000000000" "f203000000000000"
      // Directory: column, encoding, length and checksum of each; then the header's checksum.
      "01" "21" "0c" "9665c3be"
      "80" "04" "04" "28ea0cd8"
      "8e" "43" "03" "c0424482"
      "b4e49584"
      // Accounts: two values of 5 and 3 bytes, "alice" and "bob", indices 0 1 0.
      "02" "05" "03" "616c696365626f62" "02"
      // Times: 1000, then 5 more, then 5 more, as zigzag varints.
      "d00f" "0a" "0a"
      // Input tokens: rows 0 and 2 have some, 7 each.
      "05" "07" "07";
  // clang-format on
  EXPECT_EQ(Hexadecimal(EncodeBlock(TinyBatch(), 0, 3, kSequence)), expected);
}

TEST(BlockCodecTest, EveryFlippedBitIsDataLoss) {
  RandomBatches random(3);
  const std::string block = EncodeBlock(random.Make(40), 0, 40, kSequence);
  for (size_t bit = 0; bit < block.size() * 8; ++bit) {
    std::string damaged = block;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ 1 << bit % 8);
    ASSERT_EQ(DecodeBlock(damaged, {}).status().code(), Code::kDataLoss) << "bit " << bit << " of byte " << bit / 8;
  }
}

TEST(BlockCodecTest, EveryTruncationIsDataLoss) {
  RandomBatches random(4);
  const std::string block = EncodeBlock(random.Make(200), 0, 200, kSequence);
  for (size_t length = 0; length < block.size(); ++length) {
    const std::string exact(block, 0, length);  // So that a sanitizer sees a read behind the end.
    ASSERT_EQ(DecodeBlock(exact, {}).status().code(), Code::kDataLoss) << length;
    ASSERT_EQ(DecodeBlockSummary(exact).status().code(), Code::kDataLoss) << length;
  }
}

TEST(BlockCodecTest, BytesBehindTheBlockAreDataLoss) {
  const std::string block = EncodeBlock(TinyBatch(), 0, 3, kSequence) + '\0';
  EXPECT_EQ(DecodeBlock(block, {}).status().code(), Code::kDataLoss);
}

TEST(BlockCodecTest, AnUnknownVersionIsDataLoss) {
  std::string block = EncodeBlock(TinyBatch(), 0, 3, kSequence);
  block[3] = 2;
  EXPECT_EQ(DecodeBlockSummary(block).status().code(), Code::kDataLoss);
}

TEST(BlockCodecTest, RepetitiveColumnsTakeLittleRoom) {
  UsageBatch batch;
  for (size_t row = 0; row < 1000; ++row) {
    batch.AddRow();
    batch.SetText(row, TextField::kUserAgent, row % 2 == 0 ? "a browser of some length" : "another browser");
    batch.SetNumber(row, NumberField::kStatusCode, 200);
    batch.SetNumber(row, NumberField::kTimeUnixNano, 1'700'000'000'000'000'000);
  }
  EXPECT_LT(EncodeBlock(batch, 0, 1000, 0).size(), 300u);
}

TEST(BlockCodecTest, IdsOfHexadecimalDigitsArePackedToHalf) {
  RandomBatches random(5);
  UsageBatch batch;
  std::vector<std::string> ids;
  for (size_t row = 0; row < 1000; ++row) ids.push_back("request-" + random.Hex(32));
  for (const std::string& id : ids) batch.SetText(batch.AddRow(), TextField::kEventId, id);
  ExpectRoundTrip(batch, 0, 1000);
  EXPECT_LT(EncodeBlock(batch, 0, 1000, 0).size(), 16'200u);
}

}  // namespace
}  // namespace stillwatch::storage
