// What OpenTelemetry's own exporters send to the real daemon.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "features/phrase_engine.h"
#include "features/prompt_digest.h"
#include "storage/event_log.h"
#include "storage/rocksdb_store.h"
#include "tests/blackbox/deployment.h"

namespace stillwatch::blackbox {
namespace {

using ::testing::HasSubstr;

constexpr int kCallCount = 1000;

// One event as the log holds it.
struct Stored {
  std::map<TextField, std::string> texts;
  std::map<NumberField, uint64_t> numbers;
};

std::vector<Stored> ReadLog(const std::string& data_directory) {
  std::vector<Stored> events;
  const auto store = storage::OpenRocksDbStoreReadOnly(data_directory + "/store").value();
  const auto snapshot = store->TakeSnapshot();
  const auto visit = [&events](const storage::BlockSummary&, const UsageBatch& batch) {
    for (size_t row = 0; row < batch.size(); ++row) {
      Stored& stored = events.emplace_back();
      for (size_t i = 0; i < kTextFieldCount; ++i) {
        const auto field = static_cast<TextField>(i);
        if (!batch.text(row, field).empty()) stored.texts[field] = batch.text(row, field);
      }
      for (size_t i = 0; i < kNumberFieldCount; ++i) {
        const auto field = static_cast<NumberField>(i);
        if (batch.has(row, field)) stored.numbers[field] = batch.number(row, field);
      }
    }
    return true;
  };
  EXPECT_TRUE(storage::EventLog::Scan(*snapshot, 0, INT64_MIN, INT64_MAX, {}, visit).ok());
  return events;
}

// The digest that an event of these texts has.
std::map<NumberField, uint64_t> DigestOf(const std::string& system, const std::string& prompt,
                                         const std::string& answer) {
  static const auto phrases = features::PhraseEngine::Compile(features::PhraseEngine::BuiltInList()).value();
  static const features::PromptDigester digester(features::DigestKey::BuiltIn(), *phrases);
  UsageBatch batch;
  batch.AddRow();
  digester.Digest(system, prompt, answer, batch, 0);
  std::map<NumberField, uint64_t> out;
  for (const NumberField field : {NumberField::kSystemHash, NumberField::kPromptHash, NumberField::kCompletionHash}) {
    out[field] = batch.number(0, field);
  }
  return out;
}

class OtlpExportersTest : public ::testing::TestWithParam<const char*> {};

TEST_P(OtlpExportersTest, EveryCallIsAnEventWithAllThatIsKnown) {
  ASSERT_TRUE(std::filesystem::exists(STILLWATCH_OTLP_CLIENT "/node_modules")) << "run deploy/setup test";
  setenv("NODE_PATH", STILLWATCH_OTLP_CLIENT "/node_modules", 1);
  const std::string form = GetParam();
  Deployment deployment;
  const std::string url = "http://" + (form == "grpc" ? deployment.grpc_address() : deployment.http_address());
  const Finished client =
      RunToEnd({"/usr/bin/env", "node", STILLWATCH_SOURCE_DIR "/tests/gateways/otlp_client/calls.cjs", form, url,
                std::to_string(kCallCount)});
  ASSERT_EQ(client.exit_code, 0) << client.errors;
  EXPECT_EQ(client.errors, "");
  EXPECT_THAT(deployment.Client({"status"}).output, HasSubstr("\"test-" + form + "\""));
  ASSERT_EQ(deployment.Stop(), 0);

  std::map<uint64_t, Stored> by_tokens;  // Call number n has 100 + n tokens.
  const std::vector<Stored> events = ReadLog(deployment.directory() / "data");
  for (const Stored& event : events) by_tokens[event.numbers.at(NumberField::kInputTokens)] = event;
  ASSERT_EQ(events.size(), static_cast<size_t>(kCallCount));
  for (int number = 0; number < kCallCount; ++number) {
    ASSERT_TRUE(by_tokens.contains(100 + static_cast<uint64_t>(number))) << number;
    const Stored& event = by_tokens[100 + static_cast<uint64_t>(number)];
    EXPECT_EQ(event.texts.at(TextField::kAccountId), "acct-" + std::to_string(number % 10));
    EXPECT_EQ(event.texts.at(TextField::kRequestModel), "fake-1");
    EXPECT_EQ(event.texts.at(TextField::kResponseModel), "fake-1-2026");
    EXPECT_EQ(event.texts.at(TextField::kOperationName), "chat");
    EXPECT_EQ(event.texts.at(TextField::kFinishReason), "stop");
    EXPECT_EQ(event.numbers.at(NumberField::kOutputTokens), 7u);
    EXPECT_EQ(event.numbers.at(NumberField::kTemperature), std::bit_cast<uint64_t>(0.5));
    EXPECT_EQ(event.numbers.at(NumberField::kTopP), std::bit_cast<uint64_t>(0.9));
    EXPECT_EQ(event.numbers.at(NumberField::kMaxTokens), 300u);
    EXPECT_EQ(event.numbers.at(NumberField::kMessageCount), 1u);
    EXPECT_FALSE(event.numbers.contains(NumberField::kSeed));  // Unknown, and not 0.
    for (const auto& [field, value] :
         DigestOf("Be brief.", "Call number " + std::to_string(number), "Answer " + std::to_string(number))) {
      EXPECT_EQ(event.numbers.at(field), value) << number;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Forms, OtlpExportersTest, ::testing::Values("grpc", "proto", "json"));

TEST(MapCommandTest, ShowsWhatACapturedMessageBecomes) {
  Deployment deployment;
  const TemporaryDirectory directory;
  const std::string file = directory / "capture.json";
  const std::string before =
      R"({"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"1790000000000000000","attributes":[
    {"key":"gen_ai.request.model","value":{"stringValue":"m"}},{"key":"gen_ai.request.temperature","value":{"stringValue":"hot"}},
    {"key":"my.tenant","value":{"stringValue":"acme"}})";
  WriteFile(file, before + R"(,{"key":"user.id","value":{"stringValue":"a"}}]}]}]}]})");
  const Finished good = deployment.Client({"map", "--listener", "otlp", file});
  EXPECT_EQ(good.exit_code, 0) << good.errors;
  EXPECT_THAT(good.output, HasSubstr(R"("outcome":"event")"));
  EXPECT_THAT(good.output, HasSubstr(R"({"field":"account_id","key":"user.id","value":"a","problem":""})"));
  EXPECT_THAT(good.output,
              HasSubstr(R"("key":"gen_ai.request.temperature","value":"","problem":"temperature: is no such number")"));
  EXPECT_THAT(good.output, HasSubstr(R"({"key":"my.tenant","value":"acme"})"));
  EXPECT_EQ(deployment.Status().stored_event_count(), 0u);

  WriteFile(file, before + "]}]}]}]}");
  const Finished rejected = deployment.Client({"map", "--listener", "otlp", file});
  EXPECT_EQ(rejected.exit_code, 3);
  EXPECT_THAT(rejected.output, HasSubstr("account_id: is required"));
  EXPECT_EQ(deployment.Client({"map", "--listener", "otpl", file}).exit_code, 1);
  ASSERT_EQ(deployment.Stop(), 0);

  WriteFile(directory / "own.toml", "[listeners.otlp]\naccount_id = [\"my.tenant\", \"...\"]\n");
  Deployment extended({"--gateway-mapping", directory / "own.toml"});
  EXPECT_THAT(extended.Client({"map", "--listener", "otlp", file}).output,
              HasSubstr(R"({"field":"account_id","key":"my.tenant","value":"acme","problem":""})"));
}

}  // namespace
}  // namespace stillwatch::blackbox
