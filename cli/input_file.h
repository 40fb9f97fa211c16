// Files to import: plain, gzip or Zstandard, or standard input.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <istream>
#include <memory>
#include <string>

#include "proto/result.h"

namespace stillwatch::cli {

// Gives the bytes of something. Returns fewer than `capacity` only at the end, 0 for nothing more.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual Result<size_t> Read(char* target, size_t capacity) = 0;
};

// Reads a file and decompresses it if its first bytes say so, whatever its name.
// Threading: one thread; read_bytes() any.
// Errors: kNotFound if it cannot be opened, kDataLoss if it cannot be read on or its compression is damaged or cut off.
class InputFile final : public ByteSource {
 public:
  // "-" is standard input.
  static Result<std::unique_ptr<InputFile>> Open(const std::string& path);

  Result<size_t> Read(char* target, size_t capacity) override;
  // Bytes taken from the file so far, before decompression.
  uint64_t read_bytes() const { return *read_bytes_; }

 private:
  InputFile(std::string path, std::shared_ptr<std::atomic<uint64_t>> read_bytes, std::unique_ptr<std::istream> stream)
      : path_(std::move(path)), read_bytes_(std::move(read_bytes)), stream_(std::move(stream)) {}

  const std::string path_;
  const std::shared_ptr<std::atomic<uint64_t>> read_bytes_;
  const std::unique_ptr<std::istream> stream_;
};

// Bytes of the file on disk; 0 if that cannot be known, as of standard input.
uint64_t FileBytes(const std::string& path);

}  // namespace stillwatch::cli
