#include "detector/state_codec.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>

#include "tests/detector/portrait_maker.h"

namespace stillwatch::detector {
namespace {

std::string Encoded(const LiveState& state, const StatePacking& packing = StatePacking::Best()) {
  std::string out = "before";
  AppendState(state, out, packing);
  EXPECT_TRUE(out.starts_with("before"));
  return out.substr(6);
}

std::optional<LiveState> ReadState(std::string_view bytes, const StatePacking& packing = StatePacking::Best()) {
  LiveState state;
  return ReadState(bytes, state, packing) ? std::optional(state) : std::nullopt;
}

bool IsSame(const LiveState& a, const LiveState& b) { return std::memcmp(&a, &b, sizeof(LiveState)) == 0; }

LiveState StateOf(const Behaviour& behaviour) {
  LiveState state;
  state.portrait = MakePortrait(behaviour);
  return state;
}

TEST(StateCodecTest, KeepsEveryByte) {
  std::mt19937_64 random(7);
  for (const unsigned zero_share : {0, 1, 50, 90, 99, 100}) {
    SCOPED_TRACE(zero_share);
    LiveState state;
    auto* const bytes = reinterpret_cast<char*>(&state);
    for (size_t i = 0; i < sizeof(state); ++i) bytes[i] = random() % 100 < zero_share ? '\0' : static_cast<char>(random());
    const auto read = ReadState(Encoded(state));
    ASSERT_TRUE(read.has_value());
    EXPECT_TRUE(IsSame(*read, state));
  }
}

TEST(StateCodecTest, KeepsPortraits) {
  for (const Behaviour& behaviour : {Behaviour(), Application(), Harvester(), Behaviour{.event_count = 20'000}}) {
    const LiveState state = StateOf(behaviour);
    const auto read = ReadState(Encoded(state));
    ASSERT_TRUE(read.has_value());
    EXPECT_TRUE(IsSame(*read, state));
  }
}

TEST(StateCodecTest, AnAccountOfFewEventsTakesLittle) {
  EXPECT_LT(Encoded(StateOf({.event_count = 1})).size(), 600U);
  EXPECT_LT(Encoded(StateOf({.event_count = 100})).size(), sizeof(LiveState) / 2);
}

TEST(StateCodecTest, RefusesWhatIsTooShortOrTooLong) {
  const std::string encoded = Encoded(StateOf(Harvester()));
  for (size_t size = 0; size < encoded.size(); ++size) EXPECT_FALSE(ReadState(encoded.substr(0, size))) << size;
  EXPECT_FALSE(ReadState(encoded + '\0'));
}

// The last block of masks may have room for more blocks than a state has.
TEST(StateCodecTest, RefusesBlocksBehindTheState) {
  constexpr size_t kMasksInLastBlock = sizeof(LiveState) / 64 % 8;
  if constexpr (kMasksInLastBlock == 0) GTEST_SKIP() << "the last block is full: there is nothing to refuse";
  std::string encoded(sizeof(LiveState) / 64 / 8 * 8 + 8, '\0');
  encoded[encoded.size() - 8 + kMasksInLastBlock] = 1;  // The lowest byte of the first mask behind.
  encoded += {1, 1};                                    // That mask, and its byte.
  EXPECT_FALSE(ReadState(encoded));
}

// Where the processor has no faster instructions this compares the plain ones with themselves.
TEST(StateCodecTest, AllInstructionSetsGiveTheSame) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 200; ++round) {
    LiveState state;
    auto* const bytes = reinterpret_cast<char*>(&state);
    const unsigned zero_share = random() % 101;
    for (size_t i = 0; i < sizeof(state); ++i) bytes[i] = random() % 100 < zero_share ? '\0' : static_cast<char>(random());
    const std::string plain = Encoded(state, StatePacking{});
    ASSERT_EQ(plain, Encoded(state));
    const auto read = ReadState(plain, StatePacking{});
    ASSERT_TRUE(read.has_value());
    EXPECT_TRUE(IsSame(*read, state));
    EXPECT_TRUE(IsSame(ReadState(plain).value(), state));
  }
}

}  // namespace
}  // namespace stillwatch::detector
