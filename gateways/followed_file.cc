#include "gateways/followed_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

namespace stillwatch::gateways {
namespace {

// Enough for a line's time and request id, which differ between any two files.
constexpr size_t kFingerprintBytesMax = 512;
// More files at once than any rotation leaves open; beyond it the oldest is given up.
constexpr size_t kGenerationsMax = 16;
constexpr uint8_t kPositionVersion = 1;
constexpr size_t kSavedBytes = 4 * sizeof(uint64_t);

int OpenForReading(const std::string& path) { return open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); }

// The file's size and inode; nothing if it is no regular file.
std::optional<struct stat> Look(int file) {
  struct stat found {};
  if (fstat(file, &found) != 0 || !S_ISREG(found.st_mode)) return std::nullopt;
  return found;
}

size_t ReadAt(int file, uint64_t offset, char* to, size_t size) {
  const ssize_t count = pread(file, to, size, static_cast<off_t>(offset));
  return count > 0 ? static_cast<size_t>(count) : 0;
}

// Hash of the first `byte_count` bytes; nothing if there are not so many.
std::optional<uint64_t> HashOfBeginning(int file, uint64_t byte_count) {
  if (byte_count == 0) return 0;
  std::array<char, kFingerprintBytesMax> bytes;
  const size_t wanted = std::min<size_t>(byte_count, bytes.size());
  if (ReadAt(file, 0, bytes.data(), wanted) < wanted) return std::nullopt;
  return XXH3_64bits(bytes.data(), wanted);
}

void AppendNumber(uint64_t number, std::string& out) {
  for (int shift = 0; shift < 64; shift += 8) out += static_cast<char>(number >> shift & 0xFF);
}

uint64_t TakeNumber(std::string_view& bytes) {
  uint64_t number = 0;
  for (int i = 7; i >= 0; --i) number = number << 8 | static_cast<uint8_t>(bytes[static_cast<size_t>(i)]);
  bytes.remove_prefix(8);
  return number;
}

}  // namespace

// A file as a position names it.
struct FollowedFile::Saved {
  uint64_t inode = 0;
  Fingerprint fingerprint;
  uint64_t offset = 0;
};

FollowedFile::Descriptor::~Descriptor() {
  if (number_ >= 0) close(number_);
}
FollowedFile::Descriptor::Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
FollowedFile::Descriptor& FollowedFile::Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(number_, other.number_);
  return *this;
}

Result<FollowedFile> FollowedFile::Open(std::string path, std::string_view saved) {
  FollowedFile file(std::move(path));
  STILLWATCH_RETURN_IF_ERROR(file.Restore(saved));
  return file;
}

Status FollowedFile::Restore(std::string_view saved) {
  if (saved.empty()) return Status();
  if (static_cast<uint8_t>(saved[0]) != kPositionVersion || (saved.size() - 1) % kSavedBytes != 0) {
    return Status(Code::kDataLoss, "the position in " + path_ + " cannot be read");
  }
  saved.remove_prefix(1);
  std::vector<Saved> files;
  while (!saved.empty()) {
    Saved& file = files.emplace_back();
    file.inode = TakeNumber(saved);
    file.fingerprint.byte_count = TakeNumber(saved);
    file.fingerprint.hash = TakeNumber(saved);
    file.offset = TakeNumber(saved);
    if (file.fingerprint.byte_count > kFingerprintBytesMax) {
      return Status(Code::kDataLoss, "the position in " + path_ + " cannot be read");
    }
  }
  Reopen(files);
  return Status();
}

std::string FollowedFile::Position() const {
  std::string out(1, static_cast<char>(kPositionVersion));
  for (const Generation& generation : generations_) {
    AppendNumber(generation.inode, out);
    AppendNumber(generation.fingerprint.byte_count, out);
    AppendNumber(generation.fingerprint.hash, out);
    AppendNumber(generation.offset, out);
  }
  return out;
}

void FollowedFile::Reopen(const std::vector<Saved>& saved) {
  for (const Saved& file : saved) {
    if (!Find(file)) ++counters_.missing_file_count;
  }
}

// Looks for the file of this inode and beginning among those whose names begin with ours, as renamed files' names do.
bool FollowedFile::Find(const Saved& saved) {
  const std::filesystem::path path(path_);
  const std::string name = path.filename().string();
  std::error_code error;
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    if (!at->path().filename().string().starts_with(name)) continue;
    Descriptor file(OpenForReading(at->path().string()));
    const std::optional<struct stat> found = Look(file.number());
    if (!found || found->st_ino != saved.inode) continue;
    if (HashOfBeginning(file.number(), saved.fingerprint.byte_count) != saved.fingerprint.hash) continue;
    if (static_cast<uint64_t>(found->st_size) < saved.offset) continue;
    generations_.push_back({.file = std::move(file),
                            .inode = saved.inode,
                            .fingerprint = saved.fingerprint,
                            .offset = saved.offset,
                            .size = saved.offset});
    return true;
  }
  return false;
}

const std::vector<FollowedLine>& FollowedFile::Read(int64_t now_nano) {
  lines_.clear();
  has_more_ = false;
  OpenNewest(now_nano);
  for (Generation& generation : generations_) {
    CheckForTruncation(generation);
    const uint64_t offset = generation.offset;
    ReadFrom(generation, now_nano);
    // Something was read, so the rest may be whole lines, too. One file a read, since the lines share the buffer.
    has_more_ = generation.offset != offset;
    if (has_more_) return lines_;
  }
  DropFinished(now_nano);
  return lines_;
}

// Opens the file that bears the name, if that is another than before.
void FollowedFile::OpenNewest(int64_t now_nano) {
  Descriptor file(OpenForReading(path_));
  const std::optional<struct stat> found = file.number() < 0 ? std::nullopt : Look(file.number());
  if (!found) {
    problem_ = path_ + ": " + (file.number() < 0 ? std::strerror(errno) : "not a regular file");
    return;
  }
  problem_.clear();
  const auto is_same = [&found](const Generation& generation) { return generation.inode == found->st_ino; };
  if (std::any_of(generations_.begin(), generations_.end(), is_same)) return;
  if (!generations_.empty()) ++counters_.rotation_count;
  generations_.push_back({.file = std::move(file), .inode = found->st_ino, .grown_nano = now_nano});
  if (generations_.size() > kGenerationsMax) {
    counters_.lost_byte_count += generations_.front().size - generations_.front().offset;
    generations_.pop_front();
  }
}

// A file that is shorter than what was read of it, or that begins with other bytes, was truncated.
void FollowedFile::CheckForTruncation(Generation& generation) {
  const std::optional<struct stat> found = Look(generation.file.number());
  if (!found) return;
  const auto size = static_cast<uint64_t>(found->st_size);
  Fingerprint& fingerprint = generation.fingerprint;
  const bool is_another =
      size < generation.offset ||
      HashOfBeginning(generation.file.number(), fingerprint.byte_count).value_or(~fingerprint.hash) != fingerprint.hash;
  if (is_another && fingerprint.byte_count > 0) {
    ++counters_.truncation_count;
    counters_.lost_byte_count += generation.size - generation.offset;
    generation.offset = 0;
    generation.size = 0;
    generation.is_skipping = false;
    fingerprint = {};
  }
  const uint64_t known = std::min<uint64_t>(size, kFingerprintBytesMax);
  if (known <= fingerprint.byte_count) return;
  if (const std::optional<uint64_t> hash = HashOfBeginning(generation.file.number(), known))
    fingerprint = {known, *hash};
}

void FollowedFile::ReadFrom(Generation& generation, int64_t now_nano) {
  const std::optional<struct stat> found = Look(generation.file.number());
  if (!found) return;
  const auto size = static_cast<uint64_t>(found->st_size);
  if (size > generation.size) generation.grown_nano = now_nano;
  generation.size = std::max(size, generation.offset);
  if (size <= generation.offset) return;
  buffer_.resize(kReadBytesMax);
  const size_t count = ReadAt(generation.file.number(), generation.offset, buffer_.data(), buffer_.size());
  if (count == 0) problem_ = path_ + ": cannot be read";
  const bool is_given_up = &generation != &generations_.back() && now_nano - generation.grown_nano > kQuietNano;
  TakeLines(generation, {buffer_.data(), count}, is_given_up && generation.offset + count == size);
}

// `is_last`: nothing will follow, so what stands behind the last end of line is a line, too.
void FollowedFile::TakeLines(Generation& generation, std::string_view bytes, bool is_last) {
  size_t begin = 0;
  while (begin < bytes.size()) {
    size_t end = bytes.find('\n', begin);
    const bool is_whole = end != std::string_view::npos;
    if (!is_whole && !is_last) break;
    if (!is_whole) end = bytes.size();
    std::string_view text = bytes.substr(begin, end - begin);
    if (text.ends_with('\r')) text.remove_suffix(1);
    if (!text.empty() && !generation.is_skipping) lines_.push_back({text, generation.inode, generation.offset + begin});
    generation.is_skipping = false;
    begin = std::min(end + 1, bytes.size());
  }
  if (begin == 0 && bytes.size() >= kLineBytesMax) {
    if (!generation.is_skipping) ++counters_.too_long_line_count;
    generation.is_skipping = true;
    begin = bytes.size();
  }
  generation.offset += begin;
}

// Gives up renamed files that have been read and been quiet.
void FollowedFile::DropFinished(int64_t now_nano) {
  while (generations_.size() > 1) {
    const Generation& oldest = generations_.front();
    if (oldest.offset < oldest.size || now_nano - oldest.grown_nano <= kQuietNano) return;
    generations_.pop_front();
  }
}

}  // namespace stillwatch::gateways
