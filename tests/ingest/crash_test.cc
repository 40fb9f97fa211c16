// Power failures: every write of a run is once the last one, and what was not synced is lost.
#include <gtest/gtest.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <atomic>
#include <future>
#include <map>
#include <memory>
#include <string>

#include "storage/event_id_index.h"
#include "tests/ingest/pipeline_run.h"
#include "tests/storage/temporary_directory.h"

namespace stillwatch::ingest {
namespace {

constexpr size_t kBatchCount = 8;
constexpr uint64_t kCheckpointEventCount = 12;  // So that some fall into the run.

// When the power goes: with the write of this number, counted over all files.
class Power {
 public:
  explicit Power(uint64_t last_write) : left_(last_write) {}

  // Returns false from the last write on.
  bool Use() {
    uint64_t left = left_;
    while (left > 0 && !left_.compare_exchange_weak(left, left - 1)) {
    }
    return left > 1;
  }
  bool IsGone() const { return left_ == 0; }

 private:
  std::atomic<uint64_t> left_;
};

rocksdb::IOStatus NoPower() { return rocksdb::IOStatus::IOError("the power is gone"); }

// Keeps what is written in memory until it is synced, and drops it when the power goes.
class UnsyncedFile : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  UnsyncedFile(std::unique_ptr<rocksdb::FSWritableFile> file, Power& power)
      : FSWritableFileOwnerWrapper(std::move(file)), power_(power) {}

  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions&, rocksdb::IODebugContext*) override {
    if (!power_.Use()) return NoPower();
    unsynced_.append(data.data(), data.size());
    return rocksdb::IOStatus::OK();
  }
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           const rocksdb::DataVerificationInfo&, rocksdb::IODebugContext* context) override {
    return Append(data, options, context);
  }
  rocksdb::IOStatus Flush(const rocksdb::IOOptions&, rocksdb::IODebugContext*) override {
    return power_.IsGone() ? NoPower() : rocksdb::IOStatus::OK();
  }
  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* context) override {
    if (power_.IsGone()) return NoPower();
    const rocksdb::IOStatus status = target()->Append(unsynced_, options, context);
    unsynced_.clear();
    return status.ok() ? target()->Sync(options, context) : status;
  }
  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* context) override {
    return Sync(options, context);
  }
  rocksdb::IOStatus RangeSync(uint64_t, uint64_t, const rocksdb::IOOptions&, rocksdb::IODebugContext*) override {
    return rocksdb::IOStatus::OK();  // A hint; what it syncs may be lost all the same.
  }
  uint64_t GetFileSize(const rocksdb::IOOptions& options, rocksdb::IODebugContext* context) override {
    return target()->GetFileSize(options, context) + unsynced_.size();
  }

 private:
  Power& power_;
  std::string unsynced_;
};

class UnsyncedFileSystem : public rocksdb::FileSystemWrapper {
 public:
  explicit UnsyncedFileSystem(Power& power) : FileSystemWrapper(rocksdb::FileSystem::Default()), power_(power) {}

  const char* Name() const override { return "UnsyncedFileSystem"; }
  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* context) override {
    if (power_.IsGone()) return NoPower();
    const rocksdb::IOStatus status = target()->NewWritableFile(path, options, file, context);
    if (status.ok()) *file = std::make_unique<UnsyncedFile>(std::move(*file), power_);
    return status;
  }
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* context) override {
    return power_.IsGone() ? NoPower() : target()->RenameFile(from, to, options, context);
  }
  rocksdb::IOStatus DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* context) override {
    return power_.IsGone() ? NoPower() : target()->DeleteFile(path, options, context);
  }

 private:
  Power& power_;
};

// Submits batch by batch, each in a group of its own, until all are acknowledged or `power` goes. Returns what was
// acknowledged, by batch.
std::map<size_t, Counted> SendAll(PipelineRun& run, const Power& power) {
  std::map<size_t, Counted> acknowledged;
  for (size_t number = 0; number < kBatchCount; ++number) {
    std::future<Counted> answer = run.Submit(number);
    while (answer.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready && !power.IsGone()) {
    }
    if (power.IsGone()) run.pipeline().Drain();  // Gives up, or had it done just before.
    if (answer.wait_for(std::chrono::seconds(0)) != std::future_status::ready) break;
    acknowledged[number] = answer.get();
    if (power.IsGone()) break;
  }
  return acknowledged;
}

// Runs until the write `last_write`, then starts again on what is on the disk and sends everything once more. Returns
// whether the run came to its end before that write.
bool LosePowerAt(uint64_t last_write) {
  SCOPED_TRACE("power lost at write " + std::to_string(last_write));
  const storage::TemporaryDirectory directory;
  Power power(last_write);
  std::map<size_t, Counted> acknowledged;
  {
    const auto env = rocksdb::NewCompositeEnv(std::make_shared<UnsyncedFileSystem>(power));
    PipelineRun run(directory.path() + "/store", env.get(), kCheckpointEventCount);
    if (run.has_started()) acknowledged = SendAll(run, power);
  }
  const bool survived = !power.IsGone();
  for (const auto& [number, counted] : acknowledged) {
    EXPECT_EQ(counted, kAllAccepted) << "batch " << number;
  }
  Power unlimited(UINT64_MAX);
  PipelineRun again(directory.path() + "/store", rocksdb::Env::Default(), kCheckpointEventCount);
  if (!again.has_started()) {
    ADD_FAILURE() << "the store does not open";
    return survived;
  }
  EXPECT_GE(again.stored_event_count(), acknowledged.size() * kBatchEventCount);
  const std::map<size_t, Counted> resent = SendAll(again, unlimited);
  EXPECT_EQ(resent.size(), kBatchCount);
  for (const auto& [number, counted] : resent) {
    EXPECT_EQ(counted.accepted + counted.duplicate, kBatchEventCount);
    if (acknowledged.contains(number)) {
      EXPECT_EQ(counted.accepted, 0U) << "batch " << number << " was acknowledged";
    }
  }
  EXPECT_EQ(again.stored_event_count(), kBatchCount * kBatchEventCount);
  EXPECT_EQ(again.CountByAccount(), CountsOf(kBatchCount));
  again.pipeline().Drain();
  EXPECT_GT(storage::ReadEventIdsEnd(again.store()).value().value_or(0), 0U) << "ids are saved within a run";
  return survived;
}

TEST(CrashTest, WhateverWriteIsTheLastNothingAcknowledgedIsLostAndNothingCountedTwice) {
  uint64_t last_write = 1;
  while (!LosePowerAt(last_write) && !HasFailure()) ++last_write;
  EXPECT_GT(last_write, 2 * kBatchCount) << "every batch has a write of its own";
}

}  // namespace
}  // namespace stillwatch::ingest
