#include "proto/columns_writer.h"

#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include "tests/proto/columns_reader.h"
#include "tests/proto/random_events.h"

namespace stillwatch {
namespace {

using google::protobuf::util::MessageDifferencer;

void ExpectReadsBack(ColumnsWriter& writer, const std::vector<v1::UsageEvent>& events) {
  for (const v1::UsageEvent& event : events) writer.Add(event);
  EXPECT_EQ(writer.size(), events.size());
  v1::UsageColumns columns;
  ASSERT_TRUE(columns.ParseFromString(writer.Finish()));
  EXPECT_EQ(writer.size(), 0U);
  const std::vector<v1::UsageEvent> read = ReadColumns(columns);
  ASSERT_EQ(read.size(), events.size());
  for (size_t row = 0; row < events.size(); ++row) {
    EXPECT_TRUE(MessageDifferencer::Equals(read[row], events[row]))
        << row << "\n" << read[row].DebugString() << "instead of\n" << events[row].DebugString();
  }
}

TEST(ColumnsWriterTest, EventsReadBackAsTheyWere) {
  RandomEvents random(1);
  ColumnsWriter writer;
  for (int round = 0; round < 50; ++round) {
    std::vector<v1::UsageEvent> events(random.Below(100));
    for (v1::UsageEvent& event : events) event = random.Make();
    ExpectReadsBack(writer, events);
  }
}

TEST(ColumnsWriterTest, AnEventWithoutAnythingKeepsItsPlace) {
  RandomEvents random(2);
  ColumnsWriter writer;
  ExpectReadsBack(writer, {random.Make(), v1::UsageEvent(), random.Make()});
}

TEST(ColumnsWriterTest, ANameThatComesOftenIsWrittenOnce) {
  ColumnsWriter writer;
  v1::UsageEvent event;
  event.set_account_id("an account that comes often");
  for (int i = 0; i < 100; ++i) writer.Add(event);
  EXPECT_LT(writer.Finish().size(), 200U);
}

TEST(ColumnsWriterTest, DigestsOfTwoVersionsDoNotShareColumns) {
  ColumnsWriter writer;
  v1::UsageEvent one;
  one.mutable_content_digest()->set_version(1);
  v1::UsageEvent other;
  other.mutable_content_digest()->set_version(2);
  EXPECT_TRUE(writer.HasRoomFor(one));
  writer.Add(one);
  EXPECT_TRUE(writer.HasRoomFor(one));
  EXPECT_TRUE(writer.HasRoomFor(v1::UsageEvent()));
  EXPECT_FALSE(writer.HasRoomFor(other));
  writer.Finish();
  EXPECT_TRUE(writer.HasRoomFor(other));
}

}  // namespace
}  // namespace stillwatch
