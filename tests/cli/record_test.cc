#include "cli/record.h"

#include <gtest/gtest.h>

#include <limits>
#include <sstream>
#include <string>

namespace stillwatch::cli {
namespace {

Record Example() {
  return Record()
      .Text("name", "a \"b\", c")
      .Count("count", 18446744073709551615u)
      .Time("time_unix_nano", 1772409600655474476)
      .Number("risk", 0.1)
      .Flag("flag", true)
      .Object("object", Record().Text("x", ""))
      .List("list", {Record().Count("y", 1), Record()});
}

std::string Print(OutputFormat format, int count) {
  std::ostringstream out;
  RecordPrinter printer(out, format);
  for (int index = 0; index < count; ++index) printer.Add(Record().Count("n", static_cast<uint64_t>(index)));
  printer.Finish();
  return out.str();
}

TEST(Record, IsJsonWithTimesAsStrings) {
  EXPECT_EQ(Example().ToJson(),
            R"({"name":"a \"b\", c","count":18446744073709551615,"time_unix_nano":"1772409600655474476","risk":0.1,)"
            R"("flag":true,"object":{"x":""},"list":[{"y":1},{}]})");
}

TEST(Record, IsCsvAfterRfc4180) {
  EXPECT_EQ(Example().CsvHeader(), "name,count,time_unix_nano,risk,flag,object,list");
  EXPECT_EQ(Example().CsvRow(),
            R"("a ""b"", c",18446744073709551615,1772409600655474476,0.1,true,"{""x"":""""}","[{""y"":1},{}]")");
  EXPECT_EQ(Record().Text("a", "").Text("b", "x\ny").CsvRow(), ",\"x\ny\"");
}

TEST(Record, WritesTheShortestNumberThatReadsBackAndNullForWhatJsonLacks) {
  for (const double value : {0.1, 1.0 / 3, 1.7976931348623157e308, -2.2250738585072014e-308}) {
    EXPECT_EQ(std::stod(Record().Number("x", value).CsvRow()), value);
  }
  EXPECT_EQ(Record().Number("x", 1).ToJson(), "{\"x\":1}");
  EXPECT_EQ(Record().Number("x", std::numeric_limits<double>::quiet_NaN()).ToJson(), "{\"x\":null}");
  EXPECT_EQ(Record().Number("x", std::numeric_limits<double>::infinity()).CsvRow(), "");
}

TEST(RecordPrinter, PrintsAnArrayOfJson) {
  EXPECT_EQ(Print(OutputFormat::kJson, 0), "[]\n");
  EXPECT_EQ(Print(OutputFormat::kJson, 2), "[\n{\"n\":0},\n{\"n\":1}\n]\n");
}

TEST(RecordPrinter, PrintsLinesOfJson) {
  EXPECT_EQ(Print(OutputFormat::kJsonl, 0), "");
  EXPECT_EQ(Print(OutputFormat::kJsonl, 2), "{\"n\":0}\n{\"n\":1}\n");
}

TEST(RecordPrinter, PrintsCsvWithOneHeader) { EXPECT_EQ(Print(OutputFormat::kCsv, 2), "n\r\n0\r\n1\r\n"); }

TEST(PrintRecord, PrintsAnObjectOfItsOwn) {
  std::ostringstream out;
  PrintRecord(out, OutputFormat::kJson, Record().Count("n", 1));
  EXPECT_EQ(out.str(), "{\"n\":1}\n");
}

}  // namespace
}  // namespace stillwatch::cli
