#include "proto/usage_batch.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace stillwatch {
namespace {

TEST(UsageBatchTest, ATextIsHeldOnce) {
  UsageBatch batch;
  const std::vector<std::string> names = {"a", "b", "a", "", "b"};
  for (const std::string& name : names) batch.SetText(batch.AddRow(), TextField::kAccountId, name);
  EXPECT_EQ(batch.column(TextField::kAccountId).values.size(), 2U);
  for (size_t row = 0; row < names.size(); ++row) EXPECT_EQ(batch.text(row, TextField::kAccountId), names[row]);
}

TEST(UsageBatchTest, HashesAreThoseOfTheRowsTexts) {
  UsageBatch batch(4);
  const std::vector<std::string> names = {"a", "", "b", "a"};
  for (const std::string& name : names) batch.SetText(batch.AddRow(), TextField::kEndUserId, name);
  batch.AddRow();
  const std::vector<uint64_t> expected = {HashName("a"), 0, HashName("b"), HashName("a"), 0};
  EXPECT_EQ(batch.HashRows(TextField::kEndUserId), expected);
  EXPECT_EQ(batch.HashRows(TextField::kUserAgent), std::vector<uint64_t>(5));
}

TEST(UsageBatchTest, ARowTakenBackLeavesNothing) {
  UsageBatch batch(10);
  batch.SetText(batch.AddRow(), TextField::kAccountId, "a");
  const size_t row = batch.AddRow();
  batch.SetText(row, TextField::kAccountId, "b");
  batch.SetNumber(row, NumberField::kInputTokens, 7);
  batch.RemoveLastRow();
  EXPECT_EQ(batch.size(), 1U);
  EXPECT_EQ(batch.AddRow(), row);
  EXPECT_EQ(batch.text(row, TextField::kAccountId), "");
  EXPECT_FALSE(batch.has(row, NumberField::kInputTokens));
}

TEST(UsageBatchTest, AColumnThatWasSetCanBeAddedTo) {
  UsageBatch batch;
  batch.AddRows(3);
  batch.SetColumn(TextField::kAccountId, {.values = {"a", "b"}, .hashes = {}, .codes = {2, 0, 1}});
  batch.SetColumn(NumberField::kInputTokens, {1, 2, 3});
  batch.SetText(batch.AddRow(), TextField::kAccountId, "b");
  batch.SetText(batch.AddRow(), TextField::kAccountId, "c");
  EXPECT_EQ(batch.column(TextField::kAccountId).values.size(), 3U);
  EXPECT_EQ(batch.text(0, TextField::kAccountId), "b");
  EXPECT_EQ(batch.text(1, TextField::kAccountId), "");
  EXPECT_EQ(batch.text(3, TextField::kAccountId), "b");
  EXPECT_EQ(batch.text(4, TextField::kAccountId), "c");
  EXPECT_EQ(batch.number(2, NumberField::kInputTokens), 3U);
  EXPECT_FALSE(batch.has(3, NumberField::kInputTokens));
}

TEST(UsageBatchTest, KeepRowsIsAppendRowOfThose) {
  std::mt19937_64 random(3);
  std::vector<std::string> names;
  for (int i = 0; i < 10; ++i) names.push_back("name-" + std::to_string(i));
  for (int round = 0; round < 100; ++round) {
    UsageBatch batch;
    UsageBatch expected;
    std::vector<uint32_t> rows;
    for (uint32_t row = 0; row < 1 + random() % 50; ++row) {
      batch.AddRow();
      for (const TextField field : {TextField::kEventId, TextField::kAccountId, TextField::kUserAgent}) {
        if (random() % 2 == 0) batch.SetText(row, field, names[random() % names.size()]);
      }
      for (const NumberField field : {NumberField::kTimeUnixNano, NumberField::kPromptHash}) {
        if (random() % 2 == 0) batch.SetNumber(row, field, random());
      }
      if (random() % 2 == 0) rows.push_back(row);
    }
    for (const uint32_t row : rows) expected.AppendRow(batch, row);
    batch.KeepRows(rows);
    ASSERT_EQ(batch.size(), expected.size());
    for (size_t row = 0; row < batch.size(); ++row) {
      for (size_t field = 0; field < kTextFieldCount; ++field) {
        ASSERT_EQ(batch.text(row, static_cast<TextField>(field)), expected.text(row, static_cast<TextField>(field)));
      }
      ASSERT_EQ(batch.presence()[row], expected.presence()[row]);
      ASSERT_EQ(batch.number(row, NumberField::kPromptHash), expected.number(row, NumberField::kPromptHash));
    }
  }
}

}  // namespace
}  // namespace stillwatch
