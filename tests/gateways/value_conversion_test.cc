#include "gateways/value_conversion.h"

#include <gtest/gtest.h>

#include <bit>

namespace stillwatch::gateways {
namespace {

constexpr TimeUnit kOwn = TimeUnit::kOwn;

TEST(ValueConversionTest, IntegersComeInManyForms) {
  const Target tokens = NumberField::kInputTokens;
  for (const Value& value :
       {Value::Integer(42), Value::Real(42), Value::Real(41.7), Value::Text("42"), Value::Text("42.0")}) {
    EXPECT_EQ(ToNumber(tokens, value, kOwn), 42u);
  }
  for (const Value& value : {Value::Integer(-1), Value::Text("many"), Value::Text("42 "), Value::Json("[42]"),
                             Value::Real(1e300), Value::Text("nan"), Value::Text("")}) {
    EXPECT_EQ(ToNumber(tokens, value, kOwn), std::nullopt);
  }
  EXPECT_EQ(ToNumber(NumberField::kSeed, Value::Integer(-7), kOwn), static_cast<uint64_t>(-7));
  EXPECT_EQ(ToNumber(NumberField::kSeed, Value::Text("9007199254740993"), kOwn), 9007199254740993u);
}

TEST(ValueConversionTest, RealsMayBeIntegers) {
  const Target temperature = NumberField::kTemperature;
  EXPECT_EQ(ToNumber(temperature, Value::Integer(1), kOwn), std::bit_cast<uint64_t>(1.0));
  EXPECT_EQ(ToNumber(temperature, Value::Real(0.7), kOwn), std::bit_cast<uint64_t>(0.7));
  EXPECT_EQ(ToNumber(temperature, Value::Text("0.7"), kOwn), std::bit_cast<uint64_t>(0.7));
  EXPECT_EQ(ToNumber(temperature, Value::Real(-0.0), kOwn), 0u);
  EXPECT_EQ(ToNumber(temperature, Value::Text("auto"), kOwn), std::nullopt);
}

TEST(ValueConversionTest, BooleansMayBeWordsOrNumbers) {
  const Target stream = NumberField::kStream;
  for (const Value& value : {Value::Bool(true), Value::Text("true"), Value::Integer(1), Value::Text("1")}) {
    EXPECT_EQ(ToNumber(stream, value, kOwn), 1u);
  }
  for (const Value& value : {Value::Bool(false), Value::Text("false"), Value::Integer(0)}) {
    EXPECT_EQ(ToNumber(stream, value, kOwn), 0u);
  }
  EXPECT_EQ(ToNumber(stream, Value::Text("yes"), kOwn), std::nullopt);
}

TEST(ValueConversionTest, DurationsHaveUnits) {
  const Target duration = NumberField::kDurationMs;
  EXPECT_EQ(ToNumber(duration, Value::Integer(12), kOwn), 12u);
  EXPECT_EQ(ToNumber(duration, Value::Real(0.25), TimeUnit::kSeconds), 250u);
  EXPECT_EQ(ToNumber(duration, Value::Text("1.5"), TimeUnit::kSeconds), 1500u);
  EXPECT_EQ(ToNumber(duration, Value::Integer(2'500'000), TimeUnit::kNanoseconds), 3u);
  EXPECT_EQ(ToNumber(duration, Value::Integer(1499), TimeUnit::kMicroseconds), 1u);
  EXPECT_EQ(ToNumber(duration, Value::Real(-1), TimeUnit::kSeconds), std::nullopt);
}

TEST(ValueConversionTest, MomentsHaveUnitsOrAreDates) {
  const Target time = NumberField::kTimeUnixNano;
  EXPECT_EQ(ToNumber(time, Value::Integer(1'770'000'000'123'456'789), kOwn), 1'770'000'000'123'456'789u);
  EXPECT_EQ(ToNumber(time, Value::Text("1770000000123456789"), kOwn), 1'770'000'000'123'456'789u);
  EXPECT_EQ(ToNumber(time, Value::Real(1770000000.25), TimeUnit::kSeconds), 1'770'000'000'250'000'000u);
  EXPECT_EQ(ToNumber(time, Value::Integer(1'770'000'000'123), TimeUnit::kMilliseconds), 1'770'000'000'123'000'000u);
  for (const TimeUnit unit : {kOwn, TimeUnit::kSeconds}) {
    EXPECT_EQ(ToNumber(time, Value::Text("2026-02-02T02:40:00.5Z"), unit), 1'770'000'000'500'000'000u);
    EXPECT_EQ(ToNumber(time, Value::Text("2026-02-02T03:40:00.5+01:00"), unit), 1'770'000'000'500'000'000u);
    EXPECT_EQ(ToNumber(time, Value::Text("yesterday"), unit), std::nullopt);
  }
  EXPECT_EQ(ToNumber(time, Value::Real(1e300), TimeUnit::kSeconds), std::nullopt);
}

TEST(ValueConversionTest, TextsAreReadFromEverything) {
  std::string scratch;
  EXPECT_EQ(ToText(Value::Text("stop"), scratch), "stop");
  EXPECT_EQ(ToText(Value::Json(R"(["stop","length"])"), scratch), "stop");
  EXPECT_EQ(ToText(Value::Json(R"({"a":"b"})"), scratch), "");
  EXPECT_EQ(ToText(Value::Integer(17), scratch), "17");
  EXPECT_EQ(ToText(Value::Real(17), scratch), "17");
  EXPECT_EQ(ToText(Value::Bool(true), scratch), "true");
}

TEST(ValueConversionTest, EmptyIsWhatSendersWriteForNothing) {
  for (const Value& value :
       {Value::Text(""), Value::Text("-"), Value::Text("null"), Value::Json("[]"), Value::Json("{}")}) {
    EXPECT_TRUE(IsEmpty(value));
  }
  for (const Value& value :
       {Value::Text("0"), Value::Integer(0), Value::Real(0), Value::Bool(false), Value::Json("[0]")}) {
    EXPECT_FALSE(IsEmpty(value));
  }
}

TEST(ValueConversionTest, SecretsAreHashedWithoutTheirScheme) {
  // SHA-256 of "abc" (FIPS 180-4, appendix).
  const std::string expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  EXPECT_EQ(HashSecret("abc"), expected);
  EXPECT_EQ(HashSecret("Bearer abc"), expected);
}

}  // namespace
}  // namespace stillwatch::gateways
