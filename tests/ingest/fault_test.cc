// Disks that fail, fill up or hang, and files that were damaged: nothing acknowledged is lost, nothing counts twice, every
// fault is told, and the pipeline goes on by itself once its cause is gone.
#include <gtest/gtest.h>
#include <rocksdb/env.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "storage/memory_store.h"
#include "tests/ingest/pipeline_run.h"
#include "tests/storage/faulty_file_system.h"
#include "tests/storage/temporary_directory.h"

namespace stillwatch::ingest {
namespace {

using storage::Fault;
using storage::FaultSwitch;
using storage::Table;

constexpr size_t kNoIdSaves = SIZE_MAX;
constexpr uint64_t kNoCheckpoints = UINT64_MAX;  // But for the one at the end.

bool IsReady(const std::future<Counted>& answer) {
  return answer.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

// Flushes what is in memory to a table file, and then rewrites the table files.
Status FlushAndCompact(PipelineRun& run) { return run.store().Compact({{Table::kBlocks, "", ""}}); }

void ExpectWhole(const std::string& path, size_t batch_count) {
  PipelineRun run(path, rocksdb::Env::Default(), kNoCheckpoints);
  ASSERT_TRUE(run.has_started());
  EXPECT_EQ(run.stored_event_count(), batch_count * kBatchEventCount);
  EXPECT_EQ(run.CountByAccount(), CountsOf(batch_count));
  EXPECT_EQ(run.store().damages().count(), 0U);
  for (size_t number = 0; number < batch_count; ++number) EXPECT_EQ(run.Submit(number).get(), kAllDuplicate);
}

class FaultTest : public testing::Test {
 protected:
  std::string path() const { return directory_.path() + "/store"; }

  storage::TemporaryDirectory directory_;
};

// The log is where a commit goes.
TEST_F(FaultTest, ALogThatFailsHoldsAcknowledgementsBackUntilItWorks) {
  size_t batch_count = 0;
  for (const Fault fault : {Fault::kFull, Fault::kFailedWrite, Fault::kFailedSync}) {
    SCOPED_TRACE(static_cast<int>(fault));
    FaultSwitch faults(".log");
    const auto env = storage::FaultyEnv(faults);
    {
      PipelineRun run(path(), env.get(), kNoCheckpoints);
      ASSERT_TRUE(run.has_started());
      EXPECT_EQ(run.Submit(batch_count).get(), kAllAccepted);
      faults.Set(fault);
      std::future<Counted> held = run.Submit(batch_count + 1);
      std::future<Counted> behind = run.Submit(batch_count + 2);
      while (run.pipeline().counters().failed_commit_count < 3) std::this_thread::yield();
      EXPECT_FALSE(IsReady(held));
      EXPECT_FALSE(IsReady(behind));
      EXPECT_EQ(run.CountByAccount(), CountsOf(batch_count + 1)) << "questions are answered";
      faults.Set(Fault::kNone);
      EXPECT_EQ(held.get(), kAllAccepted);
      EXPECT_EQ(behind.get(), kAllAccepted);
      batch_count += 3;
      EXPECT_EQ(run.CountByAccount(), CountsOf(batch_count));
      EXPECT_EQ(run.store().damages().count(), 0U);
    }
    ExpectWhole(path(), batch_count);
  }
}

// Table files are written behind the commits' back, by flushes and compactions.
class TableFaultTest : public FaultTest, public testing::WithParamInterface<std::tuple<std::string, Fault>> {};

TEST_P(TableFaultTest, AFlushOrCompactionThatFailsLosesNothingAndIsMadeUpFor) {
  const auto& [suffix, fault] = GetParam();
  FaultSwitch faults(suffix);
  const auto env = storage::FaultyEnv(faults);
  {
    PipelineRun run(path(), env.get(), kNoCheckpoints);
    ASSERT_TRUE(run.has_started());
    // Two files, so that there is something to compact.
    EXPECT_EQ(run.Submit(0).get(), kAllAccepted);
    ASSERT_TRUE(FlushAndCompact(run).ok());
    EXPECT_EQ(run.Submit(1).get(), kAllAccepted);
    faults.Set(fault);
    const Status failed = FlushAndCompact(run);
    EXPECT_FALSE(failed.ok());
    EXPECT_EQ(failed.code(), fault == Fault::kFull ? Code::kResourceExhausted : Code::kUnavailable) << failed.message();
    EXPECT_GT(faults.hit_count(), 0U);
    std::future<Counted> meanwhile = run.Submit(2);
    // Whether the log takes it now depends on which files fail; questions are answered in any case.
    const std::vector<uint64_t> counts = run.CountByAccount();
    EXPECT_TRUE(counts == CountsOf(2) || counts == CountsOf(3));
    faults.Set(Fault::kNone);
    EXPECT_EQ(meanwhile.get(), kAllAccepted);
    EXPECT_EQ(run.Submit(3).get(), kAllAccepted);
    EXPECT_TRUE(FlushAndCompact(run).ok()) << "and so is the flush";
    EXPECT_EQ(run.CountByAccount(), CountsOf(4));
    EXPECT_EQ(run.store().damages().count(), 0U);
  }
  ExpectWhole(path(), 4);
}

std::string NameOf(const testing::TestParamInfo<std::tuple<std::string, Fault>>& param) {
  const auto& [suffix, fault] = param.param;
  const std::string file = suffix.empty() ? "AnyFile" : "TableFile";
  return file + (fault == Fault::kFull ? "Full" : fault == Fault::kFailedWrite ? "FailedWrite" : "FailedSync");
}

INSTANTIATE_TEST_SUITE_P(Faults, TableFaultTest,
                         testing::Combine(testing::Values(".sst", ""),
                                          testing::Values(Fault::kFull, Fault::kFailedWrite, Fault::kFailedSync)),
                         NameOf);

TEST_F(FaultTest, ASyncThatHangsHoldsAcknowledgementsBackButNoQuestion) {
  FaultSwitch faults(".log");
  const auto env = storage::FaultyEnv(faults);
  {
    PipelineRun run(path(), env.get(), kNoCheckpoints);
    ASSERT_TRUE(run.has_started());
    EXPECT_EQ(run.Submit(0).get(), kAllAccepted);
    faults.Set(Fault::kStuckSync);
    std::future<Counted> held = run.Submit(1);
    faults.WaitForHit();
    std::future<Counted> behind = run.Submit(2);
    // All of this would hang if it waited for the commit.
    EXPECT_EQ(run.CountByAccount(), CountsOf(1));
    EXPECT_EQ(run.engine().List().size(), kAccountCount);
    EXPECT_TRUE(run.store().TakeSnapshot()->LastKey(Table::kBlocks).ok());
    EXPECT_EQ(run.pipeline().counters().accepted_event_count, kBatchEventCount);
    EXPECT_FALSE(IsReady(held));
    EXPECT_FALSE(IsReady(behind));
    faults.Set(Fault::kNone);
    EXPECT_EQ(held.get(), kAllAccepted);
    EXPECT_EQ(behind.get(), kAllAccepted);
  }
  ExpectWhole(path(), 3);
}

TEST_F(FaultTest, ASenderThatSendsEverythingAgainAndTwoWithTheSameEventsCountOnce) {
  PipelineRun run(path(), rocksdb::Env::Default(), kNoCheckpoints);
  ASSERT_TRUE(run.has_started());
  std::vector<std::future<Counted>> answers[2];
  for (size_t number = 0; number < 20; ++number) {
    for (auto& sender : answers) sender.push_back(run.Submit(number));
  }
  for (size_t number = 0; number < 20; ++number) {
    EXPECT_EQ(answers[0][number].get(), kAllAccepted);
    EXPECT_EQ(answers[1][number].get(), kAllDuplicate);
  }
  for (size_t number = 20; number-- > 0;) EXPECT_EQ(run.Submit(number).get(), kAllDuplicate);
  EXPECT_EQ(run.CountByAccount(), CountsOf(20));
}

std::string ReadBytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void WriteBytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

// The newest write-ahead log in a store.
std::string LogOf(const std::string& path) {
  std::vector<std::string> logs;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    if (entry.path().extension() == ".log" && entry.file_size() > 0) logs.push_back(entry.path());
  }
  return *std::max_element(logs.begin(), logs.end());
}

// A store as a power failure would leave it: the log of five batches, and no table file of them.
class DamagedLogTest : public FaultTest {
 protected:
  static constexpr size_t kBatches = 5;
  static constexpr size_t kLogBlockBytes = 32u << 10;

  void SetUp() override {
    PipelineRun run(path(), rocksdb::Env::Default(), kNoCheckpoints, kNoIdSaves);  // The log alone is copied.
    for (size_t number = 0; number < kBatches; ++number) {
      // A reader of a damaged log goes on with its next 32 KiB, so no two batches stand in the same.
      storage::WriteGroup filler;
      filler.Put(Table::kMeta, "filler", std::string(kLogBlockBytes, 'x'));
      ASSERT_TRUE(run.store().Commit(filler).ok());
      log_begins_.push_back(std::filesystem::file_size(LogOf(path())));
      EXPECT_EQ(run.Submit(number).get(), kAllAccepted);
      log_ends_.push_back(std::filesystem::file_size(LogOf(path())));
    }
    std::filesystem::copy(path(), copy());
    log_ = ReadBytes(LogOf(copy()));
    log_.resize(log_ends_.back());  // What follows is room kept for more.
  }
  std::string copy() const { return directory_.path() + "/copy"; }
  std::string scratch() const { return directory_.path() + "/scratch"; }
  // Makes a store whose log is this.
  void Prepare(const std::string& log) const {
    std::filesystem::remove_all(scratch());
    std::filesystem::copy(copy(), scratch());
    WriteBytes(LogOf(scratch()), log);
  }

  std::vector<uint64_t> log_begins_;  // Size of the log before each batch.
  std::vector<uint64_t> log_ends_;    // And after it.
  std::string log_;
};

TEST_F(DamagedLogTest, ALogThatIsTornAnywhereKeepsEveryCommitBeforeIt) {
  for (size_t last = 0; last < kBatches; ++last) {
    for (uint64_t size = log_begins_[last]; size <= log_ends_[last]; size += 7) {
      SCOPED_TRACE("log cut to " + std::to_string(size));
      Prepare(log_.substr(0, size));
      PipelineRun run(scratch(), rocksdb::Env::Default(), kNoCheckpoints);
      ASSERT_TRUE(run.has_started());
      const size_t whole = last + (size == log_ends_[last] ? 1 : 0);
      EXPECT_EQ(run.CountByAccount(), CountsOf(whole));
      EXPECT_EQ(run.store().damages().count(), 0U) << "a torn end is no damage";
      for (size_t number = 0; number < kBatches; ++number) {
        EXPECT_EQ(run.Submit(number).get(), number < whole ? kAllDuplicate : kAllAccepted);
      }
      EXPECT_EQ(run.CountByAccount(), CountsOf(kBatches));
    }
  }
}

TEST_F(DamagedLogTest, ABitThatFlippedInTheLogIsToldAndCostsThatCommitOnly) {
  constexpr size_t kDamaged = 2;
  for (uint64_t at = log_begins_[kDamaged]; at < log_ends_[kDamaged]; at += 5) {
    SCOPED_TRACE("bit flipped at " + std::to_string(at));
    std::string log = log_;
    log[at] = static_cast<char>(log[at] ^ (1 << at % 8));
    Prepare(log);
    PipelineRun run(scratch(), rocksdb::Env::Default(), kNoCheckpoints);
    ASSERT_TRUE(run.has_started());
    EXPECT_EQ(run.store().damages().count(), 1U) << "the damage is told";
    for (size_t number = 0; number < kBatches; ++number) {
      EXPECT_EQ(run.Submit(number).get(), number == kDamaged ? kAllAccepted : kAllDuplicate) << number;
    }
    EXPECT_EQ(run.CountByAccount(), CountsOf(kBatches)) << "who sends again mends it";
  }
}

// A flipped bit in a block's value, wherever it stands: that block is skipped, told and counted, and all others stay.
TEST_F(FaultTest, ABitThatFlippedInABlockCostsThatBlockOnly) {
  constexpr size_t kBatches = 4;
  std::vector<std::pair<std::string, std::string>> blocks;
  {
    PipelineRun run(path(), rocksdb::Env::Default(), kNoCheckpoints);
    for (size_t number = 0; number < kBatches; ++number) EXPECT_EQ(run.Submit(number).get(), kAllAccepted);
    const auto visit = [&blocks](std::string_view key, std::string_view block) {
      blocks.emplace_back(key, block);
      return true;
    };
    ASSERT_TRUE(run.store().TakeSnapshot()->Scan(Table::kBlocks, "", "", visit).ok());
  }
  ASSERT_EQ(blocks.size(), kBatches);
  const std::string& sound = blocks[1].second;
  for (size_t byte = 0; byte < sound.size(); ++byte) {
    SCOPED_TRACE("byte " + std::to_string(byte) + " of " + std::to_string(sound.size()));
    storage::WriteGroup group;
    for (const auto& [key, block] : blocks) group.Put(Table::kBlocks, key, block);
    std::string damaged = sound;
    damaged[byte] = static_cast<char>(damaged[byte] ^ (1 << byte % 8));
    group.Put(Table::kBlocks, blocks[1].first, damaged);
    const auto store = storage::MakeMemoryStore();
    ASSERT_TRUE(store->Commit(group).ok());
    detector::ScoringEngine engine({}, detector::SerialFor);
    const Result<uint64_t> replayed = engine.Restore(*store->TakeSnapshot());
    ASSERT_TRUE(replayed.ok());
    EXPECT_EQ(replayed.value(), (kBatches - 1) * kBatchEventCount);
    EXPECT_EQ(store->damages().count(), 1U);
  }
}

// Senders' clocks that jump: events of any time are kept and counted, in whatever order they come.
TEST_F(FaultTest, AClockThatJumpsLosesNothing) {
  constexpr int64_t kDay = 86'400'000'000'000;
  const std::vector<int64_t> jumps = {0, 30 * kDay, -30 * kDay, 400 * kDay, 1, -400 * kDay};
  {
    PipelineRun run(path(), rocksdb::Env::Default(), kNoCheckpoints);
    for (size_t number = 0; number < jumps.size(); ++number) {
      EXPECT_EQ(run.Submit(number, jumps[number]).get(), kAllAccepted);
      EXPECT_EQ(run.Submit(number, jumps[number]).get(), kAllDuplicate);
    }
    EXPECT_EQ(run.CountByAccount(), CountsOf(jumps.size()));
  }
  PipelineRun again(path(), rocksdb::Env::Default(), kNoCheckpoints);
  EXPECT_EQ(again.CountByAccount(), CountsOf(jumps.size()));
  for (size_t number = 0; number < jumps.size(); ++number) {
    EXPECT_EQ(again.Submit(number, jumps[number]).get(), kAllDuplicate);
  }
}

}  // namespace
}  // namespace stillwatch::ingest
