#include "cli/table.h"

#include <gtest/gtest.h>

#include <limits>
#include <sstream>
#include <string>

#include "cli/status_line.h"

namespace stillwatch::cli {
namespace {

std::string Print(Colour colour) {
  Table table({{"NAME"}, {"COUNT", Align::kRight}, {"WHY"}});
  table.AddRow({std::string("é"), std::string("1"), Cell("x", Style::kRed)});
  table.AddRow({std::string("longer"), std::string("1,000"), std::string("y")});
  std::ostringstream out;
  table.Print(out, colour);
  return out.str();
}

TEST(Table, AlignsByCodePointsAndLeavesNoSpacesAtLineEnds) {
  EXPECT_EQ(Print(Colour::kOff),
            "NAME    COUNT  WHY\n"
            "é           1  x\n"
            "longer  1,000  y\n");
}

TEST(Table, ColoursDoNotMoveColumns) {
  const std::string coloured = Print(Colour::kOn);
  EXPECT_NE(coloured.find("é           1  \x1b[1;31mx\x1b[0m\n"), std::string::npos) << coloured;
}

TEST(Printable, TakesControlCharactersOut) {
  EXPECT_EQ(Printable("a\x1b[2Jb\n\x7f"), "a?[2Jb??");
  EXPECT_EQ(Printable("\xc2\x9b"
                      "31m é 漢"),
            "?31m é 漢");
}

TEST(FormatCount, GroupsThousands) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(1000), "1,000");
  EXPECT_EQ(FormatCount(1234567), "1,234,567");
}

TEST(FormatBytes, TakesTheLargestUnit) {
  EXPECT_EQ(FormatBytes(1023), "1023 B");
  EXPECT_EQ(FormatBytes(1536), "1.5 KiB");
  EXPECT_EQ(FormatBytes(std::numeric_limits<uint64_t>::max()), "16.0 EiB");
}

TEST(Bar, FillsItsShareWhateverTheValue) {
  EXPECT_EQ(Bar(0, 4), "░░░░");
  EXPECT_EQ(Bar(0.5, 4), "██░░");
  EXPECT_EQ(Bar(7, 4), "████");
  EXPECT_EQ(Bar(std::numeric_limits<double>::quiet_NaN(), 2), "░░");
}

TEST(StatusLine, IsClearedBeforeAMessageAndRedrawnAfterIt) {
  std::ostringstream err;
  StatusLine line(err, StatusLine::Kind::kTerminal);
  line.Show("10 %");
  line.Say("trouble\x1b");
  EXPECT_EQ(err.str(), "\r\x1b[K10 %\r\x1b[Kstillwatch: trouble?\n");
}

TEST(StatusLine, ShowsNoProgressWithoutATerminal) {
  std::ostringstream err;
  StatusLine line(err, StatusLine::Kind::kPlain);
  line.Show("10 %");
  line.Clear();
  EXPECT_EQ(err.str(), "");
}

TEST(FormatProgress, TellsTheShareAndTheTimeLeft) {
  const std::string text = FormatProgress({.done = 25, .total = 100, .seconds = 10});
  EXPECT_NE(text.find("25 %  ETA 30.0 s"), std::string::npos) << text;
  EXPECT_EQ(FormatProgress({.done = 25, .total = 0, .seconds = 10}), "10.0 s");
}

}  // namespace
}  // namespace stillwatch::cli
