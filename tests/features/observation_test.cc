#include "features/observation.h"

#include <gtest/gtest.h>

#include <bit>
#include <limits>
#include <type_traits>

namespace stillwatch::features {
namespace {

constexpr uint64_t kHuge = std::numeric_limits<uint64_t>::max();

TEST(ObservationTest, UnknownFieldsTakeTheirDefaults) {
  UsageBatch batch;
  batch.SetNumber(batch.AddRow(), NumberField::kTimeUnixNano, 7);
  const Observation event = MakeObservations(batch)[0];
  EXPECT_EQ(event.time_unix_nano, 7);
  EXPECT_EQ(event.temperature, 1.0F);
  EXPECT_EQ(event.choice_count, 1);
  EXPECT_FALSE(event.knows_message_count);
  EXPECT_FALSE(event.knows_output_tokens);
  EXPECT_EQ(event.event_hash, 0U);
  EXPECT_EQ(event.address_hash, 0U);
  EXPECT_EQ(event.client_bundle_hash, 0U);
  EXPECT_EQ(event.prompt_hash, 0U);
}

TEST(ObservationTest, ZeroIsKnown) {
  UsageBatch batch;
  const size_t row = batch.AddRow();
  batch.SetNumber(row, NumberField::kOutputTokens, 0);
  batch.SetNumber(row, NumberField::kMessageCount, 0);
  batch.SetNumber(row, NumberField::kTemperature, std::bit_cast<uint64_t>(0.0));
  const Observation event = MakeObservations(batch)[row];
  EXPECT_TRUE(event.knows_output_tokens);
  EXPECT_TRUE(event.knows_message_count);
  EXPECT_EQ(event.temperature, 0.0F);
}

TEST(ObservationTest, NumbersAboveTheRangeAreClamped) {
  UsageBatch batch;
  const size_t row = batch.AddRow();
  for (const NumberField field :
       {NumberField::kDurationMs, NumberField::kMaxTokens, NumberField::kChoiceCount, NumberField::kTopLogprobs,
        NumberField::kLogitBiasCount, NumberField::kToolCount, NumberField::kMessageCount, NumberField::kInputTokens,
        NumberField::kOutputTokens, NumberField::kStatusCode, NumberField::kMarkers, NumberField::kPromptWords}) {
    batch.SetNumber(row, field, kHuge);
  }
  const Observation event = MakeObservations(batch)[row];
  for (const uint32_t value : {event.duration_ms, event.max_tokens, event.message_count, event.input_tokens,
                               event.output_tokens, event.markers, event.prompt_words}) {
    EXPECT_EQ(value, std::numeric_limits<uint32_t>::max());
  }
  for (const uint16_t value :
       {event.choice_count, event.top_logprobs, event.logit_bias_count, event.tool_count, event.status_code}) {
    EXPECT_EQ(value, std::numeric_limits<uint16_t>::max());
  }
}

TEST(ObservationTest, ClientBundleNeedsAnyOfItsPartsAndDependsOnAll) {
  const auto bundle = [](uint64_t asn, std::string_view fingerprint, std::string_view agent) {
    UsageBatch batch;
    const size_t row = batch.AddRow();
    if (asn != 0) batch.SetNumber(row, NumberField::kClientAsn, asn);
    batch.SetText(row, TextField::kTlsFingerprint, fingerprint);
    batch.SetText(row, TextField::kUserAgent, agent);
    return MakeObservations(batch)[row].client_bundle_hash;
  };
  EXPECT_EQ(bundle(0, "", ""), 0U);
  EXPECT_NE(bundle(0, "", "agent"), 0U);
  EXPECT_EQ(bundle(1, "t13d", "agent"), bundle(1, "t13d", "agent"));
  EXPECT_NE(bundle(1, "t13d", "agent"), bundle(2, "t13d", "agent"));
  EXPECT_NE(bundle(1, "t13d", "agent"), bundle(1, "t12d", "agent"));
  EXPECT_NE(bundle(1, "t13d", "agent"), bundle(1, "agent", "t13d"));
}

// The same program asks from many networks.
TEST(ObservationTest, TheClientIsFingerprintAndAgentWhateverTheNetwork) {
  const auto client = [](uint64_t asn, std::string_view fingerprint, std::string_view agent) {
    UsageBatch batch;
    const size_t row = batch.AddRow();
    if (asn != 0) batch.SetNumber(row, NumberField::kClientAsn, asn);
    batch.SetText(row, TextField::kTlsFingerprint, fingerprint);
    batch.SetText(row, TextField::kUserAgent, agent);
    return MakeObservations(batch)[row].client_hash;
  };
  EXPECT_EQ(client(1, "", ""), 0U);
  EXPECT_NE(client(0, "", "agent"), 0U);
  EXPECT_EQ(client(1, "t13d", "agent"), client(2, "t13d", "agent"));
  EXPECT_NE(client(1, "t13d", "agent"), client(1, "t12d", "agent"));
  EXPECT_NE(client(1, "t13d", "agent"), client(1, "agent", "t13d"));
}

TEST(ObservationTest, RowsAreReadApart) {
  UsageBatch batch;
  batch.SetText(batch.AddRow(), TextField::kEventId, "a");
  batch.SetText(batch.AddRow(), TextField::kEventId, "b");
  EXPECT_EQ(MakeObservations(batch)[0].event_hash, HashName("a"));
  EXPECT_EQ(MakeObservations(batch)[1].event_hash, HashName("b"));
  EXPECT_NE(HashName("a"), HashName("b"));
  EXPECT_EQ(HashName(""), 0U);
}

TEST(ObservationTest, CanBeCopiedAsMemory) { EXPECT_TRUE(std::is_trivially_copyable_v<Observation>); }

}  // namespace
}  // namespace stillwatch::features
