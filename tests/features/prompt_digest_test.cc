#include "features/prompt_digest.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

namespace stillwatch::features {
namespace {

constexpr std::array kHashFields = {NumberField::kSystemHash, NumberField::kPromptHash, NumberField::kTemplateHash,
                                    NumberField::kSlotHash,   NumberField::kHeadHash,   NumberField::kCompletionHash,
                                    NumberField::kPromptSketch};
constexpr std::array kOtherFields = {NumberField::kMarkers, NumberField::kPromptBytes, NumberField::kPromptWords,
                                     NumberField::kSystemBytes, NumberField::kCompletionBytes};

const PhraseEngine& Phrases() {
  static const std::unique_ptr<PhraseEngine> engine =
      std::move(PhraseEngine::Compile(PhraseEngine::BuiltInList())).value();
  return *engine;
}

UsageBatch Digested(std::string_view system, std::string_view prompt, std::string_view completion,
                    const DigestKey& key = DigestKey::BuiltIn()) {
  UsageBatch batch;
  PromptDigester(key, Phrases()).Digest(system, prompt, completion, batch, batch.AddRow());
  return batch;
}

uint64_t PromptNumber(std::string_view prompt, NumberField field) { return Digested("", prompt, "").number(0, field); }

// Holds a directory of its own for a test.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = std::filesystem::temp_directory_path() / "stillwatch_digest_XXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  std::string File(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

TEST(PromptDigestTest, LeavesNoTextInTheBatch) {
  const UsageBatch batch = Digested("You are kind.", "Tell me about Paris.", "It is a city.");
  for (size_t field = 0; field < kTextFieldCount; ++field) {
    EXPECT_TRUE(batch.ColumnIsEmpty(static_cast<TextField>(field))) << field;
  }
  for (const NumberField field : kHashFields) EXPECT_NE(batch.number(0, field), 0U);
}

TEST(PromptDigestTest, IsTheSameEachTime) {
  const UsageBatch first = Digested("You are kind.", "Rate 7 answers by \"Anna\".", "Fine.");
  const UsageBatch second = Digested("You are kind.", "Rate 7 answers by \"Anna\".", "Fine.");
  for (const NumberField field : kHashFields) EXPECT_EQ(first.number(0, field), second.number(0, field));
  for (const NumberField field : kOtherFields) EXPECT_EQ(first.number(0, field), second.number(0, field));
}

TEST(PromptDigestTest, AnotherKeyChangesEveryHashAndNothingElse) {
  DigestKey other = DigestKey::BuiltIn();
  other.bytes[31] ^= 1;
  const UsageBatch first = Digested("You are kind.", "Rate 7 answers.", "Fine.");
  const UsageBatch second = Digested("You are kind.", "Rate 7 answers.", "Fine.", other);
  for (const NumberField field : kHashFields) EXPECT_NE(first.number(0, field), second.number(0, field));
  for (const NumberField field : kOtherFields) EXPECT_EQ(first.number(0, field), second.number(0, field));
}

TEST(PromptDigestTest, MissingTextsLeaveTheirFieldsAbsent) {
  const UsageBatch nothing = Digested("", "", "");
  for (const NumberField field : kHashFields) EXPECT_FALSE(nothing.has(0, field));
  for (const NumberField field : kOtherFields) EXPECT_FALSE(nothing.has(0, field));
  const UsageBatch completion = Digested("", "", "Fine.");
  EXPECT_TRUE(completion.has(0, NumberField::kCompletionHash));
  EXPECT_FALSE(completion.has(0, NumberField::kMarkers));
  EXPECT_FALSE(completion.has(0, NumberField::kPromptHash));
  const UsageBatch system = Digested("You are kind.", "", "");
  EXPECT_TRUE(system.has(0, NumberField::kMarkers));
  EXPECT_FALSE(system.has(0, NumberField::kTemplateHash));
}

TEST(PromptDigestTest, WhiteSpaceOnlyIsATextWithoutWords) {
  const UsageBatch batch = Digested(" \n", " \t ", "\r\n");
  EXPECT_EQ(batch.number(0, NumberField::kPromptWords), 0U);
  EXPECT_EQ(batch.number(0, NumberField::kPromptBytes), 3U);
  EXPECT_NE(batch.number(0, NumberField::kPromptHash), 0U);
}

TEST(PromptDigestTest, LengthsAreThoseOfTheWholeTexts) {
  const UsageBatch batch = Digested(" ab ", "Two words", std::string(100'000, 'x'));
  EXPECT_EQ(batch.number(0, NumberField::kSystemBytes), 4U);
  EXPECT_EQ(batch.number(0, NumberField::kPromptBytes), 9U);
  EXPECT_EQ(batch.number(0, NumberField::kPromptWords), 2U);
  EXPECT_EQ(batch.number(0, NumberField::kCompletionBytes), 100'000U);
}

TEST(PromptDigestTest, HashesIgnoreWhiteSpaceAtBothEnds) {
  const UsageBatch plain = Digested("be kind", "tell me", "fine");
  const UsageBatch padded = Digested("\nbe kind ", "  tell me\r\n", "\tfine\n");
  for (const NumberField field : kHashFields) EXPECT_EQ(plain.number(0, field), padded.number(0, field));
}

TEST(PromptDigestTest, MarkersComeFromPromptAndSystemPrompt) {
  EXPECT_EQ(PromptNumber("Think step by step.", NumberField::kMarkers), 1U);
  EXPECT_EQ(Digested("You are an impartial judge.", "Think step by step.", "").number(0, NumberField::kMarkers),
            0b101U);
  EXPECT_EQ(Digested("", "Hello", "Think step by step.").number(0, NumberField::kMarkers), 0U);
}

TEST(PromptDigestTest, OnlyTheFirstBytesAreLookedAt) {
  const std::string full(PromptDigester::kDigestedBytesMax, 'a');
  EXPECT_EQ(PromptNumber(full, NumberField::kPromptHash),
            PromptNumber(full + " step by step", NumberField::kPromptHash));
  EXPECT_EQ(PromptNumber(full + " step by step", NumberField::kMarkers), 0U);
  const std::string almost(PromptDigester::kDigestedBytesMax - 13, 'a');
  EXPECT_EQ(PromptNumber(almost + " step by step", NumberField::kMarkers), 1U);
  EXPECT_NE(PromptNumber(full, NumberField::kPromptHash), PromptNumber(almost, NumberField::kPromptHash));
}

TEST(PromptDigestTest, ACharacterAcrossTheCutIsLeftOut) {
  for (const std::string character : {"é", "漢", "😀"}) {
    for (size_t inside = 1; inside < character.size(); ++inside) {
      const std::string before = "step by step " + std::string(PromptDigester::kDigestedBytesMax - inside - 13, 'a');
      EXPECT_EQ(PromptNumber(before + character + "b", NumberField::kPromptHash),
                PromptNumber(before, NumberField::kPromptHash));
      EXPECT_EQ(PromptNumber(before + character, NumberField::kMarkers), 1U);
    }
    const std::string before(PromptDigester::kDigestedBytesMax - character.size(), 'a');
    EXPECT_NE(PromptNumber(before + character, NumberField::kPromptHash),
              PromptNumber(before, NumberField::kPromptHash));
  }
}

TEST(PromptDigestTest, PromptsOfATemplateShareItsHashOnly) {
  const UsageBatch first = Digested("", "Write a letter to Anna about 3 cats.", "");
  const UsageBatch second = Digested("", "Write a letter to Otto about 12 cats.", "");
  EXPECT_EQ(first.number(0, NumberField::kTemplateHash), second.number(0, NumberField::kTemplateHash));
  EXPECT_EQ(first.number(0, NumberField::kHeadHash), second.number(0, NumberField::kHeadHash));
  EXPECT_NE(first.number(0, NumberField::kSlotHash), second.number(0, NumberField::kSlotHash));
  EXPECT_NE(first.number(0, NumberField::kPromptHash), second.number(0, NumberField::kPromptHash));
}

TEST(DigestKeyTest, IsMadeOnceReadableByItsOwnerOnly) {
  const TemporaryDirectory directory;
  const Result<DigestKey> made = DigestKey::FromFile(directory.File("key"));
  ASSERT_TRUE(made.ok()) << made.status().message();
  struct stat status {};
  ASSERT_EQ(stat(directory.File("key").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  EXPECT_EQ(status.st_size, 32);
  const Result<DigestKey> read = DigestKey::FromFile(directory.File("key"));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read.value().bytes, made.value().bytes);
}

TEST(DigestKeyTest, KeysDiffer) {
  const TemporaryDirectory directory;
  const Result<DigestKey> first = DigestKey::FromFile(directory.File("a"));
  const Result<DigestKey> second = DigestKey::FromFile(directory.File("b"));
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_NE(first.value().bytes, second.value().bytes);
  EXPECT_NE(first.value().bytes, DigestKey::BuiltIn().bytes);
}

TEST(DigestKeyTest, FilesOfAnotherLengthAreRejected) {
  const TemporaryDirectory directory;
  for (const size_t size : {0, 31, 33, 1000}) {
    std::ofstream(directory.File("key"), std::ios::trunc) << std::string(size, 'k');
    EXPECT_EQ(DigestKey::FromFile(directory.File("key")).status().code(), Code::kInvalidArgument) << size;
  }
}

TEST(DigestKeyTest, PlacesThatCannotBeReadOrWrittenAreUnavailable) {
  const TemporaryDirectory directory;
  EXPECT_EQ(DigestKey::FromFile(directory.File("")).status().code(), Code::kUnavailable);
  EXPECT_EQ(DigestKey::FromFile(directory.File("missing/key")).status().code(), Code::kUnavailable);
  EXPECT_FALSE(std::filesystem::exists(directory.File("missing")));
}

}  // namespace
}  // namespace stillwatch::features
