#include "features/skeleton.h"

#include <gtest/gtest.h>

#include <bit>
#include <string>

namespace stillwatch::features {
namespace {

Skeleton Of(std::string_view text, uint64_t sketch_seed = 0) {
  WordList words;
  words.Split(text);
  return SkeletonMaker(64, 6).Make(words, sketch_seed);
}

struct Pair {
  const char* name;
  std::string first;
  std::string second;
};
void PrintTo(const Pair& pair, std::ostream* out) { *out << pair.first << " / " << pair.second; }

class SameTemplateTest : public ::testing::TestWithParam<Pair> {};

TEST_P(SameTemplateTest, SlotsDoNotChangeTheTemplate) {
  const Skeleton first = Of(GetParam().first);
  const Skeleton second = Of(GetParam().second);
  EXPECT_EQ(first.template_hash, second.template_hash);
  EXPECT_EQ(first.head_hash, second.head_hash);
  EXPECT_NE(first.slot_hash, second.slot_hash);
}

INSTANTIATE_TEST_SUITE_P(
    Skeleton, SameTemplateTest,
    ::testing::Values(
        Pair{"numbers", "Add 17 and 25, then say the sum.", "Add 3 and 1024, then say the sum."},
        Pair{"names", "Write a letter to Maria about rain.", "Write a letter to Peter about rain."},
        Pair{"longer_names", "Describe the city of New York in winter.", "Describe the city of Paris in winter."},
        Pair{"hyphenated_names", "Write to Jean-Paul about rain.", "Write to Maria about rain."},
        Pair{"quotes", "Translate \"good morning\" into German.", "Translate \"the cat sat on the mat\" into German."},
        Pair{"backticks", "Explain what `ls -l` prints.", "Explain what `find` prints."},
        Pair{"curly_quotes", "Translate “good morning” into French.", "Translate “the cat” into French."},
        Pair{"low_quotes", "Übersetze „guten morgen“ ins Englische.", "Übersetze „die katze schläft“ ins Englische."},
        Pair{"angle_quotes", "Traduis «le chat» en anglais.", "Traduis «il pleut fort» en anglais."},
        Pair{"cjk_quotes", "请翻译「早上好」这句话", "请翻译「猫在睡觉」这句话"},
        Pair{"mixed", "Rate item 7 by Anna: good", "Rate item 12 by Otto: good"}),
    [](const auto& test) { return test.param.name; });

class OtherTemplateTest : public ::testing::TestWithParam<Pair> {};

TEST_P(OtherTemplateTest, OtherWordsChangeTheTemplate) {
  EXPECT_NE(Of(GetParam().first).template_hash, Of(GetParam().second).template_hash);
}

INSTANTIATE_TEST_SUITE_P(Skeleton, OtherTemplateTest,
                         ::testing::Values(Pair{"word", "please add 3 and 4", "please subtract 3 and 4"},
                                           Pair{"order", "one small step for a cat", "one small cat for a step"},
                                           Pair{"length", "tell me a story", "tell me a story about rain"},
                                           Pair{"slot_position", "give 5 examples", "give examples 5"},
                                           Pair{"ideographs", "请写一首诗", "请写一封信"},
                                           Pair{"hangul", "시를 써 주세요", "편지를 써 주세요"},
                                           Pair{"accents", "écris une lettre", "ècris une lettre"}),
                         [](const auto& test) { return test.param.name; });

TEST(SkeletonTest, CaseSpaceAndPunctuationDoNotMatter) {
  EXPECT_EQ(Of("Tell me, a story!").template_hash, Of("  tell   me a\nstory ").template_hash);
}

TEST(SkeletonTest, ACapitalThatBeginsASentenceIsNoName) {
  EXPECT_EQ(Of("it rains. Tell me more").slot_hash, 0U);
  EXPECT_NE(Of("it rains on Maria").slot_hash, 0U);
}

TEST(SkeletonTest, HyphensBeginASentenceOnlyWhereTheyBeginALine) {
  EXPECT_EQ(Of("do this:\n- Write a poem\n- Read it").slot_hash, 0U);
  EXPECT_EQ(Of("answer step-by-step please").word_count, 5U);
}

TEST(SkeletonTest, EmptyTextHasNoWords) {
  for (const std::string_view text : {"", "   \n", "...", "\"\""}) {
    const Skeleton skeleton = Of(text);
    EXPECT_EQ(skeleton.word_count, 0U);
    EXPECT_EQ(skeleton.template_hash, 0U);
    EXPECT_EQ(skeleton.slot_hash, 0U);
    EXPECT_EQ(skeleton.head_hash, 0U);
  }
}

TEST(SkeletonTest, AnUnbalancedQuoteMasksTheRest) {
  const Skeleton open = Of("translate \"the cat sleeps");
  EXPECT_EQ(open.template_hash, Of("translate \"a dog barks").template_hash);
  EXPECT_NE(open.slot_hash, Of("translate \"a dog barks").slot_hash);
  EXPECT_EQ(open.word_count, 4U);
}

TEST(SkeletonTest, EveryIdeographIsAWord) {
  EXPECT_EQ(Of("一步一步").word_count, 4U);
  EXPECT_EQ(Of("解く問題").word_count, 4U);
  EXPECT_EQ(Of("단계").word_count, 2U);
  EXPECT_EQ(Of("use 漢字 here").word_count, 4U);
  EXPECT_EQ(Of("pour l'été où").word_count, 4U);
}

TEST(SkeletonTest, AHugeWordIsOneWord) {
  const std::string huge(1 << 20, 'x');
  EXPECT_EQ(Of(huge).word_count, 1U);
  EXPECT_NE(Of(huge).template_hash, Of(huge + "x").template_hash);
}

TEST(SkeletonTest, WordsBehindTheSkeletonCountAsSlots) {
  std::string common;
  for (int i = 0; i < 64; ++i) common += "word ";
  const Skeleton first = Of(common + "apple");
  const Skeleton second = Of(common + "pear");
  EXPECT_EQ(first.template_hash, second.template_hash);
  EXPECT_NE(first.slot_hash, second.slot_hash);
  EXPECT_EQ(first.word_count, 65U);
}

TEST(SkeletonTest, HeadIsThatOfTheFirstWords) {
  const Skeleton first = Of("write a poem about the sea and its waves");
  const Skeleton second = Of("write a poem about the sea but not of fish");
  EXPECT_EQ(first.head_hash, second.head_hash);
  EXPECT_NE(first.template_hash, second.template_hash);
  EXPECT_NE(first.head_hash, Of("write a poem about the lake and its waves").head_hash);
}

TEST(SkeletonTest, AnyBytesAreTaken) {
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      const char bytes[] = {static_cast<char>(first), static_cast<char>(second)};
      EXPECT_LE(Of({bytes, 2}).word_count, 2U);
      EXPECT_LE(Of({bytes, 1}).word_count, 1U);
    }
  }
}

int DifferingBits(std::string_view first, std::string_view second) {
  return std::popcount(Of(first).sketch ^ Of(second).sketch);
}

TEST(SketchTest, SimilarTextsDifferInFewBits) {
  const std::string text = "Compare the rainfall of northern valleys with that of southern plateaus during winter";
  EXPECT_EQ(DifferingBits(text, text), 0);
  EXPECT_LE(DifferingBits(text, text + " months"), 16);
  EXPECT_LT(DifferingBits(text, text + " months"),
            DifferingBits(text, "Which chess openings suit beginners who prefer quiet positional struggles"));
}

TEST(SketchTest, OrderCaseAndShortWordsDoNotMatter) {
  EXPECT_EQ(DifferingBits("Winter follows autumn", "autumn follows winter"), 0);
  EXPECT_EQ(DifferingBits("rainfall of the valley", "rainfall in a valley"), 0);
}

TEST(SketchTest, KnowsEveryScript) {
  EXPECT_NE(Of("北方山谷的降雨").sketch, 0U);
  EXPECT_NE(Of("осадки северных долин").sketch, 0U);
  EXPECT_EQ(Of("a of in").sketch, 0U);
  EXPECT_EQ(Of("").sketch, 0U);
}

TEST(SketchTest, AnotherSeedDrawsOtherProjections) {
  const std::string_view text = "Compare the rainfall of northern valleys";
  const int differing = std::popcount(Of(text, 1).sketch ^ Of(text, 2).sketch);
  EXPECT_GT(differing, 12);
}

}  // namespace
}  // namespace stillwatch::features
