#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "features/phrase_engine.h"
#include "features/prompt_digest.h"

namespace stillwatch::features {
namespace {

constexpr int kThreadCount = 4;
constexpr int kRounds = 200;

void RunInThreads(const std::function<void(int)>& body) {
  std::vector<std::jthread> threads;
  for (int i = 0; i < kThreadCount; ++i) threads.emplace_back(body, i);
}

TEST(PhraseEngineThreadsTest, TwoEnginesAnswerManyThreadsAtOnce) {
  const auto first = PhraseEngine::Compile("bulk_generation\talpha\n");
  const auto second = PhraseEngine::Compile("simulated_user\tomega ... psi\nbulk_generation\tzeta\n");
  ASSERT_TRUE(first.ok() && second.ok());
  std::atomic<int> wrong = 0;
  RunInThreads([&](int) {
    WordList words;
    const auto find = [&words](const PhraseEngine& engine, std::string_view text) {
      words.Split(text);
      return engine.Find(words);
    };
    for (int i = 0; i < kRounds; ++i) {
      wrong += find(*first.value(), "alpha omega psi") != 0b1000;
      wrong += find(*second.value(), "alpha omega psi") != 0b100000;
      wrong += find(*second.value(), "alpha") != 0;
    }
  });
  EXPECT_EQ(wrong, 0);
}

TEST(PhraseEngineThreadsTest, DigestsAreTheSameInEveryThread) {
  const auto phrases = PhraseEngine::Compile(PhraseEngine::BuiltInList());
  ASSERT_TRUE(phrases.ok());
  const PromptDigester digester(DigestKey::BuiltIn(), *phrases.value());
  const auto digest = [&digester](int i) {
    UsageBatch batch;
    digester.Digest("You are kind.", "Solve task " + std::to_string(i) + " step by step.", "Yes.", batch,
                    batch.AddRow());
    return batch.number(0, NumberField::kPromptHash) ^ batch.number(0, NumberField::kMarkers);
  };
  std::vector<uint64_t> expected;
  for (int i = 0; i < kRounds; ++i) expected.push_back(digest(i));
  std::atomic<int> wrong = 0;
  RunInThreads([&](int) {
    for (int i = 0; i < kRounds; ++i) wrong += digest(i) != expected[static_cast<size_t>(i)];
  });
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace stillwatch::features
