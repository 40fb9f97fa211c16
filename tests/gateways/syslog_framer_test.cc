#include "gateways/syslog_framer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace stillwatch::gateways {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Taken {
  std::vector<std::string> messages;
  Status status;
  SyslogFramer::Ending ending = SyslogFramer::Ending::kWhole;
  uint64_t too_long_count = 0;
};

// Feeds `bytes` in pieces of so many.
Taken Feed(const std::string& bytes, size_t piece, size_t message_bytes_max = 100) {
  Taken out;
  SyslogFramer framer(message_bytes_max);
  const auto visit = [&out](std::string_view message) { out.messages.emplace_back(message); };
  for (size_t at = 0; at < bytes.size() && out.status.ok(); at += piece) {
    out.status = framer.Feed(std::string_view(bytes).substr(at, piece), visit);
  }
  out.ending = framer.End(visit);
  out.too_long_count = framer.too_long_count();
  return out;
}

TEST(SyslogFramerTest, BothFramingsAreTakenHoweverTheBytesAreCut) {
  const std::string bytes = "<1>one\n11 <2>two\nmore9 <3>three{\"a\":1}\r\n\n<4>four";
  for (size_t piece = 1; piece <= bytes.size(); ++piece) {
    const Taken taken = Feed(bytes, piece);
    EXPECT_TRUE(taken.status.ok());
    EXPECT_THAT(taken.messages, ElementsAre("<1>one", "<2>two\nmore", "<3>three{", "\"a\":1}", "<4>four")) << piece;
    EXPECT_EQ(taken.ending, SyslogFramer::Ending::kWhole);
  }
}

TEST(SyslogFramerTest, LongMessagesArePassedOverAndCounted) {
  const std::string bytes = "<1>" + std::string(200, 'x') + "\n<2>b\n150 " + std::string(150, 'y') + "4 <3>c";
  for (const size_t piece : {1, 7, 50, 1000}) {
    const Taken taken = Feed(bytes, static_cast<size_t>(piece));
    EXPECT_THAT(taken.messages, ElementsAre("<2>b", "<3>c")) << piece;
    EXPECT_EQ(taken.too_long_count, 2U);
  }
}

TEST(SyslogFramerTest, AMessageOfTheGreatestLengthIsTaken) {
  EXPECT_THAT(Feed(std::string(100, 'x') + "\n100 " + std::string(100, 'y'), 9).messages,
              ElementsAre(std::string(100, 'x'), std::string(100, 'y')));
}

TEST(SyslogFramerTest, ACountThatIsNoneEndsTheConnection) {
  EXPECT_EQ(Feed("12a <1>x", 100).status.code(), Code::kInvalidArgument);
  EXPECT_EQ(Feed("99999999999 <1>x", 1).status.code(), Code::kInvalidArgument);
}

TEST(SyslogFramerTest, ACountedMessageThatIsCutOffIsTold) {
  const Taken taken = Feed("10 <1>x", 3);
  EXPECT_THAT(taken.messages, IsEmpty());
  EXPECT_EQ(taken.ending, SyslogFramer::Ending::kCutOff);
}

}  // namespace
}  // namespace stillwatch::gateways
