#include "query/backup.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>

namespace stillwatch::query {
namespace {

namespace fs = std::filesystem;

constexpr char kPartialSuffix[] = ".partial";

Status FileError(const fs::path& path, const std::error_code& error) {
  return {error == std::errc::no_space_on_device ? Code::kResourceExhausted : Code::kUnavailable,
          "cannot write " + path.string() + ": " + error.message()};
}

// Makes the names in a directory durable.
Status SyncDirectory(const fs::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const int error = file < 0 || ::fsync(file) != 0 ? errno : 0;
  if (file >= 0) ::close(file);
  return error == 0 ? Status() : FileError(path, {error, std::generic_category()});
}

// True if `path` is `directory` or within it. The directory's own links are followed, since a caller may name it so.
bool IsWithin(const fs::path& path, const fs::path& directory) {
  std::error_code error;
  const fs::path inner = fs::weakly_canonical(path, error);
  const fs::path outer = fs::weakly_canonical(directory, error);
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

Status CheckDirectory(const fs::path& data_directory, const fs::path& directory) {
  const std::string& text = directory.native();
  if (!directory.is_absolute() || text.find('\0') != std::string::npos || !directory.has_filename() ||
      std::find(directory.begin(), directory.end(), "..") != directory.end()) {
    return {Code::kInvalidArgument, "directory: expected an absolute path without \"..\""};
  }
  std::error_code error;
  if (!fs::is_directory(directory.parent_path(), error)) {
    return {Code::kInvalidArgument, "directory: " + directory.parent_path().string() + " is not a directory"};
  }
  if (IsWithin(directory, data_directory)) return {Code::kInvalidArgument, "directory: it lies in the data directory"};
  if (fs::symlink_status(directory, error).type() != fs::file_type::not_found) {
    return {Code::kAlreadyExists, "directory: " + text + " exists already"};
  }
  return {};
}

// Reports never change once they are there, so a second name does as well as a copy.
Status CopyReports(const fs::path& from, const fs::path& to) {
  std::error_code error;
  if (!fs::exists(from, error)) return {};
  fs::copy(from, to, fs::copy_options::recursive | fs::copy_options::create_hard_links, error);
  if (error) {
    fs::remove_all(to, error);
    fs::copy(from, to, fs::copy_options::recursive, error);
  }
  return error ? FileError(to, error) : Status();
}

Status Fill(storage::KeyValueStore& store, const fs::path& data_directory, const fs::path& partial) {
  STILLWATCH_RETURN_IF_ERROR(store.Backup((partial / "store").string()));
  STILLWATCH_RETURN_IF_ERROR(CopyReports(data_directory / "audits", partial / "audits"));
  return SyncDirectory(partial);
}

}  // namespace

Status MakeBackup(storage::KeyValueStore& store, const fs::path& data_directory, const fs::path& directory) {
  STILLWATCH_RETURN_IF_ERROR(CheckDirectory(data_directory, directory));
  const fs::path partial = directory.native() + kPartialSuffix;
  std::error_code error;
  if (!fs::create_directory(partial, error)) {
    return error ? FileError(partial, error)
                 : Status(Code::kAlreadyExists, "directory: " + partial.string() + " exists already");
  }
  Status status = Fill(store, data_directory, partial);
  if (status.ok()) {
    fs::rename(partial, directory, error);
    status = error ? FileError(directory, error) : SyncDirectory(directory.parent_path());
  }
  if (!status.ok()) fs::remove_all(partial, error);
  return status;
}

}  // namespace stillwatch::query
