#include "ingest/source_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stillwatch::ingest {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kSecond = 1'000'000'000;

class SourceRegistryTest : public ::testing::Test {
 protected:
  // Names of those that went quiet, and "+" before those heard again.
  std::vector<std::string> Changes() {
    std::vector<std::string> out;
    registry_.ReportChanges([&out](const NamedSource& s) { out.push_back((s.is_quiet ? "" : "+") + s.name); });
    return out;
  }

  int64_t now_ = 1'780'000'000 * kSecond;
  SourceRegistry registry_{[this] { return now_; }};
};

TEST_F(SourceRegistryTest, ASourceIsQuietAfterManyOfItsUsualGaps) {
  for (int i = 0; i < 50; ++i) {
    registry_.Note("otlp", "steady");
    now_ += 10 * kSecond;
  }
  EXPECT_THAT(Changes(), IsEmpty());
  now_ += 150 * kSecond;
  EXPECT_FALSE(registry_.List()[0].is_quiet);
  now_ += 60 * kSecond;
  EXPECT_TRUE(registry_.List()[0].is_quiet);
  EXPECT_THAT(Changes(), ElementsAre("steady"));
  EXPECT_THAT(Changes(), IsEmpty());
  registry_.Note("otlp", "steady");
  EXPECT_THAT(Changes(), ElementsAre("+steady"));
}

TEST_F(SourceRegistryTest, BusySourcesAreWaitedForAMinute) {
  for (int i = 0; i < 50; ++i) {
    registry_.Note("otlp", "busy");
    now_ += kSecond / 100;
  }
  now_ += 59 * kSecond;
  EXPECT_FALSE(registry_.List()[0].is_quiet);
  now_ += 2 * kSecond;
  EXPECT_TRUE(registry_.List()[0].is_quiet);
}

TEST_F(SourceRegistryTest, NamesBeyondTheLimitShareOne) {
  for (size_t i = 0; i < 3 * SourceRegistry::kSourceCountMax; ++i)
    ++registry_.Note("otlp", "s" + std::to_string(i))->received;
  ++registry_.Note("other", "s")->received;
  const std::vector<NamedSource> sources = registry_.List();
  ASSERT_LE(sources.size(), SourceRegistry::kSourceCountMax + 2);
  uint64_t received = 0;
  for (const NamedSource& source : sources) received += source.source->received;
  EXPECT_EQ(received, 3 * SourceRegistry::kSourceCountMax + 1);
  EXPECT_EQ(sources[1].name, "(others)");
  EXPECT_EQ(sources[1].source->received, 2 * SourceRegistry::kSourceCountMax);
}

TEST_F(SourceRegistryTest, NamesAreCutAndEmptyOnesNamed) {
  registry_.Note("otlp", "");
  registry_.Note("otlp", std::string(1000, 'x'));
  const std::vector<NamedSource> sources = registry_.List();
  EXPECT_EQ(sources[0].name, "(unnamed)");
  EXPECT_EQ(sources[1].name.size(), SourceRegistry::kNameBytesMax);
}

}  // namespace
}  // namespace stillwatch::ingest
