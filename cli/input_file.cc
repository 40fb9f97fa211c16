#include "cli/input_file.h"

#include <fcntl.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <boost/iostreams/concepts.hpp>
#include <boost/iostreams/device/file_descriptor.hpp>
#include <boost/iostreams/filter/gzip.hpp>
#include <boost/iostreams/filtering_stream.hpp>
#include <boost/iostreams/read.hpp>
#include <cerrno>
#include <cstring>
#include <exception>
#include <filesystem>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

namespace stillwatch::cli {
namespace {

namespace io = boost::iostreams;

constexpr size_t kMagicBytes = 4;
constexpr size_t kBufferBytes = 256 << 10;
constexpr std::string_view kGzipMagic("\x1f\x8b", 2);
constexpr std::string_view kZstdMagic("\x28\xb5\x2f\xfd", 4);

// Reads a descriptor, beginning with bytes that were read from it before, and counts.
class CountedSource {
 public:
  using char_type = char;
  using category = io::source_tag;

  CountedSource(io::file_descriptor_source descriptor, std::string head,
                std::shared_ptr<std::atomic<uint64_t>> read_bytes)
      : descriptor_(std::move(descriptor)), head_(std::move(head)), read_bytes_(std::move(read_bytes)) {}

  std::streamsize read(char* target, std::streamsize capacity) {
    if (!head_.empty()) {
      const size_t size = std::min(head_.size(), static_cast<size_t>(capacity));
      std::memcpy(target, head_.data(), size);
      head_.erase(0, size);
      return static_cast<std::streamsize>(size);
    }
    const std::streamsize size = descriptor_.read(target, capacity);
    if (size > 0) *read_bytes_ += static_cast<uint64_t>(size);
    return size;
  }

 private:
  io::file_descriptor_source descriptor_;
  std::string head_;
  std::shared_ptr<std::atomic<uint64_t>> read_bytes_;
};

// Decompresses Zstandard frames. Boost's own filter takes a file that was cut off for a whole one.
// Errors: throws std::runtime_error, as filters of Boost.Iostreams do; InputFile catches it.
class ZstdDecompressor : public io::multichar_input_filter {
 public:
  ZstdDecompressor() : context_(ZSTD_createDCtx(), &ZSTD_freeDCtx), buffer_(kBufferBytes, '\0') {}

  template <typename Source>
  std::streamsize read(Source& source, char* target, std::streamsize capacity) {
    ZSTD_outBuffer output{target, static_cast<size_t>(capacity), 0};
    while (output.pos == 0) {
      if (input_.pos == input_.size && !may_hold_more_ && !Refill(source)) break;
      const size_t left = ZSTD_decompressStream(context_.get(), &output, &input_);
      if (ZSTD_isError(left) != 0) throw std::runtime_error(ZSTD_getErrorName(left));
      is_frame_complete_ = left == 0;
      // A full target may have left decompressed bytes behind that need no further input.
      may_hold_more_ = !is_frame_complete_ && output.pos == output.size;
    }
    return output.pos == 0 ? -1 : static_cast<std::streamsize>(output.pos);
  }

 private:
  template <typename Source>
  bool Refill(Source& source) {
    const std::streamsize size = io::read(source, buffer_.data(), static_cast<std::streamsize>(buffer_.size()));
    if (size <= 0) {
      if (!is_frame_complete_) throw std::runtime_error("the compressed data is cut off");
      return false;
    }
    input_ = {buffer_.data(), static_cast<size_t>(size), 0};
    return true;
  }

  std::shared_ptr<ZSTD_DCtx> context_;  // Shared, as Boost copies filters before their first use.
  std::string buffer_;
  ZSTD_inBuffer input_{nullptr, 0, 0};
  bool is_frame_complete_ = true;
  bool may_hold_more_ = false;
};

// The first bytes of `descriptor`, fewer only if there are no more.
std::string ReadHead(io::file_descriptor_source& descriptor) {
  std::string head(kMagicBytes, '\0');
  size_t size = 0;
  while (size < kMagicBytes) {
    const std::streamsize count = descriptor.read(head.data() + size, static_cast<std::streamsize>(kMagicBytes - size));
    if (count <= 0) break;
    size += static_cast<size_t>(count);
  }
  head.resize(size);
  return head;
}

}  // namespace

Result<std::unique_ptr<InputFile>> InputFile::Open(const std::string& path) {
  const bool is_standard_input = path == "-";
  const int descriptor = is_standard_input ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    return Status(Code::kNotFound, "cannot open " + path + ": " + std::generic_category().message(errno));
  }
  try {
    io::file_descriptor_source source(descriptor, is_standard_input ? io::never_close_handle : io::close_handle);
    std::string head = ReadHead(source);
    auto read_bytes = std::make_shared<std::atomic<uint64_t>>(head.size());
    auto stream = std::make_unique<io::filtering_istream>();
    if (head.starts_with(kGzipMagic)) stream->push(io::gzip_decompressor(io::zlib::default_window_bits, kBufferBytes));
    if (head.starts_with(kZstdMagic)) stream->push(ZstdDecompressor());
    stream->push(CountedSource(source, std::move(head), read_bytes), kBufferBytes);
    stream->exceptions(std::ios::badbit);
    return std::unique_ptr<InputFile>(new InputFile(path, std::move(read_bytes), std::move(stream)));
  } catch (const std::exception& error) {  // Boost.Iostreams: a directory, or a device that cannot be read.
    return Status(Code::kDataLoss, "cannot read " + path + ": " + error.what());
  }
}

Result<size_t> InputFile::Read(char* target, size_t capacity) {
  try {
    stream_->read(target, static_cast<std::streamsize>(capacity));
    return static_cast<size_t>(stream_->gcount());
  } catch (const std::exception& error) {  // Boost.Iostreams: a read that fails, or compressed data that is damaged.
    return Status(Code::kDataLoss, "cannot read " + path_ + ": " + error.what());
  }
}

uint64_t FileBytes(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return 0;
  const uint64_t bytes = std::filesystem::file_size(path, error);
  return error ? 0 : bytes;
}

}  // namespace stillwatch::cli
