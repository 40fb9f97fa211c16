// What an event, an assessment and a digest cost in one thread.
#include <benchmark/benchmark.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "detector/fusion.h"
#include "detector/scoring_engine.h"
#include "features/prompt_digest.h"
#include "features/skeleton.h"

namespace stillwatch {
namespace {

constexpr int64_t kStart = 1'735'689'600 * kNanosecondsPerSecond;  // 2025-01-01.
constexpr size_t kAccountCount = 20'000;
constexpr size_t kBatchEventCount = 2000;

features::Observation RandomEvent(std::mt19937_64& random, int64_t time_unix_nano) {
  features::Observation event;
  event.time_unix_nano = time_unix_nano;
  event.event_hash = random();
  event.conversation_hash = random();
  event.address_hash = random() % 100 * 0x9E3779B97F4A7C15;
  event.prompt_hash = random();
  event.template_hash = event.head_hash = 1 + random() % 20;
  event.markers = random() % 20 == 0 ? 1 : 0;
  event.input_tokens = static_cast<uint32_t>(random() % 2000);
  event.output_tokens = static_cast<uint32_t>(random() % 500);
  event.duration_ms = static_cast<uint32_t>(random() % 5000);
  event.message_count = static_cast<uint32_t>(1 + random() % 4);
  event.knows_message_count = event.knows_output_tokens = true;
  event.status_code = 200;
  return event;
}

std::vector<std::string> AccountIds() {
  std::vector<std::string> ids;
  for (size_t i = 0; i < kAccountCount; ++i) ids.push_back("account-" + std::to_string(i));
  return ids;
}

// A batch of events 20 ms apart, from `first_sequence` on.
detector::ObservedBatch RandomBatch(const std::vector<std::string>& ids, uint64_t first_sequence,
                                    std::mt19937_64& random) {
  detector::ObservedBatch batch;
  batch.first_sequence = first_sequence;
  for (size_t i = 0; i < kBatchEventCount; ++i) {
    const std::string& id = ids[random() % ids.size()];
    const auto sequence = static_cast<int64_t>(first_sequence + i);
    batch.observations.push_back(RandomEvent(random, kStart + sequence * 20'000'000));
    batch.account_ids.emplace_back(id);
    batch.organization_ids.emplace_back();
    batch.account_hashes.push_back(HashName(id));
  }
  return batch;
}

features::Portrait RandomPortrait() {
  std::mt19937_64 random(1);
  features::Portrait portrait;
  const detector::Baseline baseline = detector::PriorBaseline();
  for (int64_t i = 0; i < 1000; ++i) {
    portrait.Update(RandomEvent(random, kStart + i * kNanosecondsPerMinute), baseline.groups[0].marker_ratios);
  }
  return portrait;
}

// Time per iteration is that of a batch; items are events.
void BM_OfferToEngine(benchmark::State& state) {
  const std::vector<std::string> ids = AccountIds();
  std::mt19937_64 random(1);
  detector::ScoringEngine engine({}, detector::SerialFor);
  uint64_t sequence = 0;
  const auto next_batch = [&] {
    detector::ObservedBatch batch = RandomBatch(ids, sequence, random);
    sequence += kBatchEventCount;
    return batch;
  };
  for (int i = 0; i < 100; ++i) {
    const detector::ObservedBatch batch = next_batch();
    engine.Offer({&batch, 1});
  }
  for (auto _ : state) {
    state.PauseTiming();
    const detector::ObservedBatch batch = next_batch();
    state.ResumeTiming();
    engine.Offer({&batch, 1});
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kBatchEventCount));
}
BENCHMARK(BM_OfferToEngine)->MinTime(3);

void BM_UpdatePortrait(benchmark::State& state) {
  std::mt19937_64 random(1);
  const detector::Baseline baseline = detector::PriorBaseline();
  std::vector<features::Observation> events;
  for (int64_t i = 0; i < 1000; ++i) events.push_back(RandomEvent(random, kStart + i * kNanosecondsPerMinute));
  features::Portrait portrait;
  size_t next = 0;
  for (auto _ : state) portrait.Update(events[next++ % events.size()], baseline.groups[0].marker_ratios);
}
BENCHMARK(BM_UpdatePortrait);

void BM_Assess(benchmark::State& state) {
  const features::Portrait portrait = RandomPortrait();
  const detector::Baseline baseline = detector::PriorBaseline();
  for (auto _ : state) benchmark::DoNotOptimize(detector::Assess(portrait, baseline, Label::kUnlabelled));
}
BENCHMARK(BM_Assess);

void BM_ExtractFeatures(benchmark::State& state) {
  const features::Portrait portrait = RandomPortrait();
  for (auto _ : state) benchmark::DoNotOptimize(features::ExtractFeatures(portrait));
}
BENCHMARK(BM_ExtractFeatures);

void BM_MergePortraits(benchmark::State& state) {
  const features::Portrait portrait = RandomPortrait();
  features::Portrait group = portrait;
  for (auto _ : state) group.Merge(portrait);
}
BENCHMARK(BM_MergePortraits);

// A prompt of about 600 bytes of English.
std::string EnglishPrompt() {
  std::string prompt;
  while (prompt.size() < 600)
    prompt += "The train from Lyon was late again, so we walked along the river for 20 minutes. ";
  return prompt.substr(0, 600);
}
// About 600 bytes of Chinese.
std::string ChinesePrompt() {
  std::string prompt;
  while (prompt.size() < 600) prompt += "火车又晚点了，所以我们沿着河边走了二十分钟。";
  return prompt;
}

void Digest(benchmark::State& state, const std::string& prompt) {
  Result<std::unique_ptr<features::PhraseEngine>> phrases =
      features::PhraseEngine::Compile(features::PhraseEngine::BuiltInList());
  const features::PromptDigester digester(features::DigestKey::BuiltIn(), *phrases.value());
  for (auto _ : state) {
    UsageBatch batch;
    digester.Digest("", prompt, "", batch, batch.AddRow());
    benchmark::DoNotOptimize(batch);
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * prompt.size()));
}
void BM_DigestEnglish(benchmark::State& state) { Digest(state, EnglishPrompt()); }
void BM_DigestChinese(benchmark::State& state) { Digest(state, ChinesePrompt()); }
BENCHMARK(BM_DigestEnglish);
BENCHMARK(BM_DigestChinese);

void BM_DigestRepeatedSystemPrompt(benchmark::State& state) {
  const auto phrases = features::PhraseEngine::Compile(features::PhraseEngine::BuiltInList());
  const features::PromptDigester digester(features::DigestKey::BuiltIn(), *phrases.value());
  const std::string system_prompt = EnglishPrompt();
  for (auto _ : state) {
    UsageBatch batch;
    digester.Digest(system_prompt, "", "", batch, batch.AddRow());
    benchmark::DoNotOptimize(batch);
  }
}
BENCHMARK(BM_DigestRepeatedSystemPrompt);

void SplitWords(benchmark::State& state, const std::string& prompt, features::ClassifyBytes classify) {
  features::WordList words(classify);
  for (auto _ : state) words.Split(prompt);
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * prompt.size()));
}
void BM_SplitEnglish(benchmark::State& state) {
  SplitWords(state, EnglishPrompt(), features::WordList::BestClassifier());
}
void BM_SplitEnglishBaseline(benchmark::State& state) {
  SplitWords(state, EnglishPrompt(), features::ClassifyBytesBaseline);
}
void BM_SplitChinese(benchmark::State& state) {
  SplitWords(state, ChinesePrompt(), features::WordList::BestClassifier());
}
BENCHMARK(BM_SplitEnglish);
BENCHMARK(BM_SplitEnglishBaseline);
BENCHMARK(BM_SplitChinese);

void BM_FindPhrases(benchmark::State& state) {
  const auto phrases = features::PhraseEngine::Compile(features::PhraseEngine::BuiltInList());
  features::WordList words;
  words.Split(EnglishPrompt());
  for (auto _ : state) benchmark::DoNotOptimize(phrases.value()->Find(words));
}
BENCHMARK(BM_FindPhrases);

void BM_MakeSkeleton(benchmark::State& state) {
  features::WordList words;
  words.Split(EnglishPrompt());
  features::SkeletonMaker skeletons(64, 6);
  for (auto _ : state) benchmark::DoNotOptimize(skeletons.Make(words));
}
BENCHMARK(BM_MakeSkeleton);

void BM_CompileBuiltInPhrases(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(features::PhraseEngine::Compile(features::PhraseEngine::BuiltInList()));
  }
}
BENCHMARK(BM_CompileBuiltInPhrases)->Unit(benchmark::kMillisecond)->Iterations(3);

}  // namespace
}  // namespace stillwatch
