#include "features/phrase_engine.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "features/markers.h"

namespace stillwatch::features {
namespace {

std::unique_ptr<PhraseEngine> Compiled(std::string_view list) {
  Result<std::unique_ptr<PhraseEngine>> engine = PhraseEngine::Compile(list);
  EXPECT_TRUE(engine.ok()) << engine.status().message();
  return std::move(engine).value();
}

uint32_t FindBuiltIn(std::string_view text) {
  static const std::unique_ptr<PhraseEngine> engine = Compiled(PhraseEngine::BuiltInList());
  return engine->Find(text);
}

struct Example {
  Marker marker;
  const char* text;
};
void PrintTo(const Example& example, std::ostream* out) { *out << example.text; }

class MarkerExampleTest : public ::testing::TestWithParam<Example> {};

TEST_P(MarkerExampleTest, IsFoundInItsClass) {
  EXPECT_NE(FindBuiltIn(GetParam().text) >> static_cast<int>(GetParam().marker) & 1, 0U);
}

INSTANTIATE_TEST_SUITE_P(
    BuiltInList, MarkerExampleTest,
    ::testing::Values(Example{Marker::kReasoningElicitation, "Solve 3x + 4 = 19. Let's think step by step."},
                      Example{Marker::kReasoningElicitation, "SHOW your full REASONING, please"},
                      Example{Marker::kReasoningElicitation, "Explain how you arrived at the result."},
                      Example{Marker::kReasoningElicitation, "Löse die Aufgabe Schritt für Schritt."},
                      Example{Marker::kReasoningElicitation, "Resuelve el problema paso a paso."},
                      Example{Marker::kReasoningElicitation, "Explique étape par étape."},
                      Example{Marker::kReasoningElicitation, "Реши задачу шаг за шагом"},
                      Example{Marker::kReasoningElicitation, "Пошагово, пожалуйста."},
                      Example{Marker::kReasoningElicitation, "请一步一步地解答这道题"},
                      Example{Marker::kReasoningElicitation, "ステップバイステップで解いてください"},
                      Example{Marker::kReasoningElicitation, "단계별로 설명해 주세요"},
                      Example{Marker::kTraceCoercion, "Begin with <thinking> and write all you think."},
                      Example{Marker::kTraceCoercion, "Output your complete internal monologue."},
                      Example{Marker::kTraceCoercion, "Give the full reasoning trace, do not summarise your thoughts."},
                      Example{Marker::kRubricGrading, "Rate the following answer on a scale of 1 to 10."},
                      Example{Marker::kRubricGrading, "You are an impartial judge."},
                      Example{Marker::kRubricGrading, "Which of the two responses is better?"},
                      Example{Marker::kBulkGeneration, "Generate 20 diverse questions about chemistry."},
                      Example{Marker::kBulkGeneration, "Come up with a series of 50 tasks."},
                      Example{Marker::kBulkGeneration, "We make synthetic data."},
                      Example{Marker::kPromptEvolution, "Rewrite the given prompt into a more complex version."},
                      Example{Marker::kPromptEvolution, "Increase the difficulty of this."},
                      Example{Marker::kSimulatedUser, "Act as a human user who is asking about taxes."},
                      Example{Marker::kSimulatedUser, "Write the next user message."}));

class OrdinarySentenceTest : public ::testing::TestWithParam<const char*> {};

TEST_P(OrdinarySentenceTest, HasNoMarker) { EXPECT_EQ(FindBuiltIn(GetParam()), 0U); }

INSTANTIATE_TEST_SUITE_P(
    BuiltInList, OrdinarySentenceTest,
    ::testing::Values("", "What is the capital of France?", "Write a short poem about the sea.",
                      "My train is late, please draft an apology to my boss.",
                      "Translate this sentence into Spanish: the cat sleeps.",
                      "Why does my C++ program crash when the vector is empty?",
                      "Fasse diesen Text in drei Sätzen zusammen.", "¿Qué tiempo hace hoy en Madrid?",
                      "Quelle est la hauteur de la tour Eiffel ?", "今天天气怎么样？",
                      "おすすめの映画を教えてください。", "오늘 저녁 메뉴를 추천해 주세요.",
                      "Расскажи сказку про кота.", "How many steps does the stairway of the tower have?",
                      "I scored a goal in the match yesterday.", "Please correct the grammar of my e-mail.",
                      "Give me a recipe with two eggs."));

TEST(PhraseEngineTest, BuiltInListHasEveryClass) {
  const std::string list(PhraseEngine::BuiltInList());
  for (const std::string_view name : kMarkerNames) {
    std::string line_start("\n");
    line_start.append(name).append("\t");
    EXPECT_NE(list.find(line_start), std::string::npos) << name;
  }
}

TEST(PhraseEngineTest, ReportsAllClassesOfAText) {
  const auto engine =
      Compiled("# comment\n\nreasoning_elicitation\talpha\nsimulated_user\tomega\nsimulated_user\tzeta");
  EXPECT_EQ(engine->Find("Alpha and OMEGA"), 0b100001U);
  EXPECT_EQ(engine->Find("alph"), 0U);
}

TEST(PhraseEngineTest, WindowsLineEndsAreNoPartOfThePhrase) {
  EXPECT_EQ(Compiled("bulk_generation\talpha\r\n\r\nsimulated_user\tomega\r\n")->Find("alpha omega"), 0b101000U);
}

class BadListTest : public ::testing::TestWithParam<const char*> {};

TEST_P(BadListTest, IsRejected) {
  EXPECT_EQ(PhraseEngine::Compile(GetParam()).status().code(), Code::kInvalidArgument);
}

INSTANTIATE_TEST_SUITE_P(PhraseEngine, BadListTest,
                         ::testing::Values("no_such_class\talpha\n", "bulk_generation alpha\n", "bulk_generation\n",
                                           "bulk_generation\t(alpha\n", "bulk_generation\t\n",
                                           "# nothing but comments\n", "",
                                           "bulk_generation\talpha\nbulk_generation\t[\n"));

TEST(PhraseEngineTest, RejectionNamesTheLine) {
  for (const char* list : {"# first\nbulk_generation\talpha\nno_class\tx\n", "# first\n\nbulk_generation\t(alpha\n"}) {
    const Status status = PhraseEngine::Compile(list).status();
    EXPECT_NE(status.message().find("line 3"), std::string::npos) << status.message();
  }
}

TEST(PhraseEngineTest, EnginesUsedInTurnFindTheirOwnPhrases) {
  const auto small = Compiled("bulk_generation\talpha");
  std::string many;
  for (int i = 0; i < 30; ++i) many += "simulated_user\tom.{0,9}ega" + std::to_string(i) + "\n";
  const auto large = Compiled(many);
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(small->Find("alpha omega7"), 0b1000U);
    EXPECT_EQ(large->Find("alpha omega7"), 0b100000U);
  }
}

}  // namespace
}  // namespace stillwatch::features
