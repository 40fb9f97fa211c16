#include "features/phrase_engine.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "features/markers.h"
#include "features/phrase_list.h"
#include "features/word_list.h"

namespace stillwatch::features {
namespace {

std::unique_ptr<PhraseEngine> Compiled(std::string_view list) {
  Result<std::unique_ptr<PhraseEngine>> engine = PhraseEngine::Compile(list);
  EXPECT_TRUE(engine.ok()) << engine.status().message();
  return std::move(engine).value();
}

uint32_t Find(const PhraseEngine& engine, std::string_view text) {
  WordList words;
  words.Split(text);
  return engine.Find(words);
}

uint32_t FindBuiltIn(std::string_view text) {
  static const std::unique_ptr<PhraseEngine> engine = Compiled(PhraseEngine::BuiltInList());
  return Find(*engine, text);
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
  EXPECT_EQ(Find(*engine, "Alpha and OMEGA"), 0b100001U);
  EXPECT_EQ(Find(*engine, "alph"), 0U);
}

TEST(PhraseEngineTest, WindowsLineEndsAreNoPartOfThePhrase) {
  EXPECT_EQ(Find(*Compiled("bulk_generation\talpha\r\n\r\nsimulated_user\tomega\r\n"), "alpha omega"), 0b101000U);
}

class BadListTest : public ::testing::TestWithParam<const char*> {};

TEST_P(BadListTest, IsRejected) {
  EXPECT_EQ(PhraseEngine::Compile(GetParam()).status().code(), Code::kInvalidArgument);
}

INSTANTIATE_TEST_SUITE_P(
    PhraseEngine, BadListTest,
    ::testing::Values("no_such_class\talpha\n", "bulk_generation alpha\n", "bulk_generation\n",
                      "bulk_generation\t(alpha\n", "bulk_generation\t\n", "# nothing but comments\n", "",
                      "bulk_generation\talpha\nbulk_generation\t[\n", "bulk_generation\talpha)\n",
                      "bulk_generation\t... alpha\n", "bulk_generation\talpha ...\n", "bulk_generation\t(alpha)?\n",
                      "bulk_generation\t_ alpha\n", "bulk_generation\t?\n", "bulk_generation\ta (b ... c)\n",
                      "bulk_generation\ta b c d e f g h i j k l m\n", "bulk_generation\t((((((((((a))))))))))\n"));

TEST(PhraseEngineTest, RejectionNamesTheLine) {
  for (const char* list : {"# first\nbulk_generation\talpha\nno_class\tx\n", "# first\n\nbulk_generation\t(alpha\n"}) {
    const Status status = PhraseEngine::Compile(list).status();
    EXPECT_NE(status.message().find("line 3"), std::string::npos) << status.message();
  }
}

TEST(PhraseEngineTest, EnginesUsedInTurnFindTheirOwnPhrases) {
  const auto small = Compiled("bulk_generation\talpha");
  std::string many;
  for (int i = 0; i < 30; ++i) many += "simulated_user\tomega ... zeta" + std::to_string(i) + "\n";
  const auto large = Compiled(many);
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(Find(*small, "alpha omega zeta7"), 0b1000U);
    EXPECT_EQ(Find(*large, "alpha omega zeta7"), 0b100000U);
  }
}

struct Case {
  const char* name;
  const char* phrase;
  std::vector<const char*> found_in;
  std::vector<const char*> not_in;
};
void PrintTo(const Case& test, std::ostream* out) { *out << test.phrase; }

class SyntaxTest : public ::testing::TestWithParam<Case> {};

TEST_P(SyntaxTest, FindsWhatItSays) {
  const auto engine = Compiled(std::string("bulk_generation\t") + GetParam().phrase);
  for (const char* text : GetParam().found_in) EXPECT_NE(Find(*engine, text), 0U) << text;
  for (const char* text : GetParam().not_in) EXPECT_EQ(Find(*engine, text), 0U) << text;
}

INSTANTIATE_TEST_SUITE_P(
    PhraseEngine, SyntaxTest,
    ::testing::Values(
        Case{"words",
             "red green",
             {"red green", "a Red-Green b", "red, green"},
             {"red", "green red", "red a green", "red. Green", "reds green", "red\ngreen", "red! green"}},
        Case{"repeated_beginning", "red red green", {"red red red green"}, {"red green", "red red"}},
        Case{"choice", "(red|dark blue) sky", {"red sky", "dark blue sky"}, {"blue sky", "dark sky", "red blue sky"}},
        Case{"maybe", "red (dark)? sky", {"red sky", "red dark sky"}, {"red blue sky"}},
        Case{"letter", "tasks? arrived?", {"task arrive", "tasks arrived"}, {"taskss arrive", "tas arrive"}},
        Case{"later",
             "red ... sky",
             {"red sky", "red a b c sky", "red sky red"},
             {"sky red", "red a. b sky", "red? sky", "red\nsky", "red"}},
        Case{"later_twice",
             "a ... b ... c",
             {"a x b x c", "b a b c", "c a b b c"},
             {"a c b", "b c a", "a b. c", "a. b c"}},
        Case{"later_is_behind", "red sky ... sky blue", {"red sky sky blue"}, {"red sky blue"}},
        Case{"number", "list of \\d", {"list of 50", "list of x2"}, {"list of many"}},
        Case{"number_or_word",
             "give ... (\\d|ten) ... tasks",
             {"give 3 good tasks", "give ten tasks"},
             {"give tasks 3", "give some tasks"}},
        Case{"numbered", "\\d task:", {"7. Task: add", "12 task : add"}, {"7. A task:", "7! task:", "task:"}},
        Case{"any_word", "red (_)? sky", {"red sky", "red dark sky"}, {"red very dark sky", "red. dark sky"}},
        Case{"marks",
             "(<think>|##task|\\boxed|[[a)",
             {"a <think> b", "< THINK >", "## Task", "###task", "\\boxed{4}", "[[A]]"},
             {"think", "<think", "think>", "#task", "# task", "boxed", "[a", "##  task"}},
        Case{"apostrophe", "don't", {"I don't know"}, {"don", "dont"}},
        Case{"umlauts", "für dich", {"FüR dich"}, {"fr dich"}},
        Case{"ideographs", "(一步一步|逐步)", {"请一步一步地", "逐步"}, {"一步", "步逐"}}),
    [](const auto& test) { return test.param.name; });

// Finds a phrase by trying everything.
class PlainSearch {
 public:
  PlainSearch(const WordList& words, const Phrase& phrase) : words_(words), phrase_(phrase) {}

  bool IsFound() const {
    for (size_t begin = 0; begin < words_.size(); ++begin) {
      if (IsFoundFrom(begin, 0)) return true;
    }
    return false;
  }

 private:
  bool IsFoundFrom(size_t begin, size_t part) const {
    for (const PhraseSequence& sequence : phrase_.parts[part]) {
      const size_t end = begin + sequence.size();
      if (!IsAt(begin, sequence) || (part > 0 && !SameClause(begin, end - 1))) continue;
      if (part + 1 == phrase_.parts.size()) return true;
      for (size_t next = end; next < words_.size() && SameClause(end - 1, next); ++next) {
        if (IsFoundFrom(next, part + 1)) return true;
      }
    }
    return false;
  }
  bool SameClause(size_t first, size_t last) const {
    for (size_t word = first + 1; word <= last; ++word) {
      if (words_.begins_clause(word)) return false;
    }
    return true;
  }
  bool IsAt(size_t begin, const PhraseSequence& sequence) const {
    if (begin + sequence.size() > words_.size()) return false;
    for (size_t i = 0; i < sequence.size(); ++i) {
      const size_t word = begin + i;
      const bool is_listed = i > 0 && words_.has_digit(word - 1) && words_.behind(word - 1).starts_with('.');
      if (i > 0 && words_.begins_clause(word) && !is_listed) return false;
      const PhraseWord& wanted = sequence[i];
      const bool matches =
          wanted.is_any || (wanted.is_number ? words_.has_digit(word) : words_.hash(word) == wanted.hash);
      if (!matches) return false;
    }
    return true;
  }

  const WordList& words_;
  const Phrase& phrase_;
};

std::string RandomPhrase(std::mt19937_64& random) {
  constexpr std::array kParts = {"a", "b", "c", "d", "\\d", "(a|b c)", "(c)?", "b _", "(d|\\d a|b)"};
  std::string phrase = "a";
  for (uint64_t i = random() % 4; i > 0; --i) {
    if (random() % 3 == 0) phrase += " ... b";
    phrase.append(" ").append(kParts[random() % kParts.size()]);
  }
  return phrase;
}

std::string RandomText(std::mt19937_64& random) {
  constexpr std::array kWords = {"a", "b", "c", "d", "7", "e", "a", "b"};
  constexpr std::array kGaps = {" ", " ", " ", "-", ". ", "\n", ", "};
  std::string text;
  for (uint64_t i = random() % 30; i > 0; --i) {
    text.append(kWords[random() % kWords.size()]).append(kGaps[random() % kGaps.size()]);
  }
  return text;
}

TEST(PhraseEngineTest, FindsWhatAPlainSearchFinds) {
  size_t found_count = 0;
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    std::string list;
    for (const std::string_view name : kMarkerNames)
      list.append(name).append("\t").append(RandomPhrase(random)).append("\n");
    const auto engine = Compiled(list);
    Result<std::vector<Phrase>> phrases = ReadPhraseList(list);
    ASSERT_TRUE(phrases.ok());
    for (int i = 0; i < 20; ++i) {
      const std::string text = RandomText(random);
      WordList words;
      words.Split(text);
      uint32_t expected = 0;
      for (const Phrase& phrase : *phrases) expected |= uint32_t{PlainSearch(words, phrase).IsFound()} << phrase.marker;
      ASSERT_EQ(engine->Find(words), expected) << list << text;
      found_count += expected != 0;
    }
  }
  EXPECT_GT(found_count, 1000U);
}

}  // namespace
}  // namespace stillwatch::features
