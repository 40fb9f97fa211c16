#include "proto/usage_json.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace stillwatch {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::util::MessageDifferencer;
using testing::HasSubstr;

struct Decoded {
  Status status;
  v1::UsageEvent event;
  uint64_t unknown_field_count = 0;
};

Decoded Decode(std::string_view line) {
  UsageJsonDecoder decoder;
  Decoded decoded;
  decoded.status = decoder.Decode(line, decoded.event, decoded.unknown_field_count);
  return decoded;
}

std::string RandomText(std::mt19937_64& random) {
  static const std::vector<std::string> kPieces = {"a",    "B7", " ", "\"", "\\",   "\n",  "\t",
                                                   "\x01", "/",  "é", "漢", "🙂", "</b>"};
  std::string text;
  for (size_t count = random() % 12; count > 0; --count) text += kPieces[random() % kPieces.size()];
  return text;
}

// Fills about two thirds of the fields with values from the whole range of their types.
void FillAtRandom(google::protobuf::Message& message, std::mt19937_64& random) {
  const auto* reflection = message.GetReflection();
  for (int index = 0; index < message.GetDescriptor()->field_count(); ++index) {
    const FieldDescriptor* field = message.GetDescriptor()->field(index);
    if (random() % 3 == 0) continue;
    const uint64_t bits = random() >> (random() % 64);
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        reflection->SetString(&message, field, RandomText(random));
        break;
      case FieldDescriptor::CPPTYPE_UINT32:
        reflection->SetUInt32(&message, field, static_cast<uint32_t>(bits));
        break;
      case FieldDescriptor::CPPTYPE_UINT64:
        reflection->SetUInt64(&message, field, bits);
        break;
      case FieldDescriptor::CPPTYPE_INT64:
        reflection->SetInt64(&message, field, static_cast<int64_t>(random()));
        break;
      case FieldDescriptor::CPPTYPE_DOUBLE:
        reflection->SetDouble(&message, field, std::ldexp(static_cast<double>(bits), -30));
        break;
      case FieldDescriptor::CPPTYPE_BOOL:
        reflection->SetBool(&message, field, bits % 2 == 0);
        break;
      case FieldDescriptor::CPPTYPE_MESSAGE:
        FillAtRandom(*reflection->MutableMessage(&message, field), random);
        break;
      default:
        FAIL() << "no random value for " << field->full_name();
    }
  }
}

template <typename Message>
void ExpectAgreementWithProtobuf(bool preserve_names) {
  std::mt19937_64 random(20260302);
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = preserve_names;
  UsageJsonDecoder decoder;
  Message decoded;
  for (int round = 0; round < 500; ++round) {
    Message original;
    FillAtRandom(original, random);
    std::string json;
    ASSERT_TRUE(google::protobuf::util::MessageToJsonString(original, &json, options).ok());
    uint64_t unknown_field_count = 0;
    const Status status = decoder.Decode(json, decoded, unknown_field_count);
    ASSERT_TRUE(status.ok()) << status.message() << "\n" << json;
    EXPECT_EQ(unknown_field_count, 0u) << json;
    EXPECT_TRUE(MessageDifferencer::Equals(original, decoded)) << json << "\n" << decoded.ShortDebugString();
  }
}

TEST(UsageJson, ReadsWhatProtobufWritesWithProtoNames) {
  ExpectAgreementWithProtobuf<v1::UsageEvent>(true);
  ExpectAgreementWithProtobuf<v1::AccountProfile>(true);
  ExpectAgreementWithProtobuf<v1::ModelInfo>(true);
}

TEST(UsageJson, ReadsWhatProtobufWritesWithCamelCaseNames) {
  ExpectAgreementWithProtobuf<v1::UsageEvent>(false);
  ExpectAgreementWithProtobuf<v1::AccountProfile>(false);
  ExpectAgreementWithProtobuf<v1::ModelInfo>(false);
}

TEST(UsageJson, TakesIntegersAsNumbersStringsAndIntegralFloats) {
  for (const char* value : {"1000", "\"1000\"", "1000.0", "1e3", "\"1e3\"", "10.00e2"}) {
    const Decoded decoded = Decode(std::string("{\"duration_ms\":") + value + "}");
    EXPECT_TRUE(decoded.status.ok()) << value << ": " << decoded.status.message();
    EXPECT_EQ(decoded.event.duration_ms(), 1000u) << value;
  }
}

TEST(UsageJson, TakesTheLimitsOfEveryIntegerType) {
  EXPECT_EQ(Decode(R"({"time_unix_nano":18446744073709551615})").event.time_unix_nano(), UINT64_MAX);
  EXPECT_EQ(Decode(R"({"time_unix_nano":"18446744073709551615"})").event.time_unix_nano(), UINT64_MAX);
  EXPECT_EQ(Decode(R"({"seed":-9223372036854775808})").event.seed(), INT64_MIN);
  EXPECT_EQ(Decode(R"({"seed":9223372036854775807})").event.seed(), INT64_MAX);
  EXPECT_EQ(Decode(R"({"max_tokens":4294967295})").event.max_tokens(), UINT32_MAX);
}

TEST(UsageJson, RefusesIntegersOutOfRangeAndNamesTheField) {
  for (const char* value : {"-1", "4294967296", "\"-1\"", "1.5", "\"1.5\"", "-0.5", "1e10", "18446744073709551616",
                            "1e400", "\"\"", "\" 1\"", "\"1 \"", "\"0x10\"", "\"NaN\"", "\"1e400\""}) {
    const Decoded decoded = Decode(std::string("{\"account_id\":\"a\",\"max_tokens\":") + value + "}");
    EXPECT_EQ(decoded.status.code(), Code::kInvalidArgument) << value;
    EXPECT_THAT(decoded.status.message(), HasSubstr("max_tokens")) << value;
  }
  EXPECT_EQ(Decode(R"({"seed":9223372036854775808})").status.code(), Code::kInvalidArgument);
  EXPECT_EQ(Decode(R"({"seed":-9223372036854775809})").status.code(), Code::kInvalidArgument);
  EXPECT_EQ(Decode(R"({"seed":9223372036854775808.0})").status.code(), Code::kInvalidArgument);
  EXPECT_EQ(Decode(R"({"time_unix_nano":1.8446744073709552e19})").status.code(), Code::kInvalidArgument);
}

TEST(UsageJson, RefusesValuesOfAnotherTypeAndNamesTheField) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"account_id", "1"},    {"account_id", "{}"},       {"stream", "1"},
      {"stream", "\"true\""}, {"temperature", "true"},    {"top_p", "\"warm\""},
      {"top_p", "\"inf\""},   {"content_digest", "[]"},   {"duration_ms", "false"},
      {"seed", "[1]"},        {"content_digest", "\"x\""}};
  for (const auto& [field, value] : cases) {
    const Decoded decoded = Decode("{\"" + field + "\":" + value + "}");
    EXPECT_EQ(decoded.status.code(), Code::kInvalidArgument) << field << " " << value;
    EXPECT_THAT(decoded.status.message(), testing::StartsWith(field + ": ")) << value;
  }
}

TEST(UsageJson, ReadsDoublesFromStringsAsTheMappingSays) {
  EXPECT_EQ(Decode(R"({"temperature":"0.25"})").event.temperature(), 0.25);
  EXPECT_EQ(Decode(R"({"temperature":1})").event.temperature(), 1.0);
  EXPECT_TRUE(std::isnan(Decode(R"({"temperature":"NaN"})").event.temperature()));
  EXPECT_EQ(Decode(R"({"temperature":"-Infinity"})").event.temperature(), -std::numeric_limits<double>::infinity());
}

TEST(UsageJson, TellsZeroFromAbsent) {
  const Decoded decoded = Decode(R"({"top_logprobs":0,"stream":false})");
  EXPECT_TRUE(decoded.event.has_top_logprobs());
  EXPECT_TRUE(decoded.event.has_stream());
  EXPECT_FALSE(decoded.event.has_seed());
}

TEST(UsageJson, TakesNullAsAbsent) {
  const Decoded decoded = Decode(R"({"account_id":null,"seed":null,"content_digest":null,"new_field":null})");
  EXPECT_TRUE(decoded.status.ok());
  EXPECT_FALSE(decoded.event.has_seed());
  EXPECT_FALSE(decoded.event.has_content_digest());
  EXPECT_EQ(decoded.unknown_field_count, 1u);
}

TEST(UsageJson, LetsTheLastOfARepeatedKeyCount) {
  const Decoded decoded = Decode(R"({"seed":1,"seed":2,"accountId":"a","account_id":"b","stream":true,"stream":null,)"
                                 R"("content_digest":{"markers":1},"content_digest":{"version":1}})");
  ASSERT_TRUE(decoded.status.ok()) << decoded.status.message();
  EXPECT_EQ(decoded.event.seed(), 2);
  EXPECT_EQ(decoded.event.account_id(), "b");
  EXPECT_FALSE(decoded.event.has_stream());
  EXPECT_EQ(decoded.event.content_digest().version(), 1u);
  EXPECT_EQ(decoded.event.content_digest().markers(), 0u);
}

TEST(UsageJson, IgnoresAndCountsUnknownFields) {
  const Decoded decoded =
      Decode(R"({"gateway":{"a":[1,{"b":2}]},"account_id":"a","":1,"content_digest":{"version":1,"other":"x"}})");
  ASSERT_TRUE(decoded.status.ok()) << decoded.status.message();
  EXPECT_EQ(decoded.event.account_id(), "a");
  EXPECT_EQ(decoded.unknown_field_count, 3u);
}

TEST(UsageJson, NamesTheFieldOfANestedObject) {
  const Decoded decoded = Decode(R"({"content_digest":{"prompt_hash":-3}})");
  EXPECT_EQ(decoded.status.code(), Code::kInvalidArgument);
  EXPECT_THAT(decoded.status.message(), HasSubstr("content_digest.prompt_hash: "));
}

TEST(UsageJson, ReadsEscapedKeysAndTexts) {
  const Decoded decoded = Decode(R"({"account\u005fid":"\u00e9\ud83d\ude42\n"})");
  ASSERT_TRUE(decoded.status.ok()) << decoded.status.message();
  EXPECT_EQ(decoded.event.account_id(), "é🙂\n");
}

TEST(UsageJson, RefusesWhatIsNotAnObjectOfJson) {
  for (const char* line : {"",
                           "  ",
                           "null",
                           "[]",
                           "[{}]",
                           "1",
                           "\"x\"",
                           "{\"seed\":NaN}",
                           "{\"x\":Infinity}",
                           "{\"x\":01}",
                           "{\"x\":tru}",
                           "{\"x\":1}}",
                           "{\"x\":1} {}",
                           "{\"x\":1,}",
                           "{'x':1}",
                           "{\"x\" 1}",
                           "{\"account_id\":\"\xff\"}",
                           "{\"account_id\":\"\xed\xa0\x80\"}",
                           "{\"account_id\":\"\\ud800\"}",
                           "{\"account_id\":\"\\udc00\"}",
                           "{\"account_id\":\"a\nb\"}",
                           "{\"account_id\":\"\\x41\"}"}) {
    EXPECT_EQ(Decode(line).status.code(), Code::kInvalidArgument) << line;
  }
}

TEST(UsageJson, RefusesEveryTruncationOfALine) {
  const std::string line =
      R"({"account_id":"aé\n","seed":-12,"temperature":0.5,"stream":true,"content_digest":{"version":1},"x":[null]})";
  ASSERT_TRUE(Decode(line).status.ok());
  for (size_t size = 0; size < line.size(); ++size) {
    EXPECT_EQ(Decode(line.substr(0, size)).status.code(), Code::kInvalidArgument) << size;
  }
}

TEST(UsageJson, RefusesDeepNesting) {
  const auto nested = [](size_t depth) { return "{\"x\":" + std::string(depth, '[') + std::string(depth, ']') + "}"; };
  EXPECT_TRUE(Decode(nested(kJsonDepthMax / 2)).status.ok());
  EXPECT_EQ(Decode(nested(kJsonDepthMax + 1)).status.code(), Code::kInvalidArgument);
  EXPECT_EQ(Decode(nested(1'000'000)).status.code(), Code::kInvalidArgument);
}

TEST(UsageJson, RefusesALineThatIsTooLong) {
  const auto with_text = [](size_t bytes) { return "{\"prompt\":\"" + std::string(bytes, 'a') + "\"}"; };
  EXPECT_TRUE(Decode(with_text(kEventBytesMax)).status.ok());
  EXPECT_EQ(Decode(with_text(kJsonLineBytesMax)).status.code(), Code::kInvalidArgument);
}

TEST(UsageJson, ForgetsTheLineBefore) {
  UsageJsonDecoder decoder;
  v1::UsageEvent event;
  uint64_t unknown_field_count = 0;
  ASSERT_TRUE(decoder.Decode(R"({"account_id":"a","seed":1})", event, unknown_field_count).ok());
  ASSERT_FALSE(decoder.Decode(R"({"account_id":"b","seed":"x"})", event, unknown_field_count).ok());
  ASSERT_TRUE(decoder.Decode(R"({"event_id":"c"})", event, unknown_field_count).ok());
  EXPECT_EQ(event.account_id(), "");
  EXPECT_FALSE(event.has_seed());
  EXPECT_EQ(event.event_id(), "c");
}

// Whatever the bytes are, decoding ends with a status; what protobuf takes of them, and this decoder too, is the same.
TEST(UsageJson, SurvivesChangedBytesAndAgreesWithProtobufOnWhatIsLeft) {
  const std::string line =
      R"({"account_id":"acct_1","time_unix_nano":"1772409600655474476","duration_ms":1880,"temperature":0.2,)"
      R"("stream":true,"seed":-5,"content_digest":{"version":1,"prompt_hash":"7"},"prompt":"a \"b\" é"})";
  std::mt19937_64 random(7);
  UsageJsonDecoder decoder;
  int agreed_count = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string changed = line;
    for (uint64_t count = 1 + random() % 3; count > 0; --count) {
      static constexpr std::string_view kBytes = "{}[]\",:\\0129-+.eEtrufalsn \xc3\xff";
      changed[random() % changed.size()] = kBytes[random() % kBytes.size()];
    }
    v1::UsageEvent event;
    uint64_t unknown_field_count = 0;
    const bool taken = decoder.Decode(changed, event, unknown_field_count).ok();
    v1::UsageEvent reference;
    google::protobuf::util::JsonParseOptions options;
    options.ignore_unknown_fields = true;
    if (taken && google::protobuf::util::JsonStringToMessage(changed, &reference, options).ok()) {
      EXPECT_TRUE(MessageDifferencer::Equals(event, reference)) << changed;
      ++agreed_count;
    }
  }
  EXPECT_GT(agreed_count, 100);
}

}  // namespace
}  // namespace stillwatch
