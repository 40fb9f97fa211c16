// A directory of its own for a test that needs a disk.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>

namespace stillwatch::storage {

// Makes a directory that no other test has, and removes it with everything in it.
class TemporaryDirectory {
 public:
  TemporaryDirectory() : path_(testing::TempDir() + "stillwatch-XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) std::abort();
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace stillwatch::storage
