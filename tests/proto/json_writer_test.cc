#include "proto/json_writer.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "proto/utf8.h"

namespace stillwatch {
namespace {

std::string Quoted(std::string_view text) { return JsonWriter().Text(text).Take(); }

TEST(JsonWriterTest, SeparatesValuesOfObjectsAndLists) {
  JsonWriter json;
  json.BeginObject().Name("a").Count(1).Name("b").BeginList().Text("x").BeginList().EndList().Number(0.5).EndList();
  json.Name("c").BeginObject().EndObject().EndObject();
  EXPECT_EQ(json.Take(), R"({"a":1,"b":["x",[],0.5],"c":{}})");
}

TEST(JsonWriterTest, BeginsAnewAfterTake) {
  JsonWriter json;
  EXPECT_EQ(json.Count(1).Take(), "1");
  EXPECT_EQ(json.BeginList().Count(2).EndList().Take(), "[2]");
}

TEST(JsonWriterTest, EscapesWhatStringsMayNotHold) {
  EXPECT_EQ(Quoted("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(Quoted(std::string_view("\n\r\t\0\x1f\x7f", 6)), R"("\n\r\t\u0000\u001f\u007f")");
  EXPECT_EQ(JsonWriter().BeginObject().Name("\"").Count(1).EndObject().Take(), R"({"\"":1})");
}

TEST(JsonWriterTest, KeepsUtf8AndReplacesWhatIsNone) {
  EXPECT_EQ(Quoted("é顧🙂"), "\"é顧🙂\"");
  EXPECT_EQ(Quoted("a\xFF"
                   "b\xE9\xA1"),
            "\"a\uFFFDb\uFFFD\uFFFD\"");
}

TEST(JsonWriterTest, NumbersReadBackAsTheyWere) {
  EXPECT_EQ(JsonWriter().Number(0.1).Take(), "0.1");
  EXPECT_EQ(JsonWriter().Number(-1e300).Take(), "-1e+300");
  EXPECT_EQ(JsonWriter().Number(std::numeric_limits<double>::infinity()).Take(), "null");
  EXPECT_EQ(JsonWriter().Count(std::numeric_limits<uint64_t>::max()).Take(), "18446744073709551615");
  EXPECT_EQ(JsonWriter().Time(1'750'000'000'123'456'789).Take(), "\"1750000000123456789\"");
}

TEST(Utf8Test, OnlyWellFormedSequencesAreSequences) {
  EXPECT_EQ(Utf8SequenceBytes("a"), 1u);
  EXPECT_EQ(Utf8SequenceBytes("\xC3\xA9"), 2u);
  EXPECT_EQ(Utf8SequenceBytes("\xED\x9F\xBF"), 3u);      // U+D7FF
  EXPECT_EQ(Utf8SequenceBytes("\xF4\x8F\xBF\xBF"), 4u);  // U+10FFFF
  for (const char* bytes : {"", "\x80", "\xC0\x80", "\xC1\xBF", "\xC3", "\xC3(", "\xE0\x80\x80", "\xED\xA0\x80",
                            "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF"}) {
    EXPECT_EQ(Utf8SequenceBytes(bytes), 0u) << bytes;
  }
}

}  // namespace
}  // namespace stillwatch
