// A disk that fails when it is told to.
#pragma once

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>

namespace stillwatch::storage {

// What a disk does with the next writes.
enum class Fault {
  kNone,
  kFull,         // ENOSPC; half of a write is left behind.
  kFailedWrite,  // EIO; the same.
  kFailedSync,   // EIO, from fsync.
  kStuckSync,    // An fsync does not return before the fault is over.
};

// Threading: Set from any thread.
class FaultSwitch {
 public:
  // `suffix`: the end of the names of the files that are concerned; empty is all of them.
  explicit FaultSwitch(std::string suffix = "") : suffix_(std::move(suffix)) {}
  ~FaultSwitch() { Set(Fault::kNone); }

  void Set(Fault fault) {
    fault_ = fault;
    fault_.notify_all();
  }
  bool Concerns(const std::string& path) const { return path.ends_with(suffix_); }
  // Writes and syncs that failed or were stuck so far.
  uint64_t hit_count() const { return hit_count_; }
  void WaitForHit() const { hit_count_.wait(0); }

  rocksdb::IOStatus OnWrite() {
    const Fault fault = fault_;
    return fault == Fault::kFull || fault == Fault::kFailedWrite ? Hit(fault) : rocksdb::IOStatus::OK();
  }
  rocksdb::IOStatus OnSync() {
    const Fault fault = fault_;
    if (fault == Fault::kNone) return rocksdb::IOStatus::OK();
    const rocksdb::IOStatus status = Hit(fault);
    if (fault != Fault::kStuckSync) return status;
    fault_.wait(Fault::kStuckSync);
    return rocksdb::IOStatus::OK();
  }

 private:
  rocksdb::IOStatus Hit(Fault fault) {
    ++hit_count_;
    hit_count_.notify_all();
    return fault == Fault::kFull ? rocksdb::IOStatus::NoSpace("full") : rocksdb::IOStatus::IOError("broken");
  }

  const std::string suffix_;
  std::atomic<Fault> fault_ = Fault::kNone;
  std::atomic<uint64_t> hit_count_ = 0;
};

class FaultyFile : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  FaultyFile(std::unique_ptr<rocksdb::FSWritableFile> file, FaultSwitch& faults)
      : FSWritableFileOwnerWrapper(std::move(file)), faults_(faults) {}

  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* context) override {
    rocksdb::IOStatus status = faults_.OnWrite();
    if (status.ok()) return target()->Append(data, options, context);
    target()->Append({data.data(), data.size() / 2}, options, context).PermitUncheckedError();
    return status;
  }
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           const rocksdb::DataVerificationInfo&, rocksdb::IODebugContext* context) override {
    return Append(data, options, context);
  }
  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* context) override {
    rocksdb::IOStatus status = faults_.OnSync();
    return status.ok() ? target()->Sync(options, context) : status;
  }
  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* context) override {
    rocksdb::IOStatus status = faults_.OnSync();
    return status.ok() ? target()->Fsync(options, context) : status;
  }

 private:
  FaultSwitch& faults_;
};

class FaultyFileSystem : public rocksdb::FileSystemWrapper {
 public:
  explicit FaultyFileSystem(FaultSwitch& faults)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), faults_(faults) {}

  const char* Name() const override { return "FaultyFileSystem"; }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* context) override {
    const rocksdb::IOStatus status = target()->NewWritableFile(path, options, file, context);
    if (status.ok() && faults_.Concerns(path)) *file = std::make_unique<FaultyFile>(std::move(*file), faults_);
    return status;
  }

 private:
  FaultSwitch& faults_;
};

// An Env on that disk. `faults` must outlive it.
inline std::unique_ptr<rocksdb::Env> FaultyEnv(FaultSwitch& faults) {
  return rocksdb::NewCompositeEnv(std::make_shared<FaultyFileSystem>(faults));
}

}  // namespace stillwatch::storage
